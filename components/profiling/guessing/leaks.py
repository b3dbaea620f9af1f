"""Finds columns that give the label away, by the measure with which the data gate would stop the run over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasline.components.leaks import FEWEST_ROWS, Column, strongest_sign

_LIMIT = 0.985  # a little below the gate's, which measures other rows
_MOST_ROWS = 20_000


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
