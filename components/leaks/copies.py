"""How close a column is to a copy of the label, beyond what chance makes of many classes on few rows."""

from __future__ import annotations

import numpy as np

from kerasline.components.leaks.values import Column

FEWEST_ROWS = 20
_FEWEST_REPEATS = 8  # rows beyond the first of their class, without which likeness within classes is luck
_LEAST_SKILL = 0.25  # of telling the class by the nearest mean, which a column that stands for the label has
_SHUFFLES = 5


def copy_of_class(column: Column, label: Column) -> float:
    """Compares a column with classes.

    Returns:
      0..1, and near 0 for a column that has nothing to do with the label, however many classes there are. Of a number
      the root of epsilon squared (the part of its variance that lies between classes, less what chance puts there); of
      a category the adjusted mutual information.
    """
    classes = codes_of(label.values)
    if column.kind == "categorical":
        return _adjusted_information(codes_of(column.values), classes)
    known = np.isfinite(column.values)
    if known.sum() < FEWEST_ROWS:
        return 0.0
    ratio = _ratio(column.values[known], classes[known])
    numbers = _as_numbers(label.values[known])
    if numbers is not None:
        ratio = max(ratio, _correlation(column.values[known], numbers))
    # A column that is mostly missing cannot stand for the label.
    return ratio * float(known.mean())


def copy_of_number(column: Column, label: Column) -> float:
    """Returns the larger of Pearson's and Spearman's correlation with a number."""
    if column.kind == "categorical":
        return 0.0
    known = np.isfinite(column.values) & np.isfinite(label.values)
    return _correlation(column.values[known], label.values[known]) * float(known.mean())


def codes_of(values: np.ndarray) -> np.ndarray:
    """Numbers the distinct values of a categorical column, object [rows]; missing is a value: integers [rows]."""
    codes = {value: index for index, value in enumerate(dict.fromkeys(values))}
    return np.array([codes[value] for value in values], int)


def _ratio(values: np.ndarray, classes: np.ndarray) -> float:
    """Returns the root of epsilon squared, over the rows whose class has more than one.

    A few extreme values of one class make it large though the column tells no other class: it counts for no more than
    the classes that the nearest mean tells.

    Source: T. L. Kelley: An Unbiased Correlation Ratio Measure, PNAS 21, 1935.
    """
    often = np.bincount(classes)[classes] > 1
    values, classes = values[often], np.unique(classes[often], return_inverse=True)[1]
    counts = np.bincount(classes)
    repeats = len(values) - len(counts)
    if repeats < _FEWEST_REPEATS or len(counts) < 2:
        return 0.0
    means = np.bincount(classes, weights=values) / counts
    total = float(((values - values.mean()) ** 2).sum())
    within = float(((values - means[classes]) ** 2).sum())
    if total == 0:
        return 0.0
    epsilon = np.sqrt(max(0.0, 1 - within / total * (len(values) - 1) / repeats))
    skill = _nearest_mean_skill(values, classes, means, counts)
    return float(epsilon if skill >= _LEAST_SKILL else min(epsilon, skill))


def _nearest_mean_skill(values: np.ndarray, classes: np.ndarray, means: np.ndarray, counts: np.ndarray) -> float:
    """Tells each row's class by the nearest mean, its own without the row; returns the share of errors avoided."""
    own = np.abs(values - means[classes]) * (counts / (counts - 1))[classes]
    order = np.argsort(means, kind="stable")
    place = np.searchsorted(means[order], values)
    nearest = np.full(len(values), np.inf)
    for step in (-2, -1, 0, 1):
        other = order[np.clip(place + step, 0, len(order) - 1)]
        distance = np.where(other == classes, np.inf, np.abs(values - means[other]))
        nearest = np.minimum(nearest, distance)
    majority = counts.max() / counts.sum()
    return max(0.0, float(((own < nearest).mean() - majority) / (1 - majority)))


def _as_numbers(names: np.ndarray) -> np.ndarray | None:
    """Returns classes that are numbers by name as numbers; two classes have no order worth the name."""
    if len(set(names)) < 3:
        return None
    try:
        numbers = np.array([float(name) for name in names])
    except (TypeError, ValueError):
        return None
    return numbers if np.isfinite(numbers).all() else None


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    if len(x) < FEWEST_ROWS or x.min() == x.max() or y.min() == y.max():
        return 0.0
    pearson = abs(float(np.corrcoef(x, y)[0, 1]))
    spearman = abs(float(np.corrcoef(_ranks(x), _ranks(y))[0, 1]))
    return min(1.0, max(pearson, spearman))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _adjusted_information(first: np.ndarray, second: np.ndarray) -> float:
    """Mutual information beyond that of shuffled rows, 1 only where each value stands for one class and back.

    Source: N. X. Vinh, J. Epps, J. Bailey: Information Theoretic Measures for Clusterings Comparison, JMLR 11, 2010;
    the expected value comes from shuffles here.
    """
    random = np.random.default_rng(0)
    chance = float(np.mean([_information(random.permutation(first), second) for _ in range(_SHUFFLES)]))
    largest = max(_entropy(np.bincount(first)), _entropy(np.bincount(second)))
    room = largest - chance
    return max(0.0, (_information(first, second) - chance) / room) if room > 1e-3 * largest else 0.0


def _information(first: np.ndarray, second: np.ndarray) -> float:
    joint = np.unique(first * (second.max() + 1) + second, return_counts=True)[1]
    return _entropy(np.bincount(first)) + _entropy(np.bincount(second)) - _entropy(joint)


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
