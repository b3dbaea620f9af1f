"""The page in a real browser: nothing goes wrong, nothing leaves it, tables sort, dark is dark, phones can read it."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.report.page import write_report
from kerasline.components.report.running_page import render_running
from kerasline.components.report.site_page import render_site
from tests.components.report.test_board import run

_SPEC = importlib.util.spec_from_file_location("report_browser", Path(__file__).with_name("browser.py"))
assert _SPEC and _SPEC.loader
browser = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(browser)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """A page of a headless Chromium."""
    path = browser.find_browser()
    if path is None:
        pytest.skip("needs Chromium (Debian: apt install chromium); none is on the path")
    with browser.open_browser(path, tmp_path / "profile") as opened:
        yield opened


@pytest.fixture
def report(make_figures: Callable[..., dict[str, Any]], tmp_path: Path) -> Path:
    """A report with plots, tables and slices."""
    labels = np.repeat([0, 1], 40).astype(np.float32)
    scores = np.linspace(0.05, 0.95, 80)[:, None]
    figures = make_figures(labels, scores, task="binary", classes=("no", "yes"), trivial=[0.5])
    figures["metrics"] = dict.fromkeys(figures["trivial"], 0.9)
    figures["slices"] = [
        {"slice": {"town": town}, "rows": rows, "metrics": {"accuracy": share}, "intervals": {}}
        for town, rows, share in (("Ulm", 90, 0.9), ("Bonn", 1000, 0.5), ("Kiel", 7, 1.0))
    ]
    write_report(tmp_path / "report", figures)
    return tmp_path / "report" / "index.html"


def test_the_page_in_a_browser(page: Any, report: Path) -> None:
    page.open(report)
    rows = "[...document.querySelector('section[aria-labelledby=slices] tbody').rows].map(r => r.cells[0].innerText)"
    click = "document.querySelectorAll('section[aria-labelledby=slices] thead button')[{}].click()"
    assert page.run(rows) == ["town = Ulm", "town = Bonn", "town = Kiel"]
    page.run(click.format(1))
    assert page.run(rows) == ["town = Kiel", "town = Ulm", "town = Bonn"]
    page.run(click.format(1))
    assert page.run(rows) == ["town = Bonn", "town = Ulm", "town = Kiel"]
    assert page.run("document.querySelectorAll('[aria-sort=descending]').length") == 1
    assert page.run("document.querySelectorAll('svg.plot').length") >= 5
    light = page.run("getComputedStyle(document.body).backgroundColor")

    page.open(report, width=390, dark=True)
    assert page.run("getComputedStyle(document.body).backgroundColor") != light == "rgb(255, 255, 255)"
    # The page itself never scrolls sideways on a phone; wide tables do within their own box.
    assert page.run("document.documentElement.scrollWidth") <= 390
    assert page.run("[...document.querySelectorAll('svg.plot')].every(e => e.getBoundingClientRect().width > 250)")

    # Everything that can be operated can be reached with the keyboard, and every plot is described.
    assert page.run("[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0)")
    assert page.run("[...document.querySelectorAll('svg')].every(e => e.getAttribute('aria-label').length > 20)")
    assert page.run("document.querySelectorAll('h1').length") == 1
    assert page.problems == []
    assert page.requests == []


def test_a_script_in_the_data_does_not_run(page: Any, make_figures: Callable[..., Any], tmp_path: Path) -> None:
    evil = "</title><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    figures = make_figures(
        np.array([0, 1] * 10), np.eye(2)[[0, 1, 1, 1] * 5], classes=(evil, "b"), failure=evil,
        evaluation={"metrics": ["accuracy"]},
    )  # fmt: skip
    figures["recipe"] = evil
    figures["metrics"] = {"accuracy": 0.5}
    write_report(tmp_path / "report", figures)
    page.open(tmp_path / "report" / "index.html")
    assert page.run("window.hacked === undefined")
    assert page.run("document.images.length") == 0
    assert page.problems == []


def test_a_run_under_way_is_looked_at_again_while_that_is_wanted(page: Any, tmp_path: Path) -> None:
    run = {"recipe": "a", "run_id": "r", "status": "running", "started_at": "2026-01-01T00:00:00+00:00",
           "message": "process 7 is in step train", "doing": "epoch 2/9", "log": "/logs/r.log"}  # fmt: skip
    path = tmp_path / "running.html"
    path.write_text(render_running(run, 5, {"loss": [2.0, 1.0]}))
    page.open(path)
    assert page.run("document.querySelector('figcaption').textContent").startswith(
        "The training loss was best in epoch 6 of 6: 1"
    )
    assert page.run("!document.querySelector('p.follow').hidden && location.hash") == ""
    page.run("document.getElementById('follow').click()")
    assert page.run("location.hash") == "#follow"
    page.run("window.isOld = true")
    path.write_text(render_running(run, 5, {"loss": [2.0, 1.0, 0.5]}))
    deadline = time.monotonic() + 60
    while page.run("window.isOld === true || document.readyState !== 'complete'") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "epoch 7 of 7" in page.run("document.querySelector('figcaption').textContent")
    assert page.run("document.getElementById('follow').checked") is True
    page.run("document.getElementById('follow').click()")
    assert page.run("location.hash") == ""


def test_the_board_shows_the_recipes_that_have_the_words(page: Any, tmp_path: Path) -> None:
    runs = {name: [run(name, 1, "mae", 4.0, status)] for name, status in (("flats", "pushed"), ("cars", "failed"))}
    site = tmp_path / "site.html"
    site.write_text(render_site(runs, {}, []), encoding="utf-8")
    page.open(site)
    shown = "[...document.querySelectorAll('h2')].filter(e => e.checkVisibility()).map(e => e.innerText)"
    typing = "{const f = document.getElementById('filter'); f.value = '%s'; f.dispatchEvent(new Event('input'));}"
    assert page.run(shown) == ["All recipes", "cars", "flats"]
    page.run(typing % "Failed MAE")
    assert page.run(shown) == ["All recipes", "cars"]
    assert page.run("document.querySelector('[role=status]').innerText") == "1 of 2"
    page.run(typing % "")
    assert page.run(shown) == ["All recipes", "cars", "flats"]
    assert page.problems == []
