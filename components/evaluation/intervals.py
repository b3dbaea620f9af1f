"""How far a metric may be off for the luck of the rows that it was measured on: 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, sqrt
from typing import Any

import numpy as np

from kerasline.components.core import ConfigError
from kerasline.components.evaluation.metrics import (
    DEFAULT_METRICS,
    METRICS,
    measure,
    rank_auc,
    row_log_losses,
    top_k_hits,
)
from kerasline.components.models import Task
from kerasline.components.own_code import is_own

_Z = 1.959963984540054  # of the normal distribution, for 95 %
_FEWEST_PAIRS = 8  # even if one model is better in each of fewer rows, luck may be all there is
_RESAMPLES = 200
_MOST_CLASSES = 30  # an area for each of more, in every resample, takes too long
# Metrics that are a share of the rows.
SHARES_OF_ROWS = ("accuracy", *(name for name in METRICS if name.startswith("top_")))
_MOST_ROWS = 2_000  # a resample of more rows costs time and tells the same after scaling


def wilson(successes: float, rows: int) -> tuple[float, float]:
    """Returns the interval of a share.

    Args:
      successes: rows that count, from 0 to ``rows``.
      rows: in all, at least 1.

    Returns:
      (low, high), both within 0..1.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927.
    """
    share = successes / rows
    centre = (share + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    half = _Z / (1 + _Z**2 / rows) * sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
    # At the ends the interval touches 0 or 1, up to rounding.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return low, 1.0 if successes == rows else min(1.0, centre + half)


def metric_intervals(
    names: Sequence[str], labels: np.ndarray, predictions: np.ndarray, task: Task, seed: int = 0
) -> dict[str, tuple[float, float] | None]:
    """Computes the interval of each metric from the predictions.

    Shares of rows get Wilson's interval, means over rows the normal one, the others a bootstrap.

    Args:
      names: keys of METRICS.
      labels: [rows] or [rows, labels].
      predictions: float32 [rows, units].
      task: the task.
      seed: of the bootstrap.

    Returns:
      Metric name to (low, high), or None where there is none, such as with fewer than two rows.
    """
    rows = len(labels)
    if rows < 2:
        return dict.fromkeys(names)
    return {name: _interval(name, labels, predictions, task, seed) for name in names}


def measure_with_intervals(
    record: Mapping[str, Any], labels: np.ndarray, predictions: np.ndarray
) -> dict[str, dict[str, float | None]]:
    """Measures what a version's recipe asks for, with intervals.

    Args:
      record: What was recorded when the version was pushed; earlier releases did not record what is asked for.
      labels: [rows] or [rows, labels].
      predictions: float32 [rows, units].

    Returns:
      By metric, the main one first, ``value``, and ``low`` and ``high`` of its interval; None where it is not defined.
    """
    task = record["task"]
    names = metrics_of(record)
    values = measure(names, labels, predictions, task)
    intervals = metric_intervals(names, labels, predictions, task)
    return {name: _figure(values[name], intervals[name]) for name in names}


def metrics_of(record: Mapping[str, Any]) -> list[str]:
    """Names the metrics that a version's recipe asks for, the main one first."""
    asked = [record.get("main_metric"), *record.get("measured", DEFAULT_METRICS[record["task"]])]
    return [name for name in dict.fromkeys(asked) if name in METRICS]


