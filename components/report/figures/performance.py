"""What the predictions on a split show beyond the metrics: confusions, curves, calibration, residuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasline.components.evaluation import average_precision, metric_intervals, rank_auc, wilson
from kerasline.components.models import Task
from kerasline.components.report.figures.thresholds import describe_scores, describe_thresholds

CLASSES_IN_MATRIX = 30  # more do not fit a page
MOST_PAIRS = 12
_CURVE_POINTS = 120
_SCATTER_POINTS = 600
_BINS = 10
SURE = 0.9  # a score above this is called sure
_CONSIDERED_CLASSES = 200  # a curve for each of more classes takes too long


def describe_performance(
    labels: np.ndarray,
    predictions: np.ndarray,
    task: Task,
    classes: Sequence[str] | None,
    metrics: Sequence[str],
) -> dict[str, Any]:
    """Computes everything that the evaluation part of a report draws.

    Args:
      labels: [rows] class indices or values, or [rows, labels] 0/1; at least one row.
      predictions: float32 [rows, units].
      task: the task.
      classes: names in the order of the outputs, None for regression.
      metrics: whose intervals are wanted.

    Returns:
      ``rows``, ``intervals``, ``classes`` (a row for each), ``confusion``, ``roc``, ``precision_recall``,
      ``scores``, ``thresholds``, ``calibration``, ``confidence`` and ``residuals``, None where a task has no such
      thing; see the functions below and those of thresholds.py.
    """
    result: dict[str, Any] = dict.fromkeys(
        ("classes", "confusion", "roc", "precision_recall", "scores", "thresholds")
        + ("calibration", "confidence", "residuals")
    )
    result |= {"rows": len(labels), "intervals": metric_intervals(metrics, labels, predictions, task)}
    if task in ("regression", "bounded_regression"):
        result["residuals"] = describe_residuals(labels, predictions)
        return result
    names = list(classes or ())
    if task == "multilabel":
        result["classes"] = label_rows(labels, predictions, names)
        return result
    scores = np.concatenate([1 - predictions, predictions], axis=1) if task == "binary" else predictions
    truth = labels.reshape(-1).astype(np.int64)
    guessed = (predictions[:, 0] > 0.5).astype(np.int64) if task == "binary" else scores.argmax(axis=1)
    counts = confusion_counts(truth, guessed, len(names))
    result["classes"] = class_rows(counts, scores, truth, names)
    result["confusion"] = describe_confusion(counts, names)
    result["confidence"] = describe_confidence(truth, guessed, scores)
    if task == "binary":
        result |= _describe_binary(truth == 1, scores[:, 1])
    else:
        top = scores.max(axis=1)
        result["calibration"] = calibration(truth == guessed, top)
    return result


def _describe_binary(truth: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """Gathers what only scores of yes or no have: bool [rows] and the scores of the positive class, [rows]."""
    return {
        "roc": roc_curve(truth, scores),
        "precision_recall": precision_recall_curve(truth, scores),
        "scores": describe_scores(truth, scores),
        "thresholds": describe_thresholds(truth, scores),
        "calibration": calibration(truth, scores),
    }


def confusion_counts(truth: np.ndarray, guessed: np.ndarray, classes: int) -> np.ndarray:
    """Counts rows by true (first axis) and predicted class: int64 [classes, classes]."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, guessed), 1)
    return counts


def class_rows(counts: np.ndarray, scores: np.ndarray, truth: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    """Lists for each class its rows, precision, recall with interval, F1, and the areas of it against the rest."""
    rows, guessed, hits = counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)
    listed = []
    for index, name in enumerate(names):
        has_curve = len(names) <= _CONSIDERED_CLASSES
        listed.append(
            {
                "name": name,
                "rows": int(rows[index]),
                "predicted": int(guessed[index]),
                "precision": float(hits[index] / guessed[index]) if guessed[index] else None,
                "recall": float(hits[index] / rows[index]) if rows[index] else None,
                "recall_interval": wilson(int(hits[index]), int(rows[index])) if rows[index] else None,
                "f1": _share(2 * hits[index], rows[index] + guessed[index]),
                "auc": rank_auc(truth == index, scores[:, index]) if has_curve else None,
                "average_precision": average_precision(truth == index, scores[:, index]) if has_curve else None,
            }
        )
    return listed


