"""One pass over the captured answers of a version: counts by column, and samples of bounded size of all else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.datasets.values import missing_words
from kerasline.components.leaks import Column
from kerasline.components.monitoring.drift import Counts
from kerasline.components.monitoring.labels import LABELS_FILE, labels_of
from kerasline.components.monitoring.parts import open_parts
from kerasline.components.monitoring.reading import (
    ANSWERED,
    batches_of,
    days_of,
    find_labels,
    label_array,
    predictions_of,
)
from kerasline.components.monitoring.records import BATCH, INPUT, LABELS, LOGGED, SHADOW
from kerasline.components.prediction import reading_of_record
from kerasline.components.registry import ANSWERS_FILE
from kerasline.components.validation import PROFILE_FILE, profile_columns

PREDICTION, SCORE = "(prediction)", "(score)"  # drift of the answers, under names that no column has
_MOST_ROWS, _MOST_IMAGES = 100_000, 2_000  # of a sample


@dataclass
class Served:
    """What a version was asked and answered.

    Attributes:
      counts: by column that is compared with the version's data.
      left_out: columns that are not, and why.
      answered, failed, labelled: rows.
      shadowed: those of them that went to nobody, since the version was a shadow.
      predicted, logged: those of them that ``kerasline predict`` answered, and TensorFlow Serving.
      predictions: of a sample of the answers, a list of float32 [rows, units].
      labels, labelled_predictions: of a sample of those that have a label.
      delays: between answers and their labels, in seconds.
      latencies: of a sample, in milliseconds.
      first, last: when the first and the last of them was answered.
    """

    counts: dict[str, Counts] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    answered: int = 0
    failed: int = 0
    labelled: int = 0
    shadowed: int = 0
    predicted: int = 0
    logged: int = 0
    predictions: list[np.ndarray] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)
    labelled_predictions: list[np.ndarray] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    latencies: list[np.ndarray] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True)
class Known:
    """What a version brings to be compared with: the profile of its data, and labels and predictions of eval rows."""

    profile: Mapping[str, Any]
    labels: np.ndarray | None
    predictions: np.ndarray | None


def read_known(folder: Path, record: Mapping[str, Any]) -> Known:
    """Reads what lies in a version's folder; versions of earlier releases have less."""
    path = folder / PROFILE_FILE
    profile = dict(json.loads(path.read_text(encoding="utf-8"))["columns"]) if path.is_file() else {}
    labels = predictions = None
    if (folder / ANSWERS_FILE).is_file():
        with np.load(folder / ANSWERS_FILE, allow_pickle=False) as stored:
            labels, predictions = stored["labels"], stored["predictions"]
    if predictions is not None and len(predictions):
        profile |= profile_columns(_answer_columns(predictions, record), None)
    return Known(profile, labels, predictions)


def _answer_columns(predictions: np.ndarray, record: Mapping[str, Any]) -> dict[str, Column]:
    """Returns what is watched of answers: values; or classes, and the score of the second of two, or the highest."""
    task, classes = record["task"], record["classes"]
    if classes is None:
        return {PREDICTION: Column("numeric", predictions.reshape(-1).astype(np.float64))}
    if task == "multilabel":
        return {SCORE: Column("array", predictions.astype(np.float64))}
    if task == "binary":
        places, scores = (predictions.reshape(-1) > 0.5).astype(int), predictions.reshape(-1)
    else:
        places, scores = predictions.argmax(axis=1), predictions.max(axis=1)
    named = np.array(classes, object)[places]
    return {PREDICTION: Column("categorical", named), SCORE: Column("numeric", scores.astype(np.float64))}


def collect(
    captured: Path,
    version: int,
    record: Mapping[str, Any],
    known: Known,
    since: datetime | None,
    only: str | None = None,
) -> Served:
    """Reads the captured answers of a version.

    Args:
      captured: ``captured/NAME`` of the workspace.
      version: whose answers are read.
      record: of the version.
      known: what they are compared with.
      since: leaves out what was answered before; None for nothing.
      only: the day (UTC) to read, as 2026-11-29; None for all.
    """
    days = [day for day in days_of(captured, version, since) if only in (None, day.name.partition("=")[2])]
    rows = sum(file.metadata.num_rows - known for day in days for file, known in open_parts(day))
    collector = _Collector(record, known, rows)
    for day in days:
        labels_file = captured / LABELS / day.parent.name / day.name / LABELS_FILE
        collector.labels = labels_of(labels_file.parent)
        for batch in batches_of(day, since):
            collector.add(batch)
    return collector.served


