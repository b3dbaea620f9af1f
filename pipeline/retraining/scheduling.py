"""When to retrain: a scheduler in the foreground, or the text for one that is there already."""

from __future__ import annotations

import logging
import random
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import filelock

from kerasline.components.core import ConfigError, module_command, start_child
from kerasline.pipeline.config import RECIPE_ENDINGS, RunOptions, load_experiment
from kerasline.pipeline.config.schedule import ScheduleOptions
from kerasline.pipeline.container import check_claim, check_image
from kerasline.pipeline.retraining.decisions import read_decisions, schedule_folder
from kerasline.pipeline.retraining.emitting import crontab_line, kubernetes_job, on_calendar, systemd_units
from kerasline.pipeline.workspace import open_workspace

if TYPE_CHECKING:
    from apscheduler.schedulers.base import BaseScheduler

__all__ = [
    "EMITTED",
    "RemoteJob",
    "emit",
    "on_calendar",
    "remote_job",
    "retrain_arguments",
    "run_scheduler",
    "schedule_of",
]

EMITTED = ("cron", "systemd", "k8s")
_stopping = threading.Event()


def run_scheduler(recipe: str, data_dir: Path | None, workspace: Path) -> None:
    """Retrains on the recipe's cron until SIGTERM or Ctrl-C, which let a retrain that runs end first.

    A tick that was missed while the scheduler was down is seen from the decisions of the recipe, and made up for once.
    Nothing else has to outlive a restart, so there is no job store (APScheduler's are pickles).

    Raises:
      ConfigError: the recipe has no schedule, or another scheduler runs it in this workspace.
    """
    from apscheduler.schedulers.blocking import BlockingScheduler

    from kerasline.pipeline.config.schedule import LATE, make_trigger, missed_tick

    schedule, name = schedule_of(recipe)
    folder = schedule_folder(open_workspace(workspace).root, name)
    only_one = filelock.FileLock(folder / ".scheduler.lock")
    try:
        only_one.acquire(timeout=0)
    except filelock.Timeout:
        raise ConfigError(
            f"expected no other scheduler of {name} in {workspace}, but one is running; stop that one first"
        ) from None
    decisions = read_decisions(folder)
    trigger = make_trigger(schedule)
    command = module_command("kerasline", *retrain_arguments(recipe, data_dir, workspace))
    scheduler = BlockingScheduler(timezone=ZoneInfo(schedule.timezone))
    tell_ticks_left_out(scheduler, name)
    late = int(LATE.total_seconds())
    scheduler.add_job(
        _tick, trigger, [command, schedule.jitter_seconds], max_instances=1, coalesce=True, misfire_grace_time=late
    )
    if decisions and missed_tick(schedule, datetime.fromisoformat(decisions[-1].when), datetime.now(UTC)):
        print("a tick was missed while the scheduler was down; making up for it now", flush=True)
        scheduler.add_job(_tick, args=[command, 0])
    following = trigger.get_next_fire_time(None, datetime.now(UTC))
    print(
        f"{name}: retrains on '{schedule.cron}' ({schedule.timezone}), next {following:%Y-%m-%d %H:%M %Z}", flush=True
    )

    def stop(*_: object) -> None:
        _stopping.set()
        scheduler.shutdown(wait=True)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, stop)
    try:
        scheduler.start()
    finally:
        only_one.release()


def tell_ticks_left_out(scheduler: BaseScheduler, name: str) -> None:
    """Has each tick that starts nothing told in a sentence, in place of APScheduler's words for programmers."""
    from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent, JobSubmissionEvent

    def still_running(event: JobSubmissionEvent) -> None:
        for due in event.scheduled_run_times:
            print(f"{name}: the tick of {due:%H:%M} is left out, since the retrain before it still runs", flush=True)

    def too_late(event: JobExecutionEvent) -> None:
        due = event.scheduled_run_time
        print(f"{name}: the tick of {due:%Y-%m-%d %H:%M} is left out, since it was seen too late", flush=True)

    scheduler.add_listener(still_running, EVENT_JOB_MAX_INSTANCES)
    scheduler.add_listener(too_late, EVENT_JOB_MISSED)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def schedule_of(recipe: str) -> tuple[ScheduleOptions, str]:
    """Returns a recipe's schedule and name.

    Raises:
      ConfigError: it has none.
    """
    experiment, _ = load_experiment(recipe)
    if experiment.schedule is None:
        raise ConfigError(
            f"expected a schedule: block in {recipe}, such as schedule: {{cron: '0 3 * * *'}}, found none"
        )
    return experiment.schedule, experiment.name


