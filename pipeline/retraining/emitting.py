"""A schedule in the words of a scheduler that is there already: crontab, systemd and Kubernetes.

Each has its own characters that mean something, so each quotes paths in its own way.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from kerasline.components.core import ConfigError, dump_yaml
from kerasline.pipeline.config.schedule import WEEKDAYS, Part, ScheduleOptions, parse_cron

_FROM_MONDAY = [*range(1, 7), 0]  # systemd's order of the weekdays, in cron's numbers


def crontab_line(schedule: ScheduleOptions, command: Sequence[str]) -> str:
    """Writes the lines of a crontab.

    Raises:
      ConfigError: a path has a line break, which a crontab cannot hold.
    """
    broken = next((word for word in command if re.search(r"[\n\r\0]", word)), None)
    if broken is not None:
        raise ConfigError(
            f"--emit cron: expected paths without line breaks, which a crontab cannot hold, got {broken!r}"
        )
    text = shlex.join(command)
    if schedule.jitter_seconds:
        text = f"{sleep(schedule)}; {text}"
    # A per cent sign ends a crontab's command unless a backslash is before it, which in turn must not follow another
    # one: the quotes, open here since a backslash is only in quoted words, are closed and opened between the two.
    escaped = text.replace("\\%", "\\''%").replace("%", "\\%")
    return f"CRON_TZ={schedule.timezone}\n{schedule.cron} {escaped}\n"


def systemd_units(name: str, schedule: ScheduleOptions, command: Sequence[str]) -> str:
    """Writes a service and its timer."""
    limit = "infinity" if schedule.max_runtime_minutes is None else f"{schedule.max_runtime_minutes:g}min"
    executable, *arguments = command
    # Variables are not looked for in the program's own path.
    words = [_systemd_word(executable), *(_systemd_word(word).replace("$", "$$") for word in arguments)]
    return (
        f"# /etc/systemd/system/kerasline-{name}.service\n[Unit]\nDescription=kerasline retrain {name}\n\n"
        f"[Service]\nType=oneshot\nExecStart={' '.join(words)}\nTimeoutStartSec={limit}\n"
        "# A refused model or refused data is an answer, not a failure of the service.\nSuccessExitStatus=3 4\n\n"
        f"# /etc/systemd/system/kerasline-{name}.timer\n[Unit]\nDescription=schedule of kerasline retrain {name}\n\n"
        f"[Timer]\nOnCalendar={on_calendar(schedule)}\nPersistent=true\n"
        f"RandomizedDelaySec={schedule.jitter_seconds}\n\n[Install]\nWantedBy=timers.target\n"
    )


def _systemd_word(text: str) -> str:
    """Quotes a word of ExecStart=: specifiers begin with a per cent sign, and escapes are those of C."""
    if re.fullmatch(r"[\w@+=:,./-]+", text, re.ASCII):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found.group()):02x}", text) + '"'


def on_calendar(schedule: ScheduleOptions) -> str:
    """Translates a cron line to systemd's OnCalendar.

    Raises:
      ConfigError: both the day of the month and the weekday are limited, which mean "or" to cron and "and" to systemd.
    """
    line = parse_cron(schedule.cron)
    if line.joins_days_by_or:
        raise ConfigError(
            f"schedule.cron: {schedule.cron!r} limits both the day of the month and the weekday, which systemd cannot "
            "say; use two recipes, or cron"
        )
    date = f"*-{_field(line.month)}-{_field(line.day)}"
    return f"{_days(line.weekday)}{date} {_field(line.hour)}:{_field(line.minute)}:00 {schedule.timezone}"


def _field(parts: Sequence[Part]) -> str:
    if any(part.is_star and part.step == 1 for part in parts):
        return "*"
    return ",".join(map(_part, parts))


def _part(part: Part) -> str:
    if part.is_star:
        return f"{part.first}/{part.step}"
    if part.first == part.last:
        return str(part.first)
    return f"{part.first}..{part.last}" + (f"/{part.step}" if part.step > 1 else "")


def _days(parts: Sequence[Part]) -> str:
    """Names weekdays; systemd's week begins on Monday, and its ranges do not go round."""
    if any(part.is_star and part.step == 1 for part in parts):
        return ""
    return ",".join(map(_days_of_part, parts)) + " "


def _days_of_part(part: Part) -> str:
    """Names the days of a part: a range where they follow each other, else one by one."""
    due = {value % len(WEEKDAYS) for value in part.values()}
    days = [day for day in _FROM_MONDAY if day in due]
    names = [WEEKDAYS[day].capitalize() for day in days]
    first = _FROM_MONDAY.index(days[0])
    if len(days) > 1 and days == _FROM_MONDAY[first : first + len(days)]:
        return f"{names[0]}..{names[-1]}"
    return ",".join(names)


def kubernetes_job(
    name: str, schedule: ScheduleOptions, image: str, arguments: Sequence[str], workspace: str, claim: str
) -> str:
    """Writes a CronJob that never runs twice at a time.

    Args:
      name: of the CronJob.
      schedule: when, and with which limits.
      image: the container image.
      arguments: of ``kerasline``.
      workspace: its path in the container.
      claim: the volume claim that is mounted there.
    """
    job: dict[str, object] = {"backoffLimit": schedule.on_failure.retries}
    if schedule.max_runtime_minutes is not None:
        job["activeDeadlineSeconds"] = int(schedule.max_runtime_minutes * 60)
    mount = {"name": "workspace", "mountPath": workspace}
    container = {"name": "retrain", "image": image, "args": list(arguments), "volumeMounts": [mount]}
    volume = {"name": "workspace", "persistentVolumeClaim": {"claimName": claim}}
    pod: dict[str, object] = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    if schedule.jitter_seconds:
        # CronJobs have no jitter of their own.
        pod["initContainers"] = [{"name": "jitter", "image": image, "command": ["sh", "-c", sleep(schedule)]}]
    job["template"] = {"spec": pod}
    return dump_yaml(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": name},
            "spec": {
                "schedule": schedule.cron,
                "timeZone": schedule.timezone,
                "concurrencyPolicy": "Forbid",
                "jobTemplate": {"spec": job},
            },
        }
    )


def sleep(schedule: ScheduleOptions) -> str:
    """Returns the command of a shell that waits a part of the jitter."""
    return f"sleep $(shuf -i 0-{schedule.jitter_seconds} -n 1)"
