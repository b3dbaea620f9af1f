"""Training again: one decision and at most one run, safe to call from cron, systemd, Kubernetes or by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import filelock

from components.options import NotifyOptions, ScheduleOptions
from pipeline.config import load_experiment
from pipeline.workspace import Workspace, open_workspace

_RETRIED = (1, 124)  # unexpected failures and runs out of time; bad data or a worse model stays what it is


@dataclass(frozen=True)
class Decision:
    """What was decided, why, and what came of it.

    Attributes:
      when: ISO 8601, UTC.
      run: whether a run was started.
      reason: in words.
      fingerprint: of the data that was there.
      status: of the run (as in ``--json``), ``up_to_date`` without one.
      run_id: of the run, None without one.
      exit_code: of the run, 0 without one.
    """

    when: str
    run: bool
    reason: str
    fingerprint: str
    status: str = "up_to_date"
    run_id: str | None = None
    exit_code: int = 0


def retrain(recipe: str, changes: Sequence[str], data_dir: Path | None, workspace: Path) -> Decision:
    """Decides whether a recipe is to be trained again, and does it.

    A second call while one runs changes nothing; the operating system drops the lock with the process that holds it.

    Raises:
      ConfigError: the recipe or its data cannot be read.
    """
    experiment, base_dir = load_experiment(recipe, changes)
    schedule = experiment.schedule or ScheduleOptions()
    home = open_workspace(workspace)
    folder = schedule_folder(home, experiment.name)
    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            from components.datasets import resolve

            dataset = resolve(
                experiment.data,
                name=experiment.name,
                base_dir=base_dir,
                data_dir=data_dir,
                task=experiment.task,
                seed=experiment.seed,
            )
            decision = decide(schedule, dataset.fingerprint, read_decisions(folder), datetime.now(UTC))
            if decision.run:
                decision = _run(decision, recipe, changes, data_dir, home, schedule)
            _append(folder, decision)
    except filelock.Timeout:
        return Decision(_text(datetime.now(UTC)), False, f"another retrain of {experiment.name} is running", "")
    if decision.run:
        _notify(schedule.notify, experiment.name, decision)
    return decision


def decide(schedule: ScheduleOptions, fingerprint: str, history: Sequence[Decision], now: datetime) -> Decision:
    """Says whether to run, from what there is and what was done before.

    Args:
      schedule: trigger and cooldown.
      fingerprint: of the data as it is now.
      history: earlier decisions, oldest first.
      now: with a time zone.
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
    if last is None:
        return replace(no_run, run=True, reason="this recipe has not been trained by a schedule before")
    if last.fingerprint != fingerprint:
        return replace(no_run, run=True, reason="the data is not what it was at the last attempt")
    if last.exit_code in _RETRIED:
        return replace(no_run, run=True, reason=f"the last attempt ended with exit code {last.exit_code}")
    return replace(no_run, reason=f"no new data since the last attempt, which ended as {last.status}")


def schedule_folder(home: Workspace, name: str) -> Path:
    """Returns the folder of a recipe's decisions and of its scheduler's jobs, made where it is not there."""
    folder = home.root / "schedules" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_decisions(folder: Path) -> list[Decision]:
    """Reads the decisions of a recipe, oldest first; a line that a crash cut off is left out."""
    path = folder / "decisions.jsonl"
    decisions = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            decisions.append(Decision(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return decisions


def _run(
    decision: Decision,
    recipe: str,
    changes: Sequence[str],
    data_dir: Path | None,
    home: Workspace,
    schedule: ScheduleOptions,
) -> Decision:
    """Runs the recipe in a child process within its time, again after a failure as often as the schedule says."""
    outcome = schedule_folder(home, "outcomes") / f"{os.getpid()}.json"
    command = [sys.executable, "-m", "pipeline.cli", "run", recipe, "--workspace", str(home.root)]
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
    return replace(decision, status=status, run_id=result.get("run_id"), exit_code=code)


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


def _notify(options: NotifyOptions, name: str, decision: Decision) -> None:
    """Tells the configured places; one that does not answer is mentioned and changes nothing."""
    body = json.dumps({"recipe": name, **asdict(decision)}).encode()
    try:
        if options.command:
            subprocess.run(options.command, input=body, check=True, timeout=60)
        if options.webhook:
            headers = {"Content-Type": "application/json"}
            urllib.request.urlopen(urllib.request.Request(options.webhook, body, headers), timeout=30).close()
    except (OSError, subprocess.SubprocessError, urllib.error.URLError) as error:
        print(f"kerasline: schedule.notify did not get through: {error}", file=sys.stderr)


def _append(folder: Path, decision: Decision) -> None:
    with open(folder / "decisions.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(decision)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
