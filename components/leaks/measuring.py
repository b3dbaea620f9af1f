"""Signs that a column gives the label away: it is a near copy, tells the label almost alone, or numbers sorted rows."""

from __future__ import annotations

import itertools

import numpy as np

from kerasline.components.leaks.copies import codes_of, copy_of_class, copy_of_number
from kerasline.components.leaks.values import Column

# Rules found on one half are tried on the other; with fewer rows than this, a single column separates
# well-behaved small data (iris) by itself, and only copies are told from it.
_FEWEST_ROWS_FOR_SKILL = 400
_MOST_BINS = 256
_WIDEST_GAPS = 4  # numbers of rows reach at most this many times as far as there are rows
_FEWEST_CHANGES = 10  # of class from row to row that chance would have


def strongest_sign(column: Column, label: Column) -> tuple[float, str, str]:
    """Looks for the strongest sign of leakage in a column.

    Args:
      column: What the model reads.
      label: The label of the same rows, at least ``FEWEST_ROWS`` of them.

    Returns:
      The figure of the sign, from 0 to 1, its measure, and which part of the label or the array shows it.
    """
    worst = (0.0, "correlation with the label", "")
    for (part, values), (which, target) in itertools.product(_parts(column), _targets(label)):
        figure, measure = _measure(values, target)
        if figure > worst[0]:
            worst = (figure, measure, part + which)
    return worst


def _parts(column: Column) -> list[tuple[str, Column]]:
    """Lists what is measured of a column, each with the words for it: an array has a part of each value."""
    if column.kind == "numeric":
        return [("", column)]
    if column.kind == "array":
        return [(f" of value {i}", Column("numeric", column.values[:, i])) for i in range(column.values.shape[1])]
    # The day on which a customer left is another for each, but who has one has left.
    there = np.array(["no" if value is None else "yes" for value in column.values], object)
    return [("", Column("categorical", column.values)), (" of whether it has a value", Column("categorical", there))]


def _targets(label: Column) -> list[tuple[str, Column]]:
    """Lists what a column may give away, each with the words for it: each of several labels by itself."""
    if label.kind != "labels":
        return [("", label)]
    positive = np.where(label.values > 0.5, "1", "0").astype(object)
    return [(f" with label {i}", Column("categorical", part)) for i, part in enumerate(positive.T)]


def _measure(column: Column, label: Column) -> tuple[float, str]:
    """Takes the larger of closeness to a copy and of skill, where there are rows enough to judge skill."""
    copy = copy_of_class(column, label) if label.kind == "categorical" else copy_of_number(column, label)
    skill = _skill(column, label) if len(label) >= _FEWEST_ROWS_FOR_SKILL else 0.0
    figures = {"correlation with the label": copy, "skill of predicting the label": skill}
    if label.kind == "categorical" and column.kind == "numeric" and _numbers_rows(column.values):
        figures["order of the numbered rows by the label"] = _order(column.values, codes_of(label.values))
    measure = max(figures, key=lambda name: figures[name])
    return figures[measure], measure


def _numbers_rows(values: np.ndarray) -> bool:
    """Says whether numbers may be those of rows: whole, each once, with gaps as filtering leaves them."""
    if not np.isfinite(values).all() or (values % 1 != 0).any() or len(np.unique(values)) < len(values):
        return False
    return bool(values.max() - values.min() < _WIDEST_GAPS * len(values))


def _order(values: np.ndarray, classes: np.ndarray) -> float:
    """Says how far the rows are sorted by class: 1 where each class stands in one piece, 0 for rows at random."""
    ordered = classes[np.argsort(values)]
    shares = np.bincount(classes) / len(classes)
    fewest, chance = np.count_nonzero(shares) - 1, (len(classes) - 1) * (1 - float((shares**2).sum()))
    if chance < fewest + _FEWEST_CHANGES:
        return 0.0
    changes = int((ordered[1:] != ordered[:-1]).sum())
    return max(0.0, 1 - (changes - fewest) / (chance - fewest))


def _skill(column: Column, label: Column) -> float:
    """Predicts one half of the rows from the other by this column's value or bin alone.

    Returns:
      Classes: the part of a majority guess's errors that is avoided. Numbers: the square root of R², which compares
      with a correlation. 0 where nothing is learned.
    """
    bins = codes_of(column.values) if column.kind == "categorical" else _bins(column.values)
    half = np.arange(len(bins)) % 2 == 0
    if label.kind == "categorical":
        classes = codes_of(label.values)
        table = np.zeros((bins.max() + 1, classes.max() + 1))
        np.add.at(table, (bins[half], classes[half]), 1)
        majority = int(np.bincount(classes[half]).argmax())
        answers = np.where(table.sum(axis=1) > 0, table.argmax(axis=1), majority)
        base = float((classes[~half] == majority).mean())
        right = float((answers[bins[~half]] == classes[~half]).mean())
        return max(0.0, (right - base) / (1 - base)) if base < 1 else 0.0
    numbers = label.values
    sums = np.bincount(bins[half], weights=numbers[half], minlength=bins.max() + 1)
    counts = np.bincount(bins[half], minlength=bins.max() + 1)
    mean = float(numbers[half].mean())
    answers = np.where(counts > 0, sums / np.maximum(counts, 1), mean)
    total = float(((numbers[~half] - mean) ** 2).sum())
    left = float(((numbers[~half] - answers[bins[~half]]) ** 2).sum())
    return float(np.sqrt(max(0.0, 1 - left / total))) if total > 0 else 0.0


def _bins(values: np.ndarray) -> np.ndarray:
    """Sorts numbers into quantile bins; missing ones have a bin of their own."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(len(values), int)
    count = int(min(_MOST_BINS, max(2, len(values) // 8)))
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, count + 1)[1:-1]))
    return np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), len(edges) + 1)
