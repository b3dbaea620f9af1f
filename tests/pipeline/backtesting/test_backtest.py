"""``kerasline backtest`` as a command: what it refuses at once, and a whole one on a small table."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from kerasline.components.core import module_command, start_child
from kerasline.pipeline.backtesting.backtest import Request, backtest as run_backtest
from kerasline.pipeline.cli.entry import app

RECIPE = """
name: weekly
data: {spans: {pattern: "week-{SPAN}.csv", label: kind}}
training: {epochs: 3, learning_rate: 0.05}
validation: {drift: {policy: warn}}
report: {explanations: "off"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe and three weeks; in the second, what kind a row is of turns around."""
    (tmp_path / "weekly.yaml").write_text(RECIPE)
    for week in (1, 2, 3):
        random = np.random.default_rng(week)
        with open(tmp_path / f"week-{week}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["x", "kind"])
            for x in random.normal(10, 2, 150 * week):
                writer.writerow([round(float(x), 3), "yes" if (x > 10) != (week > 1) else "no"])
    return tmp_path


def backtest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = module_command("kerasline", "backtest", "weekly.yaml", *words)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "4"], "--from: expected a span that is there, one of 3 spans from 1 to 3, got 4"),
        (["--schedule", "evry"], "Did you mean 'every'?"),
        (["--schedule", "drift", "--set", "validation.drift=off"], "expected validation.drift: warn with the schedule"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_a_sentence(folder: Path, words: list[str], told: str) -> None:
    ended = backtest(folder, *words)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not (folder / "workspace").exists()


def test_ctrl_c_ends_the_fits_that_schedules_wait_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[Any]] = []

    def start(_: Any, **options: Any) -> subprocess.Popen[Any]:
        started.append(start_child([sys.executable, "-c", "import time; time.sleep(20)"], **options))
        threading.Timer(0.2, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
        return started[-1]

    monkeypatch.setattr("kerasline.pipeline.backtesting.workers.start_child", start)
    (folder / "weekly.schema.pbtxt").touch()  # without one, the first fit comes before all others
    request = Request(str(folder / "weekly.yaml"), [], None, None, [], 0, 1, None)
    with pytest.raises(KeyboardInterrupt):
        run_backtest(request, folder / "workspace", print)
    assert [child.returncode for child in started] == [-signal.SIGTERM]


@pytest.mark.slow
@pytest.mark.long
def test_a_backtest_fits_once_what_schedules_share_and_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--schedule", "never,every", "--to", "2", "--json", "told.json")
    ended = backtest(folder, *words)
    assert ended.returncode == 0, ended.stderr
    told = json.loads((folder / "told.json").read_text())
    never, every = told["schedules"]
    assert [one["runs"] for one in told["schedules"]] == [1, 1]
    assert told["work"]["done"] == 1 + 1, "a fit on span 1, and its answers to span 2"
    assert {**every, "name": "never"} == never
    assert [(look["span"], look["model"], look["rows"]) for look in every["over_time"]] == [("2", "1", 300)]
    assert never["quality"]["accuracy"]["value"] < 0.3, "what it learnt has turned around"
    assert f"recommended: {told['recommended']}; " in ended.stdout
    assert not (folder / "workspace" / "models").exists(), "nothing went into production"
    assert not (folder / "weekly.schema.pbtxt").exists()
    monkeypatch.chdir(folder)
    again = CliRunner().invoke(app, ["backtest", "weekly.yaml", *words])
    repeated = json.loads((folder / "told.json").read_text())
    assert (again.exit_code, repeated["work"]["done"], repeated["work"]["kept"]) == (0, 0, 2)
    assert repeated["schedules"] == told["schedules"]
