"""Dates that cannot be read in the format of their column: they would count as missing without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from kerasline.components.datasets.values import UNIX_UNITS, reads_as_date
from kerasline.components.features import FeaturePlan
from kerasline.components.validation.policy import Finding, status_of
from kerasline.components.validation.samples import SplitSample

_TOLD, _MOST = 0.01, 0.5  # of the values: above the first it is told, above the second the format is wrong


def check_dates(samples: Mapping[str, SplitSample], plan: FeaturePlan, policy: str) -> list[Finding]:
    """Counts the values of date columns that are no date.

    Args:
      samples: Samples of every split.
      plan: Plan that says which columns are dates, and how they are written.
      policy: Policy of anomalies, for a column most of whose values are no dates; fewer are warned of.

    Returns:
      A finding for each column and split with more than a few such values.
    """
    findings = []
    for step in plan.steps:
        form = step.options.date_format
        if step.kind != "date" or step.dtype != "string" or form in UNIX_UNITS:
            continue
        for split, sample in samples.items():
            column = sample.columns.get(step.name)
            share, example = _strange((() if column is None else column.values), form)
            if share <= _TOLD:
                continue
            settled = "fail" if share > _MOST and policy in ("fail", "quarantine") else "warn"
            findings.append(
                Finding(
                    "anomalies",
                    status_of(False, settled),
                    f"{share:.1%} of its values, such as {example!r}, are no dates of date_format: {form}; they count "
                    "as missing",
                    split,
                    step.name,
                    measure="share of values that are no date",
                    figure=share,
                    limit=_TOLD,
                    accept="--set validation.anomalies=warn, or mend date_format under features",
                )
            )
    return findings


def _strange(values: Iterable[str | None], form: str) -> tuple[float, str]:
    """Returns the share of values that are no dates of a form, and the first of them."""
    counts = Counter(value for value in values if value is not None)
    strange = [value for value in counts if not reads_as_date(value, form)]
    return sum(counts[value] for value in strange) / max(1, counts.total()), next(iter(strange), "")
