"""Schedules: what is refused, what is written for other schedulers, and the scheduler in the foreground."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from pydantic import ValidationError

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.config.schedule.options import ScheduleOptions
from kerasline.pipeline.retraining.scheduling import emit, on_calendar, run_scheduler, tell_ticks_left_out


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
        ({"trigger": "metric"}, "expected thresholds with trigger: metric"),
        ({"thresholds": {"accuracy": {"min": 0.9}}}, "expected trigger: metric with thresholds, got .*new_data"),
        ({"trigger": "served_drift", "thresholds": {"accuracy": {"min": 0.9}}}, "got trigger: served_drift"),
        ({"served_days": 7}, "expected trigger: served_drift, .* with served_days, got trigger: new_data"),
        ({"trigger": "served_drift", "served_days": 0}, "served_days"),
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
    assert line.startswith("30 2 * * mon-fri sleep")
    assert line.endswith(f"kerasline retrain {recipe} --workspace {tmp_path / 'ws'}")
    assert "sleep $(shuf -i 0-10 -n 1); /" in line


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
    job = yaml.safe_load(emit("k8s", recipe, None, tmp_path, "registry/kerasline:1.0", "disk"))
    assert job["metadata"]["name"] == "kerasline-flowers-nightly"
    assert (job["spec"]["schedule"], job["spec"]["timeZone"]) == ("30 2 * * mon-fri", "Europe/Berlin")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]
    assert pod["activeDeadlineSeconds"] == 2700
    (container,) = pod["template"]["spec"]["containers"]
    assert container["image"] == "registry/kerasline:1.0"
    assert container["args"] == ["retrain", recipe, "--workspace", str(tmp_path)]
    assert container["volumeMounts"] == [{"name": "workspace", "mountPath": str(tmp_path)}]
    (volume,) = pod["template"]["spec"]["volumes"]
    assert volume == {"name": "workspace", "persistentVolumeClaim": {"claimName": "disk"}}
    elsewhere = yaml.safe_load(emit("k8s", recipe, None, tmp_path, "i:1", "disk", "/recipes/f.yaml"))
    pod = elsewhere["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"][:2] == ["retrain", "/recipes/f.yaml"]
    for image, claim, message in ((None, "disk", "--image"), ("kerasline", "disk", "a tag"), ("i:1", None, "--claim")):
        with pytest.raises(ConfigError, match=message):
            emit("k8s", recipe, None, tmp_path, image, claim)


def test_the_scheduler_is_alone_and_ends_at_sigterm(recipe: str, tmp_path: Path) -> None:
    """It says when it fires next, and ends with exit code 0."""
    command = [sys.executable, "-m", "kerasline", "schedule", recipe, "--workspace", str(tmp_path / "ws")]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    first = child.stdout.readline()
    with pytest.raises(ConfigError, match="expected no other scheduler of flowers_nightly in .*, but one is running"):
        run_scheduler(recipe, None, tmp_path / "ws")
    time.sleep(0.5)
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0
    assert first.startswith("flowers_nightly: retrains on '30 2 * * mon-fri' (Europe/Berlin), next 20")


def test_a_tick_that_finds_the_retrain_before_it_running_is_told(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """In a sentence of ours, and without what APScheduler writes for programmers."""
    seen, over = threading.Event(), threading.Event()
    scheduler = BackgroundScheduler()
    tell_ticks_left_out(scheduler, "flowers")
    scheduler.add_listener(lambda _: seen.set(), EVENT_JOB_MAX_INSTANCES)
    scheduler.add_job(over.wait, "interval", seconds=0.05, max_instances=1)
    scheduler.start()
    told = seen.wait(30)
    over.set()
    scheduler.shutdown()
    assert told
    assert re.match(
        r"flowers: the tick of \d\d:\d\d is left out, since the retrain before it still runs\n", capsys.readouterr().out
    )
    assert not caplog.records


def test_a_tick_that_was_seen_too_late_is_told(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    scheduler, missed = BackgroundScheduler(timezone=UTC), threading.Event()
    tell_ticks_left_out(scheduler, "flowers")
    scheduler.add_listener(lambda _: missed.set(), EVENT_JOB_MISSED)
    scheduler.add_job(missed.set, "date", run_date=datetime(2026, 3, 1, 4, 30, tzinfo=UTC), misfire_grace_time=1)
    scheduler.start()
    assert missed.wait(30)
    scheduler.shutdown()
    said = "flowers: the tick of 2026-03-01 04:30 is left out, since it was seen too late\n"
    assert (capsys.readouterr().out, caplog.records) == (said, [])
