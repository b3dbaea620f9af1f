"""Metrics of rows that have no label yet, estimated from the scores: how good a model is that means what it scores.

Scores are calibrated on the eval rows of the version. Labels are drawn from the calibrated scores, and the metric is
measured on them; the eval rows are drawn anew each time, so the interval has the doubt about the calibration as well as
the luck of the rows. It stays true while rows become others, and not where the same rows come to have other labels.

Source: the idea is confidence-based performance estimation (CBPE), as NannyML describes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from kerasline.components.evaluation import measure

if TYPE_CHECKING:
    from kerasline.components.models import Task

MOST_ROWS = 4_000
_DRAWS = 100
_ENOUGH_FOR_STEPS = 1_000  # rows to calibrate with; fewer give a curve of two parameters
_NEAR = 1e-6


def estimate(
    names: Sequence[str], predictions: np.ndarray, labels: np.ndarray, scored: np.ndarray, task: Task, seed: int = 0
) -> dict[str, dict[str, float | None]]:
    """Estimates metrics of classes.

    Args:
      names: keys of METRICS.
      predictions: of the served rows, [rows, units].
      labels: of the eval rows, [rows] or [rows, labels].
      scored: predictions of the eval rows, [rows, units].
      task: binary, multiclass or multilabel.
      seed: of the draws.

    Returns:
      By metric ``value``, ``low`` and ``high``, which hold it with 95 % certainty; None where it is not defined.
    """
    random = np.random.default_rng(seed)
    if len(predictions) > MOST_ROWS:
        predictions = predictions[random.choice(len(predictions), MOST_ROWS, replace=False)]
    figures: dict[str, list[float]] = {name: [] for name in names}
    # A curve of two parameters is fitted in no time, and threads that wait for each other take twenty times as long.
    with threadpool_limits(1):
        for _ in range(_DRAWS):
            chosen = random.integers(0, len(scored), len(scored))
            drawn = _draw_labels(predictions, labels[chosen], scored[chosen], task, random)
            for name, figure in measure(names, drawn, predictions, task).items():
                if figure is not None:
                    figures[name].append(figure)
    return {name: _summed_up(found) for name, found in figures.items()}


def _summed_up(figures: Sequence[float]) -> dict[str, float | None]:
    if len(figures) < _DRAWS // 2:
        return {"value": None, "low": None, "high": None}
    low, high = np.percentile(figures, [2.5, 97.5])
    return {"value": float(np.mean(figures)), "low": float(low), "high": float(high)}


def _draw_labels(
    predictions: np.ndarray, labels: np.ndarray, scored: np.ndarray, task: Task, random: np.random.Generator
) -> np.ndarray:
    """Draws labels as often as the calibrated scores say."""
    if task != "multiclass":
        calibrate = _calibrator(scored.reshape(-1), labels.reshape(-1) > 0.5)
        chances = calibrate(predictions.reshape(-1)).reshape(predictions.shape)
        drawn = (random.random(chances.shape) < chances).astype(np.float32)
        return drawn if task == "multilabel" else drawn.reshape(-1)
    calibrate = _calibrator(scored.max(axis=1), scored.argmax(axis=1) == labels.reshape(-1))
    top = predictions.max(axis=1)
    right = calibrate(top)
    # What the highest score does not deserve is the other classes', each by its share of their scores.
    rest = np.maximum(predictions.sum(axis=1) - top, _NEAR)
    chances = predictions * ((1 - right) / rest)[:, None]
    chances[np.arange(len(top)), predictions.argmax(axis=1)] = right
    sums = np.cumsum(chances, axis=1)
    return np.asarray((random.random((len(top), 1)) * sums[:, -1:] < sums).argmax(axis=1))


def _calibrator(scores: np.ndarray, hits: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Returns what turns scores into how often they come true."""
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    if hits.all() or not hits.any():
        share = (hits.sum() + 1) / (len(hits) + 2)
        return lambda asked: np.full(len(asked), share)
    if len(hits) >= _ENOUGH_FOR_STEPS:
        steps = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, hits)
        return lambda asked: np.asarray(steps.predict(asked))
    curve = LogisticRegression().fit(_log_odds(scores), hits)
    return lambda asked: np.asarray(curve.predict_proba(_log_odds(asked))[:, 1])


def _log_odds(scores: np.ndarray) -> Any:
    near = np.clip(scores.astype(np.float64), _NEAR, 1 - _NEAR)
    return np.log(near / (1 - near))[:, None]
