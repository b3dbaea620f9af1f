"""Leakage: inputs that are the label, a near copy of it, or that tell it almost alone."""

from __future__ import annotations

import numpy as np

from kerasline.components.features import FeaturePlan
from kerasline.components.validation.options import LeakageCheck
from kerasline.components.validation.sampling import Column, SplitSample
from kerasline.components.validation.verdict import Finding, status_of

_FEWEST_ROWS = 20
# Rules found on one half are tried on the other; with fewer rows than this, a single column separates
# well-behaved small data (iris) by itself, and only copies are told from it.
_FEWEST_ROWS_FOR_SKILL = 400
_MOST_BINS = 256
_WIDEST_ARRAY = 64
_SCALARS_AND_ARRAYS = ("numeric", "categorical", "date", "array")


def check_leakage(sample: SplitSample, plan: FeaturePlan, options: LeakageCheck) -> list[Finding]:
    """Measures how much each input alone says of the label, on a sample of the train split.

    Returns:
      A finding for each input that is a number or a category; arrays up to 64 values are looked at one by one.
    """
    label = sample.columns.get(plan.label)
    if label is None or len(label) < _FEWEST_ROWS:
        return [Finding("leakage", "skipped", f"expected at least {_FEWEST_ROWS} rows", "train")]
    findings = []
    for name, column in sample.columns.items():
        limit = options.columns.get(name, options.limit)
        if name == plan.label or limit == "off" or column.kind not in _SCALARS_AND_ARRAYS:
            continue
        if len(column) != len(label) or column.kind == "array" and column.values.shape[1] > _WIDEST_ARRAY:
            continue
        figure, measure, detail = _worst(column, label)
        passed = figure <= limit
        advice = "--set validation.leakage=warn"
        if name.isidentifier():
            advice = f"--set validation.leakage.columns.{name}=off, or leave it out with --set features.{name}=drop"
        text = f"{measure} {figure:.4g}{detail}"
        findings.append(
            Finding(
                "leakage", status_of(passed, options.policy),
                text if passed else f"it gives the label away: {text}, above the limit {limit:g}",
                "train", name, measure=measure, figure=figure, limit=limit, accept="" if passed else advice,
            )
        )  # fmt: skip
    return findings


def _worst(column: Column, label: Column) -> tuple[float, str, str]:
    """Returns the strongest sign of leakage: figure, measure, and which part of the label or the array."""
    inputs = [("", column)]
    if column.kind == "array":
        inputs = [(f" of value {i}", Column("numeric", column.values[:, i])) for i in range(column.values.shape[1])]
    elif column.kind != "numeric":
        # The day on which a customer left is another for each, but who has one has left.
        there = np.array(["no" if value is None else "yes" for value in column.values], object)
        inputs = [("", Column("categorical", column.values))]
        inputs.append((" of whether it has a value", Column("categorical", there)))
    targets = [("", label)]
    if label.kind == "labels":
        positive = np.where(label.values > 0.5, "1", "0").astype(object)
        targets = [(f" with label {i}", Column("categorical", part)) for i, part in enumerate(positive.T)]
    worst = (0.0, "correlation with the label", "")
    for part, values in inputs:
        for which, target in targets:
            figure, measure = _measure(values, target)
            if figure > worst[0]:
                worst = (figure, measure, part + which)
    return worst


def _measure(column: Column, label: Column) -> tuple[float, str]:
    """Takes the larger of closeness to a copy and of skill, where there are rows enough to judge skill."""
    copy = _copy_of_class(column, label) if label.kind == "categorical" else _copy_of_number(column, label)
    skill = _skill(column, label) if len(label) >= _FEWEST_ROWS_FOR_SKILL else 0.0
    return (copy, "correlation with the label") if copy >= skill else (skill, "skill of predicting the label")


def _copy_of_class(column: Column, label: Column) -> float:
    """Correlation ratio of a number, or normalised mutual information of a category, with classes."""
    classes = _codes(label.values)
    if column.kind == "categorical":
        return _mutual_information(_codes(column.values), classes)
    known = np.isfinite(column.values)
    values, classes = column.values[known], classes[known]
    total = float(((values - values.mean()) ** 2).sum()) if values.size else 0.0
    if total == 0:
        return 0.0
    counts = np.bincount(classes)
    means = np.bincount(classes, weights=values) / np.maximum(counts, 1)
    between = float((counts * (means - values.mean()) ** 2).sum())
    # A column that is mostly missing cannot stand for the label.
    return float(np.sqrt(min(1.0, between / total)) * known.mean())


def _copy_of_number(column: Column, label: Column) -> float:
    """The larger of Pearson's and Spearman's correlation with a number."""
    if column.kind == "categorical":
        return 0.0
    known = np.isfinite(column.values) & np.isfinite(label.values)
    x, y = column.values[known], label.values[known]
    if len(x) < _FEWEST_ROWS or x.min() == x.max() or y.min() == y.max():
        return 0.0
    pearson = abs(float(np.corrcoef(x, y)[0, 1]))
    spearman = abs(float(np.corrcoef(_ranks(x), _ranks(y))[0, 1]))
    return min(1.0, max(pearson, spearman)) * float(known.mean())


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _mutual_information(first: np.ndarray, second: np.ndarray) -> float:
    """Mutual information divided by the larger entropy: 1 only where each value stands for one class and back."""
    joint = np.unique(np.stack([first, second]), axis=1, return_counts=True)[1]
    one, other = np.bincount(first), np.bincount(second)
    entropies = [_entropy(counts) for counts in (one, other, joint)]
    largest = max(entropies[0], entropies[1])
    return max(0.0, entropies[0] + entropies[1] - entropies[2]) / largest if largest > 0 else 0.0


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _skill(column: Column, label: Column) -> float:
    """Predicts one half of the rows from the other by this column's value or bin alone.

    Returns:
      Classes: the part of a majority guess's errors that is avoided. Numbers: the square root of R², which compares
      with a correlation. 0 where nothing is learned.
    """
    bins = _codes(column.values) if column.kind == "categorical" else _bins(column.values)
    half = np.arange(len(bins)) % 2 == 0
    if label.kind == "categorical":
        classes = _codes(label.values)
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


def _codes(values: np.ndarray) -> np.ndarray:
    """Numbers the distinct values of a categorical column; missing is a value."""
    codes = {value: index for index, value in enumerate(dict.fromkeys(values))}
    return np.array([codes[value] for value in values], int)