def _figure(value: float | None, interval: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = interval if interval is not None and value is not None else (None, None)
    return {"value": value, "low": low, "high": high}


def _interval(
    name: str, labels: np.ndarray, predictions: np.ndarray, task: Task, seed: int
) -> tuple[float, float] | None:
    compute, rows = METRICS[name].compute, len(labels)
    if name in SHARES_OF_ROWS:
        count = rows * (predictions.shape[1] if task == "multilabel" else 1)
        return wilson(compute(labels, predictions, task) * count, count)
    if name in ("precision", "recall"):
        guessed, truth = predictions.reshape(-1) > 0.5, labels.reshape(-1) > 0.5
        count = int(guessed.sum() if name == "precision" else truth.sum())
        return wilson(float((guessed & truth).sum()), count) if count else None
    if name in ("mae", "mse", "rmse"):
        errors = np.abs(labels.reshape(-1).astype(np.float64) - predictions.reshape(-1)) ** (1 if name == "mae" else 2)
        low, high = _positive_mean_interval(errors)
        return (sqrt(low), sqrt(high)) if name == "rmse" else (low, high)
    if name == "log_loss":
        low, high = _mean_interval(row_log_losses(labels, predictions, task))
        return max(low, 0.0), high
    return _bootstrap(name, labels, predictions, task, seed)


def paired_interval(
    name: str, labels: np.ndarray, predictions: np.ndarray, others: np.ndarray, task: Task, sure: float = _Z
) -> tuple[float, float] | None:
    """Computes by which part a model's loss is lower than another's on the same rows.

    What makes a row hard for both does not count, so that it tells models apart which their own intervals do not.

    Args:
      name: log_loss, mae, or mse, rmse and r2 (the squared error).
      labels: [rows] or [rows, labels].
      predictions, others: of the two models, [rows, units].
      task: the task.
      sure: quantile of the normal distribution that the interval reaches to.

    Returns:
      (low, high), both shares of the other's loss, above 0 where the first model is better; None for other metrics,
      for fewer than _FEWEST_PAIRS rows, and where the other has no loss.
    """
    mine, theirs = (_row_losses(name, labels, answers, task) for answers in (predictions, others))
    if mine is None or theirs is None or len(mine) < _FEWEST_PAIRS or not theirs.mean() > 0:
        return None
    low, high = _mean_interval(theirs - mine, sure * (1 + (1 + sure**2) / (4 * len(mine))))  # nearly Student's t
    return low / float(theirs.mean()), high / float(theirs.mean())


def row_losses(name: str, labels: np.ndarray, predictions: np.ndarray, task: Task) -> np.ndarray | None:
    """Returns what each row adds to a metric, as a loss: of a share of the rows 0 for a right answer and 1 for a wrong.

    Args:
      name: of the metric.
      labels: [rows] or [rows, labels].
      predictions: of the model, [rows, units].
      task: the task.

    Returns:
      [rows]; of rmse and r2 the squared errors. None for a metric that is no mean over rows, as an area below a curve.
    """
    if name not in SHARES_OF_ROWS:
        return _row_losses(name, labels, predictions, task)
    if name != "accuracy":
        return 1.0 - top_k_hits(int(name.split("_")[1]), labels, predictions)
    if task == "multiclass":
        return np.asarray(predictions.argmax(axis=1) != labels, np.float64)
    return np.asarray(((predictions > 0.5) != (labels.reshape(predictions.shape) > 0.5)).mean(axis=1))


def _row_losses(name: str, labels: np.ndarray, predictions: np.ndarray, task: Task) -> np.ndarray | None:
    if name == "log_loss":
        return row_log_losses(labels, predictions, task)
    if name not in ("mae", "mse", "rmse", "r2"):
        return None
    errors = np.abs(labels.reshape(-1).astype(np.float64) - predictions.reshape(-1))
    return np.asarray(errors if name == "mae" else errors**2)


def row_figures(name: str, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Returns values of rows whose mean is a metric that is itself no mean over rows, and whose luck is the metric's.

    Each row's value is the metric and what the row adds to it (its influence), so that the means of two models differ
    by as much as their metrics do, and an interval of the one is an interval of the other.

    Args:
      name: rmse or r2.
      labels: [rows].
      predictions: of the model, [rows, 1].

    Returns:
      [rows]; none where the metric is not defined.

    Source: F. R. Hampel, The Influence Curve and its Role in Robust Estimation, JASA 69, 1974.
    """
    truths = labels.reshape(-1).astype(np.float64)
    squares = (truths - predictions.reshape(-1)) ** 2
    mean = float(squares.mean()) if len(squares) else 0.0
    if name == "rmse":
        return np.asarray(sqrt(mean) + (squares - mean) / (2 * sqrt(mean)) if mean else squares)
    spread = (truths - truths.mean()) ** 2 if len(truths) else truths
    total = float(spread.mean()) if len(spread) else 0.0
    return np.asarray(1 - squares / total + (spread - total) * mean / total**2 if total else [], np.float64)


def _mean_interval(values: np.ndarray, sure: float = _Z) -> tuple[float, float]:
    half = sure * float(values.std(ddof=1)) / sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half


def _positive_mean_interval(values: np.ndarray) -> tuple[float, float]:
    """Works on the logarithm of the mean, since errors have a long tail on one side."""
    mean = float(values.mean())
    if mean == 0:
        return 0.0, 0.0
    half = _Z * float(values.std(ddof=1)) / sqrt(len(values)) / mean
    return mean * exp(-half), mean * exp(half)


def _bootstrap(
    name: str, labels: np.ndarray, predictions: np.ndarray, task: Task, seed: int
) -> tuple[float, float] | None:
    figures = resample(name, labels, predictions, task, seed)
    if figures is None:
        return None
    low, high = np.nanpercentile(figures, [2.5, 97.5])
    return float(low), float(high)


def resample(name: str, labels: np.ndarray, predictions: np.ndarray, task: Task, seed: int) -> np.ndarray | None:
    """Computes a metric on bootstrap samples of the rows.

    The seed and the number of rows alone decide which rows a sample has, so that the figures of two models on the same
    rows are pairs.

    Args:
      name: key of METRICS.
      labels: [rows] or [rows, labels].
      predictions: float32 [rows, units].
      task: the task.
      seed: of the samples.

    Returns:
      float64 [samples], NaN where it is not defined; or None where it is not in most, or would take too long.
    """
    if name in ("macro_auc", "macro_auc_pr") and predictions.shape[1] > _MOST_CLASSES:
        return None
    random, rows = np.random.default_rng(seed), len(labels)
    drawn = min(rows, _MOST_ROWS)
    figures = np.full(_RESAMPLES, np.nan)
    for sample in range(_RESAMPLES):
        chosen = random.integers(0, rows, drawn)
        figure = _quick_figure(name, labels[chosen], predictions[chosen], task)
        figures[sample] = np.nan if figure is None or not np.isfinite(figure) else figure
    if np.isfinite(figures).sum() < _RESAMPLES // 2:
        return None
    # The spread of a figure falls with the root of the rows.
    middle = float(np.nanmean(figures))
    return np.asarray(middle + (figures - middle) * sqrt(drawn / rows))


def _quick_figure(name: str, labels: np.ndarray, predictions: np.ndarray, task: Task) -> float | None:
    """Computes a metric without scikit-learn's checks, which would take most of the time of a bootstrap."""
    if is_own(name):
        try:
            return METRICS[name].compute(labels, predictions, task)
        except ConfigError:  # of all rows it was defined; drawn anew, they may lack a class
            return None
    if name not in ("auc", "auc_pr", "f1"):
        return METRICS[name].compute(labels, predictions, task)
    truth, scores = labels.reshape(-1) > 0.5, predictions.reshape(-1)
    if name == "f1":
        hits = float((truth & (scores > 0.5)).sum())
        return 2 * hits / max(float(truth.sum() + (scores > 0.5).sum()), 1.0)
    return rank_auc(truth, scores) if name == "auc" else average_precision(truth, scores)


def average_precision(truth: np.ndarray, scores: np.ndarray) -> float | None:
    """Returns the area below the precision-recall steps, as scikit-learn's average_precision_score."""
    if not truth.any():
        return None
    order = np.argsort(-scores, kind="stable")
    sorted_truth, sorted_scores = truth[order], scores[order]
    last = np.r_[np.nonzero(np.diff(sorted_scores))[0], len(scores) - 1]
    hits = np.cumsum(sorted_truth)[last]
    precision = hits / (last + 1)
    recall = hits / hits[-1]
    return float((np.diff(np.r_[0.0, recall]) * precision).sum())
