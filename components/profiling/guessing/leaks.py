"""Leaves out columns that give the label away, by the measure with which the data gate would stop the run over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasline.components.leaks import FEWEST_ROWS, Column, strongest_sign
from kerasline.components.profiling.guessing.guess import ColumnGuess
from kerasline.components.profiling.sampling import TableSample

_NEVER_LEAKING = ("drop", "text", "array")  # kinds of columns of which no single value is compared with the label
_LIMIT = 0.985  # a little below the gate's, which measures other rows
_MOST_ROWS = 20_000


def drop_leaks(sample: TableSample, guesses: Sequence[ColumnGuess], answers: Sequence[Any], is_number: bool) -> bool:
    """Leaves out the columns that give the label away, unless these are all that there is to learn from.

    Args:
      sample: of the rows that have a label.
      guesses: of its columns without the label; some become ``drop``, or get a remark.
      answers: the label of each row.
      is_number: whether the label is a number to predict and no class.

    Returns:
      Whether such columns were kept, for want of others.
    """
    columns = {column.name: column for column in sample.columns}
    inputs = [guess for guess in guesses if guess.kind != "drop"]
    told = {
        guess.name: gives_away(columns[guess.name].values, answers, is_number)
        for guess in inputs
        if guess.kind not in _NEVER_LEAKING
    }
    leaking = [guess for guess in inputs if told.get(guess.name)]
    is_all = bool(leaking) and len(leaking) == len(inputs)
    for guess in leaking:
        _mark(guess, f"gives the label away: {told[guess.name]}", is_all)
    return is_all


def _mark(guess: ColumnGuess, told: str, is_kept: bool) -> None:
    """Says of a column that it gives the label away, and leaves it out unless it is kept."""
    if is_kept:
        guess.remark = f"{guess.remark}; {told}" if guess.remark else told
        return
    guess.kind, guess.options = "drop", {}
    guess.why = f"{told}; if it is known before the label is, keep it and set validation.leakage: warn"


def gives_away(values: Sequence[Any], label: Sequence[Any], is_number: bool) -> str:
    """Says how a column tells the label, or nothing where it does not.

    Args:
      values: of the column, None where missing.
      label: of the same rows, without missing values.
      is_number: whether the label is a number to predict and no class.

    Returns:
      Such as ``a correlation of 1.000 with the label``, or an empty string.
    """
    if len(label) < FEWEST_ROWS:
        return ""
    values, label = values[:_MOST_ROWS], label[:_MOST_ROWS]
    answers = Column("numeric", np.array(label, float)) if is_number else _categories(label)
    figure, measure, part = strongest_sign(_column(values), answers)
    if figure <= _LIMIT:
        return ""
    if measure.startswith("order"):
        return "it numbers the rows, which are sorted by the label"
    if is_number and measure.startswith("correlation"):
        return f"a correlation of {figure:.3f} with the label{part}"
    return f"it alone predicts the label ({figure:.1%} of what there is to know{part})"


def _column(values: Sequence[Any]) -> Column:
    if all(isinstance(value, int | float) for value in values if value is not None):
        return Column("numeric", np.array([np.nan if value is None else float(value) for value in values]))
    return _categories(values)


def _categories(values: Sequence[Any]) -> Column:
    column = np.full(len(values), None, object)
    column[:] = [None if value is None else str(value) for value in values]
    return Column("categorical", column)
