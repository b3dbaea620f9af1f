"""How a step tells what it is doing while it does it.

A step calls :func:`report`; whoever runs it decides what becomes of it. The local command draws a live line, a
container writes a log line. Nothing listens by default, so that components stay usable by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger("kerasline.progress")


@dataclass(frozen=True)
class Progress:
    """One message: what is going on, how far it is, and its figures.

    Attributes:
      activity: such as ``epoch`` or ``trial``.
      done: finished units, from 0 to ``total``.
      total: units in all, or None where unknown.
      text: figures for people to read, such as ``loss 0.31 val_accuracy 0.95``.
      permanent: stays on the screen as a line of its own.
    """

    activity: str
    done: int
    total: int | None = None
    text: str = ""
    permanent: bool = False


_listeners: list[Callable[[Progress], None]] = []


def listen(listener: Callable[[Progress], None]) -> Callable[[], None]:
    """Adds a listener for progress in this process.

    Returns:
      A function without arguments that removes the listener.
    """
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def report(activity: str, done: int, total: int | None = None, text: str = "", permanent: bool = False) -> None:
    """Tells every listener, and the log, how far an activity is."""
    progress = Progress(activity, done, total, text, permanent)
    logger.info("%s %s/%s %s", activity, done, total if total is not None else "?", text)
    for listener in list(_listeners):
        listener(progress)
