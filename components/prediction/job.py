"""Runs a prediction shard by shard, in this process or in Beam's workers, and joins the parts of the output."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock

from kerasline.components.beam import complete_options
from kerasline.components.core import ConfigError, DataRejected, KeraslineError
from kerasline.components.datasets.files import check_unchanged, size_of
from kerasline.components.prediction.answering import join_counts
from kerasline.components.prediction.keeping import Keeper
from kerasline.components.prediction.marking import add_marks, column_name
from kerasline.components.prediction.reading import PredictionPlan, output_columns
from kerasline.components.prediction.shards import (
    begin_to_load,
    captured_path,
    marks_path,
    part_path,
    predict_shard,
    rejected_path,
    summary_path,
)
from kerasline.components.prediction.writing import join_parts

_JOB = "job.txt"  # says whose parts these are
# There, Beam would do one shard after the other as well, and has to start first.
_IN_THIS_PROCESS = {"--runner=DirectRunner", "--direct_running_mode=in_memory"}


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
      captured: rows that were kept for those who watch the version.
      not_captured: why no more were kept; empty where nothing was in the way.
    """

    rows: int
    rejected: int
    seconds: float
    reused_shards: int
    rejected_path: Path | None
    unseen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unseen_rows: int = 0
    captured: int = 0
    not_captured: str = ""


def predict(
    plan: PredictionPlan, output: Path, beam_arguments: Sequence[str] = (), keeper: Keeper | None = None
) -> Prediction:
    """Predicts every row and writes the output.

    Parts are written beside the output and joined at the end, so the output is complete when it appears, and a command
    that was interrupted goes on where it ended, without a row twice.

    Args:
      plan: What is to be predicted, from :func:`~kerasline.components.prediction.reading.planning.plan_prediction`.
      output: File to write; ``OUTPUT.rejected.jsonl`` holds the rows that could not be predicted.
      beam_arguments: Options of Beam; by default the work is done in one process.
      keeper: Keeps the rows of the output, too; None where nothing is kept.

    Raises:
      ConfigError: a file is damaged or grew meanwhile, or another command writes the same output.
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
        sizes = _sizes(plan)
        waiting = [index for index in range(len(plan.shards)) if index not in done]
        _run(plan, parts, waiting, beam_arguments, keeper)
        for path, size_bytes in sizes.items():
            check_unchanged(path, size_bytes)
        total = _add_up(plan, parts)
        aside = _write_rejected(plan, parts, output, total["rejected"])
        _write_output(plan, parts, output, total["unseen_rows"])
        total |= _settle(plan, parts, keeper)
        shutil.rmtree(parts)
    except Exception as error:
        if _is_an_answer(error):  # it would be the same again, so there is nothing to go on with
            shutil.rmtree(parts, ignore_errors=True)
        raise
    finally:
        lock.release()
    seconds = time.monotonic() - started
    return Prediction(**total, seconds=seconds, reused_shards=len(done), rejected_path=aside)


def _sizes(plan: PredictionPlan) -> dict[str, int]:
    """Returns the size of each file; images that come into a folder do not change those that are listed."""
    paths = {str(shard["path"]) for shard in plan.shards} if plan.kind != "images" else set()
    return {path: size_of(path) for path in paths}


def _add_up(plan: PredictionPlan, parts: Path) -> dict[str, Any]:
    """Adds up what became of all shards.

    Returns:
      ``rows``, ``rejected``, ``unseen_rows`` and ``unseen``, as the summary of a shard has them.

    Raises:
      DataRejected: no row could be predicted.
    """
    summaries = [json.loads(summary_path(parts, index).read_text()) for index in range(len(plan.shards))]
    total = {key: sum(summary[key] for summary in summaries) for key in ("rows", "rejected", "unseen_rows")}
    if total["rows"] == 0:
        first = next((reason for summary in summaries for reason in summary["reasons"]), "there are none")
        raise DataRejected(f"{plan.version} can predict no row of {total['rejected']}: {first}")
    return {**total, "unseen": join_counts(summary["unseen"] for summary in summaries)}


def _settle(plan: PredictionPlan, parts: Path, keeper: Keeper | None) -> dict[str, Any]:
    """Keeps the rows of the output for those who watch the version, and says how many there are, and why no more."""
    if keeper is None:
        return {}
    shards = range(len(plan.shards))
    problems = [json.loads(summary_path(parts, index).read_text())["not_captured"] for index in shards]
    captured, problem = keeper.settle([captured_path(parts, index) for index in shards], plan.fingerprint())
    return {"captured": captured, "not_captured": problem or next(filter(None, problems), "")}


def _write_rejected(plan: PredictionPlan, parts: Path, output: Path, rows: int) -> Path | None:
    """Writes the rejected rows beside the output; without any, removes those of an earlier command."""
    path = rejected_beside(output)
    if not rows:
        path.unlink(missing_ok=True)
        return None
    join_parts([rejected_path(parts, index) for index in range(len(plan.shards))], path, ".jsonl")
    return path


def rejected_beside(output: Path) -> Path:
    """Names the file of the rows that could not be predicted."""
    return output.with_name(f"{output.name}.rejected.jsonl")


def _write_output(plan: PredictionPlan, parts: Path, output: Path, unseen_rows: int) -> None:
    """Joins the parts, with a column that names unseen values where there are any."""
    if unseen_rows:
        written = _marked_parts(plan, parts)
    else:
        written = [part_path(parts, index, plan.suffix) for index in range(len(plan.shards))]
    join_parts(written, output, plan.suffix)


def _marked_parts(plan: PredictionPlan, parts: Path) -> list[Path]:
    """Writes the parts again, with a column that names unseen values."""
    name = column_name([*plan.keys, plan.ids, *output_columns(plan.record)])
    marked = [parts / f"marked-{index:05d}{plan.suffix}" for index in range(len(plan.shards))]
    for index, path in enumerate(marked):
        part, marks = part_path(parts, index, plan.suffix), marks_path(parts, index)
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


def _run(
    plan: PredictionPlan, parts: Path, waiting: Sequence[int], beam_arguments: Sequence[str], keeper: Keeper | None
) -> None:
    """Predicts the shards that are waiting."""
    arguments = complete_options(beam_arguments)
    if not waiting:
        return
    if not _IN_THIS_PROCESS.issubset(arguments):
        from kerasline.components.prediction.workers import predict_in_workers  # which loads Beam

        predict_in_workers(plan, parts, waiting, arguments, keeper)
        return
    model = begin_to_load(plan)
    for index in waiting:
        predict_shard(plan, parts, index, model, keeper)
