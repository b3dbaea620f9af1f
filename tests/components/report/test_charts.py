"""Where the plots put their values, what their titles say, and that names in them are escaped."""

from __future__ import annotations

import re

import pytest

from kerasline.components.report.drawing.charts import (
    Bar,
    Series,
    bar_chart,
    histogram_chart,
    line_chart,
    shade_table,
)
from kerasline.components.report.drawing.labels import show
from kerasline.components.report.drawing.surfaces import surface_chart
from kerasline.components.report.drawing.svg import Scale, ticks
from kerasline.components.report.plots.explanation_plots import plot_dependence, plot_importance, plot_surface

EVIL = "<script>alert(1)</script>"
LABEL = {"name": "rent", "unit": "EUR"}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3, 7, [-2, 0, 2, 4, 6]),
        (0.1, 0.4, [0.1, 0.2, 0.3, 0.4]),
        (1, 2, [1, 1.2, 1.4, 1.6, 1.8, 2]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_epochs_have_no_fractions() -> None:
    assert ticks(1, 3, whole=True) == [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.5, "0.5"), (1234567, "1.23e6"), (12345.6, "12\u202f346"), (0.00012, "0.00012"), (-2.5, "-2.5")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert show(value) == text


def test_a_scale_is_linear_and_keeps_values_inside() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(0), scale(5), scale(10), scale(99)] == [100, 150, 200, 200]


def points_of(svg: str, kind: str) -> list[tuple[float, float]]:
    found = re.search(rf'class="{kind}" points="([^"]+)"', svg)
    assert found
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in found[1].split())]


def test_a_line_goes_where_its_values_are() -> None:
    svg = line_chart("t", [Series("a", [0, 1, 2], [0.0, 1.0, 0.5])], "x", "y", y_range=(0, 1))
    (x0, y0), (x1, y1), (x2, y2) = points_of(svg, "series s1")
    assert x1 - x0 == pytest.approx(x2 - x1)
    assert y0 - y2 == pytest.approx((y0 - y1) / 2)
    assert y1 < y0  # upwards is less in SVG


def test_one_epoch_is_drawn_as_a_point() -> None:
    svg = line_chart("t", [Series("training", [1], [0.5])], "epoch", "loss", marks=True, whole_x=True)
    assert "<circle" in svg


def test_bars_are_as_long_as_their_values() -> None:
    svg = bar_chart("t", [Bar("a", 1.0, (0.5, 1.5)), Bar("b", 2.0), Bar("c", -1.0)], "x")
    widths = [float(width) for width in re.findall(r'class="area s1" x="[^"]+" y="[^"]+" width="([^"]+)"', svg)]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.02)
    assert widths[2] == pytest.approx(widths[0], abs=0.02)
    assert svg.count("whisker") == 1


def test_histograms_compare_shares() -> None:
    svg = histogram_chart("t", [0, 1, 2], [Series("train", [], [100, 300]), Series("eval", [], [1, 3])], "x")
    heights = [
        float(height)
        for height in re.findall(r'class="area s1" x="[^"]+" y="[^"]+" width="[^"]+" height="([^"]+)"', svg)
    ]
    assert heights[1] == pytest.approx(3 * heights[0], abs=0.1)
    corners = points_of(svg, "series s2")
    tops = re.findall(r'class="area s1" x="[^"]+" y="([^"]+)"', svg)
    # A tenth of the rows in the same shares: the line runs along the tops of the bars.
    assert [corners[0][1], corners[-1][1]] == [float(tops[0]), float(tops[1])]


def test_confusions_are_shaded_by_their_share_of_the_row() -> None:
    table = shade_table([[9, 1], [0, 0]], ["a", EVIL], "finding", "true", "predicted")
    assert 'class="hit5"' in table and 'class="miss1"' in table
    assert "1 row of a taken for &lt;script&gt;" in table and "<script>" not in table


def test_names_are_escaped_in_plots() -> None:
    for svg in (
        line_chart(EVIL, [Series(EVIL, [0, 1], [0, 1])], EVIL, EVIL),
        bar_chart(EVIL, [Bar(EVIL, 1.0)], EVIL, limit=(0.5, EVIL)),
        surface_chart(EVIL, [0, 1], [0, 1], [[0, 1], [1, 2]], [(0, 0, 1, 0)], (EVIL, EVIL, EVIL)),
    ):
        assert "<script" not in svg and "&lt;script" in svg


