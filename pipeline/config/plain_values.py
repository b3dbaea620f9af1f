"""What a program puts into a config, as the plain values that YAML has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set, ValuesView
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any

from kerasline.components.core import ConfigError

_PLAIN = (str, bool, int, float, type(None))
_FINE_DATES = tuple(f"datetime64[{unit}]" for unit in ("ns", "ps", "fs", "as"))
_NONE = ("NaTType", "NAType")  # of pandas, which is not loaded for this


def plain_values(value: Any, place: str) -> Any:
    """Returns a value as YAML holds it.

    Args:
      value: plain already, or a number, a day or an array of NumPy, a column of pandas, a decimal, a path, a date, a
        member of an enumeration, a range, a tuple or a set. NaT and NA are no value.
      place: where it stands, for messages.

    Raises:
      ConfigError: it is something else, such as a data frame or a function, or contains itself.
    """
    try:
        return _plain(value, place)
    except RecursionError:
        top = place.split(".")[0]
        raise ConfigError(f"{top}: expected dicts and lists of values, got one that contains itself") from None


def _plain(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {_key(name, place): _plain(one, f"{place}.{name}") for name, one in value.items()}
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Sequence | Set | ValuesView) and not isinstance(value, str | bytes | bytearray | memoryview):
        ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [_plain(one, place) for one in ordered]
    if hasattr(value, "tolist"):
        return _plain(_listed(value, place), place)
    return _scalar(value, place)


def _listed(value: Any, place: str) -> Any:
    """Returns an array, a column or a number of NumPy or pandas as Python's."""
    name = getattr(getattr(value, "dtype", None), "name", "")
    if name.startswith("timedelta64"):
        raise ConfigError(f"{place}: expected text, numbers, true or false, lists or dicts, got {name}")
    # What is finer than a date of Python would come as a number.
    return value.astype("datetime64[us]").tolist() if name in _FINE_DATES else value.tolist()


def _scalar(value: Any, place: str) -> Any:
    """Returns what is no dict and no list."""
    if isinstance(value, Enum):
        return _plain(value.value, place)
    if type(value).__name__ in _NONE:
        return None
    for kind, plain in _SCALARS.items():
        if isinstance(value, kind):
            return plain(value)
    raise ConfigError(f"{place}: expected text, numbers, true or false, lists or dicts, got {_told(value)}")


def _number(value: Decimal) -> int | float:
    return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)


_SCALARS: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int,
    float: float,
    Decimal: _number,
    PurePath: str,
    date: lambda day: day.isoformat(),  # those of a datetime with its time
    time: time.isoformat,
}


def _key(name: Any, place: str) -> Any:
    """Returns the name of a key, of a class or of a column, which may be a number."""
    plain = _plain(name, place)
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
