"""Finds the rows in a JSON document that is one object, as web services and programs write them.

``{"data": [{...}, ...], "next": ...}`` and GeoJSON hold a list of objects, ``{"x": [1, 2], "y": [0, 1]}`` and what
pandas writes hold columns, and an object of plain values is a row itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.files import JSON

# What lists of rows are called beside others, such as one of the names of columns.
_USUAL = frozenset({"data", "records", "results", "rows", "items", "features", "value"})


def rows_of_object(path: Path, content: Mapping[str, Any]) -> tuple[Sequence[Any], str]:
    """Finds the rows of a document.

    Args:
      path: Of the file, for messages.
      content: The document.

    Returns:
      Objects, a row each; and where they were found, empty where the document is nothing else.

    Raises:
      ConfigError: it has none, or several lists of them.
    """
    lists = dict(_lists_of_rows(content))
    place = _meant(path, list(lists)) if any(_are(dict, rows) for rows in lists.values()) else ""
    if place and _are(dict, lists[place]):
        if content.get("type") == "FeatureCollection":
            rows = [feature.get("properties") or {} for feature in lists[place]]
            return rows, f"of the features of {path.name} the properties are read, and the geometry not"
        return lists[place], f"the rows under {place!r} of {path.name} are read, and nothing else of it"
    found = _rows_of_columns(content)
    if found is None:
        raise ConfigError(f"{path} is a JSON document without rows; {JSON.advice}")
    return found, ""


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
    """Yields the lists of objects, and those of lists, by their keys; within an object where it has no list itself."""
    lists = {above + key: value for key, value in content.items() if isinstance(value, list)}
    yield from ((place, value) for place, value in lists.items() if value and (_are(dict, value) or _are(list, value)))
    if not lists:
        for key, value in content.items():
            if isinstance(value, dict):
                yield from _lists_of_rows(value, f"{above}{key}.")


def _rows_of_columns(content: Mapping[str, Any]) -> Sequence[Any] | None:
    """Reads whole columns, or a single row; None for any other document."""
    parts = list(content.values())
    if {"columns", "data"}.issubset(content):
        return _named_rows(content["columns"], content["data"])
    if content and _are(dict, parts):
        return _rows_by_index(content)
    if any(isinstance(value, dict) for value in parts):
        return None
    if not _are(list, parts):
        return [content]
    return _named_rows(list(content), list(zip(*parts, strict=True))) if len({*map(len, parts)}) == 1 else None


def _named_rows(names: Sequence[Any], rows: Sequence[Any]) -> Sequence[Any] | None:
    """Gives the cells of rows their names; None where these are no rows of so many cells."""
    if not (isinstance(names, list) and isinstance(rows, list) and rows):
        return None
    are_rows = all(isinstance(row, list | tuple) and len(row) == len(names) for row in rows)
    return [dict(zip(names, row, strict=True)) for row in rows] if are_rows else None


def _rows_by_index(content: Mapping[str, Mapping[str, Any]]) -> Sequence[Any] | None:
    """Reads what has a key for each row, within each column or around its values."""
    keys = [tuple(part) for part in content.values()]
    if len(set(keys)) == 1 and _are_numbers(keys[0]):
        return [{name: column[key] for name, column in content.items()} for key in keys[0]]
    return list(content.values()) if _are_numbers(content) else None


def _are_numbers(keys: Iterable[str]) -> bool:
    return all(key.isdecimal() for key in keys)


def _are(kind: type, values: Sequence[Any]) -> bool:
    return all(isinstance(value, kind) for value in values)
