"""What a threshold between the scores of a binary task costs, and how the scores of both classes lie around it."""

from __future__ import annotations

from typing import Any

import numpy as np

_CELLS = 100  # of equal width that the scores are counted in; thresholds are their edges
_BINS = 20
_IN_USE = 0.5
_DRAWS = 300  # resamples of the rows, to tell how far chance moves the best threshold
_COSTS = (1, 2, 5, 10)  # what a missed positive row may cost beside a false alarm


def describe_scores(truth: np.ndarray, scores: np.ndarray) -> dict[str, Any] | None:
    """Counts the scores of each class.

    Args:
      truth: bool [rows], whether a row is positive.
      scores: [rows] of the positive class, from 0 to 1; what lies outside counts as the nearest of these.

    Returns:
      ``edges`` [bins + 1], ``negative`` and ``positive`` (rows in each bin), ``negative_median`` and
      ``positive_median``; None where one of the classes has no rows, or a score is no number.
    """
    if not _has_both(truth, scores):
        return None
    kept = np.clip(scores, 0, 1)
    groups = {"negative": kept[~truth], "positive": kept[truth]}
    counts = {name: np.histogram(found, bins=_BINS, range=(0, 1))[0].tolist() for name, found in groups.items()}
    medians = {f"{name}_median": float(np.median(found)) for name, found in groups.items()}
    return {"edges": np.linspace(0, 1, _BINS + 1).round(3).tolist(), **counts, **medians}


def describe_thresholds(truth: np.ndarray, scores: np.ndarray) -> dict[str, Any] | None:
    """Says what each threshold finds and misses; rows that score above it are taken for positive.

    Args:
      truth: bool [rows], whether a row is positive.
      scores: [rows] of the positive class, from 0 to 1; what lies outside counts as the nearest of these.

    Returns:
      ``threshold`` (rising), ``precision`` (None where no row is above it), ``recall`` and ``f1`` at each; ``best``,
      the threshold with the highest F1, its ``best_f1``, and ``best_interval``, where 95 % of the best thresholds of
      resampled rows lie; ``used_f1``, at 0.5; ``cheapest``: for each ``ratio`` of the cost of a missed positive row to
      that of a false alarm, the ``threshold`` with the lowest cost. Of thresholds that are equally good the one nearest
      to 0.5 is named. None where one of the classes has no rows, or a score is no number.
    """
    if not _has_both(truth, scores):
        return None
    thresholds = np.arange(_CELLS + 1) / _CELLS
    counts = np.stack([_count_cells(scores[truth], thresholds), _count_cells(scores[~truth], thresholds)])
    hits, alarms = _above(counts)
    positives = int(truth.sum())
    f1 = _f1(hits, alarms, positives)
    best = _nearest(thresholds, f1 == f1.max())
    flagged = hits + alarms
    return {
        "threshold": thresholds.tolist(),
        "precision": [float(hit / rows) if rows else None for hit, rows in zip(hits, flagged, strict=True)],
        "recall": (hits / positives).tolist(),
        "f1": f1.tolist(),
        "best": best,
        "best_f1": float(f1.max()),
        "best_interval": _interval_of_best(counts, thresholds),
        "used_f1": float(f1[thresholds == _IN_USE][0]),
        "cheapest": [
            {"ratio": ratio, "threshold": _cheapest(positives - hits, alarms, thresholds, ratio)} for ratio in _COSTS
        ],
    }


def _has_both(truth: np.ndarray, scores: np.ndarray) -> bool:
    """Says whether there are scores of both classes to compare."""
    return bool(truth.any() and not truth.all() and np.isfinite(scores).all())


def _count_cells(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Counts scores by how many thresholds lie below them: int64 [thresholds + 1]."""
    below = np.searchsorted(thresholds, scores, side="left")
    return np.bincount(below, minlength=len(thresholds) + 1)


def _above(counts: np.ndarray) -> np.ndarray:
    """Adds up [..., thresholds + 1] counted scores to the rows above each threshold: [..., thresholds]."""
    return np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1][..., 1:]


def _f1(hits: np.ndarray, alarms: np.ndarray, positives: np.ndarray | int) -> np.ndarray:
    """Returns F1 by rows found, false alarms and all positive rows."""
    return np.asarray(2 * hits / np.maximum(hits + alarms + positives, 1))


def _nearest(thresholds: np.ndarray, chosen: np.ndarray) -> float:
    """Returns the threshold nearest to the one in use, of those that are chosen."""
    candidates = thresholds[chosen]
    return float(candidates[np.abs(candidates - _IN_USE).argmin()])


def _cheapest(missed: np.ndarray, alarms: np.ndarray, thresholds: np.ndarray, ratio: float) -> float:
    cost = ratio * missed + alarms
    return _nearest(thresholds, cost == cost.min())


def _interval_of_best(counts: np.ndarray, thresholds: np.ndarray) -> list[float]:
    """Resamples the rows and returns between which thresholds the best one lies in 95 % of the draws.

    Args:
      counts: [2, thresholds + 1], scores of positive and of negative rows as :func:`_count_cells` counts them.
      thresholds: rising.
    """
    rows = int(counts.sum())
    drawn = np.random.default_rng(0).multinomial(rows, counts.reshape(-1) / rows, size=_DRAWS)
    hits, alarms = np.moveaxis(_above(drawn.reshape(_DRAWS, *counts.shape)), 1, 0)
    positives = drawn.reshape(_DRAWS, *counts.shape)[:, 0].sum(axis=1, keepdims=True)
    f1 = _f1(hits, alarms, positives)
    best = [_nearest(thresholds, row == row.max()) for row in f1]
    low, high = np.percentile(best, [2.5, 97.5])
    return [float(low), float(high)]