def label_rows(labels: np.ndarray, predictions: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    """Lists for each label of a multilabel task what :func:`class_rows` lists for a class."""
    listed = []
    for index, name in enumerate(names):
        truth, scores = labels[:, index] > 0.5, predictions[:, index]
        guessed = scores > 0.5
        hits, rows = int((truth & guessed).sum()), int(truth.sum())
        listed.append(
            {
                "name": name,
                "rows": rows,
                "predicted": int(guessed.sum()),
                "precision": _share(hits, int(guessed.sum())),
                "recall": _share(hits, rows),
                "recall_interval": wilson(hits, rows) if rows else None,
                "f1": _share(2 * hits, rows + int(guessed.sum())),
                "auc": rank_auc(truth, scores),
                "average_precision": average_precision(truth, scores),
            }
        )
    return listed


def describe_confusion(counts: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Returns ``counts`` (None for more than CLASSES_IN_MATRIX classes) and ``pairs``, the most frequent mistakes."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = []
    for place in order:
        true, predicted = divmod(int(place), len(names))
        if wrong[true, predicted]:
            share = float(wrong[true, predicted] / counts[true].sum())
            pairs.append(
                {
                    "true": names[true],
                    "predicted": names[predicted],
                    "rows": int(wrong[true, predicted]),
                    "share": share,
                }
            )
    return {
        "counts": counts.tolist() if len(names) <= CLASSES_IN_MATRIX else None,
        "pairs": pairs,
        "wrong": int(wrong.sum()),
    }


def describe_confidence(truth: np.ndarray, guessed: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """Says whether the model is less sure where it is wrong.

    Returns:
      ``right`` and ``wrong`` (rows), ``sure_and_wrong`` (mistakes with a score above SURE), and ``separation``: the
      share of pairs of a right and a wrong row in which the right one has the higher score, None without both.
    """
    top, hit = scores.max(axis=1), truth == guessed
    return {
        "right": int(hit.sum()),
        "wrong": int((~hit).sum()),
        "sure_and_wrong": int((~hit & (top > SURE)).sum()),
        "separation": rank_auc(hit, top),
    }


def roc_curve(truth: np.ndarray, scores: np.ndarray) -> dict[str, Any] | None:
    """Returns ``false_positive_share``, ``true_positive_share`` (from 0 to 1) and ``auc``, or None for one class."""
    area = rank_auc(truth, scores)
    if area is None:
        return None
    hits, others, _ = _steps(truth, scores)
    keep = _thin(len(hits))
    return {
        "false_positive_share": [0.0, *(float(v) for v in (others / others[-1])[keep])],
        "true_positive_share": [0.0, *(float(v) for v in (hits / hits[-1])[keep])],
        "auc": area,
    }


def precision_recall_curve(truth: np.ndarray, scores: np.ndarray) -> dict[str, Any] | None:
    """Describes the curve of precision over recall.

    Args:
      truth: bool [rows], whether a row is positive.
      scores: [rows] of the positive class.

    Returns:
      ``recall``, ``precision`` and ``threshold`` (falling), ``share`` (of positive rows) and ``average_precision`` (the
      mean of the precision over the positive rows in the order of their scores), or None without positive rows.
    """
    if not truth.any():
        return None
    hits, others, thresholds = _steps(truth, scores)
    keep = _thin(len(hits))
    precision = hits / (hits + others)
    return {
        "recall": [float(v) for v in (hits / hits[-1])[keep]],
        "precision": [float(v) for v in precision[keep]],
        "threshold": [float(v) for v in thresholds[keep]],
        "share": float(truth.mean()),
        "average_precision": average_precision(truth, scores),
    }


def _steps(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts positives and negatives with at least each score, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    last = np.r_[np.nonzero(np.diff(scores[order]))[0], len(scores) - 1]
    hits = np.cumsum(truth[order])[last]
    return hits, last + 1 - hits, scores[order][last]


def _thin(points: int) -> np.ndarray:
    return np.unique(np.linspace(0, points - 1, min(points, _CURVE_POINTS)).astype(int))


def calibration(hit: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """Compares scores with how often they come true, in ten bins of equal width.

    Returns:
      ``score`` and ``share`` (means in each bin that has rows), ``rows``, ``error``: the mean distance between the
      two, weighted by rows, and ``chance``: the error that perfect scores would show for the luck of so few rows.
    """
    place = np.clip((scores * _BINS).astype(int), 0, _BINS - 1)
    rows = np.bincount(place, minlength=_BINS)
    used = rows > 0
    score = np.bincount(place, weights=scores, minlength=_BINS)[used] / rows[used]
    share = np.bincount(place, weights=hit.astype(float), minlength=_BINS)[used] / rows[used]
    # The mean distance of a normal variable from its mean is sqrt(2 / pi) of its deviation.
    spread = np.sqrt(2 / np.pi * score.clip(0, 1) * (1 - score.clip(0, 1)) / rows[used])
    return {
        "chance": float((spread * rows[used]).sum() / rows.sum()),
        "score": [float(v) for v in score],
        "share": [float(v) for v in share],
        "rows": [int(v) for v in rows[used]],
        "error": float((np.abs(score - share) * rows[used]).sum() / rows.sum()),
    }


def describe_residuals(labels: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Describes the errors of a regression.

    Args:
      labels: [rows] or [rows, 1].
      predictions: [rows] or [rows, 1].

    Returns:
      ``label`` and ``prediction`` (a sample of rows), ``histogram`` of prediction - label (``edges``, ``counts``),
      ``median_absolute``, ``ninety_percent`` (nine of ten errors are below it), ``bias`` (mean of prediction - label),
      ``outliers`` (rows whose error is beyond six robust deviations), ``has_tails`` (whether such errors are of the
      label's own kind: a long tail, or many equal values) and ``tenths``: for each tenth of the rows by
      prediction, the mean ``prediction`` and the mean ``label``.
    """
    truth = labels.reshape(-1).astype(np.float64)
    guess = predictions.reshape(-1).astype(np.float64)
    errors = guess - truth
    random = np.random.default_rng(0)
    chosen = np.sort(random.permutation(len(truth))[:_SCATTER_POINTS])
    counts, edges = np.histogram(errors, bins=min(20, max(5, len(errors) // 10)))
    outliers = _beyond(errors, 6)
    return {
        "label": truth[chosen].tolist(),
        "prediction": guess[chosen].tolist(),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "median_absolute": float(np.median(np.abs(errors))),
        "ninety_percent": float(np.percentile(np.abs(errors), 90)),
        "bias": float(errors.mean()),
        "outliers": outliers,
        # Errors that thin out, and labels that lie as far out, are no sign of wrong labels.
        "has_tails": outliers < _beyond(errors, 3) / 2 or 2 * _beyond(truth, 6) >= outliers or _is_lumpy(truth),
        "tenths": _tenths(guess, truth),
    }


def _tenths(guess: np.ndarray, truth: np.ndarray) -> dict[str, list[float]]:
    """Averages predictions and labels, float64 [rows] both, over each tenth of the rows by prediction."""
    parts = np.array_split(np.argsort(guess, kind="stable"), min(10, len(guess)))
    tenths = [part for part in parts if len(part)]
    return {
        "prediction": [float(guess[part].mean()) for part in tenths],
        "label": [float(truth[part].mean()) for part in tenths],
    }


def _beyond(values: np.ndarray, deviations: float) -> int:
    """Counts values beyond so many robust deviations from the median."""
    distances = np.abs(values - np.median(values))
    deviation = 1.4826 * float(np.median(distances))
    return int((distances > deviations * deviation).sum()) if deviation > 0 else 0


def _is_lumpy(values: np.ndarray) -> bool:
    """Says whether more than a third of the values are one and the same, such as the zeros of rain."""
    return bool(np.unique(values, return_counts=True)[1].max() > len(values) / 3)


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
