"""Short texts beside axes and bars: unequal things never read alike."""

from __future__ import annotations

import re

import pytest

from kerasline.components.report.drawing import (
    Bar,
    Series,
    bar_chart,
    draw,
    histogram_chart,
    line_chart,
    scatter_chart,
)
from kerasline.components.report.drawing.labels import (
    in_lines,
    name_some,
    shorten,
    shorten_all,
    show,
    show_all,
    show_ticks,
)
from tests.components.report.conftest import layers_of, rows_of

RANGES = [
    (1.1, 1.14), (0.97, 0.9712), (0, 1), (0, 100), (-0.002, 0.001), (1e6, 1e6 + 1), (1.69e9, 1.69e9 + 40), (-5e8, 7e8),
    (1e-7, 9e-7), (0, 3e-5), (1e-300, 5e-300), (-1e300, 1e300), (999_990, 1_000_010), (1 - 1e-9, 1.0), (12_345, 12_346),
    (1e-15, 2e-15), (99.9, 100.0),
]  # fmt: skip


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_ticks_say_what_they_are(low: float, high: float) -> None:
    """The numbers beside an axis are different ones, within its ends, and few enough to be read."""
    svg = draw(line_chart("t", [Series("", [0, 1], [low, high])], "x", "y", x_range=(0.31, 0.39), y_range=(low, high)))
    texts = re.findall(r'text-anchor="end" transform="translate\(-\d[^>]+>([^<]+)</text>', svg)
    values = [float(text.replace("\u202f", "").replace("\u2212", "-")) for text in texts]
    assert 2 <= len(values) <= 10 and values == sorted(set(values))
    room = (high - low) / 100
    assert low - room <= values[0] and values[-1] <= high + room
    assert max(map(len, texts)) < 14


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1.1, 1.12, 1.14], ["1.10", "1.12", "1.14"]),
        ([0, 0.2, 0.4], ["0", "0.2", "0.4"]),
        ([-1000, 0, 1000], ["-1000", "0", "1000"]),
        ([5000, 10000], ["5\u202f000", "10\u202f000"]),
        ([1960, 1980], ["1960", "1980"]),
        ([1e6, 1.5e6, 2e6], ["1e6", "1.5e6", "2e6"]),
        ([1e-5, 2e-5], ["1e-5", "2e-5"]),
        ([3.0], ["3"]),
        ([], []),
    ],
)
def test_ticks_have_the_digits_of_their_step(values: list[float], labels: list[str]) -> None:
    assert show_ticks(values) == labels


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.9712, 0.9706], ["0.9712", "0.9706"]),
        ([0.5, 0.25], ["0.5", "0.25"]),
        ([1.0, 1.0], ["1", "1"]),
        ([1234.1, 1234.3], ["1234.1", "1234.3"]),
        ([float("nan"), 1.0, 1.0001], ["not defined", "1", "1.0001"]),
    ],
)
def test_figures_beside_each_other_differ(values: list[float], texts: list[str]) -> None:
    assert show_all(values) == texts


def test_a_figure_just_below_a_thousand_is_no_power_of_ten() -> None:
    assert [show(value) for value in (999.6, 999.4, 999_999.6, float("inf"))] == ["1000", "999", "1e6", "∞"]


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
    spec = bar_chart("t", [Bar(name, 1.0) for name in SENSORS], f"loss without {SENSORS[0]}")
    found = rows_of(spec)
    assert [row["name"] for row in found] == SENSORS
    assert len({row["label"] for row in found}) == 3 and max(len(row["label"]) for row in found) <= 22
    told = re.findall(r"<title>([^<]+)</title>([^<]+)</text>", draw(spec))
    assert {full: short for full, short in told} == {row["name"]: row["label"] for row in found} | {
        f"loss without {SENSORS[0]}": shorten(f"loss without {SENSORS[0]}", 46)
    }


@pytest.mark.parametrize("hole", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_has_no_place_in_a_plot(hole: float) -> None:
    line = line_chart("t", [Series("loss", [1, 2, 3, 4], [1.0, 0.5, hole, 0.2])], "epoch", "loss")
    assert [row["y"] for row in rows_of(line)] == [1.0, 0.5, None, 0.2]
    (lonely,) = layers_of(line, "point")
    assert rows_of(line, lonely) == [{"x": 4, "y": 0.2}]
    drawn = re.search(r'<path d="([^"]+)" stroke="var\(--s1\)"', draw(line))
    assert drawn and drawn[1].count("M") == 2, "a gap, and not a line across it"
    bars = bar_chart("t", [Bar("a", hole, (hole, hole)), Bar("b", 2.0)], "x")
    assert [(row["x"], row["low"]) for row in rows_of(bars)] == [(None, None), (2.0, None)]
    assert draw(bars).count('fill="var(--s1)"') == 1
    points = draw(scatter_chart("t", [Series("rows", [1, 2], [hole, 3.0])], "x", "y"))
    assert points.count('fill="var(--s1)"') == 2  # one in the legend


@pytest.mark.parametrize("values", [[], [0.0], [7.25] * 4, [float("nan")] * 3])
def test_few_and_constant_values_are_drawn(values: list[float]) -> None:
    places = list(range(len(values)))
    for spec in (
        line_chart("t", [Series("a", places, values)], "x", "y"),
        scatter_chart("t", [Series("a", values, values)], "x", "y", diagonal="equal"),
        bar_chart("t", [Bar(str(place), value) for place, value in zip(places, values, strict=True)], "x"),
        histogram_chart("t", [0, 1], [Series("a", [], [0])], "x"),
    ):
        svg = draw(spec)
        assert svg.endswith("</svg>") and "nan" not in svg.lower().replace("not defined", "")


@pytest.mark.parametrize(
    ("names", "words"), [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcdef", "a, b and 4 more")]
)
def test_names_in_a_sentence(names: str, words: str) -> None:
    assert name_some(list(names)) == words


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("mean absolute error (deviations)", ["mean absolute error", "(deviations)"]),
        ("accuracy", ["accuracy"]),
        ("a_name_without_any_place_to_break_it", ["a_name_with…o_break_it"]),
        ("one two three four five six seven eight nine ten", ["one two thr…t nine ten"]),
        ("", [""]),
    ],
)
def test_a_long_text_takes_two_lines_or_is_cut(text: str, lines: list[str]) -> None:
    assert in_lines(text, 22) == lines
