"""Leakage: inputs that are the label, a near copy of it, or that tell it almost alone."""

from __future__ import annotations

from kerasline.components.features import FeaturePlan
from kerasline.components.leaks import FEWEST_ROWS, strongest_sign
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
        if name == plan.label or limit == "off" or column.kind not in _SCALARS_AND_ARRAYS:
            continue
        if len(column) != len(label) or column.kind == "array" and column.values.shape[1] > _WIDEST_ARRAY:
            continue
        figure, measure, detail = strongest_sign(column, label)
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
