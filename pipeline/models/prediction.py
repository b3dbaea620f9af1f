"""Batch inference with a model of the workspace: what ``kerasline predict`` does."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.beam import check_engine
from kerasline.components.core import KeraslineError, counted, loading_libraries, new_name, rate
from kerasline.components.monitoring import CAPTURED, REQUEST_ID, BatchCapture, capture_of
from kerasline.components.prediction import plan_prediction
from kerasline.components.registry import read_record
from kerasline.pipeline.console import (
    ENGINE_LOST,
    Screen,
    find_cause,
    format_seconds,
    is_engine_lost,
    no_interrupt_lost,
    screen_apart,
)
from kerasline.pipeline.models.commands import find_version
from kerasline.pipeline.workspace import Workspace, open_workspace, read_outcome, run_folders

if TYPE_CHECKING:
    from kerasline.components.prediction import Prediction, PredictionPlan

_COLUMNS_SHOWN = 5
_ID_DIGITS = 16  # of the ids that rows are given


def predict_file(
    source: str,
    reference: str,
    output: Path,
    *,
    keys: Sequence[str] = (),
    kind: str | None = None,
    on_unseen: str = "warn",
    workspace: Path,
    beam_arguments: Sequence[str] = (),
    capture: float | None = None,
    explain: bool = False,
    debug: bool = False,
    is_kept: bool = True,
) -> dict[str, Any]:
    """Predicts the rows of files with a pushed model, and tells on the screen how it goes.

    Args:
      source: A file, a folder or a glob.
      reference: ``NAME``, which means what is in production, or ``NAME@VERSION``.
      output: A .parquet, .csv or .jsonl file, which is written.
      keys: Columns of the input to repeat in the output; none for all.
      kind: csv, parquet, images, tfrecord or npz, where the name of the input does not say it.
      on_unseen: Whether rows with values that training has never shown are marked (warn) or rejected.
      workspace: Folder that holds the model.
      beam_arguments: Beam's options; none for those of the latest run of the model's recipe.
      capture: Share of the rows to keep in the workspace's ``captured``; None for what the version's recipe says.
      explain: Whether the output says how far each column moved an answer; nothing is kept then, nor is Beam used.
      debug: Whether tracebacks are shown.
      is_kept: Whether the output stays after this; one that does not is not told.

    Returns:
      ``model``, ``version``, ``input``, ``output``, ``rows``, ``rejected``, ``rejected_file``, ``unseen`` (by
      column), ``unseen_rows``, ``captured`` (rows that were kept), ``not_captured`` (why no more were, or None),
      ``ids`` (the column of the output that has their ids, or None), ``seconds`` and ``rows_per_second``.

    Raises:
      ConfigError: There is no such model, or the input or the output cannot be.
      DataRejected: No row could be predicted.
    """
    home = open_workspace(workspace)
    folder, version = find_version(home.root / "models", reference)
    record = read_record(folder, version)
    plan = plan_prediction(
        source, folder / str(version), f"{folder.name}@{version}", record, output, keys, kind, on_unseen
    )
    plan, keeper = _keep(plan, keys, home.root / CAPTURED, (folder.name, version), 0.0 if explain else capture)
    engine = [] if explain else list(beam_arguments) or engine_of_recipe(home, folder.name)
    log = home.log(f"predict-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    with screen_apart(log) as screen:
        _announce(plan, log, [] if beam_arguments else engine, screen)
        predict = load_predict(engine, "--beam" if beam_arguments else "run.beam", screen)
        screen.start("  predict")
        try:
            with predicting(log, debug):
                done = _explain(plan, output) if explain else predict(plan, output, engine, keeper)
        finally:
            screen.stop()
        _tell(plan, done, output if is_kept else None, screen)
        _tell_captured(done, keeper, screen)
    return {
        "model": folder.name,
        "version": version,
        "input": source,
        **_files_of(done, output, is_kept),
        "rows": done.rows,
        "rejected": done.rejected,
        "unseen": done.unseen,
        "unseen_rows": done.unseen_rows,
        "captured": done.captured,
        "not_captured": done.not_captured or None,
        "ids": plan.ids or None,
        "seconds": round(done.seconds, 3),
        "rows_per_second": round(_speed(done), 1),
    }


def _explain(plan: PredictionPlan, output: Path) -> Prediction:
    from kerasline.components.prediction import explain

    return explain(plan, output)


def _files_of(done: Prediction, output: Path, is_kept: bool) -> dict[str, str | None]:
    """Names the files of a prediction that stay."""
    if not is_kept:
        return {"output": None, "rejected_file": None}
    return {"output": str(output), "rejected_file": str(done.rejected_path) if done.rejected_path else None}


def _keep(
    plan: PredictionPlan, keys: Sequence[str], captured: Path, version: tuple[str, int], share: float | None
) -> tuple[PredictionPlan, BatchCapture | None]:
    """Says which rows are kept for those who watch the version, and what their ids are.

    Args:
      plan: What is to be predicted.
      keys: That were asked for.
      captured: The folder of the workspace.
      version: Name and number.
      share: Of the rows; None for what the recipe says.

    Returns:
      The plan, with the column that has the ids; and what keeps rows, None where none are kept.
    """
    settings = capture_of(plan.record)
    share = float(settings["share"]) if share is None else share
    if not share:
        return plan, None
    named = [REQUEST_ID, *keys] if len(keys) == 1 else [REQUEST_ID]
    known = [name for name in named if name in plan.keys and name not in settings["redact"]]
    if known:
        plan = replace(plan, ids=known[0])
    else:
        plan = replace(plan, ids=new_name(REQUEST_ID, plan.keys), made_ids=plan.fingerprint()[:_ID_DIGITS])
    return plan, BatchCapture(captured, *version, plan.record, share, plan.ids)


def _announce(plan: PredictionPlan, log: Path, remembered: list[str], screen: Screen) -> None:
    """Shows what will be predicted, what is odd about it, and Beam's options that nobody gave."""
    screen.line(f"kerasline predict  {plan.version}  {counted(len(plan.shards), 'shard')} of {plan.kind}  log {log}")
    for note in plan.notes:
        screen.line(f"  {note}")
    if remembered:
        screen.line(f"  {'beam':<12} {' '.join(remembered)}, as in its latest run")


