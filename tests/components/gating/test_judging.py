"""The model gate's parts: each passes, fails or is left alone for the figures that it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasline.components.evaluation.metrics import METRICS
from kerasline.components.evaluation.options import Budgets, EvaluationOptions
from kerasline.components.evaluation.results import Failure, SliceFigures
from kerasline.components.gating import judging
from kerasline.components.gating.rows import FAILED, NOT_GATED, PASSED, Row
from kerasline.components.gating.trivial import judge_against_trivial
from kerasline.components.models.description.spec import Task

FIRST = "nothing is in production yet"


def options(**block: Any) -> EvaluationOptions:
    """Settled options of a binary task."""
    return EvaluationOptions.model_validate({"metrics": ["accuracy", "log_loss"], **block})


def figures(accuracy: float, log_loss: float = 0.3, rows: int = 1000, **where: str) -> SliceFigures:
    """What was measured; production has an accuracy of 0.9 and a log loss of 0.2 everywhere."""
    candidate = {"accuracy": accuracy, "log_loss": log_loss}
    return SliceFigures(where, rows, candidate, {"accuracy": 0.9, "log_loss": 0.2})


def statuses(rows: list[Row]) -> list[tuple[str, str, str]]:
    """Part, slice and status of each row."""
    return [(row.part, row.slice, row.status) for row in rows]


@pytest.mark.parametrize(
    ("accuracy", "log_loss", "expected"),
    [
        (0.95, 0.15, [PASSED, PASSED, PASSED, PASSED]),
        (0.88, 0.30, [PASSED, PASSED, PASSED, PASSED]),  # just not worse by more than is allowed
        (0.879, 0.301, [PASSED, FAILED, PASSED, FAILED]),
        (0.79, 0.51, [FAILED, FAILED, FAILED, FAILED]),
    ],
)
def test_limits_of_the_whole_split(accuracy: float, log_loss: float, expected: list[str]) -> None:
    limits = {"accuracy": {"min": 0.8, "max_drop": 0.02}, "log_loss": {"max": 0.5, "max_drop": 0.1}}
    rows = judging.judge_thresholds(options(thresholds=limits), figures(accuracy, log_loss), [], "")
    assert [row.status for row in rows] == expected
    assert [row.part for row in rows] == ["threshold", "baseline"] * 2
    assert [row.limit for row in rows] == [0.8, pytest.approx(0.88), 0.5, pytest.approx(0.3)]
    assert rows[1].text == "not worse than 0.88 (the model in production has 0.9 on this data)"
    assert rows[0].to_json()["passed"] is (expected[0] == PASSED)


def test_a_comparison_on_rows_that_production_was_fitted_on_says_so_on_the_whole_and_on_slices() -> None:
    limits = {"accuracy": {"min": 0.8, "max_drop": 0.02}}
    chosen = options(thresholds=limits, slices=["city"], slice_thresholds={"city=Oslo": limits})
    rows = judging.judge_thresholds(chosen, figures(0.81), [figures(0.75, city="Oslo")], "", "version 3 has seen them")
    assert [row.detail for row in rows] == ["", "version 3 has seen them"] * 2
    first = judging.judge_thresholds(chosen, figures(0.81), [], FIRST, "")
    assert {row.detail for row in first} == {""}


def test_each_figure_that_is_good_enough_says_that_the_model_started_from_one_that_has_seen_the_rows() -> None:
    limits = {"accuracy": {"min": 0.8, "max_drop": 0.02}, "log_loss": {"max": 0.1}}
    rows = judging.judge_thresholds(options(thresholds=limits), figures(0.89), [], "", "version 3 has seen them")
    told = judging.note_flattered(rows, "flats@1 has seen them")
    assert [(row.status, row.detail) for row in told] == [
        (PASSED, "flats@1 has seen them"), (PASSED, "version 3 has seen them"), (FAILED, ""),
    ]  # fmt: skip
    assert judging.note_flattered(rows, "") == rows


def test_before_the_first_push_there_are_limits_only_and_the_row_says_so() -> None:
    limits = {"accuracy": {"min": 0.8, "max_drop": 0.02}}
    rows = judging.judge_thresholds(options(thresholds=limits), figures(0.81), [], FIRST)
    assert [row.status for row in rows] == [PASSED, NOT_GATED]
    assert rows[1].text == "not compared: nothing is in production yet"
    assert rows[1].limit is None


def test_a_figure_that_is_not_defined_keeps_no_limit() -> None:
    whole = SliceFigures({}, 10, {"accuracy": None}, {"accuracy": None})
    rows = judging.judge_thresholds(options(thresholds={"accuracy": {"min": 0.1, "max_drop": 0.5}}), whole, [], "")
    assert [row.status for row in rows] == [FAILED, NOT_GATED]


SLICES = [
    figures(0.95, rows=400, city="Kyoto"),
    figures(0.75, rows=300, city="Oslo"),
    figures(0.10, rows=49, city="Turku"),
    figures(0.92, rows=300, city="Kyoto", sex="female"),
]


@pytest.mark.parametrize(
    ("key", "least", "expected"),
    [
        ("city", 0.7, [("city=Oslo", PASSED)]),
        ("city", 0.8, [("city=Oslo", FAILED)]),
        ("city", 0.96, [("city=Kyoto", FAILED), ("city=Oslo", FAILED)]),
        ("city=Kyoto", 0.9, [("city=Kyoto", PASSED)]),
        ("city=Turku", 0.9, [("city=Turku", NOT_GATED)]),
        ("city=Rome", 0.9, [("city=Rome", NOT_GATED)]),
        ("city, sex", 0.93, [("city=Kyoto, sex=female", FAILED)]),
        ("*", 0.8, [("city=Oslo", FAILED)]),
    ],
)
def test_limits_of_slices(key: str, least: float, expected: list[tuple[str, str]]) -> None:
    chosen = options(slices=["city", ["city", "sex"]], slice_thresholds={key: {"accuracy": {"min": least}}})
    rows = judging.judge_thresholds(chosen, figures(0.99), SLICES, FIRST)
    assert [(row.slice, row.status) for row in rows] == expected
    assert {row.part for row in rows} == {"slice"}


def test_small_slices_are_told_and_not_gated() -> None:
    chosen = options(slices=["city"], slice_thresholds={"city": {"accuracy": {"min": 0.7}}})
    (row,) = judging.judge_thresholds(chosen, figures(0.99), SLICES[:3], FIRST)
    assert row.text == "at least 0.7 (the nearest of 2 slices of city; 1 of fewer than 50 rows not gated)"
    alone = options(slices=["city"], slice_thresholds={"city=Turku": {"accuracy": {"min": 0.7}}})
    (row,) = judging.judge_thresholds(alone, figures(0.99), SLICES, FIRST)
    assert row.text == "not gated: slices of fewer than 50 rows are not, and the largest has 49"


def test_a_drop_on_one_slice_only() -> None:
    chosen = options(slices=["city"], slice_thresholds={"city": {"accuracy": {"max_drop": 0.1}}})
    (row,) = judging.judge_thresholds(chosen, figures(0.9), SLICES[:3], "")
    assert (row.slice, row.value, row.status) == ("city=Oslo", 0.75, FAILED)
    assert row.text == "not worse than 0.8 (the model in production has 0.9 on this data)"
    (row,) = judging.judge_thresholds(chosen, figures(0.9), SLICES[:3], FIRST)
    assert (row.slice, row.status, row.text) == ("city", NOT_GATED, "not compared: nothing is in production yet")


def test_what_tfma_alone_refuses_is_a_row_too() -> None:
    limits = {"accuracy": {"min": 0.8, "max_drop": 0.02}}
    chosen = options(thresholds=limits)
    rows = judging.judge_thresholds(chosen, figures(0.7), [], "")
    assert judging.judge_unexplained(rows, [Failure({}, "accuracy", False), Failure({}, "accuracy", True)]) == []
    passed = judging.judge_thresholds(chosen, figures(0.95), [], "")
    (added,) = judging.judge_unexplained(passed, [Failure({}, "accuracy", False), Failure({"city": "x"}, "auc", False)])
    assert (added.metric, added.status) == ("accuracy", FAILED)
    # Before the first push TFMA compares with the trivial model, which is no baseline.
    first = judging.judge_thresholds(chosen, figures(0.95), [], FIRST)
    assert judging.judge_unexplained(first, [Failure({}, "accuracy", True)]) == []


def against_trivial(task: Task, labels: Any, predictions: Any, trivial: list[float], *metrics: str) -> Row:
    """Judges small lists."""
    truth, guess = np.array(labels), np.array(predictions, np.float32)
    return judge_against_trivial(options(metrics=list(metrics)), truth, guess, np.array(trivial), task, {})


def test_a_model_must_be_better_than_the_majority_beyond_luck() -> None:
    labels = [0] * 60 + [1] * 40
    better = [[0.1]] * 60 + [[0.9]] * 25 + [[0.1]] * 15  # 85 right of 100, the majority has 60
    row = against_trivial("binary", labels, better, [0.4], "accuracy")
    assert (row.status, row.limit, row.metric) == (PASSED, pytest.approx(0.6), "accuracy")
    assert row.text.startswith("95 % interval clear of the trivial model's 0.6 (it is 0.76")
    barely = [[0.1]] * 60 + [[0.9]] * 7 + [[0.1]] * 33  # 67 right may be luck
    assert against_trivial("binary", labels, barely, [0.4], "accuracy").status == FAILED
    assert against_trivial("binary", labels, [[0.4]] * 100, [0.4], "accuracy").status == FAILED


def test_errors_must_be_below_those_of_the_mean() -> None:
    random = np.random.default_rng(4)
    labels = random.normal(50, 10, 200)
    good, useless = labels + random.normal(0, 3, 200), np.full(200, 50) + random.normal(0, 0.1, 200)
    mean = [float(labels.mean())]
    assert against_trivial("regression", labels, good[:, None], mean, "mae").status == PASSED
    assert against_trivial("regression", labels, useless[:, None], mean, "mae").status == FAILED


@pytest.mark.parametrize("metric", ["recall", "calibration_error"])
def test_where_always_yes_is_perfect_the_log_loss_decides(metric: str) -> None:
    labels = [1] * 70 + [0] * 30
    good = [[0.9]] * 68 + [[0.2]] * 2 + [[0.1]] * 28 + [[0.8]] * 2
    row = against_trivial("binary", labels, good, [0.7], metric)
    assert (row.metric, row.status) == ("log_loss", PASSED)


def test_one_row_shows_nothing() -> None:
    row = against_trivial("binary", [1], [[0.9]], [0.2], "accuracy")
    assert row.status == FAILED
    assert row.text == "better than the trivial model, which so few eval rows (1) do not show"


def test_budgets() -> None:
    budgets = Budgets(latency_p50_ms=2, latency_p99_ms=5, size_bytes=1000, parameters=100)
    measured = {"latency_p50_ms": 1.5, "latency_p99_ms": 7.5, "size_bytes": 1001, "parameters": 100}
    rows = judging.judge_budgets(budgets, measured)
    assert [(row.metric, row.value, row.status) for row in rows] == [
        ("latency_p50_ms", 1.5, PASSED),
        ("latency_p99_ms", 7.5, FAILED),
        ("size_bytes", 1001, FAILED),
        ("parameters", 100, PASSED),
    ]
    assert rows[2].text == "at most 1,000 bytes"
    assert judging.judge_budgets(Budgets(), measured) == []
    assert [row.status for row in judging.judge_budgets(budgets, {})] == [FAILED] * 4, "what was not measured"


def test_formats_have_tolerances_of_their_own() -> None:
    outcome = {"title": "LiteRT", "difference": 2e-4, "measure": "largest difference", "rows": 1000}
    rows = judging.judge_formats(
        {"tflite": {**outcome, "tolerance": 1e-4}, "tflite_int8": {**outcome, "tolerance": 0.05}}
    )
    assert [(row.metric, row.status) for row in rows] == [("tflite", FAILED), ("tflite_int8", PASSED)]
    assert rows[0].text == "at most 0.0001 (largest difference, 1,000 eval rows)"


def test_the_serving_check_is_a_part() -> None:
    outcome = {"passed": True, "largest_difference": 2e-8, "tolerance": 1e-5, "rows": 1234, "problems": []}
    outcome |= {"worst_row": 7, "rows_beyond": 0, "first_beyond": []}
    row = judging.judge_parity(outcome)
    assert (row.part, row.value, row.limit, row.status) == ("parity", 2e-8, 1e-5, PASSED)
    assert (row.text, row.detail) == ("at most 1e-05 (largest difference, 1,234 eval rows)", "")


@pytest.mark.parametrize(
    ("found", "detail"),
    [
        (
            {"rows_beyond": 212, "first_beyond": [1, 2, 5], "worst_row": 17},
            "it is larger in 212 of them (rows 1, 2, 5, ... of the eval split, most of all in row 17)",
        ),
        (
            {"rows_beyond": 1, "first_beyond": [9], "worst_row": 9},
            "it is larger in 1 of them (row 9 of the eval split)",
        ),
        ({"problems": ["another order", "a NaN"]}, "another order; a NaN"),
    ],
)
def test_the_serving_check_says_what_differs_and_where(found: dict[str, Any], detail: str) -> None:
    outcome = {"passed": False, "largest_difference": 1e-4, "tolerance": 1e-5, "rows": 300, "problems": []}
    outcome |= {"worst_row": 1, "rows_beyond": 0, "first_beyond": []}
    row = judging.judge_parity({**outcome, **found})
    assert (row.value, row.status, row.detail) == (1e-4, FAILED, detail)


def test_every_row_has_a_title_for_people() -> None:
    for name in METRICS:
        (row,) = judging.judge_thresholds(options(thresholds={name: {"min": 0.5}}), figures(0.9), [], "")
        assert row.title == METRICS[name].title
