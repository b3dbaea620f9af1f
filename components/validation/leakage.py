"""Leakage: inputs that are the label, a near copy of it, or that tell it almost alone."""

from __future__ import annotations

import numpy as np

from kerasline.components.features import FeaturePlan
from kerasline.components.validation.copies import FEWEST_ROWS, codes_of, copy_of_class, copy_of_number
from kerasline.components.validation.options import LeakageCheck
from kerasline.components.validation.sampling import Column, SplitSample
from kerasline.components.validation.verdict import Finding, status_of

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
    if label is None or len(label) < FEWEST_ROWS:
        return [Finding("leakage", "skipped", f"expected at least {FEWEST_ROWS} rows", "train")]
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
    copy = copy_of_class(column, label) if label.kind == "categorical" else copy_of_number(column, label)
    skill = _skill(column, label) if len(label) >= _FEWEST_ROWS_FOR_SKILL else 0.0
    return (copy, "correlation with the label") if copy >= skill else (skill, "skill of predicting the label")


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
