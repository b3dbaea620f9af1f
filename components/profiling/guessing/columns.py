"""Guesses what a column is from its values and its name: number, category, date, text, or nothing to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kerasline.components.core import percent
from kerasline.components.profiling.guessing.guess import ColumnGuess, shown
from kerasline.components.profiling.guessing.numbers import guess_number
from kerasline.components.profiling.guessing.texts import guess_text
from kerasline.components.profiling.sampling import SampledColumn

_MOST_MISSING = 0.98
_FEWEST_TO_JUDGE = 100  # rows, for the share of missing values to mean something


def guess_column(column: SampledColumn, rows: int, complete: bool) -> ColumnGuess:
    """Guesses what one input column is.

    Args:
      column: its values.
      rows: of the whole table.
      complete: whether the values are those of the whole table.
    """
    if column.dtype == "array":
        return ColumnGuess(column.name, "array", "lists of numbers of one length")
    present = column.present
    counts: Counter[Any] = Counter(present)
    guess = _guess(column, present, counts, rows, complete)
    if column.words.own is not None and guess.kind != "drop":
        guess.options["missing_values"] = list(column.words.own)
        guess.why += f"; {column.words.why}"
    guess.missing = 1 - len(present) / max(1, len(column.values))
    guess.distinct = len(counts)
    return guess


def _guess(
    column: SampledColumn, present: Sequence[Any], counts: Counter[Any], rows: int, complete: bool
) -> ColumnGuess:
    name = column.name
    if not present:
        return ColumnGuess(name, "drop", "no value in any row")
    if len(counts) == 1 and len(present) == len(column.values):
        return ColumnGuess(name, "drop", f"always {shown(present[0])}")
    share = 1 - len(present) / len(column.values)
    if share > _MOST_MISSING and len(column.values) >= _FEWEST_TO_JUDGE:
        told = f"{percent(share)} of the rows have no value"
        why = f"{told}, too few to learn from; if having one says something, keep it"
        return ColumnGuess(name, "drop", why)
    if column.dtype == "string":
        return guess_text(name, present, counts, rows, complete)
    if column.is_category and column.dtype == "int":
        options = {"kind": "categorical"}
        return ColumnGuess(name, "categorical", f"{len(counts)} values of a category, by its type", options=options)
    return guess_number(name, column.dtype, present, counts)
