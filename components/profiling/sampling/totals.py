"""A last row that adds the others up: where the label is their sum, the row is left out."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerasline.components.datasets.description import MISSING_VALUES
from kerasline.components.datasets.tables.csv import Dialect, find_total
from kerasline.components.datasets.values import evidence_of, read_number, total_word
from kerasline.components.profiling.sampling.missing import Words

_FEWEST_ROWS = 5
_EXACT = 0.01  # of the sum: what is written may be rounded


def sum_below(rows: Sequence[Sequence[Any]], names: Sequence[str], labels: Collection[str]) -> tuple[int, Any] | None:
    """Finds a last row that says of itself that it is a sum, and whose label is one; empty rows may follow it.

    Args:
      rows: Cells of the table, as they are written or as values.
      names: Of its columns.
      labels: The columns to predict.

    Returns:
      How many rows stand above it, and its label; None where there is no such row.
    """
    filled = [number for number, cells in enumerate(rows) if any(map(_is_there, cells))]
    if len(labels) != 1 or not set(labels).issubset(names) or len(filled) < _FEWEST_ROWS:
        return None
    place, last = list(names).index(next(iter(labels))), filled[-1]
    word = total_word([str(next(filter(_is_there, rows[last])))])
    values = [rows[number][place] for number in filled]
    return (last, values[-1]) if word and _is_there(values[-1]) and _adds_up(values) else None


def _is_there(cell: Any) -> bool:
    return not (cell is None or (isinstance(cell, str) and not cell))  # arrays of numbers are cells, too


def _adds_up(cells: Sequence[Any]) -> bool:
    """Says whether the last number is the sum of the others."""
    *others, last = _numbers(list(filter(_is_there, cells)))
    known = [number for number in others if number is not None]
    return last is not None and len(known) > 1 and math.isclose(math.fsum(known), last, rel_tol=_EXACT)


def leave_out_sum(
    columns: Sequence[Any], labels: Collection[str], below: tuple[int, Any] | None, shared: Sequence[str] = ()
) -> None:
    """Takes the row of a sum from the values of columns, and writes beside the label that it is no value there.

    Args:
      columns: Sampled ones, which are changed.
      labels: The columns to predict.
      below: From :func:`sum_below`.
      shared: Words that mean no value in every column, besides the usual ones.
    """
    if below is None:
        return
    for column in columns:
        column.values = column.values[: below[0]]
        if column.name in labels:
            column.words = _without_sum(column.words, below[1], shared)


def remark_on_sum(
    path: Path, dialect: Dialect, columns: Sequence[Any], labels: Collection[str], shared: Sequence[str]
) -> str:
    """Says that a table ends with a row that may be a sum, where it is read as a row; empty for any other.

    Args:
      path: Of the table.
      dialect: How it is written.
      columns: All of the file, sampled.
      labels: The columns to predict.
      shared: Words that mean no value in every column.
    """
    label_places = [place for place, column in enumerate(columns) if column.name in labels]
    left_out = {place: columns[place].words.missing(columns[place].name, shared) for place in label_places}
    return find_total(path, dialect.encoding, dialect.delimiter, left_out)


def leave_out_typed_sum(columns: Sequence[Any], labels: Collection[str]) -> None:
    """Does so with columns of a typed table, which are changed."""
    rows = list(zip(*(column.values for column in columns), strict=True))
    leave_out_sum(columns, labels, sum_below(rows, [column.name for column in columns], labels))


def _without_sum(words: Words, cell: Any, shared: Sequence[str]) -> Words:
    known = dict.fromkeys((*MISSING_VALUES, *shared) if words.own is None else words.own)
    why = f"{cell} is the sum of the others, in the last row, which is left out"
    return replace(words, own=(*known, str(cell)), why="; ".join(filter(None, (words.why, why))))


def _numbers(cells: Sequence[Any]) -> list[float | None]:
    if all(isinstance(cell, int | float) for cell in cells):
        return list(map(float, cells))
    texts = list(map(str, cells))
    written = evidence_of(texts)
    return [None if written is None else read_number(text, written.form) for text in texts]
