"""What a worker does: one fit, one look at drift, or one model's answers to a span, each in the fit's own workspace.

Fits on the same spans share a workspace, so that the cache of steps knows the fit when only the model in production,
with which the gate compares it, is another.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from kerasline.components.core import ConfigError, DataRejected, KeraslineError, copy_folder, write_at_once
from kerasline.components.registry import (
    RECORD_FILE,
    current_version,
    list_versions,
    move_pointer,
    read_record,
    registry_lock,
)

_LONGEST_MESSAGE = 300


def fit(task: Mapping[str, Any]) -> dict[str, Any]:
    """Runs the recipe on some spans, with a model in production.

    Args:
      task: ``name`` and ``recipe`` (text), ``folder`` (of the fit's workspace), ``data_dir``, ``schema`` (a folder
        with the curated schema, or None), ``production`` (the folder of a version, or None).

    Returns:
      ``status``, ``message``, ``model`` (the version's folder, None where nothing was pushed), ``run_id``, ``seconds``
      (what its steps would have taken without those that had finished before).

    Raises:
      ConfigError: the recipe cannot run on these spans.
    """
    from kerasline.pipeline.run import run_recipe

    data_dir = Path(task["data_dir"])
    with _prepared(task) as (home, recipe):
        outcome = run_recipe(str(recipe), (), data_dir=data_dir, workspace=home, cache=True, debug=False)
    result = outcome.result
    version = (result["model"] or {}).get("version")
    return {
        "status": result["status"],
        "message": outcome.message[:_LONGEST_MESSAGE],
        "model": str(home / "models" / task["name"] / str(version)) if version else None,
        "seconds": round(_seconds_alone(home / "reports" / task["name"]), 1),
        "run_id": result["run_id"],
    }


def _seconds_alone(reports: Path) -> float:
    """Adds up how long each step of a workspace's runs took when it was not cached, the last time."""
    took: dict[str, float] = {}
    for file in sorted(reports.glob("*/run.json")):
        for step in json.loads(file.read_text(encoding="utf-8"))["steps"]:
            if not step["cached"]:
                took[step["id"]] = step["seconds"]
    return sum(took.values())


def drift(task: Mapping[str, Any]) -> dict[str, Any]:
    """Says whether the spans of a fit have drifted from the data of the model in production.

    Args:
      task: as for :func:`fit`.

    Returns:
      ``is_reason`` and ``reason``.
    """
    from kerasline.pipeline.config import load_experiment
    from kerasline.pipeline.plan import find_schema_file, plan_run
    from kerasline.pipeline.retraining import gather_drift

    with _prepared(task) as (home, recipe):
        experiment, base_dir = load_experiment(str(recipe))
        models = home / "models" / task["name"]
        schema = find_schema_file(experiment.name, base_dir, home)
        found = gather_drift(plan_run(experiment, base_dir, Path(task["data_dir"]), models, schema), models)
    return {"is_reason": found.is_reason, "reason": found.reason}


def answer(task: Mapping[str, Any]) -> dict[str, Any]:
    """Lets a version answer a span, and keeps labels and predictions in a file.

    Args:
      task: ``model`` (the version's folder), ``files`` and ``output`` (the file).

    Returns:
      ``rows``, ``metrics`` (by name ``value``, ``low``, ``high``, the main one first), ``message``; no metrics where no
      row could be measured.
    """
    import numpy as np

    from kerasline.components.evaluation import measure_with_intervals
    from kerasline.components.prediction import (
        ServedModel,
        labelled_answers,
        plan_evaluation,
        predict_at_once,
    )

    folder = Path(task["model"])
    record = read_record(folder.parent, int(folder.name))
    model = ServedModel(str(folder), record, rejects_unseen=False)
    labels, predictions, places, message = [], [], [], ""
    for number, file in enumerate(task["files"]):
        try:
            plan = plan_evaluation(file, folder, f"{folder.parent.name}@{folder.name}", record)
            found = labelled_answers(plan, predict_at_once(plan, model))
        except (ConfigError, DataRejected) as error:
            message = str(error)[:_LONGEST_MESSAGE]
            continue
        labels.append(found[0])
        predictions.append(found[1])
        places += [f"{number}:{place}" for place in found[2]]
    if not places:
        return {"rows": 0, "metrics": {}, "message": message or "no row has a label"}
    known, answers = np.concatenate(labels), np.concatenate(predictions)
    np.savez_compressed(task["output"], labels=known, predictions=answers, places=np.array(places))
    metrics = measure_with_intervals(record, known, answers)
    return {"rows": len(places), "metrics": metrics, "message": message, "task": record["task"]}


TASKS = {"fit": fit, "drift": drift, "answer": answer}


def carry_out(task: Mapping[str, Any]) -> dict[str, Any]:
    """Does a task; what a user can mend comes back as ``error`` and ``exit_code``."""
    try:
        return TASKS[task["do"]](task)
    except KeraslineError as error:
        return {"error": str(error), "exit_code": error.exit_code}


@contextmanager
def _prepared(task: Mapping[str, Any]) -> Iterator[tuple[Path, Path]]:
    """Makes a fit's workspace as it would have been: the recipe, its curated schema, and what is in production.

    Nobody else changes what is in production there meanwhile.

    Yields:
      The workspace and the recipe's file.
    """
    home = Path(task["folder"])
    home.mkdir(parents=True, exist_ok=True)
    recipe = home / f"{task['name']}.yaml"
    write_at_once(recipe, task["recipe"])
    with filelock.FileLock(home / ".trial.lock"):
        if task["schema"]:
            _take_schema(Path(task["schema"]), home, task["name"])
        if task["production"]:
            _put_into_production(Path(task["production"]), home / "models" / task["name"])
        yield home, recipe


def _take_schema(origin: Path, home: Path, name: str) -> None:
    """Copies the curated schema, and the note of where it came from; one that was edited since replaces the first."""
    for file in (Path(f"{name}.schema.pbtxt"), Path("schemas", f"{name}.origin.json")):
        if (origin / file).is_file():
            (home / file).parent.mkdir(exist_ok=True)
            write_at_once(home / file, (origin / file).read_bytes())


def _put_into_production(version: Path, folder: Path) -> None:
    """Puts a version of another workspace into production here, under a number of its own; one that is here moves."""
    record = read_record(version.parent, int(version.name))
    known = [
        number for number in list_versions(folder) if read_record(folder, number).get("digest") == record["digest"]
    ]
    if known:
        number = known[0]
    else:
        number = max(list_versions(folder), default=0) + 1
        staging = folder.parent / f".{folder.name}-{number}"
        shutil.rmtree(staging, ignore_errors=True)
        copy_folder(version, staging)
        write_at_once(staging / RECORD_FILE, json.dumps({**record, "version": number}))
        folder.mkdir(parents=True, exist_ok=True)
        staging.rename(folder / str(number))
    if current_version(folder) != number:
        with registry_lock(folder):
            move_pointer(
                folder, number, "in production then", previous=current_version(folder), action="promote"
            )  # fmt: skip
