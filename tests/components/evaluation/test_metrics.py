"""Metrics against values worked out by hand, and what a recipe may ask to be measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.evaluation.metrics import DEFAULT_METRICS, METRICS, measure, settle_evaluation
from kerasline.components.evaluation.options import EvaluationOptions, Threshold
from kerasline.components.models.description.spec import Task

COLUMNS = ("age", "city", "ill")


def figures(task: Task, labels: Any, predictions: Any, *names: str) -> dict[str, float | None]:
    """Measures small lists."""
    return measure(names, np.array(labels), np.array(predictions, np.float32), task)


def test_multiclass() -> None:
    scores = [[0.7, 0.2, 0.05, 0.05], [0.1, 0.2, 0.3, 0.4], [0.25, 0.5, 0.15, 0.1], [0.3, 0.2, 0.4, 0.1]]
    found = figures("multiclass", [0, 0, 1, 1], scores, "accuracy", "log_loss", "top_3_accuracy")
    assert found["accuracy"] == 0.5
    assert found["top_3_accuracy"] == 0.75
    assert found["log_loss"] == pytest.approx(-math.log(0.7 * 0.1 * 0.5 * 0.2) / 4, rel=1e-6)


def test_a_sure_mistake_costs_what_keras_says_and_not_infinity() -> None:
    found = figures("multiclass", [1], [[1.0, 0.0]], "log_loss")
    assert found["log_loss"] == pytest.approx(-math.log(1e-7), rel=1e-6)
    assert figures("binary", [0], [[1.0]], "log_loss")["log_loss"] == pytest.approx(-math.log(1e-7), rel=1e-6)


def test_binary() -> None:
    labels, scores = [0, 0, 0, 1, 1], [[0.1], [0.6], [0.3], [0.9], [0.4]]
    found = figures("binary", labels, scores, *(name for name in METRICS if "binary" in METRICS[name].tfma))
    del found["calibration_error"]  # has a test of its own
    assert found == {
        "accuracy": pytest.approx(3 / 5),
        "log_loss": pytest.approx(-math.log(0.9 * 0.4 * 0.7 * 0.9 * 0.4) / 5, rel=1e-6),
        # Of the six pairs of an ill and a healthy one, (0.4, 0.6) alone is in the wrong order.
        "auc": pytest.approx(5 / 6),
        # Precision 1 up to a recall of 1/2; from there, at recall (1 + x) / 2, it is (1 + x) / (2 + x).
        "auc_pr": pytest.approx((1 + 1 - math.log(3 / 2)) / 2),
        "precision": pytest.approx(1 / 2),
        "recall": pytest.approx(1 / 2),
        "f1": pytest.approx(1 / 2),
    }


def test_equal_scores_are_one_step() -> None:
    assert figures("binary", [1, 0, 1, 0], [[0.5]] * 4, "auc", "auc_pr") == {"auc": 0.5, "auc_pr": 0.5}
    assert figures("binary", [0, 0], [[0.5], [0.1]], "auc_pr") == {"auc_pr": None}


def test_exactly_one_half_is_the_first_class_as_in_keras() -> None:
    assert figures("binary", [0, 1], [[0.5], [0.5]], "accuracy", "precision", "recall") == {
        "accuracy": 0.5,
        "precision": 0.0,
        "recall": 0.0,
    }


def test_macro_averages_count_every_class_alike() -> None:
    # Of three rows of class 0 two are found, of the one row of class 1 it is, and class 2 has no rows.
    scores = [[0.8, 0.1, 0.1], [0.6, 0.4, 0.0], [0.2, 0.3, 0.5], [0.1, 0.9, 0.0]]
    found = figures("multiclass", [0, 0, 0, 1], scores, "macro_precision", "macro_recall", "macro_f1", "macro_auc")
    assert found == {
        "macro_precision": pytest.approx((1 + 1) / 2),
        "macro_recall": pytest.approx((2 / 3 + 1) / 2),
        "macro_f1": pytest.approx((0.8 + 1) / 2),
        "macro_auc": pytest.approx(1.0),
    }
    found = figures(
        "multilabel", [[1, 0], [1, 1], [0, 0]], [[0.9, 0.6], [0.2, 0.7], [0.4, 0.1]], "macro_f1", "macro_auc"
    )
    assert found == {"macro_f1": pytest.approx((2 / 3 + 2 / 3) / 2), "macro_auc": pytest.approx((1 / 2 + 1) / 2)}


def test_the_area_of_each_class_against_the_rest() -> None:
    # Class 0 first finds a row of its own, then one of class 1, then its second; class 1 leads; class 2 has no rows.
    scores = [[0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.5, 0.5, 0.0]]
    own = figures("binary", [1, 1, 0], [[0.8], [0.3], [0.5]], "auc_pr")["auc_pr"]
    assert own is not None and 0.7 < own < 0.9
    found = figures("multiclass", [0, 0, 1], scores, "macro_auc_pr")
    assert found == {"macro_auc_pr": pytest.approx((own + 1) / 2)}
    labels = [[1, 0], [1, 0], [0, 0]]
    assert figures("multilabel", labels, [[0.8, 0.1], [0.3, 0.4], [0.5, 0.2]], "macro_auc_pr") == {
        "macro_auc_pr": pytest.approx(own)
    }
    assert figures("multilabel", [[0, 0]], [[0.5, 0.5]], "macro_auc_pr") == {"macro_auc_pr": None}


def test_calibration_error() -> None:
    # 0.85 and 0.85 come true once in two: 0.35 too high; 0.25 comes true: 0.75 too low.
    labels, scores = [1, 0, 1], [[0.85], [0.85], [0.25]]
    expected = (2 * 0.35 + 0.75) / 3
    assert figures("binary", labels, scores, "calibration_error")["calibration_error"] == pytest.approx(expected)
    # Of several classes the highest score counts: 0.7 is right, 0.6 is wrong.
    found = figures("multiclass", [0, 1], [[0.7, 0.2, 0.1], [0.3, 0.1, 0.6]], "calibration_error")
    assert found["calibration_error"] == pytest.approx((0.3 + 0.6) / 2)


def test_multilabel_counts_every_label_of_every_row() -> None:
    found = figures("multilabel", [[1, 0, 1], [0, 0, 1]], [[0.9, 0.2, 0.4], [0.1, 0.7, 0.8]], "accuracy", "log_loss")
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["log_loss"] == pytest.approx(-math.log(0.9 * 0.8 * 0.4 * 0.9 * 0.3 * 0.8) / 6, rel=1e-6)


def test_regression_in_the_units_of_the_label() -> None:
    found = figures("regression", [100.0, 200.0, 600.0], [[110.0], [180.0], [600.0]], "mae", "mse", "rmse", "r2")
    assert found == {
        "mae": pytest.approx(10.0),
        "mse": pytest.approx(500 / 3),
        "rmse": pytest.approx(math.sqrt(500 / 3)),
        "r2": pytest.approx(1 - 500 / 140_000),
    }


def test_a_model_that_answers_the_mean_explains_nothing() -> None:
    assert figures("regression", [1.0, 2.0, 6.0], [[3.0]] * 3, "r2") == {"r2": pytest.approx(0.0)}
    assert figures("regression", [4.0, 4.0], [[1.0], [2.0]], "r2") == {"r2": 0.0}, "labels without spread"


def test_what_is_not_defined_is_none() -> None:
    assert figures("binary", [1, 1], [[0.9], [0.2]], "auc", "recall") == {"auc": None, "recall": 0.5}
    assert figures("regression", [], np.zeros((0, 1)), "mae", "r2") == {"mae": None, "r2": None}
    assert figures("regression", [1.0], [[math.inf]], "mae") == {"mae": None}


def settle(task: Task = "binary", **options: Any) -> EvaluationOptions:
    """Settles an ``evaluation:`` block."""
    return settle_evaluation(EvaluationOptions.model_validate(options), task, COLUMNS)


@pytest.mark.parametrize("task", DEFAULT_METRICS)
def test_every_task_has_metrics_and_a_gate_by_default(task: Task) -> None:
    settled = settle(task)
    assert settled.metrics == list(DEFAULT_METRICS[task])
    main = settled.metrics[0]
    drop = 0.0 if "regression" in task else 0.01
    assert settled.thresholds == {main: Threshold(max_drop=drop)}


def test_a_metric_with_a_threshold_is_measured_too() -> None:
    settled = settle(metrics=["auc"], thresholds={"recall": {"min": 0.8}, "auc": {"max_drop": 0.02}})
    assert settled.metrics == ["auc", "recall"]
    assert settled.thresholds == {"recall": Threshold(min=0.8), "auc": Threshold(max_drop=0.02)}


@pytest.mark.parametrize(
    ("task", "options", "expected"),
    [
        ("regression", {"metrics": ["accuracy"]},
         "evaluation.metrics: expected metrics of a regression task (mae, mse, rmse, r2), got 'accuracy'."),
        ("multiclass", {"metrics": ["auc_pr"]},
         "evaluation.metrics: expected metrics of a multiclass task (accuracy, top_2_accuracy, top_3_accuracy, "
         "top_5_accuracy, top_10_accuracy, macro_precision, macro_recall, macro_f1, macro_auc, macro_auc_pr, "
         "calibration_error, log_loss), got 'auc_pr'. Did you mean 'macro_auc_pr'?"),
        ("multiclass", {"thresholds": {"acuracy": {"min": 0.9}}},
         "evaluation.thresholds: expected metrics of a multiclass task (accuracy, top_2_accuracy, top_3_accuracy, "
         "top_5_accuracy, top_10_accuracy, macro_precision, macro_recall, macro_f1, macro_auc, macro_auc_pr, "
         "calibration_error, log_loss), got 'acuracy'. Did you mean 'accuracy'?"),
        ("binary", {"slices": ["city", ["age", "cit"]]},
         "evaluation.slices: expected columns of the data (age, city, ill), got 'cit'. Did you mean 'city'?"),
        ("binary", {"slice_thresholds": {"cit=Kyoto": {"accuracy": {"min": 0.5}}}},
         "evaluation.slice_thresholds.cit=Kyoto: expected columns of the data (age, city, ill), got 'cit'. Did you "
         "mean 'city'?"),
        ("regression", {"slice_thresholds": {"city": {"accuracy": {"min": 0.5}}}},
         "evaluation.slice_thresholds.city: expected metrics of a regression task (mae, mse, rmse, r2), got "
         "'accuracy'."),
        ("binary", {"slice_thresholds": {"*": {"accuracy": {"min": 0.5}}}},
         "evaluation.slice_thresholds.*: expected columns in evaluation.slices, whose values it limits, but there are "
         "none; name some, such as slices: [sex]"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(task: Task, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settle(task, **options)
    assert str(caught.value) == expected


def test_directions() -> None:
    lower = {name for name, metric in METRICS.items() if not metric.higher_is_better}
    assert lower == {"log_loss", "mae", "mse", "rmse", "calibration_error"}


def test_limits_of_slices_measure_what_they_need() -> None:
    limits = {"city": {"recall": {"min": 0.5}}, "age=3, city": {"auc": {"min": 0.5}}}
    settled = settle(slices=["city"], metrics=["accuracy"], slice_thresholds=limits)
    assert settled.metrics == ["accuracy", "recall", "auc"]
    assert settled.slices == ["city", ["age", "city"]]
