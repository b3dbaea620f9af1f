"""The metrics that a recipe can name: their direction, what TFMA computes for each, and the same from arrays.

TFMA measures the eval split inside the pipeline. :func:`measure` computes the same figures from predictions in memory,
for the test split and for the trivial model; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.errors import ConfigError, nearest
from components.models.spec import Task
from components.options import EvaluationOptions, Threshold


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
      title: for tables and plots.
      higher_is_better: its direction.
      tfma: class name and arguments of the TFMA (or Keras) metric, for each task that has it.
      compute: labels [rows] and predictions [rows, units] to the figure.
      unit: ``share`` (0..1), ``label`` (the label's units), ``label²`` or an empty string.
    """

    title: str
    higher_is_better: bool
    tfma: dict[Task, tuple[str, dict[str, Any]]]
    compute: Callable[[np.ndarray, np.ndarray, Task], float]
    unit: str = ""


def _accuracy(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
    if task == "multiclass":
        return float((predictions.argmax(axis=1) == labels).mean())
    return float(((predictions > 0.5) == (labels.reshape(predictions.shape) > 0.5)).mean())


def _top_k(k: int) -> Callable[[np.ndarray, np.ndarray, Task], float]:
    def compute(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
        # Ties count as Keras counts them: a class is in the top k when fewer than k classes score higher.
        own = predictions[np.arange(len(labels)), labels.astype(int)][:, np.newaxis]
        return float(((predictions > own).sum(axis=1) < k).mean())

    return compute


def _log_loss(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
    clipped = np.clip(predictions.astype(np.float64), 1e-7, 1 - 1e-7)
    if task == "multiclass":
        clipped /= clipped.sum(axis=1, keepdims=True)
        return float(-np.log(clipped[np.arange(len(labels)), labels.astype(int)]).mean())
    truth = labels.reshape(clipped.shape)
    return float(-(truth * np.log(clipped) + (1 - truth) * np.log(1 - clipped)).mean())


def _scikit(name: str) -> Callable[[np.ndarray, np.ndarray, Task], float]:
    def compute(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
        from sklearn import metrics

        function = getattr(metrics, name)
        if name == "roc_auc_score":
            return float(function(labels.reshape(-1), predictions.reshape(-1)))
        return float(function(labels.reshape(-1) > 0.5, predictions.reshape(-1) > 0.5, zero_division=0))

    return compute


def _auc_pr(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
    """Integrates precision over recall as Keras and TFMA do: between two scores the counts change in proportion.

    Source: J. Davis, M. Goadrich: The Relationship Between Precision-Recall and ROC Curves, ICML 2006.
    """
    truth, scores = labels.reshape(-1) > 0.5, predictions.reshape(-1)
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # equal scores count as one step
    hits = np.append(0.0, np.cumsum(truth[order])[last])
    taken = np.append(0.0, np.arange(1, len(order) + 1)[last])
    slope = np.diff(hits) / np.diff(taken)
    intercept = hits[:-1] - slope * taken[:-1]
    ratio = taken[1:] / np.where(taken[:-1] > 0, taken[:-1], taken[1:])
    return float((slope * (np.diff(hits) + intercept * np.log(ratio))).sum() / hits[-1]) if hits[-1] else float("nan")


def _error(power: int, root: bool = False) -> Callable[[np.ndarray, np.ndarray, Task], float]:
    def compute(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
        value = float((np.abs(labels.reshape(-1).astype(np.float64) - predictions.reshape(-1)) ** power).mean())
        return value**0.5 if root else value

    return compute


def _r2(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
    truth, guess = labels.reshape(-1).astype(np.float64), predictions.reshape(-1).astype(np.float64)
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1.0 - float(((truth - guess) ** 2).sum()) / spread if spread > 0 else 0.0


_BOTH_REGRESSIONS: tuple[Task, ...] = ("regression", "bounded_regression")


def _for(tasks: Sequence[Task], name: str, **arguments: Any) -> dict[Task, tuple[str, dict[str, Any]]]:
    return {task: (name, arguments) for task in tasks}


METRICS: dict[str, Metric] = {
    "accuracy": Metric(
        "accuracy",
        True,
        _for(["multiclass"], "SparseCategoricalAccuracy") | _for(["binary", "multilabel"], "BinaryAccuracy"),
        _accuracy,
        "share",
    ),
    "top_3_accuracy": Metric(
        "top-3 accuracy", True, _for(["multiclass"], "SparseTopKCategoricalAccuracy", k=3), _top_k(3), "share"
    ),
    "log_loss": Metric(
        "log loss",
        False,
        _for(["multiclass"], "SparseCategoricalCrossentropy") | _for(["binary", "multilabel"], "BinaryCrossEntropy"),
        _log_loss,
        "nats",
    ),
    "auc": Metric("ROC AUC", True, _for(["binary"], "AUC", num_thresholds=10000), _scikit("roc_auc_score"), "share"),
    "auc_pr": Metric(
        "PR AUC",
        True,
        _for(["binary"], "AUCPrecisionRecall", num_thresholds=10000),
        _auc_pr,
        "share",
    ),
    "precision": Metric("precision", True, _for(["binary"], "Precision"), _scikit("precision_score"), "share"),
    "recall": Metric("recall", True, _for(["binary"], "Recall"), _scikit("recall_score"), "share"),
    "f1": Metric("F1", True, _for(["binary"], "F1Score"), _scikit("f1_score"), "share"),
    "mae": Metric("mean absolute error", False, _for(_BOTH_REGRESSIONS, "MeanAbsoluteError"), _error(1), "label"),
    "mse": Metric("mean squared error", False, _for(_BOTH_REGRESSIONS, "MeanSquaredError"), _error(2), "label²"),
    "rmse": Metric(
        "root mean squared error", False, _for(_BOTH_REGRESSIONS, "RootMeanSquaredError"), _error(2, root=True), "label"
    ),
    "r2": Metric("R²", True, _for(_BOTH_REGRESSIONS, "CoefficientOfDetermination"), _r2),
}

DEFAULT_METRICS: dict[Task, tuple[str, ...]] = {
    "binary": ("accuracy", "auc", "precision", "recall", "f1", "log_loss"),
    "multiclass": ("accuracy", "log_loss"),
    "multilabel": ("accuracy", "log_loss"),
    "regression": ("mae", "rmse", "r2"),
    "bounded_regression": ("mae", "rmse", "r2"),
}


def settle_evaluation(options: EvaluationOptions, task: Task, columns: Sequence[str]) -> EvaluationOptions:
    """Fills in the task's usual metrics and threshold, and refuses what cannot be measured.

    Args:
      options: the recipe's block.
      task: the settled task.
      columns: of the data, the label among them; slices name them.

    Returns:
      Options whose metrics start with the main one and whose thresholds are never empty, since TFMA blesses no model
      without one.

    Raises:
      ConfigError: a metric that the task does not have, or a slice over a column that is not there.
    """
    computable = [name for name, metric in METRICS.items() if task in metric.tfma]
    for key, names in (("metrics", options.metrics), ("thresholds", list(options.thresholds))):
        for name in names:
            if name not in computable:
                raise ConfigError(
                    f"evaluation.{key}: expected metrics of a {task} task ({', '.join(computable)}), got {name!r}."
                    f"{nearest(name, computable)}"
                )
    for crossing in options.slices:
        for column in [crossing] if isinstance(crossing, str) else crossing:
            if column not in columns:
                raise ConfigError(
                    f"evaluation.slices: expected columns of the data ({', '.join(columns)}), got {column!r}."
                    f"{nearest(column, columns)}"
                )
    metrics = options.metrics or list(DEFAULT_METRICS[task])
    metrics = metrics + [name for name in options.thresholds if name not in metrics]
    main = METRICS[metrics[0]]
    thresholds = options.thresholds or {metrics[0]: Threshold(max_drop=0.01 if main.unit == "share" else 0.0)}
    return options.model_copy(update={"metrics": metrics, "thresholds": thresholds})


def measure(names: Sequence[str], labels: np.ndarray, predictions: np.ndarray, task: Task) -> dict[str, float | None]:
    """Computes metrics from predictions in memory.

    Args:
      names: keys of METRICS.
      labels: [rows] class indices or values, or [rows, labels] 0/1.
      predictions: float32 [rows, units].
      task: the task.

    Returns:
      Metric name to figure; None where it is not defined, such as the AUC of one class.
    """
    figures: dict[str, float | None] = {}
    for name in names:
        try:
            value = METRICS[name].compute(labels, predictions, task) if len(labels) else float("nan")
        except ValueError:  # scikit-learn refuses an AUC over one class
            value = float("nan")
        figures[name] = value if np.isfinite(value) else None
    return figures
