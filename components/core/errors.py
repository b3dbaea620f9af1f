"""The errors that a user can cause, each with the exit code that the command line returns for it.

Their message is one sentence that says what was expected, what came, and what to do next; the command line prints it
as it is and shows a traceback only with ``--debug``.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from kerasline.components.core.addresses import name_addresses

LONGEST_MESSAGE = 1500  # characters; what is cut is the middle, for the end says what to do


class KeraslineError(Exception):
    """A failure whose message is meant for the user.

    Attributes:
      details: Lines to show before the message, such as every further fault of a file.
    """

    exit_code = 1
    details: tuple[str, ...] = ()

    def __init__(self, message: object = "", *, details: Sequence[str] = ()) -> None:
        super().__init__(cut(name_addresses(str(message)), LONGEST_MESSAGE))
        if details:
            self.details = tuple(cut(name_addresses(line), LONGEST_MESSAGE) for line in details)


class ConfigError(KeraslineError):
    """The config, the arguments or the data source are wrong; nothing has run."""

    exit_code = 2


class DataRejected(KeraslineError):
    """The data gate stopped the run."""

    exit_code = 3


class TrainingFailed(KeraslineError):
    """Training or tuning could not produce a usable model (NaN loss, out of memory, no completed trial)."""


class ParityFailed(KeraslineError):
    """The exported model could not be compared with the model that was trained."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """Returns a hint such as `` Did you mean 'epochs'?`` for a misspelt word, or an empty string."""
    # Comparing takes time by the square of the length; no name is that long.
    if len(str(word)) > _LONGEST_NAME:
        return ""
    names = [name for name in map(str, known) if len(name) <= _LONGEST_NAME][:_MOST_NAMES]
    matches = difflib.get_close_matches(str(word), names, n=1, cutoff=cutoff)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def cut(text: str, longest: int) -> str:
    """Returns a text without its middle where it is too long for a reader."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 3]} … {text[-end:]}"


def shown(value: Any, *, plain: bool = False) -> str:
    """Returns a value as a message shows it: as YAML has it, and short.

    Args:
      value: A value of a config.
      plain: Whether text stands without quotes around it.
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = "".join(c if c.isprintable() else " " for c in cut(value, _LONGEST_SHOWN))
        return text if plain else repr(text)
    if isinstance(value, (dict, list, tuple)):
        return _shown_inside(value) or ("a block of keys" if isinstance(value, dict) else "a list")
    return cut(str(value), _LONGEST_SHOWN)


def _shown_inside(value: Any) -> str:
    """Returns a block or a list with what it holds, empty where that is too long or cannot be written."""
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # keys of an odd type, or a block within itself
        return ""
    return text if len(text) <= _LONGEST_SHOWN else ""


_LONGEST_NAME, _MOST_NAMES, _LONGEST_SHOWN = 100, 2_000, 80