def retrain_arguments(recipe: str, data_dir: Path | None, workspace: Path) -> list[str]:
    """Returns the arguments of ``kerasline`` for one retrain, with paths that hold in any folder."""
    is_file = recipe.endswith(RECIPE_ENDINGS)
    arguments = ["retrain", str(Path(recipe).resolve()) if is_file else recipe]
    arguments += ["--workspace", str(workspace.expanduser().resolve())]
    return arguments + (["--data-dir", str(data_dir.resolve())] if data_dir else [])


def emit(
    kind: str,
    recipe: str,
    data_dir: Path | None,
    workspace: Path,
    image: str | None = None,
    claim: str | None = None,
    recipe_at: str | None = None,
) -> str:
    """Writes the schedule for a scheduler that is there already.

    Args:
      kind: ``cron`` (a crontab line), ``systemd`` (a service and a timer) or ``k8s`` (a CronJob).
      recipe: with a ``schedule:`` block.
      data_dir: of the retrain.
      workspace: of the retrain.
      image: the container image of a CronJob.
      claim: the volume claim that a CronJob mounts where the workspace is.
      recipe_at: the recipe's path in that image, where it is another.

    Returns:
      The text.

    Raises:
      ConfigError: the recipe has no schedule, a CronJob no image, or the scheduler cannot say what is asked.
    """
    schedule, name = schedule_of(recipe)
    arguments = retrain_arguments(recipe, data_dir, workspace)
    command = [str(Path(sys.executable).with_name("kerasline")), *arguments]
    if kind == "cron":
        return crontab_line(schedule, command)
    if kind == "systemd":
        return systemd_units(name, schedule, command)
    job = remote_job(kind, recipe, data_dir, workspace, image, recipe_at)
    if not claim:
        raise ConfigError(
            "--claim: expected the PersistentVolumeClaim that the workspace is on, got none; without one every run "
            "would begin with an empty workspace"
        )
    check_claim(claim)
    return kubernetes_job(job.name, schedule, job.image, job.arguments, job.workspace, claim)


@dataclass(frozen=True)
class RemoteJob:
    """A retrain that another scheduler starts in a container.

    Attributes:
      name: of the schedule: letters, digits and hyphens.
      schedule: when.
      arguments: of ``kerasline``.
      image: the container image.
      workspace: its path in the container.
      run: the recipe's ``run:`` block.
    """

    name: str
    schedule: ScheduleOptions
    arguments: tuple[str, ...]
    image: str
    workspace: str
    run: RunOptions


def remote_job(
    kind: str, recipe: str, data_dir: Path | None, workspace: Path, image: str | None, recipe_at: str | None
) -> RemoteJob:
    """Describes the retrain of a container.

    Args:
      kind: for messages, ``k8s``, ``vertex`` or ``kubeflow``.
      recipe: with a ``schedule:`` block.
      data_dir: as the container finds it.
      workspace: as the container finds it.
      image: with a tag.
      recipe_at: the recipe's path in the image, where it is another.

    Raises:
      ConfigError: the recipe has no schedule, or there is no image with a tag.
    """
    schedule, name = schedule_of(recipe)
    if not image:
        raise ConfigError(f"--image: expected the container image that {kind} runs, got none")
    check_image(image)
    arguments = retrain_arguments(recipe, data_dir, workspace)
    if recipe_at:
        arguments[1] = recipe_at
    there = arguments[arguments.index("--workspace") + 1]
    run = load_experiment(recipe)[0].run
    return RemoteJob(f"kerasline-{name.replace('_', '-')}", schedule, tuple(arguments), image, there, run)


def _tick(command: Sequence[str], jitter_seconds: float) -> None:
    """Waits a part of the jitter and retrains, unless the scheduler is told to end meanwhile."""
    if not _stopping.wait(random.uniform(0, jitter_seconds)):
        # Ctrl-C and SIGTERM stop the scheduler and let the retrain end; where the scheduler is killed, it ends too.
        with start_child(command) as child:
            code = child.wait()
        if code:
            print(
                f"the retrain ended with exit code {code}; 'kerasline schedule RECIPE --history' has more", flush=True
            )
