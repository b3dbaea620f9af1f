"""Calls a user's function, so that what it raises is told with the key and the name."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Callable
from typing import Any

from kerasline.components.core import ConfigError, KeraslineError, cut

_LONGEST = 300
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")})


def call_own(
    key: str,
    dotted: str,
    function: Callable[..., Any],
    *arguments: Any,
    error_class: type[KeraslineError] = ConfigError,
    **named: Any,
) -> Any:
    """Calls a function and returns what it gives.

    Args:
      key: The recipe's key that names it.
      dotted: Its name.
      function: As it was loaded.
      *arguments: What it is called with.
      error_class: What is raised when it fails.
      **named: More of what it is called with.

    Raises:
      KeraslineError: of ``error_class``: the function raised something else than one of ours.
    """
    try:
        return function(*arguments, **named)
    except KeraslineError:
        raise
    except (Exception, SystemExit) as error:  # of a script, which is no reason to end without a word
        told = cut(" ".join(str(error).split()) or "no message", _LONGEST)
        raise error_class(f"{key}: {dotted} raised {type(error).__name__}{_line_of(error)}: {told}; mend it") from error


def _line_of(error: BaseException) -> str:
    """Says in which line of the user's file an error arose: the last one that is no library's."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if not frame.filename.startswith(_LIBRARIES)]
    return f" in {own[-1].filename}, line {own[-1].lineno}" if own else ""
