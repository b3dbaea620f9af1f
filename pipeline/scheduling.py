"""When to retrain: a scheduler in the foreground, or the text for one that is there already."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from components.errors import ConfigError
from components.options import ScheduleOptions
from pipeline.config import load_experiment
from pipeline.retraining import read_decisions, schedule_folder
from pipeline.workspace import open_workspace

EMITTED = ("cron", "systemd", "k8s")
_LATE = timedelta(hours=6)  # a tick that was missed by less than this is made up for, once


def run_scheduler(recipe: str, data_dir: Path | None, workspace: Path) -> None:
    """Retrains on the recipe's cron until SIGTERM or Ctrl-C, which let a retrain that runs end first.

    A tick that was missed while the scheduler was down is seen from the decisions of the recipe, and made up for once.
    Nothing else has to outlive a restart, so there is no job store (APScheduler's are pickles).

    Raises:
      ConfigError: the recipe has no schedule.
    """
    from apscheduler.schedulers.blocking import BlockingScheduler
    from apscheduler.triggers.cron import CronTrigger

    schedule, name = schedule_of(recipe)
    decisions = read_decisions(schedule_folder(open_workspace(workspace), name))
    trigger = CronTrigger.from_crontab(schedule.cron, ZoneInfo(schedule.timezone))
    trigger.jitter = schedule.jitter_seconds or None
    command = [sys.executable, "-m", "pipeline.cli", *retrain_arguments(recipe, data_dir, workspace)]
    scheduler = BlockingScheduler(timezone=ZoneInfo(schedule.timezone))
    late = int(_LATE.total_seconds())
    scheduler.add_job(_tick, trigger, [command], max_instances=1, coalesce=True, misfire_grace_time=late)
    if decisions and missed_tick(schedule, datetime.fromisoformat(decisions[-1].when), datetime.now(UTC)):
        print("a tick was missed while the scheduler was down; making up for it now", flush=True)
        scheduler.add_job(_tick, args=[command])
    following = trigger.get_next_fire_time(None, datetime.now(UTC))
    print(
        f"{name}: retrains on '{schedule.cron}' ({schedule.timezone}), next {following:%Y-%m-%d %H:%M %Z}", flush=True
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: scheduler.shutdown(wait=True))
    scheduler.start()


def missed_tick(schedule: ScheduleOptions, last: datetime, now: datetime) -> bool:
    """Says whether the cron fired between the last decision and now, and not too long ago."""
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger.from_crontab(schedule.cron, ZoneInfo(schedule.timezone))
    since = max(last, now - _LATE) + timedelta(seconds=1)
    due = trigger.get_next_fire_time(None, since)
    return due is not None and due <= now


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
    is_file = recipe.endswith((".yaml", ".yml"))
    arguments = ["retrain", str(Path(recipe).resolve()) if is_file else recipe]
    arguments += ["--workspace", str(workspace.expanduser().resolve())]
    return arguments + (["--data-dir", str(data_dir.resolve())] if data_dir else [])


def emit(kind: str, recipe: str, data_dir: Path | None, workspace: Path, image: str | None = None) -> str:
    """Writes the schedule for a scheduler that is there already.

    Args:
      kind: ``cron`` (a crontab line), ``systemd`` (a service and a timer) or ``k8s`` (a CronJob).
      recipe: with a ``schedule:`` block.
      data_dir: of the retrain.
      workspace: of the retrain.
      image: the container image of a CronJob.

    Returns:
      The text.

    Raises:
      ConfigError: the recipe has no schedule, or a CronJob no image.
    """
    schedule, name = schedule_of(recipe)
    arguments = retrain_arguments(recipe, data_dir, workspace)
    executable = str(Path(sys.executable).with_name("kerasline"))
    command = shlex.join([executable, *arguments])
    if kind == "cron":
        # Per cent signs end a crontab's command.
        return f"CRON_TZ={schedule.timezone}\n{schedule.cron} {command.replace('%', chr(92) + '%')}\n"
    if kind == "systemd":
        return _systemd(name, schedule, command)
    if not image:
        raise ConfigError("--image: expected the container image that the CronJob runs, got none")
    return _cron_job(name, schedule, arguments, image)


def _systemd(name: str, schedule: ScheduleOptions, command: str) -> str:
    limit = "infinity" if schedule.max_runtime_minutes is None else f"{schedule.max_runtime_minutes:g}min"
    return (
        f"# /etc/systemd/system/kerasline-{name}.service\n[Unit]\nDescription=kerasline retrain {name}\n\n"
        f"[Service]\nType=oneshot\nExecStart={command}\nTimeoutStartSec={limit}\n"
        "# A refused model or refused data is an answer, not a failure of the service.\nSuccessExitStatus=3 4\n\n"
        f"# /etc/systemd/system/kerasline-{name}.timer\n[Unit]\nDescription=schedule of kerasline retrain {name}\n\n"
        f"[Timer]\nOnCalendar={on_calendar(schedule)}\nPersistent=true\n"
        f"RandomizedDelaySec={schedule.jitter_seconds}\n\n[Install]\nWantedBy=timers.target\n"
    )


def on_calendar(schedule: ScheduleOptions) -> str:
    """Translates a cron line to systemd's OnCalendar.

    Raises:
      ConfigError: both the day of the month and the weekday are limited, which mean "or" to cron and "and" to systemd.
    """
    minute, hour, day, month, weekday = schedule.cron.split()
    if day != "*" and weekday != "*":
        raise ConfigError(
            f"schedule.cron: {schedule.cron!r} limits both the day of the month and the weekday, which systemd cannot "
            "say; use two recipes, or cron"
        )

    def field(text: str) -> str:
        return text.replace("*/", "0/") if text.startswith("*/") else text.replace("-", "..")

    date = f"*-{_from_one(month)}-{_from_one(day)}"
    days = f"{_weekdays(weekday)} " if weekday != "*" else ""
    return f"{days}{date} {field(hour)}:{field(minute)}:00 {schedule.timezone}"


def _from_one(text: str) -> str:
    return text.replace("*/", "1/") if text.startswith("*/") else text.replace("-", "..")


def _weekdays(text: str) -> str:
    return ",".join("..".join(day.capitalize() for day in part.split("-")) for part in text.split(","))


def _cron_job(name: str, schedule: ScheduleOptions, arguments: Sequence[str], image: str) -> str:
    import yaml

    job: dict[str, object] = {"backoffLimit": schedule.on_failure.retries}
    if schedule.max_runtime_minutes is not None:
        job["activeDeadlineSeconds"] = int(schedule.max_runtime_minutes * 60)
    container = {"name": "retrain", "image": image, "args": list(arguments)}
    job["template"] = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return yaml.safe_dump(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": f"kerasline-{name.replace('_', '-')}"},
            "spec": {
                "schedule": schedule.cron,
                "timeZone": schedule.timezone,
                "concurrencyPolicy": "Forbid",
                "jobTemplate": {"spec": job},
            },
        },
        sort_keys=False,
    )


def _tick(command: Sequence[str]) -> None:
    # In a session of its own, so that Ctrl-C stops the scheduler and lets the retrain end.
    subprocess.run(command, check=False, start_new_session=True)
