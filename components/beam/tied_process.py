"""Runs a command of somebody else's, such as a job server of Java, no longer than the process that asked for it.

Beam ends its job servers when Python ends; a run that is killed has no time for that, and they would stay for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from kerasline.components.core import end_child, module_command

_LOOK_SECONDS = 0.2
# Beam asks a job server to end five times, one second apart, and then kills the process that it knows, which is ours.
_PATIENCE_SECONDS = 3.0


def tie(command: Sequence[str]) -> list[str]:
    """Returns the command that runs another one until that ends, is told to, or this process is gone."""
    return [*module_command(__name__, str(os.getpid())), *command]


def main() -> int:
    """Runs the command; returns its exit code."""
    owner, *command = sys.argv[1:]
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while not asked and child.poll() is None and os.getppid() == int(owner):
        with suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK_SECONDS)
    end_child(child, _PATIENCE_SECONDS)
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
