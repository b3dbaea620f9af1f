"""Finds the rows in a JSON document that is one object, as web services and programs write them.

``{"data": [{...}, ...], "next": ...}`` and GeoJSON hold a list of objects, ``{"x": [1, 2], "y": [0, 1]}`` and what
pandas writes hold columns, and an object of plain values is a row itself. What may be read in two ways is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, shown
from kerasline.components.datasets.files import JSON

# What lists of rows are called beside others, such as one of the names of columns.
_USUAL = frozenset({"data", "records", "results", "rows", "items", "features", "value"})
_Rows = tuple[Sequence[Any], str]


def rows_of_object(path: Path, content: Mapping[str, Any]) -> _Rows:
    """Finds the rows of a document.

    Args:
      path: Of the file, for messages.
      content: The document.

    Returns:
      Objects, a row each; and where they were found, empty where the document is nothing else.

    Raises:
      ConfigError: it has none, or several lists of them, or rows cannot be told from columns.
    """
    lists = dict(_lists_of_rows(content))
    place = _meant(path, list(lists)) if any(_hold(dict, rows) for rows in lists.values()) else ""
    if place and _hold(dict, lists[place]):
        return lists[place], f"the rows under {place!r} of {path.name} are read, and nothing else of it"
    forms = (_named_rows, _rows_of_columns, _rows_by_key, _single_row)
    found = next(filter(None, (read(path, content) for read in forms)), None)
    if found is None:
        raise ConfigError(f"{path} is a JSON document without rows; {JSON.advice}")
    return found


def _meant(path: Path, places: Sequence[str]) -> str:
    """Chooses among lists of objects.

    Raises:
      ConfigError: none is called as rows usually are, or several.
    """
    usual = [place for place in places if place.rpartition(".")[2] in _USUAL]
    if len(places) > 1 and len(usual) != 1:
        named = ", ".join(map(repr, places))
        raise ConfigError(f"{path} holds several lists of rows, {named}; write one alone, as [{{...}}, {{...}}]")
    return (usual or places)[0]


def _lists_of_rows(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Sequence[Any]]]:
    """Yields the lists of objects, and those of lists, by their keys; further in where an object has none."""
    lists = {above + key: value for key, value in content.items() if _hold(dict, value) or _hold(list, value)}
    yield from lists.items()
    if not lists:
        for key, value in content.items():
            if isinstance(value, dict):
                yield from _lists_of_rows(value, f"{above}{key}.")


def _named_rows(path: Path, content: Mapping[str, Any]) -> _Rows | None:
    """Reads the names of columns and, apart from them, the cells of each row.

    Raises:
      ConfigError: the names are not one for each column.
    """
    names, rows, index = (_list_under(key, content) for key in ("columns", "data", "index"))
    if not rows or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    if len({str(name) for name in names if isinstance(name, str | int)}) < len(names):
        raise ConfigError(
            f"{path} needs a name of its own for each column, got {shown(names)} under 'columns'; correct them, or "
            "write its rows alone, as [{...}, {...}]"
        )
    return [dict(zip(names, row, strict=True)) for row in rows], _without_keys(path, index)


def _list_under(key: str, content: Mapping[str, Any]) -> list[Any]:
    value = content.get(key)
    return value if isinstance(value, list) else []


def _rows_of_columns(path: Path, content: Mapping[str, Any]) -> _Rows | None:
    """Reads whole columns of plain values."""
    columns = list(content.values())
    if {"columns", "data"}.issubset(content) or not all(map(_is_plain_list, columns)):
        return None
    if len({*map(len, columns)}) != 1:
        return None
    rows = [dict(zip(content, row, strict=True)) for row in zip(*columns, strict=True)]
    return rows, f"each list of {path.name} is read as a column"


def _rows_by_key(path: Path, content: Mapping[str, Any]) -> _Rows | None:
    """Reads what has a key for each row, within each column or around its values: the one whose keys are numbers.

    Raises:
      ConfigError: neither has such keys, or both.
    """
    parts = list(content.values())
    if not all(isinstance(part, dict) for part in parts):
        return None
    keys = _common_keys(parts)
    are_rows, are_columns = _are_numbers(content), _are_numbers(keys)
    if are_rows != are_columns:
        rows = parts if are_rows else [{name: part[key] for name, part in content.items()} for key in keys]
        return rows, _without_keys(path, list(content) if are_rows else keys)
    if keys:
        raise ConfigError(f"{path} does not say which of its keys are columns; write its rows, as [{{...}}, {{...}}]")
    return None


def _common_keys(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the keys that objects have around plain values; none where one has others."""
    keys = [list(part) for part in parts if all(map(_is_plain, part.values()))]
    return keys[0] if len(keys) == len(parts) and len({*map(tuple, keys)}) == 1 else []


def _without_keys(path: Path, keys: Sequence[Any]) -> str:
    """Says that keys of rows, such as the index of a data frame, are not read, where they are more than places."""
    are_places = [*map(str, keys)] == [*map(str, range(len(keys)))]
    return "" if are_places else f"the keys of the rows of {path.name}, such as {shown(keys[0])}, are not read"


def _single_row(path: Path, content: Mapping[str, Any]) -> _Rows | None:
    """Reads an object as a row, unless it is rather one around rows, such as none at all."""
    lists = {key: value for key, value in content.items() if isinstance(value, list)}
    are_cells = all(map(_is_plain_list, lists.values())) and not _USUAL & {*lists}
    has_plain = any(map(_is_plain, content.values()))
    has_objects = any(isinstance(value, dict) for value in content.values())
    return ([content], "") if has_plain and are_cells and not has_objects else None


def _hold(kind: type, value: Any) -> bool:
    """Says whether a value is a list of others of a kind, as its first one is that is not null."""
    listed = value if isinstance(value, list) else ()
    return isinstance(next((each for each in listed if each is not None), None), kind)


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_plain, value))


def _is_plain(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _are_numbers(keys: Collection[str]) -> bool:
    return bool(keys) and all(key.removeprefix("-").isdecimal() for key in keys)
