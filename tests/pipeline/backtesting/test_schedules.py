"""The words of schedules, and which spans are replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core import ConfigError
from kerasline.components.datasets import Places
from kerasline.pipeline.backtesting.past import Past, find_past
from kerasline.pipeline.backtesting.schedules import Schedule, default_schedules, parse_schedules
from kerasline.pipeline.config import parse_experiment


def test_words_name_cadence_trigger_and_window() -> None:
    assert parse_schedules(["every,never", "every-2/last-4", "drift/all", "never", "new_data"], 6) == [
        Schedule("every", "every", 1, 6),
        Schedule("never", "never", 1, 6),
        Schedule("every-2/last-4", "every", 2, 4),
        Schedule("drift/all", "drift", 1, None),
        Schedule("new_data", "every", 1, 6),
    ]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("evry", "got 'evry'. Did you mean 'every'?"),
        ("every-0", "got 'every-0'"),
        ("never-2", "got 'never-2'"),
        ("every--2", "got 'every--2'"),
        ("", "got ''"),
        ("every/last-0", "expected /all or /last-N with a number of spans, got 'every/last-0'"),
        ("every/", "expected /all or /last-N with a number of spans, got 'every/'"),
    ],
)
def test_an_unknown_word_is_refused(word: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_schedules([word], None)
    assert told in str(refused.value)


def test_what_is_compared_by_default_differs() -> None:
    def names(arrivals: int, spans: int, window: int | None = None) -> list[str]:
        return [schedule.name for schedule in default_schedules(arrivals, spans, window)]

    assert names(7, 7) == ["never", "every-4", "every-2", "every", "drift", "every/last-3"]
    assert names(2, 2) == ["never", "every", "drift"]
    assert names(7, 7, window=3) == ["never", "every-4", "every-2", "every", "drift"]


def test_every_second_is_due_at_every_second_span() -> None:
    (every_2, never) = parse_schedules(["every-2", "never"], None)
    assert [every_2.is_due(arrived) for arrived in (1, 2, 3)] == [False, True, True]
    assert not never.is_due(100)


def past(folder: Path, first: str | None = None, last: str | None = None, delay: int = 0, **data: Any) -> Past:
    data = data or {"spans": {"pattern": "week-{SPAN}.csv", "label": "kind", "window": 2}}
    experiment = parse_experiment({"name": "weekly", "data": data})
    return find_past(experiment, Places(folder, None), first, last, delay)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four spans, of which none is the third."""
    for week in (1, 2, 4, 10):
        (tmp_path / f"week-{week}.csv").write_text("x,kind\n1,a\n")
    return tmp_path


def test_spans_arrive_one_after_the_other(folder: Path) -> None:
    found = past(folder)
    assert found.keys == ("1", "2", "4", "10")
    assert [found.keys[place] for place in found.arrivals] == ["1", "2", "4"]
    assert found.window(2, None) == (0, 2)
    assert found.window(2, 2) == (1, 2)
    assert found.window(0, 2) == (0, 0)
    assert found.files(1, 2) == [folder / "week-2.csv", folder / "week-4.csv"]
    assert found.skipped == ("span 3: missing", "spans 5 to 9: missing")


def test_late_labels_move_the_first_fit_and_what_it_takes(folder: Path) -> None:
    found = past(folder, delay=1)
    assert [found.keys[place] for place in found.arrivals] == ["2", "4"]
    assert found.window(1, None) == (0, 0)


def test_from_and_to_choose(folder: Path) -> None:
    found = past(folder, "2", "4")
    assert [found.keys[place] for place in found.arrivals] == ["2"]
    assert found.window(1, None) == (0, 1), "the data until then goes back to the oldest span"


def test_a_corrected_span_is_another(folder: Path) -> None:
    found = past(folder)
    before = found.digest(0, 1), found.digest(2, 3)
    (folder / "week-2.csv").write_text("x,kind\n2,a\n3,b\n")
    assert found.digest(0, 1) != before[0]
    assert found.digest(2, 3) == before[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("3", None), "--from: expected a span that is there, one of 4 spans from 1 to 10, got 3"),
        ((None, "11"), "--to: expected a span that is there, one of 4 spans from 1 to 10, got 11"),
        (("one", None), "--from: expected the number of a span, got 'one'"),
        (("4", "2"), "expected --from before --to, but span 4 comes after span 2; exchange them"),
        (("4", "4"), "expected 2 spans at least from --from to --to, one to fit on and one to measure on, got 1"),
        (("1", "4", 2), "expected 4 spans at least"),
    ],
)
def test_spans_that_do_not_do_are_refused(folder: Path, arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        past(folder, *arguments)
    assert told in str(refused.value)


def test_data_without_spans_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="a backtest replays spans, and the data of weekly is data.csv"):
        past(folder, csv={"path": "week-1.csv", "label": "kind"})


def test_spans_by_date_are_named_by_date(tmp_path: Path) -> None:
    for day in ("2026-01-05", "2026-01-12"):
        (tmp_path / f"{day}.csv").write_text("x,kind\n1,a\n")
    spans = {"pattern": "{YYYY}-{MM}-{DD}.csv", "label": "kind"}
    assert past(tmp_path, "2026-01-05", spans=spans).keys == ("2026-01-05", "2026-01-12")
    with pytest.raises(ConfigError, match="--to: expected a date such as 2024-01-31, got '12'"):
        past(tmp_path, None, "12", spans=spans)
