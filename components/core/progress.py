"""How a step tells what it is doing while it does it.

A step calls :func:`report`; whoever runs it decides what becomes of it. The local command draws a live line, a
container writes a log line. Nothing listens by default, so that components stay usable by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

logger = logging.getLogger("kerasline.progress")


@dataclass(frozen=True)
class Progress:
    """One message: what is going on, how far it is, and its figures.

    Attributes:
      activity: What goes on, such as ``epoch`` or ``trial``.
      done: Finished units, from 0 to ``total``.
      total: Units in all, or None where unknown.
      text: Figures for people to read, such as ``loss 0.31 val_accuracy 0.95``.
      permanent: Whether it stays on the screen as a line of its own.
      figures: Of an epoch that has ended, the loss and the metrics by name.
    """

    activity: str
    done: int
    total: int | None = None
    text: str = ""
    permanent: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What goes on, how far it is, and its figures, for people."""
        count = f"{self.done}/{self.total}" if self.total else str(self.done)
        return f"{self.activity} {count}  {self.text}"


_listeners: list[Callable[[Progress], None]] = []
_changes: list[Callable[[Progress], Progress]] = []


def listen(listener: Callable[[Progress], None]) -> Callable[[], None]:
    """Adds a listener for progress in this process.

    Returns:
      A function without arguments that removes the listener.
    """
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


@contextmanager
def within(change: Callable[[Progress], Progress]) -> Iterator[None]:
    """Passes every message of an inner activity through ``change`` before anyone hears it."""
    _changes.append(change)
    try:
        yield
    finally:
        _changes.remove(change)


def report(
    activity: str,
    done: int,
    total: int | None = None,
    text: str = "",
    permanent: bool = False,
    figures: Mapping[str, float] | None = None,
) -> None:
    """Tells every listener, and the log, how far an activity is."""
    progress = Progress(activity, done, total, text, permanent, figures or {})
    for change in reversed(_changes):
        progress = change(progress)
    logger.info("%s %s/%s %s", progress.activity, progress.done, progress.total or "?", progress.text)
    for listener in list(_listeners):
        listener(progress)
