"""The temperature at which scores come true as often as they say, found on rows that the network was not fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasline.components.evaluation import measure
from kerasline.components.models import SMALLEST, Task

FEWEST_ROWS = 30
_RANGE = (0.05, 20.0)
Calibration = dict[str, Any]


def calibrate(labels: np.ndarray, scores: np.ndarray, task: Task) -> Calibration:
    """Finds the temperature with the lowest log loss.

    Args:
      labels: [rows] class indices.
      scores: Scores as the network answers, float32 [rows, units].
      task: ``binary`` or ``multiclass``.

    Returns:
      ``temperature``, ``rows``, and of these rows ``calibration_error`` and ``log_loss``, each with the figures
      ``before`` and ``after``; ``note`` says why the temperature is left at 1, mostly empty.
    """
    found, note = 1.0, ""
    if len(labels) < FEWEST_ROWS:
        note = f"{len(labels)} validation rows, and fewer than {FEWEST_ROWS} do not show a temperature"
    else:
        found = _best_temperature(labels, scores, task)
    figures = {
        name: {"before": before, "after": after}
        for name, before, after in _figures(labels, scores, cool(scores, task, found), task)
    }
    return {"temperature": found, "rows": len(labels), "note": note, **figures}


def _best_temperature(labels: np.ndarray, scores: np.ndarray, task: Task) -> float:
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        return float(measure(["log_loss"], labels, cool(scores, task, np.exp(logarithm)), task)["log_loss"] or 0.0)

    best = minimize_scalar(loss, bounds=np.log(_RANGE), method="bounded")
    return float(np.exp(best.x)) if best.fun < loss(0.0) else 1.0


def cool(scores: np.ndarray, task: Task, temperature: float) -> np.ndarray:
    """Returns scores at a temperature, as :func:`~kerasline.components.models.with_temperature` makes the network.

    Args:
      scores: Probabilities, float32 [rows, units].
      task: ``binary`` or ``multiclass``.
      temperature: Number that logits are divided by.

    Returns:
      float32 [rows, units].
    """
    known = np.clip(scores.astype(np.float32), SMALLEST, 1 - SMALLEST if task == "binary" else None)
    both = np.concatenate([1 - known, known], axis=1) if task == "binary" else known
    logits = np.log(both.astype(np.float64)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    cooled = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return np.asarray(cooled[:, 1:] if task == "binary" else cooled)


def _figures(labels: np.ndarray, before: np.ndarray, after: np.ndarray, task: Task) -> Any:
    names = ["calibration_error", "log_loss"]
    old, new = measure(names, labels, before, task), measure(names, labels, after, task)
    return [(name, old[name], new[name]) for name in names]
