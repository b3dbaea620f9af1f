"""Rows in a form that people can look at: a thumbnail for an image, a few words for every other column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasline.components.core import rounded
from kerasline.components.explanations.showing.pictures import picture, thumbnail

MOST_COLUMNS = 12
_LONGEST_TEXT = 120


def show_row(row: Mapping[str, list[Any]], columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shows one row.

    Args:
      row: column name to values, from :func:`~kerasline.components.explanations.showing.rows.read_rows`.
      columns: of the dataset as plain values: ``name``, ``dtype``, ``shape``, ``unit``.

    Returns:
      ``image``: PNG bytes of the first image or drawable array, or None; ``values``: [name, text] of at most
      MOST_COLUMNS other columns.
    """
    image: bytes | None = None
    values: list[list[str]] = []
    for column in columns:
        found = row.get(column["name"]) or []
        if column["dtype"] == "image":
            image = image or (thumbnail(found[0]) if found else None)
        elif column["dtype"] == "array":
            image = image or _draw(found, tuple(column["shape"]))
        elif len(values) < MOST_COLUMNS:
            values.append([column["name"], _text(found, column)])
    return {"image": image, "values": values}


def _draw(values: list[Any], shape: tuple[int, ...]) -> bytes | None:
    """Draws an array that has the shape of an image."""
    if len(values) != int(np.prod(shape)):
        return None
    array = np.asarray(values, np.float64).reshape(shape)
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3))
    return picture(array) if is_image and min(array.shape[:2]) >= 4 else None


def _text(values: list[Any], column: Mapping[str, Any]) -> str:
    if not values:
        return "missing"
    if column["dtype"] == "tokens":
        return _shorten(" ".join(str(value) for value in values if value))
    value = values[0]
    if isinstance(value, bytes):
        return _shorten(value.decode("utf-8", "replace"))
    unit = f" {column['unit']}" if column.get("unit") else ""
    return f"{rounded(value, 5)}{unit}" if isinstance(value, float) else f"{value}{unit}"


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
