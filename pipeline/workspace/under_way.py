"""Runs under way, and those that something ended which nothing could answer: a kill, a power failure.

Beside its log a run keeps a file, ``logs/RUN.begun``, on which it holds a lock until it has left its outcome. The lock
is the operating system's, so a file whose lock is free is of a run that is gone.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kerasline.pipeline.workspace.history import no_outcome, read_outcome
from kerasline.pipeline.workspace.workspace import Workspace

_SUFFIX = ".begun"
_BYTES = 4096  # of the file, always: it is written in place, since another file would not be locked


class UnderWay:
    """A run's own file while it lasts."""

    def __init__(self, handle: int, known: Mapping[str, Any]) -> None:
        self._handle, self._known = handle, dict(known)

    def begin(self, step: str) -> None:
        """Says which step has begun."""
        self._known["step"] = step
        with suppress(OSError):  # on a full disk the run goes on, or ends with what the step says
            os.pwrite(self._handle, json.dumps(self._known).ljust(_BYTES).encode(), 0)


@contextmanager
def under_way(home: Workspace, recipe: str, run_id: str) -> Iterator[UnderWay]:
    """Keeps a run's file until its outcome is written, however it ends.

    Args:
      home: the workspace.
      recipe: its name.
      run_id: of the run, whose log is there.
    """
    path = home.log(run_id).with_suffix(_SUFFIX)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with suppress(OSError):  # a file system without locks: then the process is all that tells
            fcntl.flock(handle, fcntl.LOCK_EX)
        began = datetime.now(UTC).isoformat(timespec="seconds")
        known = {"run_id": run_id, "recipe": recipe, "started_at": began, "pid": os.getpid()}
        run = UnderWay(handle, {**known, "host": socket.gethostname(), "log": str(home.log(run_id))})
        run.begin("")
        yield run
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def runs_without_outcome(workspace: Path) -> list[dict[str, Any]]:
    """Lists runs that have left no outcome, in the form of one: their status is ``running`` or ``killed``."""
    found = []
    for path in workspace.glob(f"logs/*{_SUFFIX}"):
        known = read_outcome(path)
        if {"run_id", "recipe", "started_at", "pid"} <= known.keys():
            found.append(_describe(path, known))
    return found


def _describe(path: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    runs = _is_held(path, known)
    where = f"in step {known['step']}" if known.get("step") else "before its first step"
    last = time.time() if runs else path.stat().st_mtime
    seconds = max(0.0, last - datetime.fromisoformat(known["started_at"]).timestamp())
    ended = f"it was ended from outside {where}; what had finished is kept: run it again"
    return no_outcome(known["recipe"], known["run_id"], seconds, known.get("log", "")) | {
        "status": "running" if runs else "killed",
        "message": f"process {known['pid']} is {where}" if runs else ended,
        "failed_step": None if runs else known.get("step") or None,
        "step": known.get("step") or None,
        "started_at": known["started_at"],
    }


def _is_held(path: Path, known: Mapping[str, Any]) -> bool:
    """Says whether a run's process is there: it holds the lock, which a child that outlived it may do, too."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return known.get("host") != socket.gethostname() or _is_there(int(known["pid"]))
    finally:
        os.close(handle)
    return False


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
