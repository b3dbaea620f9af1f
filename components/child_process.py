"""How a process of our own is started: with this Python, and with this kerasline whatever folder it starts in."""

from __future__ import annotations

import sys


def module_command(module: str, *arguments: str) -> list[str]:
    """Returns the command that runs one of our modules, or with ``kerasline`` the command line, as a process.

    Args:
      module: Dotted name of the module, such as ``kerasline.components.fitting.worker``.
      *arguments: Words that follow it on the command line.
    """
    # Without -P the current folder comes first on the path, and a folder there may have a name of ours.
    return [sys.executable, "-P", "-m", module, *arguments]
