"""Runs a prediction with Beam: each worker reads a shard, lets the model answer, and writes a part of the output."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam
import filelock
from apache_beam.options.pipeline_options import PipelineOptions

from kerasline.components.beam import CheckWorker, complete_options
from kerasline.components.core import ConfigError, DataRejected, KeraslineError, progress, rate, written_at_once
from kerasline.components.prediction.answering import ServedModel, join_counts
from kerasline.components.prediction.marking import add_marks, column_name, write_marks
from kerasline.components.prediction.reading import READERS, PredictionPlan, output_columns
from kerasline.components.prediction.writing import (
    PartWriter,
    join_parts,
    prediction_table,
    rejected_line,
)

_JOB = "job.txt"  # says whose parts these are


@dataclass(frozen=True)
class Prediction:
    """What became of a prediction.

    Attributes:
      rows: in the output.
      rejected: rows in the file beside it.
      seconds: reading, predicting and writing, the loading of the model included.
      reused_shards: shards that an earlier, interrupted command had finished.
      rejected_path: the file of rejected rows, or None.
      unseen: counts of values that training has never shown, by column.
      unseen_rows: rows of the output that have such values.
    """

    rows: int
    rejected: int
    seconds: float
    reused_shards: int
    rejected_path: Path | None
    unseen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unseen_rows: int = 0


def predict(plan: PredictionPlan, output: Path, beam_arguments: Sequence[str] = ()) -> Prediction:
    """Predicts every row and writes the output.

    Parts are written beside the output and joined at the end, so the output is complete when it appears, and a command
    that was interrupted goes on where it ended, without a row twice.

    Args:
      plan: What is to be predicted, from :func:`~kerasline.components.prediction.reading.planning.plan_prediction`.
      output: File to write; ``OUTPUT.rejected.jsonl`` holds the rows that could not be predicted.
      beam_arguments: Options of Beam; by default the work is done in one process.

    Raises:
      ConfigError: a file is damaged, or another command writes the same output.
      DataRejected: no row could be predicted.
    """
    started = time.monotonic()
    parts = output.with_name(f".{output.name}.parts")
    remove_abandoned(output.parent, parts)
    parts.mkdir(exist_ok=True)
    lock = filelock.FileLock(parts / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ConfigError(f"another command is writing {output}; wait for it, or name another output") from None
    try:
        done = _continue(parts, plan.fingerprint())
        waiting = [index for index in range(len(plan.shards)) if index not in done]
        _run(plan, parts, waiting, beam_arguments)
        total = _add_up(plan, parts)
        rejected_path = _write_rejected(plan, parts, output, total["rejected"])
        _write_output(plan, parts, output, total["unseen_rows"])
        shutil.rmtree(parts)
    except Exception as error:
        if _is_an_answer(error):  # it would be the same again, so there is nothing to go on with
            shutil.rmtree(parts, ignore_errors=True)
        raise
    finally:
        lock.release()
    seconds = time.monotonic() - started
    return Prediction(**total, seconds=seconds, reused_shards=len(done), rejected_path=rejected_path)


def _add_up(plan: PredictionPlan, parts: Path) -> dict[str, Any]:
    """Adds up what became of all shards.

    Returns:
      ``rows``, ``rejected``, ``unseen_rows`` and ``unseen``, as the summary of a shard has them.

    Raises:
      DataRejected: no row could be predicted.
    """
    summaries = [json.loads(_summary(parts, index).read_text()) for index in range(len(plan.shards))]
    total = {key: sum(summary[key] for summary in summaries) for key in ("rows", "rejected", "unseen_rows")}
    if total["rows"] == 0:
        first = next((reason for summary in summaries for reason in summary["reasons"]), "there are none")
        raise DataRejected(f"{plan.version} can predict no row of {total['rejected']}: {first}")
    return {**total, "unseen": join_counts(summary["unseen"] for summary in summaries)}


def _write_rejected(plan: PredictionPlan, parts: Path, output: Path, rows: int) -> Path | None:
    """Writes the rejected rows beside the output; without any, removes those of an earlier command."""
    path = output.with_name(f"{output.name}.rejected.jsonl")
    if not rows:
        path.unlink(missing_ok=True)
        return None
    join_parts([_rejected(parts, index) for index in range(len(plan.shards))], path, ".jsonl")
    return path


def _write_output(plan: PredictionPlan, parts: Path, output: Path, unseen_rows: int) -> None:
    """Joins the parts, with a column that names unseen values where there are any."""
    if unseen_rows:
        written = _marked_parts(plan, parts)
    else:
        written = [_part(parts, index, plan.suffix) for index in range(len(plan.shards))]
    join_parts(written, output, plan.suffix)


def _marked_parts(plan: PredictionPlan, parts: Path) -> list[Path]:
    """Writes the parts again, with a column that names unseen values."""
    name = column_name([*plan.keys, *output_columns(plan.record)])
    marked = [parts / f"marked-{index:05d}{plan.suffix}" for index in range(len(plan.shards))]
    for index, path in enumerate(marked):
        part, marks = _part(parts, index, plan.suffix), _marks(parts, index)
        add_marks(part, marks, path, plan.suffix, name, header=index == 0)
    return marked


def remove_abandoned(folder: Path, own: Path) -> None:
    """Deletes the parts of other predictions that a killed command left in a folder and nobody went on with.

    Args:
      folder: of the output.
      own: the parts that this command goes on with.
    """
    for parts in folder.glob(".*.parts"):
        if parts == own or not (parts / ".lock").is_file() or not (parts / _JOB).is_file():
            continue
        lock = filelock.FileLock(parts / ".lock", timeout=0)
        try:
            with lock:
                shutil.rmtree(parts, ignore_errors=True)
        except (filelock.Timeout, OSError):  # a command is at it, or another user's
            continue


def _is_an_answer(error: BaseException) -> bool:
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, KeraslineError):
            return True
        current = current.__cause__ or current.__context__
    return False


def _continue(parts: Path, fingerprint: str) -> set[int]:
    """Returns the shards that are done; parts of another job are removed."""
    job = parts / _JOB
    if not job.is_file() or job.read_text() != fingerprint:
        for path in parts.iterdir():
            if path.name != ".lock":
                path.unlink()
        job.write_text(fingerprint)
    return {int(path.stem.split("-")[1]) for path in parts.glob("summary-*.json")}


def _run(plan: PredictionPlan, parts: Path, waiting: Sequence[int], beam_arguments: Sequence[str]) -> None:
    if not waiting:
        return
    arguments = complete_options(beam_arguments)
    if _IN_THIS_PROCESS.issubset(arguments):
        _loading[plan.model] = _begin_to_load(plan)
    try:
        with beam.Pipeline(options=PipelineOptions(arguments)) as pipeline:
            (
                pipeline
                | "Shards" >> beam.Create(waiting)
                | "Spread" >> beam.Reshuffle()
                | "CheckWorker" >> beam.ParDo(CheckWorker())
                | "Predict" >> beam.ParDo(PredictShard(plan, str(parts)))
            )
    finally:
        _loading.pop(plan.model, None)


# The model is what takes longest to be ready: where the work is done in this process, it loads while Beam starts.
_IN_THIS_PROCESS = {"--runner=DirectRunner", "--direct_running_mode=in_memory"}
_loading: dict[str, Future[ServedModel]] = {}


def _begin_to_load(plan: PredictionPlan) -> Future[ServedModel]:
    pool = ThreadPoolExecutor(1, thread_name_prefix="model")
    loading = pool.submit(ServedModel, plan.model, plan.record, rejects_unseen=plan.on_unseen == "reject")
    pool.shutdown(wait=False)
    return loading


class PredictShard(beam.DoFn):
    """Reads a shard, predicts it and writes its part; the model is loaded once for each worker."""

    def __init__(self, plan: PredictionPlan, parts: str) -> None:
        super().__init__()
        self._plan, self._parts = plan, parts
        self._model: Future[ServedModel] | None = None

    def setup(self) -> None:
        """Begins to load the model; the first rows are read meanwhile."""
        self._model = _loading.pop(self._plan.model, None) or _begin_to_load(self._plan)

    def process(self, index: int) -> Iterator[int]:
        """Writes ``part-INDEX``, its rejected rows, and last of all its summary, by which it counts as done."""
        assert self._model is not None
        plan, parts = self._plan, Path(self._parts)
        shard = plan.shards[index]
        rows = rejected = unseen_rows = 0
        reasons: list[str] = []
        unseen: list[Mapping[str, dict[str, Any]]] = []
        started = time.monotonic()
        with (
            written_at_once(_rejected(parts, index)) as aside,
            written_at_once(_marks(parts, index), lasting=False) as marks,
            written_at_once(_part(parts, index, plan.suffix)) as file,
        ):
            writer = PartWriter(file, plan.suffix, header=index == 0)
            for block in READERS[plan.kind](plan, shard):
                predicted, answer = self._model.result().answer(block, str(shard["path"]))
                writer.write(prediction_table(predicted.keys, answer, plan))
                named = answer.get("unseen", ())
                write_marks(marks, rows, named)
                unseen_rows += sum(names is not None for names in named)
                unseen.append(predicted.unseen)
                for row in sorted(predicted.rejected, key=lambda row: row["place"]):
                    aside.write(rejected_line(row))
                rows, rejected = rows + len(predicted), rejected + len(predicted.rejected)
                reasons = reasons or [row["reason"] for row in predicted.rejected[:1]]
                speed = rows / max(time.monotonic() - started, 1e-3)
                progress.report("shard", index + 1, len(plan.shards), f"{rows:,} rows, {rate(speed)}")
            writer.close()
        # Were it lost in a power failure, the shard would be predicted again.
        with written_at_once(_summary(parts, index), lasting=False) as file:
            counts = {"rows": rows, "rejected": rejected, "unseen_rows": unseen_rows, "unseen": join_counts(unseen)}
            file.write(json.dumps({**counts, "reasons": reasons}).encode())
        yield rows


def _part(parts: Path, index: int, suffix: str) -> Path:
    return parts / f"part-{index:05d}{suffix}"


def _rejected(parts: Path, index: int) -> Path:
    return parts / f"rejected-{index:05d}.jsonl"


def _marks(parts: Path, index: int) -> Path:
    return parts / f"unseen-{index:05d}.jsonl"


def _summary(parts: Path, index: int) -> Path:
    return parts / f"summary-{index:05d}.json"