def test_importance_names_the_column_and_what_it_is_worth() -> None:
    columns = [
        {"column": "area", "drop": 12.5, "low": 10.0, "high": 15.0},
        {"column": "floor", "drop": -1, "low": -2, "high": 0},
    ]
    importance = {"metric": "mae", "value": 50.0, "rows": 80, "columns": columns, "skipped": ["view"]}
    plot = plot_importance(importance)
    assert plot.title == (
        "Of the 2 columns measured alone, the model leans most on area: without it the mean absolute error rises by "
        "12.5 (1 of 3 was not measured)"
    )
    assert "80 eval rows" in plot.note and "no time for 1 column" in plot.note
    whole = plot_importance({**importance, "skipped": []})
    assert whole.title == "The model leans most on area: without it the mean absolute error rises by 12.5"
    nothing = plot_importance({**importance, "columns": columns[1:], "skipped": []})
    assert nothing.title.startswith("No single column matters")


def importance_of(drops: dict[str, tuple[float, float]], **more: object) -> dict[str, object]:
    """Importance whose columns have a least and a greatest drop."""
    rows = [{"column": name, "drop": sum(ends) / 2, "low": ends[0], "high": ends[1]} for name, ends in drops.items()]
    return {"metric": "accuracy", "value": 0.9, "rows": 80, "columns": rows, "groups": [], "skipped": [], **more}


@pytest.mark.parametrize(
    ("importance", "title"),
    [
        (importance_of({"a": (0.2, 0.3), "b": (0.1, 0.25), "c": (0, 0.1)}),
         "The model leans most on a and b; which more is not clear"),
        (importance_of({"a": (-0.01, 0.02), "b": (-0.02, 0)}),
         "No single column matters: the model does as well without any one of them"),
        (importance_of({"a": (0.2, 0.3)}, groups=[{"columns": ["b", "c"], "drop": 0.01, "low": 0.01, "high": 0.01}]),
         "The model leans most on a: without it the accuracy falls by 0.25 (2 of 3 columns were measured only in "
         "groups)"),
        (importance_of({"a": (0.2, 0.3)}, groups=[{"columns": ["b", "c"], "drop": 0.5, "low": 0.4, "high": 0.6}]),
         "Of the 1 column measured alone, the model leans most on a: without it the accuracy falls by 0.25 (2 of 3 "
         "columns were measured only in groups)"),
        (importance_of({}, groups=[{"columns": ["b", "c"], "drop": 0.5, "low": 0.4, "high": 0.6}], skipped=["d"]),
         "Single columns could not be measured in time (2 of 3 columns were measured only in groups, 1 of 3 was not "
         "measured)"),
    ],
)  # fmt: skip
def test_ties_and_what_was_not_measured_decide_the_words(importance: dict[str, object], title: str) -> None:
    assert plot_importance(importance).title == title


@pytest.mark.parametrize(
    ("mean", "words"),
    [
        ([1.0, 2.0, 2.0], "is highest for blue and green and lowest for red"),
        ([1.0, 3.0, 2.0], "is highest for blue and lowest for red"),
        ([2.0, 2.0, 2.0], "does not change with it"),
    ],
)
def test_categories_that_are_alike_share_their_place(mean: list[float], words: str) -> None:
    curve = {"column": "paint", "unit": None, "target": "rent", "kind": "category", "grid": ["red", "blue", "green"],
             "mean": mean, "lines": []}  # fmt: skip
    assert plot_dependence(curve, LABEL).title == f"paint: rent {words}"


@pytest.mark.parametrize(
    ("mean", "course"),
    [([1.0, 2.0, 3.0], "rises from 1 at 10 m² to 3 at 30 m²"), ([3.0, 2.5, 1.0], "falls from 3 at 10 m² to 1 at 30 m²"),
     ([2.0, 1.0, 3.0], "lies between 1 at 20 m² and 3 at 30 m²"), ([2.0, 2.0, 2.0], "does not change with it")],
)  # fmt: skip
def test_dependence_says_how_the_answer_moves(mean: list[float], course: str) -> None:
    curve = {
        "column": "area",
        "unit": "m²",
        "target": "rent",
        "kind": "number",
        "grid": [10, 20, 30],
        "mean": mean,
        "lines": [mean],
    }
    plot = plot_dependence(curve, LABEL)
    assert plot.title == f"area: rent {course}"
    assert "area (m²)" in plot.body and "rent (EUR)" in plot.body


def test_the_surface_names_its_top() -> None:
    surface = {
        "columns": ["area", "floor"], "units": ["m²", None], "target": "rent", "x": [10, 20], "y": [0, 1],
        "z": [[1.0, 2.0], [3.0, 9.0]], "points": [],
    }  # fmt: skip
    plot = plot_surface(surface, LABEL)
    assert plot.title == "rent is highest, 9, at area 20 and floor 1"
    assert plot.note == "The other columns are held at a typical row"
