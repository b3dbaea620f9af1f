"""How good a version is on labelled data that came after its training: metrics with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.core import ConfigError, DataRejected, counted
from kerasline.components.evaluation import measure_with_intervals
from kerasline.components.prediction.at_once import Answers
from kerasline.components.prediction.reading import PredictionPlan
from kerasline.components.prediction.truths import Truths, read_truths, read_truths_of_paths

MOST_SLICES = 50
Figure = dict[str, float | None]  # value, low and high


@dataclass(frozen=True)
class Measures:
    """What a version reaches on labelled rows.

    Attributes:
      rows: How many were measured: they have a label, and the model answered them.
      metrics: By name ``value``, and ``low`` and ``high``, which hold the value with 95 % certainty; None where it is
        not defined.
      slices: ``slice`` (column to value), ``rows`` and ``metrics`` of each part of the rows that was asked for.
      without_label: How many rows were answered that have no label.
      rejected: Rows that were not measured: ``file``, ``place``, ``reason`` and ``keys``.
    """

    rows: int
    metrics: dict[str, Figure]
    slices: list[dict[str, Any]]
    without_label: int
    rejected: list[dict[str, Any]]


def measure_answers(plan: PredictionPlan, answers: Answers, slices: Sequence[str] = ()) -> Measures:
    """Measures answers by the labels that stand beside them.

    Args:
      plan: From :func:`plan_evaluation`.
      answers: To the plan's rows.
      slices: Columns whose values are measured apart.

    Raises:
      DataRejected: No row has a label that the model could have answered.
      ConfigError: The folders of images are not named as classes; or a slice has too many values.
    """
    record = plan.record
    truths = _truths(plan, answers)
    file = str(plan.shards[0]["path"])
    strange = [
        {"file": file, "place": answers.places[row], "reason": reason, "keys": {}}
        for row, reason in truths.problems.items()
    ]
    if not len(truths.rows):
        why = strange[0]["reason"] if strange else "no row has one"
        raise DataRejected(
            f"{plan.version} can be measured on no row of {len(answers.places):,}, since none has a label of it: {why}"
        )
    predictions = _predictions(plan, answers, truths)
    parts = _parts(answers.table, truths.rows, slices)
    return Measures(
        rows=len(truths.rows),
        metrics=measure_with_intervals(record, truths.labels, predictions),
        slices=[
            {
                "slice": part,
                "rows": int(chosen.sum()),
                "metrics": measure_with_intervals(record, truths.labels[chosen], predictions[chosen]),
            }
            for part, chosen in parts
        ],
        without_label=truths.missing,
        rejected=[*answers.rejected, *strange],
    )


def labelled_answers(plan: PredictionPlan, answers: Answers) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Returns answers beside the labels that they are measured by.

    Args:
      plan: From :func:`plan_evaluation`.
      answers: To the plan's rows.

    Returns:
      The labels (see :class:`Truths`), the predictions, float32 [rows, units], and where each row is in the input; of
      the rows that have a label.
    """
    truths = _truths(plan, answers)
    return truths.labels, _predictions(plan, answers, truths), [answers.places[row] for row in truths.rows]


def _predictions(plan: PredictionPlan, answers: Answers, truths: Truths) -> np.ndarray:
    """Returns the answers to rows that have a label, as metrics take them: of two classes the score of the second."""
    figures: np.ndarray = answers.figures.reshape(len(answers.places), -1)[truths.rows]
    return figures[:, 1:] if plan.record["task"] == "binary" else figures


def _truths(plan: PredictionPlan, answers: Answers) -> Truths:
    if plan.kind == "images":
        paths = answers.table.column("path").to_pylist()
        return read_truths_of_paths(paths, Path(plan.shards[0]["path"]).name, plan.record)
    columns = [answers.table.column(name).to_pylist() for name in plan.record["label"]["columns"]]
    return read_truths(columns, plan.record)


def _parts(table: Any, rows: np.ndarray, slices: Sequence[str]) -> list[tuple[dict[str, str], np.ndarray]]:
    """Splits rows by the values of columns, each column for itself, the most frequent value first."""
    parts: list[tuple[dict[str, str], np.ndarray]] = []
    for column in slices:
        values = np.array(["" if value is None else str(value) for value in table.column(column).to_pylist()], object)
        named, places, sizes = np.unique(values[rows].astype(str), return_inverse=True, return_counts=True)
        if len(named) > MOST_SLICES:
            raise ConfigError(
                f"slices: expected columns of at most {MOST_SLICES} values, got {column!r} with "
                f"{counted(len(named), 'value')}; group them first"
            )
        order = np.argsort(-sizes, kind="stable")
        parts += [({column: str(named[place])}, places == place) for place in order]
    return parts
