"""Training again: one decision and at most one run, safe to call from cron, systemd, Kubernetes or by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import filelock

from kerasline.components.child_process import module_command
from kerasline.components.datasets.spans import is_waiting
from kerasline.components.errors import ConfigError
from kerasline.components.production import current_version, read_record
from kerasline.pipeline.config import Experiment, load_experiment
from kerasline.pipeline.decisions import Decision, append_decision, read_decisions, schedule_folder
from kerasline.pipeline.evidence import Evidence, describe_changes, gather_drift, gather_metric
from kerasline.pipeline.notifying import notify
from kerasline.pipeline.schedule_options import ScheduleOptions
from kerasline.pipeline.schemas import find_schema_file
from kerasline.pipeline.screen import screen_apart
from kerasline.pipeline.workspace import Workspace, open_workspace

_RETRIED = (1, 124)  # unexpected failures and runs out of time; bad data or a worse model stays what it is


def retrain(
    recipe: str,
    changes: Sequence[str],
    data_dir: Path | None,
    workspace: Path,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Decision:
    """Decides whether a recipe is to be trained again, and does it.

    A second call while one runs changes nothing; the operating system drops the lock with the process that holds it.

    Args:
      recipe: a shipped recipe's name, or the path of a YAML file.
      changes: ``KEY=VALUE`` with dotted keys.
      data_dir: ``--data-dir``.
      workspace: where decisions, runs and models are.
      clock: tells the time, with a time zone.

    Raises:
      ConfigError: the recipe or its data cannot be read; the latter is remembered as a decision too.
    """
    experiment, base_dir = load_experiment(recipe, changes)
    schedule = experiment.schedule or ScheduleOptions()
    home = open_workspace(workspace)
    folder = schedule_folder(home.root, experiment.name)
    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            history = read_decisions(folder)
            try:
                decision = _look(experiment, schedule, base_dir, data_dir, home, history, clock())
            except ConfigError as error:
                failure = Decision(_text(clock()), False, str(error), "", "failed", exit_code=error.exit_code)
                append_decision(folder, failure)
                raise
            if decision.run:
                decision = _run(decision, recipe, changes, data_dir, home, schedule)
            append_decision(folder, decision)
    except filelock.Timeout:
        return Decision(_text(clock()), False, f"another retrain of {experiment.name} is running", "")
    if decision.run:
        notify(schedule.notify, experiment.name, asdict(decision))
    return decision


def _look(
    experiment: Experiment,
    schedule: ScheduleOptions,
    base_dir: Path,
    data_dir: Path | None,
    home: Workspace,
    history: Sequence[Decision],
    now: datetime,
) -> Decision:
    """Decides, from the data as it is now; only the triggers that ask the model in production load TensorFlow."""
    models = home.models(experiment.name)
    gather: Callable[[], Evidence] | None = None
    if schedule.trigger in ("drift", "metric"):
        from kerasline.pipeline.planning import plan_run

        plan = plan_run(experiment, base_dir, data_dir, models, find_schema_file(experiment.name, base_dir, home.root))
        dataset = plan.dataset

        def gather() -> Evidence:
            with screen_apart(home.log(f"retrain-{now:%Y%m%d-%H%M%S}")):
                if schedule.trigger == "drift":
                    return gather_drift(plan, models)
                return gather_metric(plan, models, home.root, schedule.thresholds)

    else:
        from kerasline.components.datasets import resolve
        from kerasline.components.features import named_columns

        dataset = resolve(
            experiment.data, name=experiment.name, base_dir=base_dir, data_dir=data_dir, task=experiment.task,
            seed=experiment.seed, named=named_columns(experiment.features),
        )  # fmt: skip
    version = current_version(models)
    before = read_record(models, version).get("span_digests") or {} if version else {}
    changed = (*describe_changes(dataset.spans, before), *(line for line in dataset.skipped if is_waiting(line)))
    return replace(decide(schedule, dataset.fingerprint, history, now, gather), changed=changed)


def decide(
    schedule: ScheduleOptions,
    fingerprint: str,
    history: Sequence[Decision],
    now: datetime,
    gather: Callable[[], Evidence] | None = None,
) -> Decision:
    """Says whether to run, from what there is and what was done before.

    Args:
      schedule: trigger and cooldown.
      fingerprint: of the data as it is now.
      history: earlier decisions, oldest first.
      now: with a time zone.
      gather: looks at the new data, for the triggers drift and metric; asked only where nothing else decides.
    """
    runs = [decision for decision in history if decision.run]
    last = runs[-1] if runs else None
    no_run = Decision(_text(now), False, "", fingerprint)
    if last is not None:
        ready = datetime.fromisoformat(last.when) + timedelta(minutes=schedule.cooldown_minutes)
        if now < ready:
            return replace(no_run, reason=f"cooling down until {_text(ready)}")
    if schedule.trigger == "always":
        return replace(no_run, run=True, reason="the trigger is always")
    if last is not None and last.fingerprint == fingerprint:
        if last.exit_code in _RETRIED:
            return replace(no_run, run=True, reason=f"the last attempt ended with exit code {last.exit_code}")
        return replace(no_run, reason=f"no new data since the last attempt, which ended as {last.status}")
    if gather is not None:
        evidence = gather()
        return replace(no_run, run=evidence.is_reason, reason=evidence.reason, evidence=evidence.details)
    if last is None:
        return replace(no_run, run=True, reason="this recipe has not been trained by a schedule before")
    return replace(no_run, run=True, reason="the data is not what it was at the last attempt")


def _run(
    decision: Decision,
    recipe: str,
    changes: Sequence[str],
    data_dir: Path | None,
    home: Workspace,
    schedule: ScheduleOptions,
) -> Decision:
    """Runs the recipe in a child process within its time, again after a failure as often as the schedule says."""
    outcome = schedule_folder(home.root, "outcomes") / f"{os.getpid()}.json"
    command = module_command("kerasline", "run", recipe, "--workspace", str(home.root))
    command += ["--json", str(outcome), *(["--data-dir", str(data_dir)] if data_dir else [])]
    command += [part for change in changes for part in ("--set", change)]
    pause = schedule.on_failure.backoff_seconds
    for attempt in range(schedule.on_failure.retries + 1):
        outcome.unlink(missing_ok=True)
        code = _run_child(command, schedule.max_runtime_minutes)
        if code not in _RETRIED or attempt == schedule.on_failure.retries:
            break
        time.sleep(pause)
        pause *= 2
    result: dict[str, Any] = json.loads(outcome.read_text(encoding="utf-8")) if outcome.is_file() else {}
    outcome.unlink(missing_ok=True)
    status = result.get("status") or ("timed_out" if code == 124 else "failed")
    return replace(
        decision,
        # The data may have grown between the decision and the run.
        fingerprint=result.get("data_fingerprint") or decision.fingerprint,
        status=status,
        run_id=result.get("run_id"),
        exit_code=code,
        blessed={"pushed": True, "up_to_date": True, "not_blessed": False}.get(status),
        version=(result.get("model") or {}).get("version") if status == "pushed" else None,
        message=result.get("message") or ("" if code == 0 else f"the run ended with exit code {code} and no outcome"),
    )


def _run_child(command: Sequence[str], limit_minutes: float | None) -> int:
    """Runs a command in a process group of its own; returns its exit code, 124 when it ran out of time."""
    child = subprocess.Popen(command, start_new_session=True)
    try:
        return child.wait(None if limit_minutes is None else limit_minutes * 60)
    except subprocess.TimeoutExpired:
        return 124
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
