"""What titles say: ties and intervals decide the words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kerasline.components.report.comparison_page import describe
from kerasline.components.report.diagnosis.attention import _not_blessed, look_at
from kerasline.components.report.diagnosis.because import describe_because
from kerasline.components.report.plots.column_plots import (
    describe_frequent,
    describe_middle,
    describe_order,
    order_columns,
    plot_columns,
)
from kerasline.components.report.plots.plots import describe_mistakes, plot_curves


@pytest.mark.parametrize(
    ("low", "middle", "high", "distinct", "words"),
    [
        (1, 1, 9, 5, "half of the values or more are 1 cm, the least; the greatest is 9"),
        (0, 1, 1, 2, "half of the values or more are 1 cm, the greatest; the least is 0"),
        (1, 2, 3, 3, "the median is 2 cm; the values go from 1 to 3"),
        (0.0, 0.5, 1.0, 990, "half of the values are below 0.5 cm"),
        (0.0, 0.5, 1.0, None, "half of the values are below 0.5 cm"),
        (1.0, 1.0001, 1.0002, 3, "the median is 1.0001 cm; the values go from 1 to 1.0002"),
        (None, 0.5, None, 990, "the median is 0.5 cm"),
        (None, None, None, None, "its distribution"),
    ],
)
def test_where_the_middle_is(
    low: float | None, middle: float | None, high: float | None, distinct: int | None, words: str
) -> None:
    described = {"rows": 1000, "minimum": low, "median": middle, "maximum": high}
    assert describe_middle(described, distinct, "cm") == words


@pytest.mark.parametrize(
    ("counts", "total", "words"),
    [
        ({"a": 5, "b": 3}, 8, "a is the most frequent class, 62%"),
        ({"a": 4, "b": 4}, 8, "all 2 classes are equally frequent"),
        ({"a": 4, "b": 4, "c": 2}, 10, "a and b are the most frequent classes, 40% each"),
        ({"a": 2, "b": 2, "c": 2, "d": 2}, 99, "a, b and 2 more are the most frequent classes, 2% each"),
    ],
)
def test_classes_that_are_equally_frequent(counts: dict[str, int], total: int, words: str) -> None:
    assert describe_frequent(counts, total, "class") == words


def test_whole_numbers_share_their_values(make_figures: Callable[..., dict[str, Any]]) -> None:
    figures = make_figures(np.zeros(3), np.zeros((3, 1)), task="regression", trivial=[0.0])
    figures["data"]["label"] |= {"name": "rooms", "dtype": "int", "unit": None}
    histogram = {"edges": [1.0, 5.0, 9.0], "counts": [900, 100]}
    train = {"rows": 1000, "missing": 2, "minimum": 1.0, "median": 3.0, "maximum": 9.0, "histogram": histogram}
    constant = {**train, "minimum": 3.0, "maximum": 3.0, "histogram": {"edges": [3.0, 3.0], "counts": [1000]}}
    figures["statistics"] = {
        "rooms": {"train": train},
        "same": {"train": constant},
        "none": {"train": {"rows": 0, "missing": 9}},
    }
    titles = [plot.title for plot in plot_columns(figures)]
    assert titles == ["rooms: the median is 3; the values go from 1 to 9, below 1% missing"]


def known_of(importance: dict[str, Any] | None, *found: str) -> dict[str, Any]:
    """Figures of a run whose gate found something about some columns."""
    findings = [{"check": "drift", "column": name} for name in found]
    return {
        "data": {"label": {"name": "kind"}}, "statistics": dict.fromkeys(["kind", *"abcdef"]),
        "gate_verdict": {"findings": findings}, "explanations": importance and {"importance": importance},
    }  # fmt: skip


def lost(**drops: tuple[float, float]) -> list[dict[str, Any]]:
    return [{"column": name, "drop": sum(ends) / 2, "low": ends[0], "high": ends[1]} for name, ends in drops.items()]


def test_columns_begin_with_what_is_to_be_known_of_them() -> None:
    """What the gate found, then what the model leans on; what chance explains has no place of its own."""
    groups = [{"columns": ["c", "e"], "drop": 0.2, "low": 0.1, "high": 0.3}]
    importance = {"columns": lost(b=(0.05, 0.07), e=(0.4, 0.5), f=(-0.1, 0.9)), "groups": groups}
    figures = known_of(importance, "d", "")
    assert order_columns(list("abcdef"), figures) == ["d", "e", "c", "b", "a", "f"]
    assert describe_order(figures) == (
        "After the label come those that the data gate found something about, then those that the model leans on, the "
        "heaviest first, and then all others."
    )


@pytest.mark.parametrize(
    "figures", [known_of(None), known_of({"columns": lost(a=(-0.1, 0.2)), "groups": []}, "kind"), known_of({}, "gone")]
)
def test_columns_of_which_nothing_is_known_stay_as_in_the_data(figures: dict[str, Any]) -> None:
    assert order_columns(list("fbad"), figures) == list("fbad")
    assert describe_order(figures) == ""


def test_the_page_plots_the_weightiest_of_many_columns(make_figures: Callable[..., dict[str, Any]]) -> None:
    from kerasline.components.report.page import render

    figures = make_figures(np.zeros(3), np.zeros((3, 1)), task="regression", trivial=[0.0])
    histogram = {"edges": [1.0, 5.0, 9.0], "counts": [900, 100]}
    train = {"rows": 1000, "missing": 0, "minimum": 1.0, "median": 3.0, "maximum": 9.0, "histogram": histogram}
    figures["statistics"] = {f"c{number}": {"train": train} for number in range(500)}
    importance = {
        "metric": "mae",
        "value": 1.0,
        "rows": 3,
        "columns": lost(c499=(0.1, 0.2)),
        "groups": [],
        "skipped": [],
    }
    figures["explanations"] = {"mistakes": [], "hits": [], "neighbours_of": 0, "notes": [], "dependence": [],
                               "importance": importance, "surface": None}  # fmt: skip
    plots = plot_columns(figures)
    assert plots[0].title.startswith("c499: ") and plots[1].title.startswith("c0: ")
    page = render(figures)
    assert "After the label come those that the model leans on" in page
    assert len(page.encode()) < 1_500_000 and page.count('<svg class="plot"') == 40 + 3


@pytest.mark.parametrize(
    ("effects", "rest", "words"),
    [
        ({"area": 271.3, "rooms": -52.4}, None, "usually 935; area +270, rooms -52"),
        ({"a": 0.0}, 0.01234, "usually 935; a +0, all others +0.012"),
        (dict.fromkeys("abcdef", -0.125), None, "usually 935; a -0.12, b -0.12, c -0.12, d -0.12, all others -0.25"),
    ],
)
def test_what_moved_an_answer(effects: dict[str, float], rest: float | None, words: str) -> None:
    columns = [{"column": name, "effect": effect} for name, effect in effects.items()]
    assert describe_because({"target": "rent", "usual": 934.77, "columns": columns, "rest": rest}) == words


def mistakes(*rows: int) -> list[dict[str, Any]]:
    return [{"true": f"t{i}", "predicted": f"p{i}", "rows": count} for i, count in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((6, 2), "most often t0 is taken for p0 (6×)"),
        ((4, 4, 1), "most often t0 is taken for p0 and t1 is taken for p1 (4× each)"),
        ((1, 1, 1), "no mistake is made twice"),
        ((1,), "most often t0 is taken for p0 (1×)"),
        ((2, 2, 2, 2, 1), "no mistake stands out, none is made more than 2×"),
    ],
)
def test_mistakes_that_are_equally_frequent(rows: tuple[int, ...], words: str) -> None:
    assert describe_mistakes(mistakes(*rows)) == words


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ([0.5, 0.4, 0.6], "The training loss was best in epoch 2 of 3: 0.4"),
        ([0.5, 0.4, 0.4], "The training loss was first best in epoch 2 of 3: 0.4"),
        ([0.5, 0.5], "The training loss stayed at 0.5 in all 2 epochs"),
        ([0.5], "The training loss was best in epoch 1 of 1: 0.5"),
        (
            [0.5, float("nan"), float("inf")],
            "The training loss was best in epoch 1 of 3: 0.5; it was no number in 2 epochs",
        ),
        ([float("nan")], "The training loss was no number in any epoch"),
    ],
)
def test_when_a_curve_was_best(values: list[float], title: str) -> None:
    (plot,) = plot_curves({"history": {"loss": values}})
    assert plot.title == title and "nan" not in plot.body


def compared(a: float, b: float, chance: float | None, intervals: tuple[Any, Any] = (None, None)) -> dict[str, Any]:
    row = {"name": "accuracy", "a": a, "b": b, "change": b - a, "is_better": None if a == b else b > a,
           "interval_a": intervals[0], "interval_b": intervals[1]}  # fmt: skip
    return {"metrics": [row], "predictions": None if chance is None else {"chance": chance}}


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        (compared(0.4, 0.8, 0.01), "B is better: accuracy 0.8 instead of 0.4, more than luck explains"),
        (compared(0.8, 0.4, 0.01), "B is worse: accuracy 0.4 instead of 0.8, more than luck explains"),
        (compared(0.4, 0.8, 0.5), "No clear difference: accuracy 0.8 in B instead of 0.4 in A, which may be luck"),
        (compared(0.4, 0.4, 0.5), "A and B have the same accuracy of 0.4"),
        (compared(0.70001, 0.70002, 0.5), "No clear difference: accuracy 0.70002 in B instead of 0.70001 in A, which "
                                          "may be luck"),
        (compared(0.4, 0.8, None, ([0.3, 0.5], [0.7, 0.9])), "B is better: accuracy 0.8 instead of 0.4"),
        (compared(0.4, 0.8, None, ([0.1, 0.7], [0.6, 0.9])),
         "No clear difference: accuracy 0.8 in B instead of 0.4 in A, and their 95 % intervals overlap"),
        (compared(0.4, 0.8, None), "No clear difference: accuracy 0.8 in B instead of 0.4 in A, and nothing says how "
                                   "much of that is luck"),
        ({**compared(0.4, 0.8, 0.5), "predictions": {"chance": None}},
         "No clear difference: accuracy 0.8 in B instead of 0.4 in A, and no row is answered better or worse"),
    ],
)  # fmt: skip
def test_a_comparison_says_better_where_luck_does_not_explain_it(comparison: dict[str, Any], words: str) -> None:
    assert describe(comparison) == words


def test_what_to_look_at_names_no_single_confusion_of_many_equal_ones(make_figures: Callable[..., Any]) -> None:
    labels = np.repeat([0, 1, 2], 20)
    guessed = labels.copy()
    guessed[[0, 1, 20, 21, 40, 41]] = [1, 1, 2, 2, 0, 0]
    scores = np.full((60, 3), 0.1)
    scores[np.arange(60), guessed] = 0.8
    figures = make_figures(labels, scores, classes=("a", "b", "c"))
    figures["metrics"] = {"accuracy": 0.9, "log_loss": 0.4}
    texts = " ".join(entry["text"] for entry in look_at({**figures, "diagnosis": [], "gate": []}))
    assert "6 of 60 eval rows are wrong." in texts and "Most often" not in texts


@pytest.mark.parametrize(
    ("others", "said"), [(1, " (and 1 more limit is not kept)."), (2, " (and 2 more limits are not kept).")]
)
def test_limits_that_are_not_kept_are_counted(others: int, said: str) -> None:
    row = {"part": "limit", "title": "R²", "slice": "", "value": -0.5, "text": "at least 0 was", "passed": False}
    assert _not_blessed([row] * (1 + others), "").endswith(said)
