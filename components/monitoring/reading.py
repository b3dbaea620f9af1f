"""Reads captured answers piece by piece: which days there are, their rows, predictions, and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.monitoring.parts import read_parts
from kerasline.components.monitoring.records import ANSWERS

ANSWERED = 200


def days_of(captured: Path, version: int, since: datetime | None) -> list[Path]:
    """Lists the days on which a version has answered, oldest first.

    Args:
      captured: ``captured/NAME`` of the workspace.
      version: its number.
      since: leaves out the days before; None for nothing.
    """
    days = sorted((captured / ANSWERS / f"version={version}").glob("day=*"))
    return [day for day in days if since is None or day.name.partition("=")[2] >= since.date().isoformat()]


def batches_of(day: Path, since: datetime | None, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Reads a day piece by piece, as Arrow batches.

    Args:
      day: one of :func:`days_of`.
      since: leaves out what was answered before.
      columns: to read, as far as a file has them; None for all.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in read_parts(day, columns):
        if since is not None:
            batch = batch.filter(pc.greater_equal(batch.column("time"), pa.scalar(since, batch.column("time").type)))
        if len(batch):
            yield batch


def predictions_of(batch: Any, record: Mapping[str, Any]) -> np.ndarray | None:
    """Returns the predictions of answered rows as the model's head gives them, float32 [rows, units]; None of none."""
    name = answer_column(record)
    if not len(batch) or name not in batch.schema.names:
        return None
    values = batch.column(name)
    flat = values if name == "value" else values.flatten()
    predictions = np.asarray(flat.to_numpy(zero_copy_only=False), np.float32).reshape(len(batch), -1)
    return predictions[:, 1:] if record["task"] == "binary" else predictions


def answer_column(record: Mapping[str, Any]) -> str:
    """Names the column that has what a version answers."""
    return "value" if record["classes"] is None else "scores"


def find_labels(
    ids: Sequence[str], labels: Mapping[str, tuple[Any, datetime]], record: Mapping[str, Any]
) -> list[tuple[int, Any, datetime]]:
    """Lists the rows that have a label, with it (of a class its number) and when it came.

    Args:
      ids: of the rows.
      labels: of a day, by id; see :func:`labels_of`.
      record: of the version.
    """
    found = [(row, *labels[one]) for row, one in enumerate(ids) if one in labels]
    places = _places_of_classes(record)
    if places is None:
        return found
    # A class that this version does not know can be no label of it.
    return [(row, places[label], at) for row, label, at in found if label in places]


def label_array(labels: Sequence[Any], record: Mapping[str, Any]) -> np.ndarray:
    """Makes an array of labels: numbers of classes as int64, else float32."""
    return np.array(labels, np.float32 if _places_of_classes(record) is None else np.int64)


def _places_of_classes(record: Mapping[str, Any]) -> dict[str, int] | None:
    """Returns the number of each class by its name; None where labels are numbers, or several of 0 and 1."""
    classes = record["classes"]
    if classes is None or record["task"] == "multilabel":
        return None
    return {name: place for place, name in enumerate(classes)}
