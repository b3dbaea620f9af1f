"""Metrics of a user's own: one figure from arrays and from TFMA, with intervals and limits; what is none is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.evaluation.intervals import metric_intervals
from kerasline.components.evaluation.metrics import METRICS, measure, settle_evaluation
from kerasline.components.evaluation.options import EvaluationOptions
from kerasline.components.evaluation.own_metrics import modules_of
from kerasline.pipeline.templates import write_module

CODE = """
import numpy as np

def right(y_true, y_pred):
    return float((y_pred.argmax(axis=1) == y_true).mean())
right.higher_is_better = True

def shapes(y_true, y_pred):
    assert y_true.shape == y_pred.shape == (len(y_pred),), (y_true.shape, y_pred.shape)
    return np.abs(y_true - y_pred)
shapes.higher_is_better = False

class Error:
    higher_is_better = False
    total = 0.0
    def update_state(self, y_true, y_pred):
        self.total += float(np.abs(y_true - y_pred).mean())
    def result(self):
        return self.total

def spoils(y_true, y_pred):
    y_true[:], y_pred[:] = 0, 0
    return 1.0
spoils.higher_is_better = True

def undirected(y_true, y_pred): return 0.0
def matrix(y_true, y_pred): return y_pred
def nothing(y_true, y_pred): return None
def fails(y_true, y_pred): raise RuntimeError("not today")
matrix.higher_is_better = nothing.higher_is_better = fails.higher_is_better = True
"""


@pytest.fixture(autouse=True)
def first_metric(own: str, tmp_path: Path) -> Iterator[None]:
    """Writes the template beside the module, and forgets both when the test ends."""
    write_module("metric", "own_first_metric", tmp_path)
    yield
    sys.modules.pop("own_first_metric", None)
    for one in [one for one in METRICS if ":" in one]:
        del METRICS[one]


LABELS = np.array([0, 1, 2, 2, 1, 0, 1, 2])
SCORES = np.eye(3, dtype=np.float32)[[0, 1, 2, 1, 1, 0, 2, 2]]


def test_its_figure_and_interval_are_those_of_the_rows(own: str) -> None:
    name = f"{own}:right"
    assert measure([name, "accuracy"], LABELS, SCORES, "multiclass") == {name: 0.75, "accuracy": 0.75}
    low, high = metric_intervals([name], LABELS, SCORES, "multiclass")[name] or (0, 0)
    assert 0.3 < low < 0.75 < high <= 1.1
    assert (METRICS[name].title, METRICS[name].higher_is_better) == ("right", True)
    assert modules_of([name, "accuracy"]) == (own,)


def test_one_that_changes_its_arrays_changes_no_other_figure(own: str) -> None:
    found = measure([f"{own}:spoils", "accuracy"], LABELS, SCORES, "multiclass")
    assert found == {f"{own}:spoils": 1.0, "accuracy": 0.75}
    assert LABELS.any() and SCORES.any()


@pytest.mark.parametrize("function", ["shapes", "Error"])
def test_one_output_is_one_number_a_row(own: str, function: str) -> None:
    labels, answers = np.array([1.0, 2.0, 4.0]), np.array([[1.0], [3.0], [6.0]], np.float32)
    assert measure([f"{own}:{function}"], labels, answers, "regression")[f"{own}:{function}"] == pytest.approx(1.0)


def test_the_template_counts_what_errors_cost(own: str) -> None:
    name = "own_first_metric:own_first_metric"
    answers = np.array([[0.9], [0.2], [0.8], [0.1]], np.float32)
    assert measure([name], np.array([1, 1, 0, 0]), answers, "binary")[name] == pytest.approx(11 / 4)
    assert measure([name], LABELS, SCORES, "multiclass")[name] == 0.25


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("undirected", "expected .*:undirected to say which way is better; write undirected.higher_is_better = True"),
        ("none", "has no function 'none'"),
        ("matrix", r"a number, or one for each of 8 rows, from .*:matrix, but it returned an array of shape \(8, 3\)"),
        ("nothing", "expected a number"),
        ("fails", r"raised RuntimeError in .*, line \d+: not today"),
    ],
)
def test_what_is_no_metric_is_said(own: str, function: str, said: str) -> None:
    if function == "nothing":
        assert measure([f"{own}:nothing"], LABELS, SCORES, "multiclass") == {f"{own}:nothing": None}
        return
    with pytest.raises(ConfigError, match=said) as caught:
        measure([f"{own}:{function}"], LABELS, SCORES, "multiclass")
    assert str(caught.value).startswith("evaluation.metrics: ")


def test_limits_go_its_way(own: str) -> None:
    def settled(**block: object) -> EvaluationOptions:
        return settle_evaluation(EvaluationOptions.model_validate(block), "multiclass", ["town", "kind"])

    name = f"{own}:right"
    assert settled(metrics=[name]).thresholds[name].max_drop == 0.0
    assert settled(metrics=["accuracy"], thresholds={name: {"min": 0.5}}).metrics == ["accuracy", name]
    with pytest.raises(ConfigError, match=f"evaluation.thresholds.{name}: expected min, as .* got max alone"):
        settled(thresholds={name: {"max": 0.5}})
    with pytest.raises(
        ConfigError, match=r"slice_thresholds.town=a.*: expected max, as .*higher_is_better says, got min"
    ):
        settled(slices=["town"], slice_thresholds={"town=a": {f"{own}:shapes": {"min": 0.5}}})


@pytest.mark.slow
@pytest.mark.parametrize("task", ["multiclass", "binary", "regression"])
def test_tfma_measures_the_same(own: str, task: str) -> None:
    import tfx.v1  # noqa: F401 (before TFMA: it stubs a module)

    from tests.components.evaluation.test_evaluation import analyzed, config_of, made_up

    labels, predictions, classes, dtype = made_up(task)
    name = f"{own}:right" if task == "multiclass" else f"{own}:shapes"
    specs = config_of(task, classes, dtype, metrics=[name]).metrics_specs
    found = analyzed(labels, predictions, specs)
    assert found[name] == pytest.approx(measure([name], labels, predictions, task)[name], rel=1e-5)
