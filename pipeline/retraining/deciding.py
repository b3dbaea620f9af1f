"""Training again: one decision and at most one run, safe to call from cron, systemd, Kubernetes or by hand."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from kerasline.components.core import ConfigError, KeraslineError, end_child, module_command, start_child
from kerasline.components.datasets.tables import is_waiting
from kerasline.components.registry import current_version, read_record
from kerasline.pipeline.config import Experiment, find_recipe, load_experiment, read_yaml
from kerasline.pipeline.config.schedule import SERVED, NotifyOptions, ScheduleOptions
from kerasline.pipeline.console import screen_apart
from kerasline.pipeline.plan import find_schema_file
from kerasline.pipeline.retraining.attempts import (
    SIGNALLED,
    Interrupted,
    ended_early,
    forget_attempt,
    hold_lock,
    longest_attempt,
    note_attempt,
    read_note,
    read_outcome,
    running_since,
    signals_interrupt,
    unfinished_attempt,
    with_outcome,
)
from kerasline.pipeline.retraining.decisions import (
    DECISIONS_FILE,
    Decision,
    append_decision,
    append_untold,
    read_decisions,
    schedule_folder,
)
from kerasline.pipeline.retraining.notify import notify
from kerasline.pipeline.retraining.served import gather_served
from kerasline.pipeline.retraining.triggers import Evidence, describe_changes, gather_drift, gather_metric
from kerasline.pipeline.workspace import Workspace, kept_descriptions, open_workspace, section


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
    try:
        experiment, base_dir = load_experiment(recipe, changes)
    except ConfigError as error:
        _tell_unreadable(recipe, workspace, error, clock())
        raise
    schedule = experiment.schedule or ScheduleOptions()
    home = open_workspace(workspace)
    folder = schedule_folder(home.root, experiment.name)
    with hold_lock(folder) as lock:
        if lock is None:
            return _busy(folder, experiment.name, schedule, clock())
        killed = unfinished_attempt(folder)
        if killed is not None:
            _settle(folder, experiment.name, schedule.notify, killed)
        job = _Job(recipe, tuple(changes), data_dir, home, schedule, folder, lock)
        decision, failure = _attempt(job, experiment, base_dir, clock())
        _settle(folder, experiment.name, schedule.notify, decision)
    if failure is not None:
        raise failure
    return decision


@dataclass(frozen=True)
class _Job:
    """What to train, and where: the arguments of :func:`retrain`, the schedule, its folder and the lock on it."""

    recipe: str
    changes: tuple[str, ...]
    data_dir: Path | None
    home: Workspace
    schedule: ScheduleOptions
    folder: Path
    lock: int


def _attempt(job: _Job, experiment: Experiment, base_dir: Path, now: datetime) -> tuple[Decision, Exception | None]:
    """Decides and runs; returns the decision, and the error that was in the way of one."""
    decision = Decision(_text(now), False, "", "")
    outcome = schedule_folder(job.home.root, "outcomes") / f"{os.getpid()}.json"
    outcome.unlink(missing_ok=True)
    note_attempt(job.folder, decision, outcome)
    try:
        with signals_interrupt():
            history = read_decisions(job.folder)
            decision = _look(experiment, job.schedule, base_dir, job.data_dir, job.home, history, now)
            if decision.run:
                note_attempt(job.folder, decision, outcome)
                decision = _run(decision, job, outcome)
    except Interrupted as end:
        name = signal.Signals(end.number).name
        return ended_early(decision, end.exit_code, f"the retrain was ended by {name}, and its run with it"), None
    except Exception as error:
        code = error.exit_code if isinstance(error, KeraslineError) else 1
        text = str(error) if isinstance(error, KeraslineError) else f"{type(error).__name__}: {error}"
        return replace(decision, run=False, reason=text, status="failed", exit_code=code), error
    finally:
        outcome.unlink(missing_ok=True)
    return decision, None


def _settle(folder: Path, name: str, options: NotifyOptions, decision: Decision) -> None:
    """Remembers a decision, tells whoever wants to know, and remembers who could not be told."""
    append_decision(folder, decision)
    forget_attempt(folder)
    if decision.run or decision.exit_code:
        append_untold(folder, notify(options, name, asdict(decision)))


def _busy(folder: Path, name: str, schedule: ScheduleOptions, now: datetime) -> Decision:
    """Says that another retrain is running; that it has been for too long is a problem to tell of."""
    taken, longest = running_since(folder, now), longest_attempt(schedule)
    if taken <= longest:
        return Decision(_text(now), False, f"another retrain of {name} is running", "")
    hours, most = (span.total_seconds() / 3600 for span in (taken, longest))
    process = read_note(folder).get("pid")
    reason = f"another retrain of {name} has been running for {hours:.1f} hours (process {process}) and may {most:.1f}"
    decision = Decision(
        _text(now), False, f"{reason}; look at it, and end it if it is stuck", "", "failed", exit_code=1
    )
    append_decision(folder, decision)
    append_untold(folder, notify(schedule.notify, name, asdict(decision)))
    return decision


def _tell_unreadable(recipe: str, workspace: Path, error: ConfigError, now: datetime) -> None:
    """Remembers and tells that a recipe is wrong, as far as it can still be read whom to tell."""
    try:
        raw = read_yaml(find_recipe(recipe))
        name, block = raw["name"], section(section(raw, "schedule"), "notify")
        options = NotifyOptions.model_validate(block)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            return
        folder = schedule_folder(open_workspace(workspace).root, name)
    except (ConfigError, ValidationError, KeyError, TypeError, AttributeError, OSError):
        return  # the error itself is what the command ends with
    if not block and not (folder / DECISIONS_FILE).is_file():
        return  # nobody schedules it
    failure = Decision(_text(now), False, str(error), "", "failed", exit_code=error.exit_code)
    append_decision(folder, failure)
    append_untold(folder, notify(options, name, asdict(failure)))


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
        from kerasline.pipeline.plan import plan_run

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
            seed=experiment.seed, named=named_columns(experiment.features), kept=kept_descriptions(home.root),
        )  # fmt: skip
        if schedule.trigger in SERVED:
            gather = partial(gather_served, schedule, models, home.root, dataset.fingerprint)
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
      gather: looks at the new data, for the triggers drift and metric, or at what was served; asked only where nothing
        else decides.
    """
    last = next((decision for decision in reversed(history) if decision.run), None)
    no_run = Decision(_text(now), False, "", fingerprint)
    if last is not None and _is_cooling_down(last, schedule, now):
        return replace(no_run, reason=f"cooling down until {_text(_ready(last, schedule))}")
    if schedule.trigger == "always":
        return replace(no_run, run=True, reason="the trigger is always")
    if last is not None and last.fingerprint == fingerprint:
        return _decide_on_the_same_data(no_run, last)
    if gather is not None:
        evidence = gather()
        return replace(no_run, run=evidence.is_reason, reason=evidence.reason, evidence=evidence.details)
    if last is None:
        return replace(no_run, run=True, reason="this recipe has not been trained by a schedule before")
    return replace(no_run, run=True, reason="the data, or how it is read, is not what it was at the last attempt")


