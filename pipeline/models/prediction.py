"""Batch inference with a model of the workspace: what ``kerasline predict`` does."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kerasline.components.beam import check_engine
from kerasline.components.core import KeraslineError, counted, rate
from kerasline.components.prediction import plan_prediction
from kerasline.components.registry import read_record
from kerasline.pipeline.console import ENGINE_LOST, find_cause, format_seconds, is_engine_lost, screen_apart
from kerasline.pipeline.models.commands import find_version
from kerasline.pipeline.workspace import Workspace, open_workspace, read_outcome, run_folders

_COLUMNS_SHOWN = 5


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
    debug: bool = False,
) -> dict[str, Any]:
    """Predicts the rows of files with a pushed model, and tells on the screen how it goes.

    Args:
      source: a file, a folder or a glob.
      reference: ``NAME``, which means what is in production, or ``NAME@VERSION``.
      output: a .parquet, .csv or .jsonl file.
      keys: columns of the input to repeat; none for all.
      kind: csv, parquet, images or tfrecord, where the name of the input does not say it.
      on_unseen: whether rows with values that training has never shown are marked (warn) or rejected.
      workspace: where the model is.
      beam_arguments: Beam's options; none for those of the latest run of the model's recipe.
      debug: show tracebacks.

    Returns:
      ``model``, ``version``, ``input``, ``output``, ``rows``, ``rejected``, ``rejected_file``, ``unseen`` (by
      column), ``unseen_rows``, ``seconds`` and ``rows_per_second``.

    Raises:
      ConfigError: no such model, or the input or the output cannot be.
      DataRejected: no row could be predicted.
    """
    home = open_workspace(workspace)
    folder, version = find_version(home.root / "models", reference)
    record = read_record(folder, version)
    plan = plan_prediction(
        source, folder / str(version), f"{folder.name}@{version}", record, output, keys, kind, on_unseen
    )
    engine = list(beam_arguments) or _engine_of_recipe(home, folder.name)
    log = home.log(f"predict-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    with screen_apart(log) as screen:
        shards = counted(len(plan.shards), "shard")
        screen.line(f"kerasline predict  {plan.version}  {shards} of {plan.kind}  log {log}")
        for note in plan.notes:
            screen.line(f"  {note}")
        if engine and not beam_arguments:
            screen.line(f"  {'beam':<12} {' '.join(engine)}, as in its latest run")
        screen.start("  loading TensorFlow and Beam")
        started = time.monotonic()
        from kerasline.components.prediction import predict

        check_engine(engine, "--beam" if beam_arguments else "run.beam")
        screen.stop()
        screen.line(f"  {'loaded':<12} {format_seconds(time.monotonic() - started)}")
        screen.start("  predict")
        try:
            done = predict(plan, output, engine)
        except Exception as error:
            traceback.print_exc()
            if is_engine_lost(error):
                raise KeraslineError(
                    f"the prediction could not go on: {ENGINE_LOST} again: the parts that are written are kept; the "
                    f"log is {log}"
                ) from error
            cause = find_cause(error)
            if debug or not isinstance(cause, KeraslineError):
                raise
            # Beam adds the name of its step to the message.
            raise type(cause)(str(cause).split(" [while running")[0].strip()) from error
        finally:
            screen.stop()
        speed = done.rows / max(done.seconds, 1e-9)
        if done.reused_shards:
            reused = counted(done.reused_shards, "was", "were")
            screen.line(f"  of {shards}, {reused} done by an interrupted command")
        screen.line(f"  {'predicted':<12} {counted(done.rows, 'row')} in {format_seconds(done.seconds)}, {rate(speed)}")
        if done.rejected_path:
            first = json.loads(done.rejected_path.read_text(encoding="utf-8").splitlines()[0])
            screen.line(f"  {'rejected':<12} {counted(done.rejected, 'row')}, listed in {done.rejected_path}")
            screen.line(f"               the first: {first['place']}: {first['reason']}")
        for line in describe_unseen(done.unseen):
            screen.line(f"  {line}")
        screen.line(f"  {'output':<12} {output}")
    return {
        "model": folder.name,
        "version": version,
        "input": source,
        "output": str(output),
        "rows": done.rows,
        "rejected": done.rejected,
        "rejected_file": str(done.rejected_path) if done.rejected_path else None,
        "unseen": done.unseen,
        "unseen_rows": done.unseen_rows,
        "seconds": round(done.seconds, 3),
        "rows_per_second": round(speed, 1),
    }


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


def _engine_of_recipe(home: Workspace, name: str) -> list[str]:
    """Returns the Beam options of a recipe's latest run, so that ``run.beam`` moves its predictions, too."""
    folders = run_folders(path.parent for path in home.reports(name).glob("*/run.json"))
    return list(read_outcome(folders[-1] / "run.json").get("beam", [])) if folders else []
