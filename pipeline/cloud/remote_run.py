"""Follows a run on a service, with the lines that a run on this machine has."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kerasline.components.core import KeraslineError
from kerasline.pipeline.console import Screen, format_seconds

POLL_SECONDS = 10.0
_MOST_FAILURES = 10  # of the service to answer, one after the other
_ENDED = ("done", "cached", "skipped", "failed", "cancelled")


class Unreachable(KeraslineError):
    """A service does not answer; it may soon."""


@dataclass(frozen=True)
class RemoteStep:
    """A step as the service tells of it.

    Attributes:
      name: its id.
      state: ``waiting``, ``running``, ``done``, ``cached``, ``skipped``, ``failed`` or ``cancelled``.
      seconds: that it took, where the service says so.
      message: why it failed.
    """

    name: str
    state: str
    seconds: float | None = None
    message: str = ""


@dataclass(frozen=True)
class RemoteRun:
    """A run as the service tells of it: its state (of the words of a step), its steps, and why it failed."""

    state: str
    steps: Sequence[RemoteStep] = ()
    message: str = ""


def follow(poll: Callable[[], RemoteRun], screen: Screen) -> RemoteRun:
    """Waits for the end of a run and prints a line for each step that has ended.

    Args:
      poll: asks the service; it may raise Unreachable now and then.
      screen: to print on.

    Returns:
      The run as it ended.

    Raises:
      Unreachable: the service did not answer any more.
    """
    told: set[str] = set()
    while True:
        run = _ask(poll)
        for step in run.steps:
            if step.state in _ENDED and step.name not in told:
                told.add(step.name)
                screen.stop()
                screen.line(f"  {step.name:<12} {_describe(step)}")
        if run.state in _ENDED:
            screen.stop()
            return run
        running = [step.name for step in run.steps if step.state == "running"]
        screen.start(f"  {', '.join(running) or 'waiting'}")
        time.sleep(POLL_SECONDS)


def _ask(poll: Callable[[], RemoteRun]) -> RemoteRun:
    """Asks the service until it answers.

    Raises:
      Unreachable: It has not answered some times, one after the other.
    """
    for _ in range(_MOST_FAILURES - 1):
        try:
            return poll()
        except Unreachable:
            time.sleep(POLL_SECONDS)
    return poll()


def _describe(step: RemoteStep) -> str:
    if step.state == "done":
        return "done" if step.seconds is None else format_seconds(step.seconds)
    return f"{step.state}: {step.message}" if step.message else step.state


def check_end(run: RemoteRun, link: str) -> None:
    """Raises KeraslineError for a run that did not end well; the sentence names the step and the link."""
    if run.state == "done":
        return
    failed = next((step for step in run.steps if step.state == "failed"), None)
    where = f" in step {failed.name}" if failed else ""
    reason = (failed.message if failed else "") or run.message
    raise KeraslineError(f"the run {run.state}{where}{': ' + reason if reason else ''}; see {link}")
