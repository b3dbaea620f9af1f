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
      task: Task of the model.
      classes: Names in the order of the outputs, None for regression.
      count: Number of mistakes; half as many hits are chosen.

    Returns:
      ``mistakes`` (most confident first; regression: largest errors first) and ``hits`` (least confident first; none
      for regression), each with ``row``, ``label``, ``prediction`` (texts) and ``score``: of the chosen class, or the
      error.
    """
    if not len(labels) or not count:
        return {"mistakes": [], "hits": []}
    if classes is None:
        return {"mistakes": _largest_errors(labels, predictions, count), "hits": []}
    if task == "multilabel":
        return _choose_of_several(labels, predictions, classes, count)
    scores = scores_of_classes(predictions, task)
    truth = labels.reshape(-1).astype(int)
    guessed = (predictions[:, 0] > 0.5).astype(int) if task == "binary" else scores.argmax(axis=1)
    top = scores.max(axis=1)
    return _choose(guessed != truth, top, top, ([classes[i] for i in truth], [classes[i] for i in guessed]), count)


def scores_of_classes(predictions: np.ndarray, task: Task) -> np.ndarray:
    """Returns a score for each class, [rows, classes], of which a binary model answers the second; numbers stay."""
    return np.concatenate([1 - predictions, predictions], axis=1) if task == "binary" else predictions


def _largest_errors(labels: np.ndarray, predictions: np.ndarray, count: int) -> list[Chosen]:
    """Chooses the rows whose predicted number, float32 [rows, 1], is farthest from the label."""
    truth, guess = labels.reshape(-1), predictions.reshape(-1)
    errors = (predictions - labels.reshape(predictions.shape)).reshape(-1)
    order = np.argsort(-np.abs(errors), kind="stable")[:count]
    return [
        {
            "row": int(row),
            "label": f"{truth[row]:.5g}",
            "prediction": f"{guess[row]:.5g}",
            "score": float(errors[row]),
        }
        for row in order
    ]


def _choose_of_several(
    labels: np.ndarray, predictions: np.ndarray, classes: Sequence[str], count: int
) -> dict[str, list[Chosen]]:
    """Chooses rows of which each may have several classes: [rows, classes] both, 1 where it has one."""
    wrong = (predictions > 0.5) != (labels > 0.5)
    # How sure the model is of its surest mistake, and of its least sure label.
    sure = np.where(wrong, np.abs(predictions - 0.5), -1).max(axis=1) + 0.5
    unsure = np.abs(predictions - 0.5).min(axis=1) + 0.5
    truth, guessed = ([join_classes(classes, row > 0.5) for row in rows] for rows in (labels, predictions))
    return _choose(wrong.any(axis=1), sure, unsure, (truth, guessed), count)


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
