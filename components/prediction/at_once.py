"""Predicts in this process, without Beam: for a session that holds a model and wants its answers as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from kerasline.components.core import DataRejected
from kerasline.components.prediction.answering import ServedModel, join_counts
from kerasline.components.prediction.marking import column_name
from kerasline.components.prediction.reading import READERS, Block, PredictionPlan, output_columns
from kerasline.components.prediction.writing import prediction_table


@dataclass(frozen=True)
class Answers:
    """The answers to all rows of an input.

    Attributes:
      table: an Arrow table with what ``kerasline predict`` writes: the keys, the prediction, its scores, the version
        and, where there are any, the columns of a row whose values training has never shown.
      figures: ``scores`` [rows, classes] or ``value`` [rows], float32, of the rows of the table.
      places: where each row of the table is in the input: line, row, record or path.
      rejected: the rows that were not predicted: ``file``, ``place``, ``reason`` and ``keys``.
      unseen: counts of values that training has never shown, by column.
    """

    table: Any
    figures: np.ndarray
    places: list[Any]
    rejected: list[dict[str, Any]]
    unseen: Mapping[str, Mapping[str, Any]]


def predict_at_once(plan: PredictionPlan, model: ServedModel) -> Answers:
    """Predicts every row and keeps the answers in memory.

    Args:
      plan: from :func:`~kerasline.components.prediction.reading.planning.plan_prediction`.
      model: the plan's, loaded.

    Raises:
      ConfigError: a file is damaged.
      DataRejected: no row could be predicted.
    """
    tables, figures, named, unseen = [], [], [], []
    places: list[Any] = []
    rejected: list[dict[str, Any]] = []
    for predicted, answer in answered_blocks(plan, model):
        tables.append(prediction_table(predicted.keys, answer, plan))
        figures.append(answer["value" if plan.record["classes"] is None else "scores"])
        named.append(answer.get("unseen", np.full(len(predicted), None, object)))
        unseen.append(predicted.unseen)
        places.extend(predicted.places)
        rejected.extend(sorted(predicted.rejected, key=lambda row: row["place"]))
    if not places:
        raise none_predicted(plan, rejected)
    table, marks = pa.concat_tables(tables), np.concatenate(named)
    if any(names is not None for names in marks):
        name = column_name([*plan.keys, *output_columns(plan.record)])
        table = table.append_column(name, pa.array(marks.tolist(), pa.string()))
    return Answers(table, np.concatenate(figures), places, rejected, join_counts(unseen))


def none_predicted(plan: PredictionPlan, rejected: Sequence[Mapping[str, Any]]) -> DataRejected:
    """Says why none of the rows that were given can be predicted, by the first of them."""
    first = rejected[0]["reason"] if rejected else "there are none"
    return DataRejected(f"{plan.version} can predict no row of {len(rejected)}: {first}")


def answered_blocks(plan: PredictionPlan, model: ServedModel) -> Iterator[tuple[Block, dict[str, np.ndarray]]]:
    """Reads the rows block by block, and gives those that were predicted with their answers."""
    for shard in plan.shards:
        for block in READERS[plan.kind](plan, shard):
            yield model.answer(block, str(shard["path"]))
