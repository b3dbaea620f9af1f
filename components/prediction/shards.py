"""Predicts one shard of the input and writes its part of the output."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import pyarrow as pa

from kerasline.components.core import progress, rate, written_at_once
from kerasline.components.prediction.answering import ServedModel, join_counts
from kerasline.components.prediction.keeping import Keeper
from kerasline.components.prediction.marking import write_marks
from kerasline.components.prediction.reading import READERS, Block, PredictionPlan
from kerasline.components.prediction.writing import PartWriter, prediction_table, rejected_line

_Item = TypeVar("_Item")
_Answered = tuple[Block, dict[str, np.ndarray]]


def begin_to_load(plan: PredictionPlan) -> Future[ServedModel]:
    """Begins to load the plan's model in a thread; it is what takes longest to be ready."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="model")
    loading = pool.submit(ServedModel, plan.model, plan.record, rejects_unseen=plan.on_unseen == "reject")
    pool.shutdown(wait=False)
    return loading


def predict_shard(
    plan: PredictionPlan, parts: Path, index: int, model: Future[ServedModel], keeper: Keeper | None = None
) -> int:
    """Writes the part of a shard, its rejected rows, and last of all its summary, by which it counts as done.

    Rows are read while others are answered, and those before them are written.

    Args:
      plan: What is predicted.
      parts: Folder for what each shard writes.
      index: Number of the shard.
      model: The plan's, perhaps still being loaded.
      keeper: Keeps the rows of the output, too; None where nothing is kept.

    Returns:
      How many rows were written.
    """
    done = _Done()
    kept = keeper.begin(captured_path(parts, index)) if keeper else None
    started = time.monotonic()
    with (
        written_at_once(rejected_path(parts, index)) as aside,
        written_at_once(marks_path(parts, index), lasting=False) as marks,
        written_at_once(part_path(parts, index, plan.suffix)) as file,
    ):
        writer = PartWriter(file, plan.suffix, header=index == 0)
        for predicted, answer in _ahead(_answers(plan, index, model)):
            if kept:
                kept.add(predicted, answer)
            writer.write(prediction_table(predicted.keys, answer, plan))
            write_marks(marks, done.rows, answer.get("unseen", ()))
            _write_rejected(aside, predicted)
            done.add(predicted, answer)
            speed = done.rows / max(time.monotonic() - started, 1e-3)
            progress.report("shard", index + 1, len(plan.shards), f"{done.rows:,} rows, {rate(speed)}")
        writer.close()
    if kept:
        kept.close()
        done.not_captured = kept.problem
    # Were it lost in a power failure, the shard would be predicted again.
    with written_at_once(summary_path(parts, index), lasting=False) as file:
        file.write(json.dumps(done.summary()).encode())
    return done.rows


def _answers(plan: PredictionPlan, index: int, model: Future[ServedModel]) -> Iterator[_Answered]:
    for block in _ahead(_blocks(plan, index)):
        yield model.result().answer(block, str(plan.shards[index]["path"]))


def _blocks(plan: PredictionPlan, index: int) -> Iterator[Block]:
    """Reads a shard, and gives its rows ids where they have none and need some."""
    first = 0
    for block in READERS[plan.kind](plan, plan.shards[index]):
        if plan.made_ids:
            made = [f"{plan.made_ids}-{index}-{row}" for row in range(first, first + len(block))]
            block.keys = block.keys.append_column(plan.ids, pa.array(made, pa.string()))
        first += len(block)
        yield block


def _ahead(items: Iterable[_Item]) -> Iterator[_Item]:
    """Gives what an iterable gives, the next item of which is made in a thread while the one before it is used."""
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        following: Future[Any] = pool.submit(next, iterator, end)
        while (item := following.result()) is not end:
            following = pool.submit(next, iterator, end)
            yield item


def _write_rejected(aside: IO[bytes], predicted: Block) -> None:
    for row in sorted(predicted.rejected, key=lambda row: row["place"]):
        aside.write(rejected_line(row))


@dataclass
class _Done:
    """What became of the rows of a shard so far."""

    rows: int = 0
    rejected: int = 0
    unseen_rows: int = 0
    reasons: list[str] = field(default_factory=list)
    unseen: list[Mapping[str, dict[str, Any]]] = field(default_factory=list)
    not_captured: str = ""

    def add(self, predicted: Block, answer: Mapping[str, Any]) -> None:
        """Counts a block."""
        self.rows += len(predicted)
        self.rejected += len(predicted.rejected)
        self.unseen_rows += sum(names is not None for names in answer.get("unseen", ()))
        self.reasons = self.reasons or [row["reason"] for row in predicted.rejected[:1]]
        self.unseen.append(predicted.unseen)

    def summary(self) -> dict[str, Any]:
        """Returns what is kept of it."""
        counts = {"rows": self.rows, "rejected": self.rejected, "unseen_rows": self.unseen_rows}
        further = {"reasons": self.reasons, "not_captured": self.not_captured}
        return {**counts, "unseen": join_counts(self.unseen), **further}


def part_path(parts: Path, index: int, suffix: str) -> Path:
    """Names the rows of a shard with their predictions."""
    return parts / f"part-{index:05d}{suffix}"


def captured_path(parts: Path, index: int) -> Path:
    """Names the rows of a shard that are kept for those who watch the version."""
    return parts / f"captured-{index:05d}.parquet"


def rejected_path(parts: Path, index: int) -> Path:
    """Names the rows of a shard that were not predicted."""
    return parts / f"rejected-{index:05d}.jsonl"


def marks_path(parts: Path, index: int) -> Path:
    """Names the marks of a shard's rows with values that training has never shown."""
    return parts / f"unseen-{index:05d}.jsonl"


def summary_path(parts: Path, index: int) -> Path:
    """Names what says that a shard is done."""
    return parts / f"summary-{index:05d}.json"
