"""Leakage: inputs that are the label, a near copy of it, or that tell it almost alone."""

from __future__ import annotations

from kerasline.components.features import FeaturePlan
from kerasline.components.leaks import FEWEST_ROWS, Column, strongest_sign
from kerasline.components.validation.policy import Finding, LeakageCheck, status_of
from kerasline.components.validation.samples import SplitSample

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
        if name == plan.label or limit == "off" or not _can_be_measured(column, len(label)):
            continue
        figure, measure, detail = strongest_sign(column, label)
        passed = figure <= limit
        text = f"{measure} {figure:.4g}{detail}"
        findings.append(
            Finding(
                "leakage",
                status_of(passed, options.policy),
                text if passed else f"it gives the label away: {text}, above the limit {limit:g}",
                "train",
                name,
                measure=measure,
                figure=figure,
                limit=limit,
                accept="" if passed else _advice(name),
            )
        )
    return findings


def _can_be_measured(column: Column, rows: int) -> bool:
    """Whether an input has a number, a category or a short array in every row."""
    if column.kind not in _SCALARS_AND_ARRAYS or len(column) != rows:
        return False
    return column.kind != "array" or bool(column.values.shape[1] <= _WIDEST_ARRAY)


def _advice(name: str) -> str:
    # A dotted key cannot hold every name.
    if not name.isidentifier():
        return "--set validation.leakage=warn"
    return f"--set validation.leakage.columns.{name}=off, or leave it out with --set features.{name}=drop"
