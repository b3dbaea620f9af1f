"""What is written for other schedulers, read as they read it: hostile paths arrive as they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.cloud.cloud_schedules import retrain_spec
from kerasline.pipeline.config.schedule.options import ScheduleOptions
from kerasline.pipeline.retraining.emitting import crontab_line, on_calendar, systemd_units
from kerasline.pipeline.retraining.scheduling import emit, remote_job

SYSTEMD = shutil.which("systemd-analyze")
HOSTILE = [
    "plain",
    "two words",
    "100%",
    "%h and %%",
    "$HOME",
    "${PATH}",
    "$(touch x)",
    "`touch x`",
    "it's",
    'say "x"',
    "back\\slash",
    "back\\%cent",
    "a;b&c|d",
    "#x",
    "~",
    "*",
    "tab\there",
    "ünïcödé",
    "-x",
]


def cron_reads(line: str) -> str:
    """Does what Vixie cron does with the rest of a line: an open per cent sign ends it, a backslash keeps one."""
    text, escaped = "", False
    for letter in line:
        if escaped and letter == "%":
            text = text[:-1]
        elif letter == "%":
            break
        escaped = letter == "\\" and not escaped
        text += letter
    return text


@pytest.mark.parametrize("path", [*HOSTILE, "\\\\%", "%\\%\\", "a'%b\\%c"])
def test_a_crontab_runs_the_words_that_were_meant(path: str) -> None:
    """Through cron's own reading, and then a shell's."""
    line = crontab_line(ScheduleOptions(), ["printf", "%s\\n", path, f"/x/{path}/y"]).splitlines()
    assert line[0] == "CRON_TZ=UTC" and len(line) == 2
    ran = subprocess.run(["sh", "-c", cron_reads(line[1].removeprefix("0 3 * * * "))], capture_output=True, check=True)
    assert ran.stdout.decode() == f"{path}\n/x/{path}/y\n"


@pytest.mark.parametrize("path", ["a\nb", "a\rb\n* * * * * root"])
def test_a_line_break_does_not_pass_into_a_crontab(path: str) -> None:
    with pytest.raises(ConfigError, match="expected paths without line breaks, which a crontab cannot hold"):
        crontab_line(ScheduleOptions(), ["kerasline", "retrain", path])


@pytest.mark.skipif(SYSTEMD is None, reason="systemd-analyze is not on this machine")
@pytest.mark.parametrize("path", [*HOSTILE, "a\nb", "new\n[Service]\nExecStart=/bin/false"])
def test_systemd_takes_the_unit(path: str, tmp_path: Path) -> None:
    """It resolves specifiers and escapes as it would to run the unit, and finds nothing to say."""
    program = tmp_path / "a b%h$x" / "kerasline"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = systemd_units("x", ScheduleOptions(), [str(program), "retrain", path])
    service = tmp_path / "kerasline-x.service"
    service.write_text(text.split("# /etc/systemd/system/kerasline-x.timer")[0])
    (line,) = [line for line in service.read_text().splitlines() if line.startswith("ExecStart=")]
    checked = subprocess.run([str(SYSTEMD), "verify", str(service)], capture_output=True, text=True, check=False)
    assert "kerasline" not in checked.stderr, checked.stderr
    assert systemd_reads(line.removeprefix("ExecStart="))[1:] == ["retrain", path]


def systemd_reads(text: str) -> list[str]:
    """Takes a command line apart by the rules of systemd.service(5): quotes, escapes of C, %% and $$."""
    words = []
    for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)', text):
        word = re.sub(r"\\x([0-9a-f]{2})|\\(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], quoted or plain)
        assert "%" not in word.replace("%%", "")
        word = word.replace("%%", "%")
        if words:
            assert "$" not in word.replace("$$", "")
            word = word.replace("$$", "$")
        words.append(word)
    return words


@pytest.mark.parametrize(
    ("cron", "calendar"),
    [
        ("0 3 * jan-mar,dec *", "*-1..3,12-* 3:0:00 UTC"),
        ("7,*/15 3 * * *", "*-*-* 3:7,0/15:00 UTC"),
        ("0-30/10 1-5/2 * * *", "*-*-* 1..5/2:0..30/10:00 UTC"),
        ("5/20 3 * * *", "*-*-* 3:5..59/20:00 UTC"),
        ("0 3 * * sun-tue", "Mon,Tue,Sun *-*-* 3:0:00 UTC"),
        ("0 3 * * fri-sun", "Fri..Sun *-*-* 3:0:00 UTC"),
        ("0 3 * * mon-fri/2", "Mon,Wed,Fri *-*-* 3:0:00 UTC"),
        ("0 3 * * mon-sun", "Mon..Sun *-*-* 3:0:00 UTC"),
        ("0 3 */2 * fri", "Fri *-*-1/2 3:0:00 UTC"),
    ],
)
def test_calendar(cron: str, calendar: str) -> None:
    """Cron's fields in systemd's words, which systemd reads."""
    assert on_calendar(ScheduleOptions(cron=cron)) == calendar
    if SYSTEMD:
        subprocess.run([SYSTEMD, "calendar", calendar], check=True, capture_output=True)


def test_every_scheduler_gets_the_jitter(tmp_path: Path) -> None:
    """Those that have none of their own wait in the shell."""
    recipe = tmp_path / "flowers.yaml"
    recipe.write_text("name: flowers\ndata: {dataset: iris}\nschedule: {jitter_seconds: 90}\n")
    job = yaml.safe_load(emit("k8s", str(recipe), None, tmp_path, "i:1", "disk"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (first,) = pod["initContainers"]
    assert first["command"] == ["sh", "-c", "sleep $(shuf -i 0-90 -n 1)"]
    spec = retrain_spec(remote_job("vertex", str(recipe), None, tmp_path, "i:1", None))
    container = spec["deploymentSpec"]["executors"]["exec-retrain"]["container"]
    words = [
        word.replace("sleep $(shuf -i 0-90 -n 1); exec kerasline", "printf '%s\\n'") for word in container["command"]
    ]
    ran = subprocess.run([*words, *container["args"]], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == container["args"]
    assert "RandomizedDelaySec=90" in emit("systemd", str(recipe), None, tmp_path)
    assert "sleep $(shuf -i 0-90 -n 1); " in emit("cron", str(recipe), None, tmp_path)
