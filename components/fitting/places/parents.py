"""Lets no worker outlive the process that started it."""

from __future__ import annotations

import os
import sys
import threading


def end_with_parent() -> None:
    """Ends this process when the one that started it, with a pipe as standard input, is gone."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    # Not sys.stdin.read(), whose lock this thread would hold while the interpreter shuts down.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
