"""How a command ends that Ctrl-C interrupted. It loads nothing, so it is at hand while the command still loads."""

from __future__ import annotations

import sys
from typing import NoReturn

INTERRUPTED = 130  # as shells say of what Ctrl-C ended, and typer of a KeyboardInterrupt


def end_interrupted() -> NoReturn:
    """Ends this process with the exit code and the sentence of an interruption."""
    print("interrupted; what is in production stays there", file=sys.stderr)
    sys.exit(INTERRUPTED)
