"""axe-core finds no violation on the pages, light and dark, on a desktop and a phone."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.report.learning_curve_page import render_learning_curve
from kerasline.components.report.page import write_report
from kerasline.components.report.running_page import render_running
from kerasline.components.report.site_page import render_site
from tests.components.report.test_board import run
from tests.components.report.test_learning_curve_page import found

_SPEC = importlib.util.spec_from_file_location("report_browser", Path(__file__).with_name("browser.py"))
assert _SPEC and _SPEC.loader
browser = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(browser)
AXE = os.environ.get("KERASLINE_AXE", "")
pytestmark = pytest.mark.skipif(
    not AXE, reason="needs axe-core: npm install axe-core, and its axe.min.js named in KERASLINE_AXE"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page of a headless Chromium."""
    path = browser.find_browser()
    if path is None:
        pytest.skip("needs Chromium (Debian: apt install chromium); none is on the path")
    with browser.open_browser(path, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def violations(page: Any, path: Path, width: int, *, dark: bool) -> list[str]:
    """What axe-core finds, each with the first place."""
    page.open(path, width=width, dark=dark)
    page.call("Runtime.evaluate", expression=Path(AXE).read_text(encoding="utf-8"))
    script = "axe.run().then((found) => JSON.stringify(found.violations.map((v) => `${v.id}: ${v.nodes[0].html}`)))"
    answer = page.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
    return list(json.loads(answer["result"]["value"]))


def write_pages(folder: Path, make_figures: Callable[..., dict[str, Any]]) -> dict[str, Path]:
    """Writes a report, the site's first page, a learning curve and a run that is under way."""
    labels = np.arange(60) % 3
    figures = make_figures(labels, np.eye(3)[np.roll(labels, 3)], classes=("a", "b", "c"))
    figures["metrics"] = {"accuracy": 0.9}
    write_report(folder / "report", figures)
    site, curve, running = folder / "site.html", folder / "curve.html", folder / "running.html"
    site.write_text(render_site({name: [run(name, 1, "mae", 4.0), run(name, 2, "mae", 3.0)] for name in "ab"}, {}, []))
    curve.write_text(render_learning_curve(found()))
    under_way = {"recipe": "a", "run_id": "r", "status": "running", "started_at": "2026-01-01T00:00:00+00:00",
                 "message": "process 7 is in step train", "doing": "epoch 2/9", "log": "/logs/r.log"}  # fmt: skip
    running.write_text(render_running(under_way, 1, {"loss": [2.0, 1.0]}))
    return {"report": folder / "report" / "index.html", "site": site, "curve": curve, "running": running}


def test_axe_finds_nothing(page: Any, make_figures: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    pages = write_pages(tmp_path, make_figures)
    looks = [(name, width, dark) for name in pages for width in (1280, 390) for dark in (False, True)]
    wrong = {look: violations(page, pages[look[0]], look[1], dark=look[2]) for look in looks}
    assert {look: told for look, told in wrong.items() if told} == {}


def test_axe_is_asked(page: Any, tmp_path: Path) -> None:
    """A picture without words is found, or the test above would find nothing at all."""
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><html lang=en><title>t</title><main><h1>t</h1><img src='data:,'></main></html>")
    assert any(told.startswith("image-alt") for told in violations(page, bad, 1280, dark=False))
