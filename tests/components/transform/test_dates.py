"""Dates as they are written: Python, which looks at a table, and the transform graph read the same."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kerasline.components.datasets.tables.typed.scan import plain_values
from kerasline.components.datasets.values.date_forms import DATE_PATTERNS, read_date_and_hour, read_hours

LATE = (2023, 6, 30, 23)
DAY = (2023, 6, 30, 0)
DATES: dict[str, dict[str, tuple[int, int, int, int]]] = {
    **dict.fromkeys(
        ["2023-06-30 23:38:00.574+00", "2023-06-30T23:38:00Z", "2023-06-30t23:38:00,5 z", "2023-06-30T23:38:00+02",
         "2023-06-30T23:38+0200", "2023-06-30 23:38:00+02:00", "2023/06/30 23:38:00 -0730", "2023-06-30 23:38:00 CET",
         "2023-06-30 23:38 UTC", "2023-06-30 11:38 PM PST", "2023-06-30T23:38:00+02:00[Europe/Berlin]",
         "2023-06-30 23:38:00 Europe/Berlin", "2023-06-30 23:38:00.123 +0000 UTC", "20230630T233800Z",
         "20230630233800", "202306302338", "20230630 2338", "20230630T233800.5+0200", "2023-06-30T23",
         "2023.06.30 23:38", "2023-06-30 11:38:00 p.m."],
        {"ymd": LATE},
    ),
    **dict.fromkeys(
        ["Fri Jun 30 23:38:00 2023", "Fri Jun 30 23:38:00 CEST 2023", "June 30, 2023 at 11:38 PM",
         "Fri Jun 30 2023 23:38:00 GMT+0200 (Central European Summer Time)", "06/30/2023 11:38:00 PM",
         "Friday, June 30th, 2023, 23:38"],
        {"mdy": LATE},
    ),
    **dict.fromkeys(
        ["Fri, 30 Jun 2023 23:38:00 +0200", "30/Jun/2023:23:38:00 +0200", "30.06.2023 23:38 Uhr",
         "30. Juni 2023 um 23:38 Uhr", "30 juin 2023 23:38", "30-Jun-23 11:38 PM", "30 giugno 2023, 23:38",
         "30JUN2023:23:38:00", "30jun2023:23:38:00.000", "30JUN23:23:38:00", "30Jun2023 23:38"],
        {"dmy": LATE},
    ),
    **dict.fromkeys(["30-Jun-23", "30. Juni 2023", "Friday, 30 June 2023", "30 junho 2023", "30.6.23"], {"dmy": DAY}),
    **dict.fromkeys(["30JUN2023", "30jun23"], {"dmy": DAY}),
    **dict.fromkeys(["2023年6月30日", "2023年06月30日", "2023년 6월 30일"], {"ymd": DAY}),
    "2023年6月30日 23:38": {"ymd": LATE},
    **dict.fromkeys(["2023-06", "2023/6", "06/2023"], {"ymd": (2023, 6, 1, 0)}),
    **dict.fromkeys(["2023Q2", "2023-Q2", "q2 2023"], {"ymd": (2023, 4, 1, 0)}),
    **dict.fromkeys(["Jun 2023", "Jun-23", "juin-23", "JUN-2023"], {"dmy": (2023, 6, 1, 0)}),
    "1 août 2024": {"dmy": (2024, 8, 1, 0)}, "1. Dez. 2024": {"dmy": (2024, 12, 1, 0)},
    "3. März 2024": {"dmy": (2024, 3, 3, 0)}, "4 enero 2024": {"dmy": (2024, 1, 4, 0)},
    "01/02/2023": {"dmy": (2023, 2, 1, 0), "mdy": (2023, 1, 2, 0)},
    "31 Dec 69": {"dmy": (2069, 12, 31, 0)}, "12/31/70": {"mdy": (1970, 12, 31, 0)},
    **dict.fromkeys(
        ["0000-00-00", "2023-13", "2023-13-01", "2023-W26", "2023-W26-5", "23:38", "soon", "", "12", "1234.5", "3.1415",
         "2023-06-30 25:00", "Juniper 30", "2023-06-30 or so", "20230630T2", "P1DT2H", "-", "NaT", "not 2023",
         "Junk-23", "30XYZ2023", "maxi-12"],
        {},
    ),
}  # fmt: skip
HOURS: dict[str, float | None] = {
    "23:38": 23 + 38 / 60, "11:38 PM": 23 + 38 / 60, "12:05 am": 5 / 60, "23:38:36+02:00": 23.6433333, "01:30:00": 1.5,
    "100:30:00": 100.5, "P1DT2H": 26, "PT90M": 1.5, "-PT36S": -0.01, "1 day 02:03:04": 26.0511111, "2 days": 48,
    "1 days 02:00:00.500000": 26.0001389, "-1 day, 23:00:00": -1, "-01:30:00": -1.5, "0:00": 0,
    "8:17.2": 8 / 60 + 17.2 / 3600, "59:07.25": 59 / 60 + 7.25 / 3600, "8:7.2": None,
    "P": None, "PT": None, "-": None, "": None, "16:9": None, "5": None, "2023-06-30": None, "day": None,
}  # fmt: skip


@pytest.mark.parametrize("form", DATE_PATTERNS)
def test_python_and_the_graph_read_dates_alike(form: str) -> None:
    import tensorflow as tf

    from kerasline.components.transform.dates import split_written_dates

    parts = split_written_dates(tf.constant([list(DATES)]), form).numpy()[0]
    for (cell, known), found in zip(DATES.items(), parts.tolist(), strict=True):
        expected = known.get(form)
        assert read_date_and_hour(cell, form) == expected, cell
        if expected is None:
            assert all(map(math.isnan, found)), cell
        else:
            year, month, day, hour = expected
            weekday = (date(year, month, day).weekday() + 1) % 7
            assert found == [year, month, day, weekday, hour], cell


def test_python_and_the_graph_read_times_alike() -> None:
    import tensorflow as tf

    from kerasline.components.transform.dates import split_times

    parts = split_times(tf.constant([list(HOURS)])).numpy()[0]
    for (cell, known), found in zip(HOURS.items(), parts.tolist(), strict=True):
        assert all(map(math.isnan, found[:4]))
        if known is None:
            assert read_hours(cell) is None and math.isnan(found[4]), cell
        else:
            assert read_hours(cell) == pytest.approx(known), cell
            assert found[4] == pytest.approx(known), cell


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (datetime(2023, 6, 30, 23, 38, tzinfo=UTC), pa.timestamp("us", "UTC"), LATE),
        (datetime(2023, 6, 30, 23, 38, tzinfo=timezone(timedelta(hours=2))), pa.timestamp("ms", "Europe/Berlin"), LATE),
        (datetime(2023, 6, 30, 23, 38), pa.timestamp("s"), LATE),
        (datetime(2023, 6, 30, 23, 38, 0, 574), pa.timestamp("ns"), LATE),
        (date(2023, 6, 30), pa.date32(), DAY),
        (date(2023, 6, 30), pa.date64(), DAY),
    ],
)
def test_instants_of_arrow_are_read_as_the_clock_shows_them(value: Any, kind: Any, expected: Any) -> None:
    (cell,) = plain_values(pa.array([value], kind), "string")
    assert read_date_and_hour(cell, "ymd") == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (time(23, 30), pa.time32("s"), 23.5),
        (time(23, 30, 0, 5), pa.time64("us"), 23.5),
        (timedelta(days=1, hours=2), pa.duration("us"), 26),
        (timedelta(hours=-1), pa.duration("ms"), -1),
        (timedelta(minutes=90), pa.duration("ns"), 1.5),
    ],
)
def test_times_and_durations_of_arrow(value: Any, kind: Any, expected: float) -> None:
    (cell,) = plain_values(pa.array([value], kind), "string")
    assert read_hours(cell) == pytest.approx(expected, abs=1e-6)


def test_what_init_makes_of_them(tmp_path: Path) -> None:
    import yaml

    from kerasline.components.profiling.drafting import draft_recipe

    lines = ["posted,opened,took,told,week,y"]
    for n in range(60):
        moment = datetime(2023, 1, 5, n % 24, 38) + timedelta(days=n)
        even = f"{n % 12 + 1:02d}.{n * 5 % 12 + 1:02d}.2023"
        week = f"2023-W{n % 50 + 1:02d}"
        lines.append(f"{moment:%Y-%m-%d %H:%M:%S.574}+00,{moment:%H:%M},{n % 9} days 02:03:04,{even},{week},{n % 2}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    draft = draft_recipe(tmp_path / "t.csv", ["y"], None, "t.csv")
    features = yaml.safe_load(draft.text)["features"]
    assert features["posted"] == {"kind": "date"}
    assert features["opened"] == {"kind": "date", "date_format": "time"}
    assert features["took"] == {"kind": "date", "date_format": "time"}
    assert features["told"] == {"kind": "date", "date_format": "dmy"}
    told = " ".join(line.removeprefix("  # ") for line in draft.text.splitlines())
    assert "told: could also be month first: mdy; no day is above 12" in told


def test_an_indicator_asks_for_the_hour_of_a_time_and_for_the_year_of_a_date() -> None:
    import tensorflow as tf

    from kerasline.components.features import ColumnOptions, FeatureStep
    from kerasline.components.transform.numbers import _indicators

    steps = [
        FeatureStep(name=name, kind="date", dtype="string", options=ColumnOptions(date_format=form), indicator=True)
        for name, form in (("opened", "time"), ("day", "ymd"))
    ]
    slots = [(step.name, part) for step in steps for part in range(5)]
    # A time has its hour alone; the second row has neither a time nor a date.
    known = tf.constant([[False] * 4 + [True] + [True] * 5, [False] * 10])
    (block,) = _indicators([step for step in steps for _ in range(5)], slots, known)
    assert block.values.numpy().tolist() == [[False, False], [True, True]]
