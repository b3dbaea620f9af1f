"""Finds columns that give the label away, which the data gate would stop the run over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_FEWEST_ROWS = 400  # with fewer, a well-behaved column can tell the label by itself
_LIMIT = 0.985
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
    if len(label) < _FEWEST_ROWS:
        return ""
    values, label = values[:_MOST_ROWS], label[:_MOST_ROWS]
    numeric = all(isinstance(value, int | float) for value in values if value is not None)
    known = np.array([value is not None and (not numeric or np.isfinite(value)) for value in values])
    if known.mean() < 0.5:
        return ""
    if is_number and numeric:
        x = np.array([float(value) for value, keep in zip(values, known, strict=True) if keep])
        y = np.array(label, float)[known]
        if x.min() == x.max() or y.min() == y.max():
            return ""
        figure = max(abs(np.corrcoef(x, y)[0, 1]), abs(np.corrcoef(_ranks(x), _ranks(y))[0, 1]))
        return f"a correlation of {figure:.3f} with the label" if figure > _LIMIT else ""
    keys = _bins(values, known) if numeric else [str(value) for value in values]
    skill = _skill(keys, label, is_number)
    return f"it alone predicts the label ({skill:.1%} of what there is to know)" if skill > _LIMIT else ""


def _skill(keys: Sequence[Any], label: Sequence[Any], is_number: bool) -> float:
    """Predicts one half of the rows by what rows with the same value in the other half say."""
    known: dict[Any, dict[Any, float]] = {}
    for key, value in list(zip(keys, label, strict=True))[::2]:
        counts = known.setdefault(key, {})
        counts[value] = counts.get(value, 0) + 1
    rest = list(zip(keys, label, strict=True))[1::2]
    if is_number:
        means = {key: sum(v * n for v, n in c.items()) / sum(c.values()) for key, c in known.items()}
        overall = float(np.mean([float(value) for _, value in rest]))
        left = sum((value - means.get(key, overall)) ** 2 for key, value in rest)
        total = sum((value - overall) ** 2 for _, value in rest)
        return float(np.sqrt(max(0.0, 1 - left / total))) if total else 0.0
    best = {key: max(counts, key=lambda value: counts[value]) for key, counts in known.items()}
    values = [value for _, value in rest]
    majority = max(values.count(value) for value in set(values)) / len(values) if len(set(values)) <= 1000 else 0.0
    right = sum(best.get(key) == value for key, value in rest) / len(rest)
    return (right - majority) / (1 - majority) if majority < 1 else 0.0


def _bins(values: Sequence[Any], known: np.ndarray) -> list[int]:
    numbers = np.array([float(value) if keep else np.nan for value, keep in zip(values, known, strict=True)])
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, min(256, max(2, len(values) // 8)) + 1)[1:-1]))
    places = np.searchsorted(edges, numbers, side="right")
    return [int(place) if keep else -1 for place, keep in zip(places, known, strict=True)]


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