def _decide_on_the_same_data(no_run: Decision, last: Decision) -> Decision:
    if _is_worth_another_try(last.exit_code):
        return replace(no_run, run=True, reason=f"the last attempt ended with exit code {last.exit_code}")
    return replace(no_run, reason=f"no new data since the last attempt, which ended as {last.status}")


def _ready(last: Decision, schedule: ScheduleOptions) -> datetime:
    """Returns when the recipe may run again."""
    return datetime.fromisoformat(last.when) + timedelta(minutes=schedule.cooldown_minutes)


def _is_cooling_down(last: Decision, schedule: ScheduleOptions, now: datetime) -> bool:
    """Says whether the last run is too near; one far in the future was started by a clock that was set back since."""
    cooldown = timedelta(minutes=schedule.cooldown_minutes)
    ready = _ready(last, schedule)
    return ready - 2 * cooldown < now < ready


def _run(decision: Decision, job: _Job, outcome: Path) -> Decision:
    """Runs the recipe in a child process within its time, again after a failure as often as the schedule says."""
    command = module_command("kerasline", "run", job.recipe, "--workspace", str(job.home.root))
    command += ["--json", str(outcome), *(["--data-dir", str(job.data_dir)] if job.data_dir else [])]
    command += [part for change in job.changes for part in ("--set", change)]
    again = job.schedule.on_failure
    pause = again.backoff_seconds
    for attempt in range(again.retries + 1):
        outcome.unlink(missing_ok=True)
        code = _run_child(command, job.schedule.max_runtime_minutes, job.lock)
        if not _is_worth_another_try(code) or attempt == again.retries:
            break
        time.sleep(pause)
        pause *= 2
    return with_outcome(decision, read_outcome(outcome), code)


def _run_child(command: Sequence[str], limit_minutes: float | None, lock: int | None = None) -> int:
    """Runs a command in a process group of its own, which ends with this process.

    Args:
      command: to run.
      limit_minutes: after which it is ended.
      lock: held by the child as long as it lives.

    Returns:
      Its exit code, 124 when it ran out of time, or as a shell has it where a signal ended it.
    """
    child = start_child(command, pass_fds=() if lock is None else (lock,))
    try:
        code = child.wait(None if limit_minutes is None else limit_minutes * 60)
    except subprocess.TimeoutExpired:
        return 124
    finally:
        end_child(child)
    return code if code >= 0 else SIGNALLED - code


def _is_worth_another_try(code: int) -> bool:
    """Says whether an attempt failed for a reason that may pass: bad data or a worse model stay what they are."""
    return code in (1, 124) or code > SIGNALLED


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
