"""The screen of a long command: steps and live lines on the terminal, everything else in the log file.

TensorFlow, Beam and their C++ parts write to the process's own file descriptors, so those are pointed at the log and
the terminal is kept apart.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from kerasline.components.core import Progress, printable, progress

_WIDE = 240
_QUIET_SECONDS = 10.0  # without a terminal, a running step is heard of this often


class Screen:
    """Writes lines for steps and, on a terminal, one live line for what is going on."""

    def __init__(self, stream: TextIO) -> None:
        self.console = Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
        self._live: Live | None = None
        self._spinner = Spinner("dots", style="status.spinner")
        self._title = ""
        self._started = self._heard = time.monotonic()

    def line(self, text: str) -> None:
        """Prints a line that stays."""
        self.console.print(printable(text), markup=False)

    def start(self, title: str) -> None:
        """Begins a live line."""
        self.stop()
        self._title, self._started = title, time.monotonic()
        self._heard = self._started
        if self.console.is_terminal:
            self._spinner.update(text=Text(title))
            # Left alone, rich would show what the libraries print as long as the line is there.
            self._live = Live(
                self._spinner, console=self.console, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()

    def stop(self) -> None:
        """Ends the live line."""
        if self._live:
            self._live.stop()
            self._live = None

    def show(self, message: Progress) -> None:
        """Shows how far an activity of the running step is, with the time that it will still take."""
        text = _describe(message, time.monotonic() - self._started)
        if message.activity == "fit":  # another one of this step begins, such as a refit
            self._started = time.monotonic()
        if message.permanent:
            self.console.print(f"    {text}", markup=False)
            return
        if self._live:
            self._spinner.update(text=Text(f"{self._title}  {text}"))
        elif time.monotonic() - self._heard > _QUIET_SECONDS:
            self._heard = time.monotonic()
            self.console.print(f"    {text}", markup=False)


def _describe(message: Progress, seconds: float) -> str:
    left = ""
    goes_on = message.activity == "epoch" and not message.permanent  # a line that stays tells of a beginning or an end
    if goes_on and message.total and 0 < message.done < message.total:
        left = f"  about {format_seconds(seconds / message.done * (message.total - message.done))} left"
    return f"{message.words}{left}"


def format_seconds(seconds: float) -> str:
    """Formats a duration for people: 4.2 s, 3 min 20 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def print_table(table: Table) -> None:
    """Prints a table, as wide as :func:`table_width` says; where that is narrow, cells take more lines."""
    for column in table.columns:
        if not column.no_wrap:
            column.overflow = "fold"
    Console(highlight=False, width=table_width()).print(table)


def table_width() -> int:
    """Returns how many characters of a line a table may take.

    Without a terminal nobody sees where a line ends, but programs read what is in it.
    """
    console = Console()
    return console.width if console.is_terminal else _WIDE


def _end_in(log: Path) -> None:
    """Sends what comes now to a log, where it is still there."""
    sys.stderr.flush()
    with suppress(OSError):
        target = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(target, 2)
        os.close(target)


@contextmanager
def screen_apart(log: Path) -> Iterator[Screen]:
    """Sends this process's output to a log file and gives a screen on what was its standard output.

    What libraries say while Python ends goes to the log, too: the last that the user reads is the command's own.

    Args:
      log: made with its folder; appended to.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = os.dup(1), os.dup(2)
    terminal = os.fdopen(os.dup(out), "w", encoding=sys.stdout.encoding or "utf-8", buffering=1)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    handlers = list(logging.root.handlers)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    screen = Screen(terminal)
    forget = progress.listen(screen.show)
    atexit.register(_end_in, log)
    try:
        yield screen
    finally:
        forget()
        screen.stop()
        for handler in [h for h in logging.root.handlers if h not in handlers]:
            logging.root.removeHandler(handler)
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        terminal.close()
