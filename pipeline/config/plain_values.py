"""What a program puts into a config, as the plain values that YAML has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import PurePath
from typing import Any

from kerasline.components.core import ConfigError

_PLAIN = (str, bool, int, float, type(None))


def plain_values(value: Any, place: str) -> Any:
    """Returns a value as YAML holds it.

    Args:
      value: plain already, or a number or an array of NumPy, a column of pandas, a path, a date, a tuple or a set.
      place: where it stands, for messages.

    Raises:
      ConfigError: it is something else, such as a data frame or a function.
    """
    if isinstance(value, Mapping):
        return {_key(name, place): plain_values(one, f"{place}.{name}") for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [plain_values(one, place) for one in ordered]
    if hasattr(value, "tolist"):
        return plain_values(value.tolist(), place)
    if type(value) in _PLAIN:
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise ConfigError(f"{place}: expected text, numbers, true or false, lists or dicts, got {_told(value)}")


def _key(name: Any, place: str) -> Any:
    """Returns the name of a key, of a class or of a column, which may be a number."""
    plain = plain_values(name, place)
    if isinstance(plain, list | dict):
        raise ConfigError(f"{place}: expected names of keys, got {name!r}")
    return plain


def _told(value: Any) -> str:
    """Names what is no plain value, and what to do with it."""
    name = type(value).__name__
    if hasattr(value, "columns"):
        return f"{name}; kerasline.init(frame, label) writes a recipe of a data frame"
    if callable(value):
        told = getattr(value, "__name__", name)
        return f"{told}, which Python can call; put it into a file beside the recipe, and name it as module:{told}"
    return name
