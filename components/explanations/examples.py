"""The rows to look at: the mistakes that a model is surest of, and the hits that it is least sure of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasline.components.models import Task

Chosen = dict[str, Any]


def choose_examples(
    labels: np.ndarray, predictions: np.ndarray, task: Task, classes: Sequence[str] | None, count: int
) -> dict[str, list[Chosen]]:
    """Chooses rows by their predictions.

    Args:
      labels: [rows] or [rows, labels].
      predictions: float32 [rows, units].
      task: the task.
      classes: names in the order of the outputs, None for regression.
      count: of mistakes; half as many hits.

    Returns:
      ``mistakes`` (most confident first; regression: largest errors first) and ``hits`` (least confident first; none
      for regression), each with ``row``, ``label``, ``prediction`` (texts) and ``score``: of the chosen class, or the
      error.
    """
    if not len(labels) or not count:
        return {"mistakes": [], "hits": []}
    if classes is None:
        errors = (predictions - labels.reshape(predictions.shape)).reshape(-1)
        order = np.argsort(-np.abs(errors), kind="stable")[:count]
        return {
            "mistakes": [
                {
                    "row": int(row),
                    "label": f"{labels.reshape(-1)[row]:.5g}",
                    "prediction": f"{predictions.reshape(-1)[row]:.5g}",
                    "score": float(errors[row]),
                }
                for row in order
            ],
            "hits": [],
        }
    if task == "multilabel":
        wrong = (predictions > 0.5) != (labels > 0.5)
        # How sure the model is of its surest mistake, and of its least sure label.
        sure = np.where(wrong, np.abs(predictions - 0.5), -1).max(axis=1) + 0.5
        unsure = np.abs(predictions - 0.5).min(axis=1) + 0.5
        names = (
            [join_classes(classes, row > 0.5) for row in labels],
            [join_classes(classes, row > 0.5) for row in predictions],
        )
        return _choose(wrong.any(axis=1), sure, unsure, names, count)
    scores = np.concatenate([1 - predictions, predictions], axis=1) if task == "binary" else predictions
    truth = labels.reshape(-1).astype(int)
    guessed = (predictions[:, 0] > 0.5).astype(int) if task == "binary" else scores.argmax(axis=1)
    top = scores.max(axis=1)
    return _choose(guessed != truth, top, top, ([classes[i] for i in truth], [classes[i] for i in guessed]), count)


def _choose(
    wrong: np.ndarray, sure: np.ndarray, unsure: np.ndarray, names: tuple[list[str], list[str]], count: int
) -> dict[str, list[Chosen]]:
    def describe(row: int, score: float) -> Chosen:
        return {"row": row, "label": names[0][row], "prediction": names[1][row], "score": float(score)}

    mistakes = [int(row) for row in np.argsort(-sure, kind="stable") if wrong[row]][:count]
    hits = [int(row) for row in np.argsort(unsure, kind="stable") if not wrong[row]][: count // 2]
    return {
        "mistakes": [describe(row, sure[row]) for row in mistakes],
        "hits": [describe(row, unsure[row]) for row in hits],
    }


def join_classes(classes: Sequence[str], chosen: np.ndarray) -> str:
    """Names the classes that a row of several labels has."""
    return ", ".join(name for name, there in zip(classes, chosen, strict=True) if there) or "none"
