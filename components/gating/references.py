"""Asks how far a model may stay behind scikit-learn's models on the same rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasline.components.core import rounded
from kerasline.components.evaluation import METRICS, EvaluationOptions, Figures, measure
from kerasline.components.gating.rows import FAILED, NOT_GATED, PASSED, Row
from kerasline.components.models import Task


def judge_against_references(
    options: EvaluationOptions, labels: np.ndarray, answers: Path, task: Task, whole: Figures
) -> Row:
    """Holds the main metric against the better of the references.

    Args:
      options: ``max_behind_reference`` is the limit; the main metric is the first.
      labels: of the eval split.
      answers: the file of what each reference answers, if there is one.
      task: the task.
      whole: the model's figures.
    """
    name = options.metrics[0]
    metric, value, room = METRICS[name], whole.get(name), options.max_behind_reference or 0.0
    sign = 1 if metric.higher_is_better else -1
    figures = {one: measure([name], labels, given, task)[name] for one, given in _read(answers).items()}
    known = {one: figure for one, figure in figures.items() if figure is not None}
    if not known:
        text = "not compared: no reference model could be fitted on these rows"
        return Row("reference", name, metric.title, "", value, None, text, NOT_GATED)
    best = max(known, key=lambda one: sign * known[one])
    limit = known[best] - sign * room
    text = f"not worse than {rounded(limit)} (the {best} reference reaches {rounded(known[best])} on these rows)"
    is_kept = value is not None and sign * value >= sign * limit
    return Row("reference", name, metric.title, "", value, limit, text, PASSED if is_kept else FAILED)


def _read(answers: Path) -> dict[str, np.ndarray]:
    if not answers.is_file():
        return {}
    with np.load(answers, allow_pickle=False) as stored:
        return dict(stored)
