"""NaN and infinite values, from the statistics."""

from __future__ import annotations

from kerasline.components.core import counted
from kerasline.components.features import FeaturePlan
from kerasline.components.validation.policy import Finding, status_of
from kerasline.components.validation.samples import Statistics, columns_by_name, not_finite


def check_finite(statistics: Statistics, plan: FeaturePlan, policy: str) -> list[Finding]:
    """Finds columns with NaN or infinite values.

    Args:
      statistics: of every split; NaN in a table was read as missing already.
      plan: says which columns are arrays.
      policy: ``auto`` warns of columns, where they count as missing, and fails for arrays, which they would spoil.

    Returns:
      A finding for each column and split with such values, or one that there are none.
    """
    arrays = {step.name for step in plan.steps if step.kind == "array"}
    findings = []
    checked = set()
    for name, by_split in columns_by_name(statistics).items():
        for split, column in by_split.items():
            if column.WhichOneof("stats") != "num_stats":
                continue
            checked.add(name)
            nans, infinities = not_finite(column)
            if not nans + infinities:
                continue
            settled = policy if policy != "auto" else "fail" if name in arrays else "warn"
            counts = [f"{count} {what}" for count, what in ((nans, "NaN"), (infinities, "infinite values")) if count]
            what = "; they would spoil the fit" if name in arrays else "; they count as missing"
            findings.append(
                Finding(
                    "nonfinite", status_of(False, "fail" if settled == "quarantine" else settled),
                    f"it has {' and '.join(counts)}{what}", split, name, measure="values", figure=nans + infinities,
                    limit=0, accept="--set validation.nonfinite=warn, or put the rows aside with =quarantine",
                )
            )  # fmt: skip
    text = counted(len(checked), "column of numbers", "columns of numbers") + ", all finite"
    return findings or [Finding("nonfinite", "passed", text, measure="values", figure=0, limit=0)]
