"""Calls a user's function, so that what it raises is told with the key and the name."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerasline.components.core import ConfigError, KeraslineError, cut
from kerasline.components.own_code.naming import module_of, name_of

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
        raise error_class(f"{_told(key, dotted, error, _line_of(error))}; mend it") from error


def own_origin(error: BaseException, named: Mapping[str, Sequence[str]]) -> str | None:
    """Says in which of a recipe's functions an error arose that a library has called.

    Args:
      error: As it was caught.
      named: The names of functions and classes, by the recipe's key.

    Returns:
      Key and name, the error, and the line of the user's file; None where it arose in none of their modules.
    """
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file, within = frame.f_code.co_filename, frame.f_code.co_qualname.partition(".")[0]
        there = {dotted: key for key, names in named.items() for dotted in names if _file_of(dotted) == file}
        meant = [dotted for dotted in there if name_of(dotted) == within] or list(there)
        if meant:
            keys = dict.fromkeys(there[dotted] for dotted in meant)
            return _told(" or ".join(keys), " or ".join(meant), error, f" in {file}, line {line}")
    return None


def _file_of(dotted: str) -> str | None:
    return getattr(sys.modules.get(module_of(dotted)), "__file__", None)


def _told(key: str, dotted: str, error: BaseException, where: str) -> str:
    told = cut(" ".join(str(error).split()) or "no message", _LONGEST)
    return f"{key}: {dotted} raised {type(error).__name__}{where}: {told}"


def _line_of(error: BaseException) -> str:
    """Says in which line of the user's file an error arose: the last one that is no library's."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if not frame.filename.startswith(_LIBRARIES)]
    return f" in {own[-1].filename}, line {own[-1].lineno}" if own else ""
