"""The page of a backtest: what it says of schedules, spans and runs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from kerasline.components.report import render_backtest
from kerasline.components.report.backtest_page import headline, plot_schedules, plot_spans
from kerasline.pipeline.reports import make_server


def look(span: str, value: float | None, model: str | None = "1 to 2") -> dict[str, Any]:
    metrics = {} if value is None else {"mae": {"value": value, "low": value - 1, "high": value + 1}}
    return {"span": span, "model": model, "rows": 1200, "metrics": metrics, "message": ""}


def schedule(name: str, values: list[float | None], runs: int, **more: Any) -> dict[str, Any]:
    """What a backtest tells of a schedule."""
    known = [value for value in values if value is not None]
    mean = sum(known) / len(known) if known else None
    return {
        "name": name,
        "runs": runs,
        "quality": {"mae": {"value": mean, "low": None, "high": None}} if known else {},
        "refused": {"data": 0, "model": 0, "failed": 0},
        "seconds": 90.0 * runs,
        "compared": {"difference": 0.0, "low": 0.0, "high": 0.0, "beyond_noise": False},
        "over_time": [look(f"w{number}", v, None if v is None else "1") for number, v in enumerate(values, 3)],
        "fits": [
            {"at": "w2", "reason": "<b>new</b>", "spans": "1", "status": "pushed", "message": "", "seconds": 90.0}
        ],
        **more,
    }


@pytest.fixture
def found() -> dict[str, Any]:
    """A backtest in which two runs in three were refused under one schedule, and another had no model at first."""
    refused = {"at": "w3", "reason": "a span has arrived", "spans": "1 to 3", "status": "not_blessed", "seconds": 80.0}
    every = schedule("every", [10.0, 9.0, 8.0], 3, refused={"data": 1, "model": 2, "failed": 0})
    every["fits"].append({**refused, "message": "mae is 12, asked: below 11"})
    never = schedule("never", [10.0, 14.0, 18.0], 1)
    never["compared"] = {"difference": 5.0, "low": 3.0, "high": 7.0, "beyond_noise": True}
    late = schedule("every-2", [None, 9.0, 9.5], 2, compared=None)
    told = {"recipe": "flats", "from": "w2", "to": "w5", "label_delay": 1, "schedules": [never, late, every]}
    return {**told, "recommended": "every", "reason": "every has the best MAE", "metric": "mae"}


def test_the_page_says_what_to_take_and_what_each_took(found: dict[str, Any]) -> None:
    page = render_backtest(found)
    text = " ".join(page.split())
    assert "Take every: every has the best MAE" in text
    assert "their labels 1 span later" in text
    assert "1 by the data gate, 2 by the model gate" in text
    assert '<th scope="row">every <span class="good">recommended</span></th><td class="number">3</td>' in text
    assert '<td class="number">4.5</td>' in text, "minutes"
    assert '5 <span class="note">3 to 7</span>, beyond noise' in text
    assert 'not blessed<br><span class="note">mae is 12, asked: below 11</span>' in text
    assert "not compared" in text and "no model" in text
    assert "<b>new" not in page and "&lt;b&gt;new" in page
    assert "http" not in page.split("<main>")[1].split("<script")[0], "nothing is asked of another host"


def test_the_recommended_schedule_is_drawn_first_and_gaps_stay(found: dict[str, Any]) -> None:
    spans, means = plot_spans(found), plot_schedules(found)
    assert spans is not None and means is not None
    assert "span 1 is w3, span 3 is w5" in spans.note
    assert means.title == "mean absolute error over all spans: every has 9"
    more = [schedule(f"every-{number}", [1.0 * number] * 3, 1) for number in range(3, 7)]
    crowded = plot_spans({**found, "schedules": [*found["schedules"], *more]})
    assert crowded is not None and "3 schedules more stand in the tables" in crowded.note


def test_where_nothing_was_measured_the_page_says_so(found: dict[str, Any]) -> None:
    nothing = schedule("every", [None, None, None], 3, compared=None)
    told = {**found, "schedules": [nothing], "recommended": None, "metric": None, "reason": "nothing could be measured"}
    assert headline(told) == "No schedule is recommended: nothing could be measured"
    assert plot_spans(told) is None and plot_schedules(told) is None
    assert "no model" in render_backtest(told)


def test_the_site_lists_and_shows_it(found: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "backtests" / "flats" / "0a1b2c3d"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(render_backtest(found))
    (folder / "backtest.json").write_text("{}")
    server = make_server(tmp_path, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        site = f"http://127.0.0.1:{server.server_port}"
        with urlopen(site) as answer:
            assert '<a href="/backtests/flats/0a1b2c3d/index.html">flats under several' in answer.read().decode()
        with urlopen(f"{site}/backtests/flats/0a1b2c3d/index.html") as answer:
            assert "Take every" in answer.read().decode()
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{site}/backtests/flats/0a1b2c3d/backtest.json")
    finally:
        server.shutdown()
        server.server_close()