class _Collector:
    """Takes batches in, one after the other."""

    def __init__(self, record: Mapping[str, Any], known: Known, rows: int) -> None:
        self.served, self.labels = Served(), dict[str, Any]()
        self._record, self._known = record, known
        self._random = np.random.default_rng(0)
        self._share, self._images = (min(1.0, most / max(rows, 1)) for most in (_MOST_ROWS, _MOST_IMAGES))
        reading = reading_of_record(record)
        self._words = {c["name"]: missing_words(reading, c["name"]) - {""} for c in record.get("columns", ())}

    def add(self, batch: Any) -> None:
        """Counts the rows of a batch, and keeps some of them."""
        import pyarrow.compute as pc

        served = self.served
        times = pc.min_max(batch.column("time")).as_py()
        served.first = min(filter(None, (served.first, times["min"])))
        served.last = max(filter(None, (served.last, times["max"])))
        there = pc.equal(batch.column("code"), ANSWERED)
        served.failed += len(batch) - int(pc.sum(there).as_py() or 0)
        batch = batch.filter(there)
        predictions = predictions_of(batch, self._record)
        if predictions is None:
            return
        served.answered += len(batch)
        served.shadowed += _count_role(batch, SHADOW)
        served.predicted += _count_role(batch, BATCH)
        served.logged += _count_role(batch, LOGGED)
        kept = self._random.random(len(batch)) < self._share
        served.predictions.append(predictions[kept])
        served.latencies.append(batch.column("latency_ms").to_numpy(zero_copy_only=False)[kept])
        self._count(batch, predictions)
        self._join(batch, predictions)

    def _count(self, batch: Any, predictions: np.ndarray) -> None:
        """Counts the values of inputs and of answers."""
        import pyarrow as pa

        for column in self._record.get("columns", ()):
            name = column["name"]
            values = batch.column(INPUT + name) if INPUT + name in batch.schema.names else None
            problem = self._problem(name, column, values)
            if problem or values is None:
                self.served.left_out[name] = problem
                continue
            if column["dtype"] == "image":
                values = values.filter(pa.array(self._random.random(len(values)) < self._images))
            self._counts(name).add(values, self._words[name])
        for name, answered in _answer_columns(predictions, self._record).items():
            if name in self._known.profile:
                values = answered.values if answered.kind != "array" else list(answered.values)
                self._counts(name).add(pa.array(values))

    def _counts(self, name: str) -> Counts:
        return self.served.counts.setdefault(name, Counts(self._known.profile[name]))

    def _problem(self, name: str, column: Mapping[str, Any], values: Any) -> str:
        """Says why a column is not compared, or nothing."""
        import pyarrow as pa

        profile = self._known.profile.get(name)
        if values is None:
            return "it is not captured"
        if profile is None:
            return "the version has no profile of it"
        if profile["kind"] == "open":
            return "its values are dates, or almost all different"
        if column["dtype"] == "image" and not pa.types.is_binary(values.type):
            return "images are captured as digests; serve.capture.images: keep keeps them"
        is_text = pa.types.is_string(values.type)
        if profile["kind"] == "numeric" and is_text:
            return "its numbers are written as text"
        return ""

    def _join(self, batch: Any, predictions: np.ndarray) -> None:
        """Keeps answers with their labels, as far as these have come."""
        if not self.labels:
            return
        found = find_labels(batch.column("request_id").to_pylist(), self.labels, self._record)
        self.served.labelled += len(found)
        kept = [one for one in found if self._share >= 1 or self._random.random() < self._share]
        if not kept:
            return
        rows, labels, came = zip(*kept, strict=True)
        answered = batch.column("time").take(list(rows)).to_pylist()
        self.served.labels.append(label_array(labels, self._record))
        self.served.labelled_predictions.append(predictions[list(rows)])
        # The server's clock may be ahead of the one by which labels came.
        delays = ((at - before).total_seconds() for before, at in zip(answered, came, strict=True))
        self.served.delays += [max(0.0, seconds) for seconds in delays]


def _count_role(batch: Any, role: str) -> int:
    """Counts the rows that have a role."""
    import pyarrow.compute as pc

    return int(pc.sum(pc.equal(batch.column("role"), role)).as_py() or 0) if "role" in batch.schema.names else 0