def load_predict(engine: list[str], origin: str, screen: Screen) -> Callable[..., Prediction]:
    """Loads the libraries, and checks Beam's options, which needs them.

    Args:
      engine: Beam's options.
      origin: The argument or key that they came from, for messages.
      screen: Shows how long it takes.

    Returns:
      What predicts, from a plan, the output's path and Beam's options.

    Raises:
      ConfigError: Beam does not know an option, or what it names is not there.
    """
    screen.start("  loading TensorFlow and Beam")
    started = time.monotonic()
    with no_interrupt_lost(), loading_libraries():
        from kerasline.components.prediction import predict
    check_engine(engine, origin)
    screen.stop()
    screen.line(f"  {'loaded':<12} {format_seconds(time.monotonic() - started)}")
    return predict


@contextmanager
def predicting(log: Path, debug: bool) -> Iterator[None]:
    """Says in plain words what went wrong in Beam's steps.

    Args:
      log: The log, for messages.
      debug: Leave an error as it came up, unless Beam's engine was lost.

    Raises:
      KeraslineError: The engine was lost; or one of our own errors came up in a step of Beam.
    """
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        if is_engine_lost(error):
            raise KeraslineError(
                f"the prediction could not go on: {ENGINE_LOST} again: the parts that are written are kept; the log "
                f"is {log}"
            ) from error
        cause = find_cause(error)
        if debug or not isinstance(cause, KeraslineError):
            raise
        # Beam adds the name of its step to the message.
        raise type(cause)(str(cause).split(" [while running")[0].strip()) from error


def _tell(plan: PredictionPlan, done: Prediction, output: Path | None, screen: Screen) -> None:
    """Shows what came of it: rows, those that were rejected, values that are new to the model, and the file, if any."""
    if done.reused_shards:
        reused = counted(done.reused_shards, "was", "were")
        screen.line(f"  of {counted(len(plan.shards), 'shard')}, {reused} done by an interrupted command")
    rows, seconds = counted(done.rows, "row"), format_seconds(done.seconds)
    screen.line(f"  {'predicted':<12} {rows} in {seconds}, {rate(_speed(done))}")
    if done.rejected_path:
        first = json.loads(done.rejected_path.read_text(encoding="utf-8").splitlines()[0])
        listed = f", listed in {done.rejected_path}" if output else ""
        screen.line(f"  {'rejected':<12} {counted(done.rejected, 'row')}{listed}")
        screen.line(f"               the first: {first['place']}: {first['reason']}")
    for line in describe_unseen(done.unseen):
        screen.line(f"  {line}")
    if output is not None:
        screen.line(f"  {'output':<12} {output}")


def _tell_captured(done: Prediction, keeper: BatchCapture | None, screen: Screen) -> None:
    """Shows how many rows were kept, and why no more; nothing where none should be."""
    if keeper is None:
        return
    rows, folder = counted(done.captured, "row"), keeper.folder / keeper.name
    screen.line(f"  {'captured':<12} {rows} in {folder}, by the ids in {keeper.ids!r}")
    if done.not_captured:
        screen.line(f"               others could not be kept: {done.not_captured}")


def _speed(done: Prediction) -> float:
    """Returns rows in a second."""
    return done.rows / max(done.seconds, 1e-9)


def describe_unseen(unseen: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Tells of values that training has never shown: a line for each of the first columns, the worst first."""
    worst = sorted(unseen.items(), key=lambda item: -item[1]["values"])
    lines = []
    for name, found in worst[:_COLUMNS_SHOWN]:
        why = "; ".join(f"{counted(number, 'value')} {words}" for words, number in found["why"].items())
        examples = f": {', '.join(found['examples'])}" if found["examples"] else ""
        lines.append(f"{'unseen':<12} column {name!r}: {why}{examples}")
    if len(worst) > _COLUMNS_SHOWN:
        lines.append(f"{'':<12} and {counted(len(worst) - _COLUMNS_SHOWN, 'more column')}, which --json lists")
    return lines


def engine_of_recipe(home: Workspace, name: str) -> list[str]:
    """Returns the Beam options of a recipe's latest run, so that ``run.beam`` moves its predictions, too."""
    folders = run_folders(path.parent for path in home.reports(name).glob("*/run.json"))
    return list(read_outcome(folders[-1] / "run.json").get("beam", [])) if folders else []
