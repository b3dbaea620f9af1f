"""Runs under way, and those that something ended which nothing could answer: a kill, a power failure.

Beside its log a run keeps a file, ``logs/RUN.begun``, on which it holds a lock until it has left its outcome. The lock
is the operating system's, so a file whose lock is free is of a run that is gone. Into ``logs/RUN.epochs`` it writes a
line for every epoch that a fit has ended, for whoever looks at the curves meanwhile.
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

from kerasline.components.core import Progress, progress
from kerasline.pipeline.workspace.history import no_outcome, read_outcome
from kerasline.pipeline.workspace.workspace import Workspace

_SUFFIX, _EPOCHS = ".begun", ".epochs"
_BYTES = 4096  # of the file, always: it is written in place, since another file would not be locked
_LONGEST = 300  # characters of what a step says


class UnderWay:
    """A run's own file while it lasts."""

    def __init__(self, handle: int, known: Mapping[str, Any], epochs: Path) -> None:
        self._handle, self._known, self._epochs = handle, dict(known), epochs

    def begin(self, step: str) -> None:
        """Says which step has begun."""
        self._known |= {"step": step, "doing": ""}
        self._write()

    def hear(self, said: Progress) -> None:
        """Takes down how far the step is, and the figures of an epoch."""
        if said.permanent:
            return
        self._known["doing"] = said.words[:_LONGEST]
        self._write()
        if said.activity == "epoch" and said.figures:
            line = json.dumps({"epoch": said.done, "figures": dict(said.figures)})
            with suppress(OSError), self._epochs.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    def _write(self) -> None:
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
        known |= {"host": socket.gethostname(), "log": str(home.log(run_id))}
        run = UnderWay(handle, known, path.with_suffix(_EPOCHS))
        run.begin("")
        forget = progress.listen(run.hear)
        try:
            yield run
        finally:
            forget()
    finally:
        path.unlink(missing_ok=True)
        path.with_suffix(_EPOCHS).unlink(missing_ok=True)
        os.close(handle)


def read_epochs(workspace: Path, run_id: str) -> tuple[int, dict[str, list[float]]]:
    """Reads the figures that the newest fit of a run has had so far.

    Args:
      workspace: Where the run is under way, or was killed.
      run_id: Of the run.

    Returns:
      The first epoch, which is not 1 where the fit goes on from a checkpoint, and name to a value for each epoch.
    """
    first, last, history = 1, 0, dict[str, list[float]]()
    for line in _lines(workspace / "logs" / f"{run_id}{_EPOCHS}"):
        epoch = line["epoch"]
        if epoch != last + 1 or not history:  # another fit has begun
            first, history = epoch, {}
        last = epoch
        for name, value in line["figures"].items():
            history.setdefault(name, []).append(value)
    return first, history


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return
    for line in text.splitlines():
        with suppress(ValueError):  # it is being written, or the disk was full
            yield json.loads(line)


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
        "doing": known.get("doing") or "",
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
