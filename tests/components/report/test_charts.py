"""Where the plots put their values, what their titles say, and that names in them are escaped."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import altair as alt
import pytest

from kerasline.components.report.drawing import (
    Bar,
    Series,
    bar_chart,
    draw,
    histogram_chart,
    line_chart,
    scatter_chart,
    shade_table,
    show,
    surface_chart,
)
from kerasline.components.report.plots.explanation_plots import plot_dependence, plot_importance, plot_surface
from kerasline.components.report.plots.plot import make_plot
from kerasline.components.report.plots.plots import plot_curves
from tests.components.report.conftest import EVIL, every_kind, layers_of, points_of, rows_of

LABEL = {"name": "rent", "unit": "EUR"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.5, "0.5"), (1234567, "1.23e6"), (12345.6, "12\u202f346"), (0.00012, "0.00012"), (-2.5, "-2.5")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert show(value) == text


def test_a_line_goes_where_its_values_are() -> None:
    spec = line_chart("t", [Series("a", [0, 1, 2], [0.0, 1.0, 0.5])], "x", "y", y_range=(0, 1))
    assert rows_of(spec) == [
        {"series": "a", "name": "a", "x": 0, "y": 0.0},
        {"series": "a", "name": "a", "x": 1, "y": 1.0},
        {"series": "a", "name": "a", "x": 2, "y": 0.5},
    ]
    (x0, y0), (x1, y1), (x2, y2) = points_of(draw(spec), "var(--s1)")
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.02)
    assert y0 - y2 == pytest.approx((y0 - y1) / 2, abs=0.02)
    assert y1 < y0  # upwards is less in SVG


def test_one_epoch_is_drawn_as_a_point() -> None:
    spec = line_chart("t", [Series("training", [1], [0.5])], "epoch", "loss", whole_x=True)
    (points,) = layers_of(spec, "point")
    assert rows_of(spec, points) == [{"x": 1, "y": 0.5}]


def test_epochs_have_no_fractions() -> None:
    spec = line_chart("t", [Series("training", [1, 2, 3], [30, 20, 10])], "epoch", "loss", whole_x=True)
    texts = re.findall(r">([^<>]+)</text>", draw(spec))
    assert [text for text in texts if re.match(r"[0-9.]+$", text) and float(text) < 5] == ["1", "2", "3"]


def test_bars_are_as_long_as_their_values() -> None:
    spec = bar_chart("t", [Bar("a", 1.0, (0.5, 1.5)), Bar("b", 2.0), Bar("c", -1.0)], "x")
    assert [(row["name"], row["x"], row["low"], row["high"]) for row in rows_of(spec)] == [
        ("a", 1.0, 0.5, 1.5), ("b", 2.0, None, None), ("c", -1.0, None, None),
    ]  # fmt: skip
    widths = [
        float(width) for width in re.findall(r'd="M[-\d.]+,[-\d.]+h([-\d.]+)v[^"]+" fill="var\(--s1\)"', draw(spec))
    ]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.02)
    assert widths[2] == pytest.approx(widths[0], abs=0.02)


def test_two_bars_of_one_name_are_two_bars() -> None:
    spec = bar_chart("t", [Bar("a", 1.0), Bar("a", 2.0)], "x")
    assert len({row["label"] for row in rows_of(spec)}) == 2


def test_histograms_compare_shares() -> None:
    """A hundredth of the rows in the same shares has the same heights."""
    groups = [Series("train", [], [100, 300]), Series("eval", [], [1, 3])]
    found = rows_of(histogram_chart("t", [0, 1, 2], groups, "x"))
    assert [(row["low"], row["high"]) for row in found] == [(0, 1), (1, 2)]
    assert [row["share0"] for row in found] == [row["share1"] for row in found] == [25, 75]


def test_an_axis_by_factors_on_both_sides_of_zero_has_round_numbers_on_both() -> None:
    spec = histogram_chart("t", [-20, -1, 0, 3], [Series("", [], [1, 1, 1])], "x", is_log=True, near=0.01)
    across = spec["layer"][0]["encoding"]["x"]
    assert across["axis"]["values"] == [-10, -1, -0.1, -0.01, 0, 0.01, 0.1, 1]
    texts = re.findall(r"<text[^>]*>([^<]*\d)</text>", draw(spec))
    assert {"-0.1", "0", "0.1"} <= set(texts) and texts.count("0") <= 2, "small ones are not written as 0"


def test_a_plot_takes_its_colours_from_the_page() -> None:
    svg = draw(scatter_chart("t", [Series("rows", [1, 2], [1, 2])], "x", "y", diagonal="equal"))
    assert re.findall("#[0-9a-f]{3,6}", svg) == [] and "var(--s1)" in svg and "var(--ink)" in svg


@pytest.mark.parametrize("kind", every_kind())
def test_specs_are_as_the_schema_of_vega_lite_has_them(kind: str) -> None:
    spec = every_kind()[kind]
    alt.LayerChart.from_dict(spec, validate=True)
    assert spec == every_kind()[kind], "equal figures give equal specs"


def test_a_hundred_thousand_points_are_drawn_by_their_extremes() -> None:
    values = [float(i % 1000) for i in range(100_000)]
    values[50_123], values[77_777] = 5000.0, float("nan")
    curves = plot_curves({"history": {"loss": values, "learning_rate": values}})
    assert [plot.title.rpartition(" (")[2] for plot in curves] == ["drawn: the extremes of 100,000 epochs)"] * 2
    found = rows_of(curves[0].spec)
    assert len(found) <= 402 and (50_124, 5000.0) in [(row["x"], row["y"]) for row in found]
    assert len(curves[0].body) < 20_000 and len(curves[0].data) < 30_000


def test_a_surface_of_a_diverged_model_has_holes() -> None:
    spec = surface_chart("t", [0, 1, 2], [0, 1], [[0, 1, float("nan")], [1, 2, 3]], [], ("a", "b", "c"))
    assert len(spec["datasets"]["plotted"]) == 1 and draw(spec).endswith("</svg>")


def test_what_a_pointer_alone_shows_is_not_drawn() -> None:
    spec = line_chart("t", [Series("a", list(range(300)), [0.5] * 300)], "x", "y")
    assert [layer["name"] for layer in spec["layer"] if "name" in layer] == ["hover"]
    assert len(draw(spec)) < 8_000


def test_confusions_are_shaded_by_their_share_of_the_row() -> None:
    table = shade_table([[9, 1], [0, 0]], ["a", EVIL], "finding", "true", "predicted")
    assert 'class="hit5"' in table and 'class="miss1"' in table
    assert "1 row of a taken for &lt;/script&gt;" in table and "<img" not in table


def test_names_are_escaped_in_plots() -> None:
    for spec in (
        line_chart(EVIL, [Series(EVIL, [0, 1], [0, 1])], EVIL, EVIL),
        bar_chart(EVIL, [Bar(EVIL, 1.0)], EVIL, limit=(0.5, EVIL)),
        histogram_chart(EVIL, [0, 1], [Series(EVIL, [], [1])], EVIL),
        surface_chart(EVIL, [0, 1], [0, 1], [[0, 1], [1, 2]], [(0, 0, 1, 0)], (EVIL, EVIL, EVIL)),
    ):
        plot = make_plot(EVIL, spec)
        assert "<img" not in plot.body and "&lt;img" in plot.body
        assert "<" not in plot.data and json.loads(plot.data) == spec


def test_letters_that_no_page_can_show_are_signs() -> None:
    spec = bar_chart("t", [Bar("a\x00\ud800b", 1.0)], "\x1b[0m")
    assert rows_of(spec)[0]["name"] == "a\ufffd\ufffdb" and "\ufffd[0m" in draw(spec)


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
    assert rows_of(plot.spec)[0] == {"series": "mean of the rows", "name": "mean of the rows", "x": 10, "y": mean[0]}


def test_the_surface_names_its_top() -> None:
    surface = {
        "columns": ["area", "floor"], "units": ["m²", None], "target": "rent", "x": [10, 20], "y": [0, 1],
        "z": [[1.0, 2.0], [3.0, 9.0]], "points": [],
    }  # fmt: skip
    plot = plot_surface(surface, LABEL)
    assert plot.title == "rent is highest, 9, at area 20 and floor 1"
    assert plot.note == "The other columns are held at a typical row"


def test_the_outer_numbers_of_an_axis_stand_below_their_ticks() -> None:
    """Vega would begin the first one at the tick and end the last one there, so that gaps beside them differ."""
    drawn = draw(bar_chart("t", [Bar("a", 1.0), Bar("b", 0.5)], "share"))
    anchors = {element.text: element.get("text-anchor") for element in ElementTree.fromstring(drawn).iter("text")}
    numbers = {text: anchor for text, anchor in anchors.items() if text and text.replace(".", "").isdigit()}
    assert numbers["0.0"] == numbers["1.0"] == "middle"


@pytest.mark.parametrize(("y", "place"), [([0.5, 0.9, 0.95, 0.96], "height"), ([0.9, 0.5, 0.4, 0.41], 0)])
def test_the_name_of_a_pointer_stands_where_no_line_is(y: list[float], place: str | int) -> None:
    chart = line_chart("t", [Series("training", [1, 2, 3, 4], y)], "epoch", "loss", at=(3, "best"))
    (text,) = (layer for layer in chart["layer"] if layer["mark"].get("type") == "text")
    assert text["encoding"]["y"] == {"value": place}
