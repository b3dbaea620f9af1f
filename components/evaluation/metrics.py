"""The metrics that a recipe can name: their direction, what TFMA computes for each, and the same from arrays.

TFMA measures the eval split inside the pipeline. :func:`measure` computes the same figures from predictions in memory,
for the test split and for the trivial model; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasline.components.core import ConfigError, nearest
from kerasline.components.evaluation.options import EvaluationOptions, Threshold
from kerasline.components.evaluation.own_metrics import KnownMetrics, check_own_metrics
from kerasline.components.evaluation.slices import crossing, parse_slice
from kerasline.components.models import Task
from kerasline.components.own_code import is_own


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
      title: for tables and plots.
      higher_is_better: its direction.
      tfma: class name and arguments of the metric in ``tfma_metrics``, for each task that has it.
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
        return float(top_k_hits(k, labels, predictions).mean())

    return compute


def top_k_hits(k: int, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Says which rows have their class among the k with the highest scores, bool [rows].

    Ties count as Keras counts them: a class is in the top k when fewer than k classes score higher.
    """
    own = predictions[np.arange(len(labels)), labels.astype(int)][:, np.newaxis]
    return np.asarray((predictions > own).sum(axis=1) < k)


def _log_loss(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
    return float(row_log_losses(labels, predictions, task).mean())


def row_log_losses(labels: np.ndarray, predictions: np.ndarray, task: Task) -> np.ndarray:
    """Returns the log loss of each row, [rows]; scores keep 1e-7 away from 0 and 1, where it would be infinite."""
    clipped = np.clip(predictions.astype(np.float64), 1e-7, 1 - 1e-7)
    if task == "multiclass":
        return np.asarray(-np.log(clipped[np.arange(len(labels)), labels.astype(int)] / clipped.sum(axis=1)))
    truth = labels.reshape(clipped.shape)
    return np.asarray(-(truth * np.log(clipped) + (1 - truth) * np.log(1 - clipped)).mean(axis=1))


def _scikit(name: str) -> Callable[[np.ndarray, np.ndarray, Task], float]:
    def compute(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
        from sklearn import metrics

        function = getattr(metrics, name)
        if name == "roc_auc_score":
            return float(function(labels.reshape(-1), predictions.reshape(-1)))
        return float(function(labels.reshape(-1) > 0.5, predictions.reshape(-1) > 0.5, zero_division=0))

    return compute


def _auc_pr(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
    return _precision_recall_area(labels.reshape(-1) > 0.5, predictions.reshape(-1))


def _precision_recall_area(truth: np.ndarray, scores: np.ndarray) -> float:
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # equal scores count as one step
    return precision_recall_area(np.cumsum(truth[order])[last], np.arange(1, len(order) + 1)[last])


def precision_recall_area(hits: np.ndarray, taken: np.ndarray) -> float:
    """Integrates precision over recall as Keras and TFMA do: between two scores the counts change in proportion.

    Args:
      hits: rows of the class among those with the highest scores, for one score after the other, [scores].
      taken: how many rows those are, more with every score, [scores].

    Returns:
      0..1, or NaN where the class has no rows.

    Source: J. Davis, M. Goadrich: The Relationship Between Precision-Recall and ROC Curves, ICML 2006.
    """
    hits, taken = np.append(0.0, hits), np.append(0.0, taken)
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


def _macro(name: str) -> Callable[[np.ndarray, np.ndarray, Task], float]:
    def compute(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
        truth, guessed = one_hot_answers(labels, predictions, task)
        return macro_figure(name, (truth & guessed).sum(axis=0), guessed.sum(axis=0), truth.sum(axis=0))

    return compute


def one_hot_answers(labels: np.ndarray, predictions: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Returns which classes rows have and which they are given: two bool [rows, classes]."""
    if task == "multilabel":
        return labels > 0.5, predictions > 0.5
    classes = np.arange(predictions.shape[1])
    truth = labels.reshape(-1, 1).astype(np.int64) == classes
    return truth, predictions.argmax(axis=1)[:, np.newaxis] == classes


def macro_figure(name: str, hits: np.ndarray, guessed: np.ndarray, truth: np.ndarray) -> float:
    """Averages a figure over the classes that have rows; a class that is never guessed has a precision of 0.

    Args:
      name: ``precision``, ``recall`` or ``f1``.
      hits, guessed, truth: rows of each class: rightly guessed, guessed, and there.
    """
    there = truth > 0
    if not there.any():
        return float("nan")
    below = {"precision": guessed, "recall": truth, "f1": (guessed + truth) / 2}[name]
    return float((hits[there] / np.maximum(below[there], 1e-9)).mean())


def _macro_auc(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
    truth, _ = one_hot_answers(labels, predictions, task)
    areas = [rank_auc(truth[:, index], predictions[:, index]) for index in range(predictions.shape[1])]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else float("nan")


def _macro_auc_pr(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
    truth, _ = one_hot_answers(labels, predictions, task)
    classes = np.flatnonzero(truth.any(axis=0))
    areas = [_precision_recall_area(truth[:, index], predictions[:, index]) for index in classes]
    return float(np.mean(areas)) if areas else float("nan")


def rank_auc(truth: np.ndarray, scores: np.ndarray) -> float | None:
    """Returns the share of pairs (one positive, one negative row) that the scores put in order; ties count half.

    Args:
      truth: bool [rows].
      scores: [rows].

    Returns:
      0..1, or None where one of the classes has no rows.
    """
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


CALIBRATION_BINS = 10


def scored_hits(labels: np.ndarray, predictions: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Returns the scores that calibration looks at, and whether each came true.

    Of two classes it is the score of the second one, of several the highest of each row.
    """
    if task == "multiclass":
        return predictions.max(axis=1), predictions.argmax(axis=1) == labels.reshape(-1)
    return predictions.reshape(-1), labels.reshape(-1) > 0.5


def calibration_bins(scores: np.ndarray) -> np.ndarray:
    """Returns the bin of each score, of CALIBRATION_BINS of equal width."""
    return np.asarray(np.clip((scores * CALIBRATION_BINS).astype(int), 0, CALIBRATION_BINS - 1))


def _calibration_error(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
    """Compares scores with how often they come true: the mean distance over bins, weighted by their rows.

    Source: M. P. Naeini et al.: Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
    """
    scores, hits = scored_hits(labels, predictions, task)
    surplus = np.bincount(calibration_bins(scores), weights=scores.astype(np.float64) - hits)
    return float(np.abs(surplus).sum() / len(scores))


_BOTH_REGRESSIONS: tuple[Task, ...] = ("regression", "bounded_regression")
_CLASSES: tuple[Task, ...] = ("multiclass", "multilabel")


def _for(tasks: Sequence[Task], name: str, **arguments: Any) -> dict[Task, tuple[str, dict[str, Any]]]:
    return {task: (name, arguments) for task in tasks}


METRICS: dict[str, Metric] = KnownMetrics({
    "accuracy": Metric(
        "accuracy",
        True,
        _for(["binary", "multiclass", "multilabel"], "RightAnswers"),
        _accuracy,
        "share",
    ),
    **{
        f"top_{k}_accuracy": Metric(
            f"top-{k} accuracy", True, _for(["multiclass"], "TopKAnswers", k=k), _top_k(k), "share"
        )
        for k in (2, 3, 5, 10)
    },
    **{
        f"macro_{name}": Metric(
            f"{title}, mean over classes",
            True,
            _for(_CLASSES, "MacroAverage", figure=name),
            _macro(name),
            "share",
        )
        for name, title in (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))
    },
    "macro_auc": Metric("ROC AUC, mean over classes", True, _for(_CLASSES, "MacroAUC"), _macro_auc, "share"),
    "macro_auc_pr": Metric("PR AUC, mean over classes", True, _for(_CLASSES, "MacroAUCPR"), _macro_auc_pr, "share"),
    "calibration_error": Metric(
        "calibration error", False, _for(["binary", *_CLASSES], "CalibrationError"), _calibration_error, "share"
    ),
    "log_loss": Metric(
        "log loss",
        False,
        _for(["binary", "multiclass", "multilabel"], "LogLoss"),
        _log_loss,
        "nats",
    ),
    "auc": Metric("ROC AUC", True, _for(["binary"], "AreaBelowROC"), _scikit("roc_auc_score"), "share"),
    "auc_pr": Metric(
        "PR AUC",
        True,
        _for(["binary"], "AreaBelowPrecisionRecall"),
        _auc_pr,
        "share",
    ),
    "precision": Metric(
        "precision", True, _for(["binary"], "AnswersOfYes", figure="precision"), _scikit("precision_score"), "share"
    ),
    "recall": Metric(
        "recall", True, _for(["binary"], "AnswersOfYes", figure="recall"), _scikit("recall_score"), "share"
    ),
    "f1": Metric("F1", True, _for(["binary"], "AnswersOfYes", figure="f1"), _scikit("f1_score"), "share"),
    "mae": Metric("mean absolute error", False, _for(_BOTH_REGRESSIONS, "MeanError", power=1), _error(1), "label"),
    "mse": Metric("mean squared error", False, _for(_BOTH_REGRESSIONS, "MeanError", power=2), _error(2), "label²"),
    "rmse": Metric(
        "root mean squared error",
        False,
        _for(_BOTH_REGRESSIONS, "MeanError", power=2, root=True),
        _error(2, root=True),
        "label",
    ),
    "r2": Metric("R²", True, _for(_BOTH_REGRESSIONS, "CoefficientOfDetermination"), _r2),
})  # fmt: skip

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
    limited = {"metrics": options.metrics, "thresholds": list(options.thresholds)}
    limited |= {f"slice_thresholds.{key}": list(limits) for key, limits in options.slice_thresholds.items()}
    check_own_metrics(options, METRICS)
    _check_metrics(limited, task)
    slices = _settle_slices(options, columns)
    # What has a limit is measured, too.
    with_limits = (name for names in limited.values() for name in names)
    metrics = list(dict.fromkeys([*(options.metrics or DEFAULT_METRICS[task]), *with_limits]))
    main = METRICS[metrics[0]]
    thresholds = options.thresholds or {metrics[0]: Threshold(max_drop=0.01 if main.unit == "share" else 0.0)}
    return options.model_copy(update={"metrics": metrics, "thresholds": thresholds, "slices": slices})


def _check_metrics(named: Mapping[str, Sequence[str]], task: Task) -> None:
    """Refuses metrics that the task does not have; ``named`` gives those of each key of the block."""
    computable = [name for name, metric in METRICS.items() if task in metric.tfma]
    for key, names in named.items():
        for name in names:
            if name not in computable and not is_own(name):
                raise ConfigError(
                    f"evaluation.{key}: expected metrics of a {task} task ({', '.join(computable)}), got {name!r}."
                    f"{nearest(name, computable)}"
                )


def _settle_slices(options: EvaluationOptions, columns: Sequence[str]) -> list[str | list[str]]:
    """Checks the columns of slices, and adds the slices that only a limit names."""
    slices = list(options.slices)
    named = {"slices": [column for entry in slices for column in crossing(entry)]}
    named |= {f"slice_thresholds.{key}": _add_limited(slices, key) for key in options.slice_thresholds}
    for key, names in named.items():
        _check_columns(key, names, columns)
    return slices


def _add_limited(slices: list[str | list[str]], key: str) -> list[str]:
    """Adds the slice that a limit names, unless it is there, and returns its columns."""
    parts = list(parse_slice(key))
    if not parts and not slices:
        raise ConfigError(
            f"evaluation.slice_thresholds.{key}: expected columns in evaluation.slices, whose values it limits, "
            "but there are none; name some, such as slices: [sex]"
        )
    if parts and set(parts) not in [set(crossing(entry)) for entry in slices]:
        slices.append(parts[0] if len(parts) == 1 else parts)
    return parts


def _check_columns(key: str, named: Sequence[str], columns: Sequence[str]) -> None:
    """Refuses columns that the data does not have."""
    for column in named:
        if column not in columns:
            raise ConfigError(
                f"evaluation.{key}: expected columns of the data ({', '.join(columns)}), got {column!r}."
                f"{nearest(column, columns)}"
            )


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
