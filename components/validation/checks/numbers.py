"""NaN and infinite values, from the statistics."""

from __future__ import annotations

from kerasline.components.core import counted
from kerasline.components.features import FeaturePlan
from kerasline.components.validation.policy import Finding, status_of
from kerasline.components.validation.samples import Statistics, columns_by_name, not_finite


def check_finite(statistics: Statistics, plan: FeaturePlan, policy: str) -> list[Finding]:
    """Finds columns with NaN or infinite values.

    Args:
      statistics: Statistics of every split; NaN in a table was read as missing already.
      plan: Plan that says which columns are arrays.
      policy: ``auto`` warns of columns, where they count as missing, and fails for arrays, which they would spoil.

    Returns:
      A finding for each column and split with such values, or one that there are none.
    """
    arrays = {step.name for step in plan.steps if step.kind == "array"}
    findings = []
    checked = set()
    for name, by_split in columns_by_name(statistics).items():
        for split, column in by_split.items():
            if column.WhichOneof("stats") == "num_stats":
                checked.add(name)
                nans, infinities = not_finite(column)
                if nans + infinities:
                    findings.append(_finding(split, name, nans, infinities, name in arrays, policy))
    text = counted(len(checked), "column of numbers", "columns of numbers") + ", all finite"
    return findings or [Finding("nonfinite", "passed", text, measure="values", figure=0, limit=0)]


def _finding(split: str, name: str, nans: int, infinities: int, is_array: bool, policy: str) -> Finding:
    """Tells of a column's values that are not finite; rows of which are left, not put aside, fail where asked to."""
    if policy == "auto":
        policy = "fail" if is_array else "warn"
    counts = [f"{nans} NaN"] if nans else []
    counts += [counted(infinities, "infinite value")] if infinities else []
    harm = "they would spoil the fit" if is_array else "they count as missing"
    return Finding(
        "nonfinite",
        status_of(False, "fail" if policy == "quarantine" else policy),
        f"it has {' and '.join(counts)}; {harm}",
        split,
        name,
        measure="values",
        figure=nans + infinities,
        limit=0,
        accept="--set validation.nonfinite=warn, or put the rows aside with =quarantine",
    )
