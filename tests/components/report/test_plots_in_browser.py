"""Plots under a pointer, in a real browser and under the content policy of the page; and what they save."""

from __future__ import annotations

import csv
import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from kerasline.components.report.drawing import shade_table
from kerasline.components.report.page import assets, environment
from kerasline.components.report.plots.plot import make_plot, make_table
from tests.components.report.conftest import EVIL, every_kind

_SPEC = importlib.util.spec_from_file_location("report_browser", Path(__file__).with_name("browser.py"))
assert _SPEC and _SPEC.loader
browser = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(browser)

PAGE = (
    '{% import "macros.html.j2" as macros %}<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>plots</title>'
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
    "style-src 'unsafe-inline'; script-src {{ script_sources }}; base-uri 'none'; form-action 'none'\">"
    "<style>{{ style }}</style></head><body>{{ macros.draw_all(plots) }}{{ macros.scripts(look, library, script) }}"
    "</body></html>"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page of a headless Chromium, with one plot of each kind and a table."""
    path = browser.find_browser()
    if path is None:
        pytest.skip("needs Chromium (Debian: apt install chromium); none is on the path")
    folder = tmp_path_factory.mktemp("plots")
    plots = [make_plot(name, spec, is_wide=name == "trials") for name, spec in every_kind().items()]
    plots.append(make_table("table", shade_table([[9, 1], [0, 4]], ["a", EVIL], "table", "true", "predicted")))
    (folder / "index.html").write_text(environment().from_string(PAGE).render(plots=plots, **assets()), "utf-8")
    with browser.open_browser(path, folder / "profile") as opened:
        opened.folder = folder
        yield opened


def opened(page: Any, **how: Any) -> Any:
    """Opens the page anew."""
    page.problems.clear()
    page.open(page.folder / "index.html", **how)
    return page


def wait(page: Any, question: str) -> None:
    """Waits until JavaScript answers with something true."""
    for _ in range(200):
        if page.run(question):
            return
        time.sleep(0.05)
    raise AssertionError(f"{question} did not come true: {page.problems}")


def press(page: Any, plot: str, tool: str) -> None:
    page.run(f"document.querySelector('button[aria-label^=\"{tool}: {plot}\"]').click()")


def box(plot: str) -> str:
    return f"document.querySelector('svg[aria-label^=\"{plot}.\"]').closest('.drawn')"


def point_at(page: Any, plot: str, mark: str) -> str:
    """Moves a mouse over a mark of a plot and returns what is told of it."""
    page.run(f"{box(plot)}.scrollIntoView()")
    over = f"({box(plot)}.querySelector('.live {mark}') ?? {box(plot)}).getBoundingClientRect()"
    place = f"(() => {{ const r = {over}; return [r.x + r.width / 2, r.y + Math.min(r.height / 2, 5)]; }})()"
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    for _ in range(40):
        x, y = page.run(place)
        for shift in (0, 1):
            page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + shift, y=y)
        if page.run("!!document.querySelector('#vg-tooltip-element.visible')"):
            break
        time.sleep(0.05)
    return page.run("document.getElementById('vg-tooltip-element').innerText")


def test_a_page_is_there_before_its_library(page: Any) -> None:
    opened(page)
    assert page.run("[typeof vegaEmbed, document.querySelectorAll('svg.plot').length]") == [
        "undefined",
        len(every_kind()),
    ]
    press(page, "lines", "Zoom and values")
    wait(page, f"{box('lines')}.dataset.state === 'live'")
    assert page.run(f"getComputedStyle({box('lines')}.querySelector('svg.plot')).display") == "none"
    page.call("Emulation.setEmulatedMedia", media="print")
    shown = f"[...{box('lines')}.querySelectorAll('svg.plot, .live')].map(e => getComputedStyle(e).display)"
    assert page.run(shown) == ["block", "none"], "on paper it stands still"
    page.call("Emulation.setEmulatedMedia", media="")
    press(page, "lines", "Zoom and values")
    assert page.run(f"{box('lines')}.querySelector('.live')") is None
    assert page.run("document.querySelector('.tools button').getAttribute('aria-pressed')") == "false"


def test_each_kind_answers_under_the_policy_of_the_page(page: Any) -> None:
    opened(page, width=390, dark=True)
    for plot in every_kind():
        press(page, plot, "Zoom and values")
        wait(page, f"{box(plot)}.dataset.state === 'live'")
    assert page.run("document.querySelectorAll('.live svg').length") == len(every_kind())
    assert page.run("document.documentElement.scrollWidth") <= 390
    small = "[...document.querySelectorAll('.live text')].filter(e => parseFloat(getComputedStyle(e).fontSize) < 11)"
    assert page.run(f"{small}.length") == 0
    assert page.run("typeof hacked") == "undefined"
    assert (page.problems, page.requests) == ([], [])


def test_a_pointer_is_told_what_is_under_it(page: Any) -> None:
    opened(page)
    # Touched by a mouse, a plot is live without a press.
    told = point_at(page, "bars", ".mark-rect path")
    assert EVIL in told and "0.75" in told and "0.875" in told
    told = point_at(page, "points", ".points_marks path")
    assert told.split() == ["image\u200b", "1", "prediction", "3"], "a column called image is none"
    assert "rent" in point_at(page, "surface", ".mark-symbol:last-child path")
    assert page.run("typeof hacked") == "undefined" and page.problems == []


def test_what_is_saved_is_what_is_shown(page: Any, tmp_path: Path) -> None:
    opened(page)
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))

    def saved(plot: str, tool: str) -> bytes:
        press(page, plot, tool)
        name = f"{plot}.{tool.lower()}"
        for _ in range(100):
            if (tmp_path / name).is_file() and (tmp_path / name).stat().st_size:
                return (tmp_path / name).read_bytes()
            time.sleep(0.05)
        raise AssertionError(f"{name} was not saved: {page.problems}, {list(tmp_path.iterdir())}")

    lines = list(csv.reader(saved("lines", "CSV").decode().splitlines()))
    assert lines == [["series", "epoch", "loss"], [EVIL, "1", "0.5"], [EVIL, "2", "0.25"], [EVIL, "3", "1"]]
    bars = list(csv.reader(saved("bars", "CSV").decode().splitlines()))
    assert bars[1:] == [[EVIL, "0.75", "0.5", "0.875"], ["trivial", "0.25", "", ""]]
    table = list(csv.reader(saved("table", "CSV").decode().splitlines()))
    assert table[1:] == [["a", "9", "1"], [EVIL, "0", "4"]]
    picture = saved("points", "SVG").decode()
    assert "var(" not in picture and ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert saved("surface", "PNG").startswith(b"\x89PNG")
