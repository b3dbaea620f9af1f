"""How a process of our own is started and ended: with this Python and this kerasline, and not longer than it is needed.

A command that starts another one may be killed with no time to end it. So the other one is told, through a pipe that
the operating system closes with its parent, and ends by itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

_FOLLOWS = "KERASLINE_FOLLOWS_PARENT"
_PATIENCE_SECONDS = 20.0  # from the request to end until there is no choice


def module_command(module: str, *arguments: str) -> list[str]:
    """Returns the command that runs one of our modules, or with ``kerasline`` the command line, as a process.

    Args:
      module: Dotted name of the module, such as ``kerasline.components.fitting.worker``.
      *arguments: Words that follow it on the command line.
    """
    # Without -P the current folder comes first on the path, and a folder there may have a name of ours.
    return [sys.executable, "-P", "-m", module, *arguments]


def start_child(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Starts a command of ours in a session of its own, so that keys of the terminal reach this process alone.

    Args:
      command: Command as :func:`module_command` gives it for ``kerasline``; it ends when this process is gone.
      **options: Options of ``subprocess.Popen``.
    """
    environment = {**(options.pop("env", None) or os.environ), _FOLLOWS: "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, env=environment, **options)


def end_child(child: subprocess.Popen[Any], patience: float = _PATIENCE_SECONDS) -> None:
    """Asks a child with a session of its own to end, waits, ends what is left of it and closes its pipes.

    Args:
      child: A process such as :func:`start_child` gives.
      patience: Seconds to wait before it is killed.
    """
    _signal_group(child.pid, signal.SIGTERM)
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def follow_parent() -> None:
    """Ends this process and its children when :func:`start_child` started it and the parent is gone."""
    if os.environ.pop(_FOLLOWS, None):
        threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    os.read(0, 1)  # nothing is ever written: it returns when the parent is gone
    group = os.getpgrp()
    _signal_group(group, signal.SIGTERM)
    time.sleep(_PATIENCE_SECONDS)
    _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # it is gone, and on some systems a zombie is nobody's
        return
