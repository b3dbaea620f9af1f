"""One attempt to train again: alone, with a note that it began, and told how it ended, whatever ends it.

The lock is the operating system's and belongs to the retrain and to the run that it started, so it is held as long as
either lives and never longer. The note is for the next retrain: where it finds one and has the lock, the attempt that
wrote it was killed before it could tell.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from kerasline.components.core import write_at_once
from kerasline.pipeline.config.schedule import ScheduleOptions
from kerasline.pipeline.retraining.decisions import Decision
from kerasline.pipeline.workspace import section

_NOTE = "running.json"
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_LONGEST = timedelta(hours=24)  # of an attempt without schedule.max_runtime_minutes
SIGNALLED = 128  # what a shell adds to the number of the signal that ended a program


class Interrupted(BaseException):
    """A signal asks this process to end; no error, so that nothing on the way takes it for one.

    Attributes:
      number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell shows for the signal."""
        return SIGNALLED + self.number


@contextmanager
def hold_lock(folder: Path) -> Iterator[int | None]:
    """Holds the lock of a recipe's retrain.

    Gives its descriptor, for the child to hold it too, or None where another retrain has it.

    Args:
      folder: of the recipe's decisions.
    """
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield handle if _lock(handle) else None
    finally:
        os.close(handle)  # a child that has it still holds the lock


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # mounted buckets lock nothing
        return True
    return True


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Turns the first request to end into :class:`Interrupted`; what follows it does not disturb the cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears of signals
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    heard = [number for number in _ENDING if before[number] is not signal.SIG_IGN]  # nohup stays nohup

    def interrupt(number: int, _: FrameType | None) -> None:
        for other in heard:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(number)

    for number in heard:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


def note_attempt(folder: Path, decision: Decision, outcome: Path) -> None:
    """Leaves word that an attempt has begun, for whoever comes after a kill."""
    told = {"when": decision.when, "run": decision.run, "reason": decision.reason}
    told |= {"fingerprint": decision.fingerprint, "pid": os.getpid(), "outcome": str(outcome)}
    write_at_once(folder / _NOTE, json.dumps(told))


def forget_attempt(folder: Path) -> None:
    """Takes the note away: the attempt has told how it ended."""
    (folder / _NOTE).unlink(missing_ok=True)


def read_note(folder: Path) -> dict[str, Any]:
    """Returns the note of the attempt that runs or was killed; empty without one, or where it cannot be read."""
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        return note if isinstance(note, dict) else {}
    except (OSError, ValueError):
        return {}


def unfinished_attempt(folder: Path) -> Decision | None:
    """Says what became of an attempt that was killed; hold the lock, so that none is running."""
    note = read_note(folder)
    if not note:
        return None
    begun = Decision(note["when"], note["run"], note["reason"], note["fingerprint"])
    outcome = Path(note["outcome"])
    if outcome.is_file():
        result = read_outcome(outcome)
        if result:
            return with_outcome(begun, result, 0 if result.get("status") in ("pushed", "up_to_date") else 1)
    what = "its run, which was ended with it" if begun.run else "it had decided"
    return ended_early(begun, SIGNALLED + signal.SIGKILL, f"the retrain was killed before the end of {what}")


def ended_early(decision: Decision, exit_code: int, message: str) -> Decision:
    """Completes the decision of an attempt that something from outside ended."""
    reason = decision.reason or "it was ended before it had decided"
    return replace(decision, status="interrupted", exit_code=exit_code, reason=reason, message=message)


def read_outcome(path: Path) -> dict[str, Any]:
    """Reads what a run wrote to ``--json``; empty where it did not come to that."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        return result if isinstance(result, dict) else {}
    except (OSError, ValueError):
        return {}


def with_outcome(decision: Decision, result: Mapping[str, Any], code: int) -> Decision:
    """Completes a decision with what became of its run.

    Args:
      decision: to run.
      result: from :func:`read_outcome`.
      code: the exit code of the run.
    """
    status = result.get("status") or ("timed_out" if code == 124 else "failed")
    pushed = section(result, "model").get("version") if status == "pushed" else None
    is_beside = result.get("challenges") is not None
    return replace(
        decision,
        # The data may have grown between the decision and the run.
        fingerprint=result.get("data_fingerprint") or decision.fingerprint,
        status=status,
        run_id=result.get("run_id"),
        exit_code=code,
        blessed={"pushed": True, "up_to_date": True, "not_blessed": False}.get(status),
        version=None if is_beside else pushed,
        challenger=pushed if is_beside else None,
        message=result.get("message") or _describe_end(code),
    )


def _describe_end(code: int) -> str:
    if code == 0:
        return ""
    if code <= SIGNALLED:
        return f"the run ended with exit code {code} and no outcome"
    name = signal.Signals(code - SIGNALLED).name
    advice = ", perhaps by the system for want of memory" if name == "SIGKILL" else ""
    return f"the run was ended by {name}{advice}"


def longest_attempt(schedule: ScheduleOptions) -> timedelta:
    """Returns how long an attempt may hold the lock before somebody should look."""
    if schedule.max_runtime_minutes is None:
        return _LONGEST
    tries = schedule.on_failure.retries + 1
    pauses = schedule.on_failure.backoff_seconds * (2**schedule.on_failure.retries - 1)
    return timedelta(minutes=schedule.max_runtime_minutes * tries + 10, seconds=pauses)


def running_since(folder: Path, now: datetime) -> timedelta:
    """Returns for how long the attempt that holds the lock has run; nothing where that is not known."""
    try:
        return max(now - datetime.fromisoformat(read_note(folder)["when"]), timedelta())
    except (KeyError, TypeError, ValueError):
        return timedelta()
