"""Short texts beside axes and bars: unequal things never read alike."""

from __future__ import annotations

import re

import pytest

from kerasline.components.report.drawing.charts import (
    Bar,
    Series,
    bar_chart,
    histogram_chart,
    line_chart,
    scatter_chart,
)
from kerasline.components.report.drawing.labels import name_some, shorten, shorten_all, show, show_all, show_ticks
from kerasline.components.report.drawing.svg import Scale, ticks, ticks_in_room, width_of

RANGES = [
    (1.1, 1.14), (0.97, 0.9712), (0, 1), (0, 100), (-0.002, 0.001), (1e6, 1e6 + 1), (1.69e9, 1.69e9 + 40), (-5e8, 7e8),
    (1e-7, 9e-7), (0, 3e-5), (1e-300, 5e-300), (-1e300, 1e300), (999_990, 1_000_010), (1 - 1e-9, 1.0), (12_345, 12_346),
    (1e-15, 2e-15), (99.9, 100.0),
]  # fmt: skip


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_ticks_say_what_they_are(low: float, high: float) -> None:
    values = ticks(low, high)
    labels = show_ticks(values)
    assert 2 <= len(values) <= 6 and len(set(labels)) == len(labels)
    step = values[1] - values[0]
    for value, label in zip(values, labels, strict=True):
        assert float(label.replace("\u202f", "")) == pytest.approx(value, abs=step / 100)
    assert low - step / 1e6 <= values[0] and values[-1] <= high + step / 1e6


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1.1, 1.12, 1.14], ["1.10", "1.12", "1.14"]),
        ([0, 0.2, 0.4], ["0", "0.2", "0.4"]),
        ([-1000, 0, 1000], ["-1\u202f000", "0", "1\u202f000"]),
        ([1e6, 1.5e6, 2e6], ["1e6", "1.5e6", "2e6"]),
        ([1e-5, 2e-5], ["1e-5", "2e-5"]),
        ([3.0], ["3"]),
        ([], []),
    ],
)
def test_ticks_have_the_digits_of_their_step(values: list[float], labels: list[str]) -> None:
    assert show_ticks(values) == labels


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_labels_of_ticks_have_room(low: float, high: float) -> None:
    _, labels = ticks_in_room(Scale(low, high, 60, 420))
    assert sum(width_of(label) + 10 for label in labels) <= 360


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.9712, 0.9706], ["0.9712", "0.9706"]),
        ([0.5, 0.25], ["0.5", "0.25"]),
        ([1.0, 1.0], ["1", "1"]),
        ([1234.1, 1234.3], ["1\u202f234.1", "1\u202f234.3"]),
        ([float("nan"), 1.0, 1.0001], ["not defined", "1", "1.0001"]),
    ],
)
def test_figures_beside_each_other_differ(values: list[float], texts: list[str]) -> None:
    assert show_all(values) == texts


def test_a_figure_just_below_a_thousand_is_no_power_of_ten() -> None:
    assert [show(value) for value in (999.6, 999.4, 999_999.6, float("inf"))] == ["1\u202f000", "999", "1e6", "∞"]


SENSORS = [f"measurement_of_the_sensor_at_station_{number:03d}_celsius" for number in (3, 77, 150)]


@pytest.mark.parametrize(
    "names",
    [
        SENSORS,
        [*SENSORS, "age"],
        ["a" * 40 + "x" + "b" * 40, "a" * 40 + "y" + "b" * 40],
        ["q" * number for number in range(30, 60)],
        [f"{'p' * 30}{first}{'q' * 30}{last}{'r' * 30}" for first in "xy" for last in "xy"],
    ],
)
def test_names_are_cut_so_that_they_differ(names: list[str]) -> None:
    short = shorten_all(names, 24)
    assert len(set(short)) == len(names)
    assert max(map(len, short)) <= 24


def test_a_name_that_another_goes_on_from_keeps_its_letters() -> None:
    assert shorten_all(["CosineDecay", "CosineDecayRestarts", "null"], 9) == ["Cosi…ecay", "Cosi…arts", "null"]


def test_short_names_stay_as_they_are() -> None:
    assert shorten_all(["age", "height", "age"], 24) == ["age", "height", "age"]
    assert shorten("a_long_name_with_an_end", 11) == "a_lon…n_end"


def test_three_bars_can_be_told_apart_and_tell_their_whole_name() -> None:
    svg = bar_chart("t", [Bar(name, 1.0) for name in SENSORS], "x")
    shown = re.findall(r'text-anchor="end"><title>([^<]+)</title>([^<]+)</text>', svg)
    assert [full for full, _ in shown] == SENSORS
    assert len({short for _, short in shown}) == 3


@pytest.mark.parametrize("hole", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_has_no_place_in_a_plot(hole: float) -> None:
    line = line_chart("t", [Series("loss", [1, 2, 3, 4], [1.0, 0.5, hole, 0.2])], "epoch", "loss", marks=True)
    assert line.count('<polyline class="series s1"') == 2 and "nan" not in line and "inf" not in line
    bars = bar_chart("t", [Bar("a", hole, (hole, hole)), Bar("b", 2.0)], "x")
    assert bars.count("<rect") == 1 and "whisker" not in bars and "nan" not in bars
    points = scatter_chart("t", [Series("rows", [1, 2], [hole, 3.0])], "x", "y")
    assert points.count("<circle") == 2  # one in the legend


@pytest.mark.parametrize("values", [[], [0.0], [7.25] * 4, [float("nan")] * 3])
def test_few_and_constant_values_are_drawn(values: list[float]) -> None:
    places = list(range(len(values)))
    for svg in (
        line_chart("t", [Series("a", places, values)], "x", "y"),
        scatter_chart("t", [Series("a", values, values)], "x", "y", diagonal="equal"),
        bar_chart("t", [Bar(str(place), value) for place, value in zip(places, values, strict=True)], "x"),
        histogram_chart("t", [0, 1], [Series("a", [], [0])], "x"),
    ):
        assert svg.endswith("</svg>") and "nan" not in svg.replace("not defined", "")


@pytest.mark.parametrize(
    ("names", "words"), [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcdef", "a, b and 4 more")]
)
def test_names_in_a_sentence(names: str, words: str) -> None:
    assert name_some(list(names)) == words
