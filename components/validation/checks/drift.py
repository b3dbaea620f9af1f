"""Drift (against the data that the model in production was fitted on) and skew (between the splits)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasline.components.validation.policy import ColumnLimits, Finding, status_of
from kerasline.components.validation.samples import SplitSample, compare_column, profile_columns

_FEWEST_ROWS = 10  # fewer have no distribution


def check_drift(
    sample: SplitSample,
    reference: Mapping[str, Any] | None,
    name: str,
    options: ColumnLimits,
    policy: str,
    classes: tuple[str, ...] | None,
) -> list[Finding]:
    """Compares the train split with a profile.

    Args:
      sample: Sample of the train split.
      reference: The profile's columns, or None where there is nothing to compare with.
      name: Name of the reference in words.
      options: Limits of the check.
      policy: ``fail`` or ``warn``.
      classes: Names of a multilabel label's columns.

    Returns:
      A finding for each column that both have.
    """
    if reference is None:
        return [Finding("drift", "skipped", f"nothing to compare with: {name}")]
    return _compare(sample, reference, "drift", "train", f"from {name}", options, policy, classes)


def check_skew(
    samples: Mapping[str, SplitSample], options: ColumnLimits, policy: str, classes: tuple[str, ...] | None
) -> list[Finding]:
    """Compares every other split with the train split.

    Args:
      samples: Samples of every split.
      options: Limits of the check.
      policy: ``fail`` or ``warn``.
      classes: Names of a multilabel label's columns.

    Returns:
      A finding for each column of each other split.
    """
    reference = profile_columns(samples["train"].columns, classes)
    findings = []
    for split, sample in samples.items():
        if split != "train":
            findings += _compare(sample, reference, "skew", split, "from the train split", options, policy, classes)
    return findings


def _compare(
    sample: SplitSample,
    reference: Mapping[str, Any],
    check: str,
    split: str,
    against: str,
    options: ColumnLimits,
    policy: str,
    classes: tuple[str, ...] | None,
) -> list[Finding]:
    findings = []
    for name, column in sample.columns.items():
        limit: Any = options.columns.get(name, options.limit)  # type: ignore[attr-defined]
        # Time goes on: dates that are others than before have not drifted.
        if name not in reference or reference[name]["kind"] == "open" or column.kind == "date" or limit == "off":
            continue
        if min(len(column), reference[name]["n"]) < _FEWEST_ROWS:
            continue
        result = compare_column(column, reference[name], classes)
        passed = result["figure"] <= limit + result["chance"]
        text = f"its {result['measure']} {against} is {result['figure']:.3g} {result['detail']}".rstrip()
        findings.append(
            Finding(
                check,
                status_of(passed, policy),
                text if passed else text + _told_limit(limit, result["chance"]),
                split,
                name,
                measure=result["measure"],
                figure=result["figure"],
                limit=limit,
                allowance=result["chance"],
                accept="" if passed else _advice(check, name, result["figure"]),
            )
        )
    return findings


def _told_limit(limit: float, chance: float) -> str:
    explained = f" and the {chance:.2g} that chance explains" if chance >= 0.005 else ""
    return f", above the limit {limit:g}{explained}"


def _advice(check: str, name: str, figure: float) -> str:
    # A dotted key cannot hold every name.
    if not name.isidentifier():
        return f"--set validation.{check}=warn"
    return f"--set validation.{check}.columns.{name}={min(1.0, figure * 1.2):.2g}"
