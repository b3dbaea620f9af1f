"""The workspace: its paths, whether it can be written, and the lock between real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.workspace.workspace import Workspace, only_run, open_workspace

ROOT = Path(__file__).resolve().parents[3]
# Holds the workspace until its standard input ends; says when it waits and when it has it.
HOLDER = """
import sys, time
from pathlib import Path
from kerasline.pipeline.workspace.workspace import Workspace, only_run
with only_run(Workspace(Path(sys.argv[1])), lambda text: print("waits:", text, flush=True)):
    print("holds from", time.monotonic(), flush=True)
    sys.stdin.read()
    print("holds until", time.monotonic(), flush=True)
"""


def start_holder(root: Path) -> subprocess.Popen[str]:
    """Another process that wants the workspace."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def heard(process: subprocess.Popen[str]) -> str:
    """The next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_workspace_keeps_everything_below_one_folder(tmp_path: Path) -> None:
    home = open_workspace(tmp_path / "new" / "place")
    assert home.root == tmp_path / "new" / "place"
    assert home.root.is_dir()
    assert home.metadata == home.root / "metadata.sqlite"
    assert home.pipeline("a") == home.root / "pipelines" / "a"
    assert home.models("a") == home.root / "models" / "a"
    assert home.reports("a") == home.root / "reports" / "a"
    assert home.log("20260101-000000") == home.root / "logs" / "20260101-000000.log"
    assert list(home.root.iterdir()) == [], "opening it leaves no trace"


def test_a_relative_workspace_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_workspace(Path("workspace")).root == tmp_path / "workspace"


def test_a_workspace_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        open_workspace(tmp_path / "file" / "workspace")
    assert str(caught.value) == (
        f"--workspace: expected a folder that can be written, but {tmp_path}/file/workspace cannot be "
        "(Not a directory); give another one"
    )


def test_a_second_run_waits_for_the_first(tmp_path: Path) -> None:
    first = start_holder(tmp_path)
    assert heard(first).startswith("holds from ")
    assert json.loads((tmp_path / ".lock.holder").read_text()) == {"pid": first.pid}
    second = start_holder(tmp_path)
    waiting = f"waits: another run is using {tmp_path} (process {first.pid}); waiting for it to end"
    assert heard(second) == waiting
    time.sleep(0.5)
    until = first.communicate("", timeout=30)[0].removeprefix("holds until ")
    since = heard(second).removeprefix("holds from ")
    assert float(since) >= float(until), "the clock is the same for all processes"
    second.communicate("", timeout=30)
    assert first.returncode == second.returncode == 0
    assert not (tmp_path / ".lock.holder").exists()


def test_a_killed_run_leaves_the_workspace_free(tmp_path: Path) -> None:
    killed = start_holder(tmp_path)
    assert heard(killed).startswith("holds from ")
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=30)
    said: list[str] = []
    with only_run(Workspace(tmp_path), said.append):
        assert json.loads((tmp_path / ".lock.holder").read_text()) == {"pid": os.getpid()}
    assert said == []


def test_a_run_that_fails_gives_the_workspace_back(tmp_path: Path) -> None:
    home = Workspace(tmp_path)
    with pytest.raises(RuntimeError, match="went wrong"), only_run(home, lambda text: None):
        raise RuntimeError("went wrong")
    process = start_holder(tmp_path)
    assert heard(process).startswith("holds from ")
    process.communicate("", timeout=30)
