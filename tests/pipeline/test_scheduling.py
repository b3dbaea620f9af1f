"""Schedules: what is refused, what is written for other schedulers, missed ticks and daylight saving."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from components.errors import ConfigError
from components.options import ScheduleOptions
from pipeline.scheduling import emit, missed_tick, on_calendar


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    """A recipe with a schedule."""
    path = tmp_path / "flowers.yaml"
    schedule = "{cron: '30 2 * * mon-fri', timezone: Europe/Berlin, max_runtime_minutes: 45, jitter_seconds: 10}"
    path.write_text(f"name: flowers_nightly\ndata: {{dataset: iris}}\nschedule: {schedule}\n")
    return str(path)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"cron": "0 0 31 2 *"}, "never does"),
        ({"cron": "61 * * * *"}, "expected five fields"),
        ({"cron": "0 3 * *"}, "expected five fields"),
        ({"cron": "0 3 * * 1"}, "expected weekdays by name"),
        ({"timezone": "Mars/Olympus"}, "expected an IANA name"),
        ({"notify": {"webhook": "ftp://x"}}, "webhook"),
    ],
)
def test_what_is_refused(block: dict[str, object], message: str) -> None:
    """Before anything is scheduled."""
    with pytest.raises(ValidationError, match=message):
        ScheduleOptions(**block)  # type: ignore[arg-type]


def test_cron_line(recipe: str, tmp_path: Path) -> None:
    """Absolute paths, the recipe's time zone."""
    zone, line = emit("cron", recipe, None, tmp_path / "ws").splitlines()
    assert zone == "CRON_TZ=Europe/Berlin"
    assert line.startswith("30 2 * * mon-fri /")
    assert line.endswith(f"kerasline retrain {recipe} --workspace {tmp_path / 'ws'}")


def test_systemd_unit(recipe: str, tmp_path: Path) -> None:
    """A refused model does not make the service fail; ticks that were missed are made up for."""
    text = emit("systemd", recipe, None, tmp_path)
    for line in (
        "OnCalendar=Mon..Fri *-*-* 2:30:00 Europe/Berlin",
        "SuccessExitStatus=3 4",
        "Persistent=true",
        "TimeoutStartSec=45min",
        "RandomizedDelaySec=10",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize(
    ("cron", "calendar"),
    [
        ("*/15 * * * *", "*-*-* *:0/15:00 UTC"),
        ("0 6-8 1 */2 *", "*-1/2-1 6..8:0:00 UTC"),
        ("5 4 * * sat,sun", "Sat,Sun *-*-* 4:5:00 UTC"),
    ],
)
def test_calendar(cron: str, calendar: str) -> None:
    """Cron's fields in systemd's words."""
    assert on_calendar(ScheduleOptions(cron=cron)) == calendar


def test_calendar_cannot_say_or() -> None:
    """Day of the month or weekday: systemd would need both."""
    with pytest.raises(ConfigError, match="limits both"):
        on_calendar(ScheduleOptions(cron="0 3 1 * mon"))


def test_cron_job(recipe: str, tmp_path: Path) -> None:
    """A Kubernetes CronJob that never runs twice at a time."""
    job = yaml.safe_load(emit("k8s", recipe, None, tmp_path, "registry/kerasline:1.0"))
    assert job["metadata"]["name"] == "kerasline-flowers-nightly"
    assert (job["spec"]["schedule"], job["spec"]["timeZone"]) == ("30 2 * * mon-fri", "Europe/Berlin")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]
    assert pod["activeDeadlineSeconds"] == 2700
    assert pod["template"]["spec"]["containers"][0]["image"] == "registry/kerasline:1.0"
    with pytest.raises(ConfigError, match="--image"):
        emit("k8s", recipe, None, tmp_path)


def test_missed_ticks() -> None:
    """A tick between the last decision and now is missed, unless it is long ago."""
    nightly = ScheduleOptions(cron="0 3 * * *")
    at = datetime(2026, 3, 2, 3, tzinfo=UTC)
    assert missed_tick(nightly, at - timedelta(hours=24), at + timedelta(minutes=5))
    assert not missed_tick(nightly, at, at + timedelta(minutes=5))
    assert not missed_tick(nightly, at - timedelta(hours=24), at + timedelta(hours=7))


def test_daylight_saving() -> None:
    """At 02:30 on the day when Berlin's clocks skip that time, there is still exactly one tick."""
    nightly = ScheduleOptions(cron="30 2 * * *", timezone="Europe/Berlin")
    before, after = datetime(2026, 3, 28, 2, tzinfo=UTC), datetime(2026, 3, 29, 3, tzinfo=UTC)
    assert missed_tick(nightly, before, after)


def test_the_scheduler_ends_at_sigterm(recipe: str, tmp_path: Path) -> None:
    """It says when it fires next, and ends with exit code 0."""
    command = [sys.executable, "-m", "pipeline.cli", "schedule", recipe, "--workspace", str(tmp_path / "ws")]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(0.5)
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0
    assert first.startswith("flowers_nightly: retrains on '30 2 * * mon-fri' (Europe/Berlin), next 20")
