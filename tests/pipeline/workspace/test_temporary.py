"""Temporary files of a run: gone with it, or with the next one after a kill."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kerasline.pipeline.workspace.temporary import own_temporary_folder

SCRIPT = """
import tempfile
from kerasline.pipeline.workspace.temporary import own_temporary_folder
with own_temporary_folder():
    tempfile.mkstemp()
    print("ready", flush=True)
    input()
"""


def test_what_a_kill_leaves_goes_with_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    command = [sys.executable, "-c", SCRIPT]
    killed, living = (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    )
    for child in (killed, living):
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    killed.kill()
    killed.wait()
    assert len(list(tmp_path.iterdir())) == 2
    with own_temporary_folder() as folder:
        assert Path(tempfile.mkdtemp()).parent == folder
        assert len(list(tmp_path.iterdir())) == 2, "this one's and the living one's"
    living.communicate("\n")
    assert list(tmp_path.iterdir()) == []
