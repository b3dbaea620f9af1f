"""Predicts rows, and says how far each of their columns moved the answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kerasline.components.core import ConfigError, new_name, written_at_once
from kerasline.components.explanations import share_out
from kerasline.components.prediction.answering import ServedModel
from kerasline.components.prediction.at_once import Answers, answered_blocks, none_predicted, predict_at_once
from kerasline.components.prediction.job import Prediction, rejected_beside
from kerasline.components.prediction.marking import column_name
from kerasline.components.prediction.reading import PredictionPlan, output_columns
from kerasline.components.prediction.writing import PartWriter, rejected_line

USUAL, EFFECT = "usual", "effect_{}"  # columns of the output
_Columns = dict[str, np.ndarray]  # the arguments of a model, [rows, ...]
_ROWS_AT_ONCE = 100_000  # of those that are made of the rows that are asked about and others


def explain_at_once(plan: PredictionPlan, model: ServedModel, others: PredictionPlan | None = None) -> Answers:
    """Predicts every row, and adds how far the value of each column moved its answer.

    Args:
      plan: from :func:`~kerasline.components.prediction.reading.planning.plan_prediction`.
      model: the plan's, loaded.
      others: the rows that the answers are compared with; None for those of the plan itself.

    Returns:
      What :func:`~kerasline.components.prediction.at_once.predict_at_once` gives, with more columns in the table:
      ``usual``, the mean answer to up to 40 of the other rows, and ``effect_COLUMN`` of each column that the model
      reads. With the effects added to it, ``usual`` becomes ``predicted_value``, or the score of ``predicted_class``.

    Raises:
      ConfigError: the answers of this model, or these rows, cannot be explained.
      DataRejected: no row could be predicted, of these or of the others.
    """
    _check(plan)
    answers = predict_at_once(plan, model)
    asked = _plain_columns(plan, model)
    begun = asked if others is None else _plain_columns(others, model)
    if others is None and len(answers.places) == 1:
        raise ConfigError("one row alone can be compared with none; give it with others, such as those of the training")
    arguments = {column["name"]: plan.record["arguments"][column["name"]] for column in plan.record["columns"]}
    chosen = answers.figures.reshape(len(answers.places), -1).argmax(axis=1)
    usual, effects = _share_out(model, asked, begun, list(arguments.values()), chosen)
    table = answers.table
    for name, values in zip([USUAL, *map(EFFECT.format, arguments)], [usual, *effects], strict=True):
        table = table.append_column(new_name(name, table.column_names), pa.array(values, pa.float32()))
    return replace(answers, table=table)


def _share_out(
    model: ServedModel, asked: _Columns, begun: _Columns, arguments: Sequence[str], chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shares the answers out among the arguments, as many rows at once as memory should hold.

    Each part draws the same orders and the same rows to begin with, so it does not matter in which part a row is.
    """
    players = [(argument,) for argument in arguments]
    at_once = max(1, _ROWS_AT_ONCE // (2 * len(players) + 2))
    parts = [slice(start, start + at_once) for start in range(0, len(chosen), at_once)]
    found = [
        share_out(model.figures, {name: values[part] for name, values in asked.items()}, begun, players, chosen[part])
        for part in parts
    ]
    usual, effects = zip(*found, strict=True)
    return np.concatenate(usual), np.concatenate(effects, axis=1)


def explain(plan: PredictionPlan, output: Path) -> Prediction:
    """Writes what :func:`explain_at_once` says of files; rows that could not be predicted go into a file beside it.

    Args:
      plan: what is to be predicted.
      output: the file to write.
    """
    started = time.monotonic()
    rejects = plan.on_unseen == "reject"
    answers = explain_at_once(plan, ServedModel(plan.model, plan.record, rejects_unseen=rejects))
    marked = column_name([*plan.keys, *output_columns(plan.record)])
    with written_at_once(output) as file:
        writer = PartWriter(file, plan.suffix)
        writer.write(answers.table)
        writer.close()
    aside = rejected_beside(output)
    aside.unlink(missing_ok=True)
    if answers.rejected:
        aside.write_bytes(b"".join(map(rejected_line, answers.rejected)))
    return Prediction(
        rows=len(answers.places),
        rejected=len(answers.rejected),
        seconds=time.monotonic() - started,
        reused_shards=0,
        rejected_path=aside if answers.rejected else None,
        unseen=answers.unseen,
        unseen_rows=len(answers.table) - answers.table[marked].null_count if answers.unseen else 0,
    )


def _check(plan: PredictionPlan) -> None:
    if plan.record["task"] == "multilabel":
        raise ConfigError(f"the answers of {plan.version} are several labels each, which no single effect explains")
    if len(plan.record["columns"]) == 1:
        name = plan.record["columns"][0]["name"]
        raise ConfigError(f"{plan.version} reads {name!r} alone, so there is nothing to tell apart in its answers")


def _plain_columns(plan: PredictionPlan, model: ServedModel) -> _Columns:
    """Lays out all rows that can be predicted as arguments of the model."""
    rejected: list[dict[str, Any]] = []
    laid_out: list[_Columns | None] = []
    for block, _ in answered_blocks(plan, model):
        rejected += block.rejected
        laid_out += [model.columns(block)] if len(block) else []
    if not laid_out:
        raise none_predicted(plan, rejected)
    return _joined(laid_out)


def _joined(laid_out: Sequence[_Columns | None]) -> _Columns:
    parts = [part for part in laid_out if part is not None]
    if len(parts) < len(laid_out):
        raise ConfigError(
            "rows that are tf.Examples, or lack a whole number, cannot be explained; give them as a table, and fill in "
            "or leave out what is missing"
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
