"""All checks of the gate, one after the other, and the verdict that follows from them."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kerasline.components.core import progress
from kerasline.components.features import FeaturePlan
from kerasline.components.validation.checks import (
    check_anomalies,
    check_dates,
    check_drift,
    check_duplicates,
    check_finite,
    check_leakage,
    check_own,
    check_quarantine,
    check_skew,
    hash_share,
    load_anomalies,
)
from kerasline.components.validation.policy import Finding, ValidationOptions, describe, worst_first
from kerasline.components.validation.samples import (
    FORMAT,
    SplitSample,
    Statistics,
    kinds_of,
    load_statistics,
    profile_columns,
    read_split,
)
from kerasline.components.validation.schema import SCHEMA_FILE, amend_schema, infer_schema, parse_schema, print_schema

logger = logging.getLogger(__name__)

_TO_ACCEPT = "'kerasline schema accept RECIPE', or once with --set validation.anomalies=warn"
SAMPLE_ROWS = 20_000
SAMPLE_IMAGES = 1_000
_CHECKS = ("quarantine", "anomalies", "nonfinite", "leakage", "duplicates", "skew", "drift", "own")


@dataclass(frozen=True)
class DataFolders:
    """URIs of the artifacts that the gate reads."""

    examples: str
    statistics: str
    schema: str
    anomalies: str


@dataclass(frozen=True)
class Judgement:
    """What the gate says: the content of ``verdict.json`` and of ``profile.json``."""

    verdict: dict[str, Any]
    profile: dict[str, Any]


def judge_data(
    folders: DataFolders,
    splits: Sequence[str],
    name: str,
    options: ValidationOptions,
    plan: FeaturePlan,
    reference: Mapping[str, Any] | None,
    reference_name: str,
) -> Judgement:
    """Runs every check whose policy is not ``off``.

    Args:
      folders: Folders of what is judged.
      splits: Splits of the data.
      name: Name of the experiment.
      options: Policies and limits.
      plan: Inputs and label.
      reference: Columns of the profile that drift is measured from, or None.
      reference_name: What the reference is in words, or why there is none.

    Returns:
      The verdict, also where it stops the run, and the profile of the train split.
    """
    statistics = load_statistics(folders.statistics, list(splits))
    samples = _read_samples(folders.examples, statistics, plan, options)
    classes = plan.classes
    findings, quarantine = check_quarantine(folders.examples, statistics, options.quarantine.max_share)
    accept = None
    if options.anomalies.policy != "off":
        found, accept = _check_schema(folders, list(splits), statistics, options.anomalies.policy, plan)
        findings += found
        findings += check_dates(samples, plan, options.anomalies.policy)
    if options.nonfinite.policy != "off":
        findings += check_finite(statistics, plan, options.nonfinite.policy)
    if options.leakage.policy != "off":
        findings += check_leakage(samples["train"], plan, options.leakage)
    if options.duplicates.policy != "off":
        findings += check_duplicates(samples, options.duplicates)
    if options.skew.policy != "off":
        findings += check_skew(samples, options.skew, options.skew.policy, classes)
    if options.drift.policy != "off":
        train = samples["train"]
        findings += check_drift(train, reference, reference_name, options.drift, options.drift.policy, classes)
    findings += check_own(samples, options.checks)
    profile = {
        "format": FORMAT,
        "name": name,
        "rows": {split: sample.rows for split, sample in samples.items()},
        "columns": profile_columns(samples["train"].columns, classes),
    }
    verdict = make_verdict(findings, quarantine, reference_name if reference is not None else None, accept)
    _tell(findings)
    return Judgement(verdict, profile)


def make_verdict(
    findings: Sequence[Finding], quarantine: dict[str, Any] | None, reference: str | None, accept: dict[str, Any] | None
) -> dict[str, Any]:
    """Puts findings together as ``verdict.json`` has them.

    Args:
      findings: What the checks found.
      quarantine: What was put aside, None for nothing.
      reference: What drift was measured from, in words.
      accept: How the schema takes over what contradicts it.
    """
    ordered = sorted(findings, key=lambda finding: _CHECKS.index(finding.check))
    failed = [finding for finding in ordered if finding.status == "failed"]
    return {
        "stopped": bool(failed),
        "message": describe(failed) if failed else "",
        "checks": [finding.to_json() for finding in ordered],
        "findings": [finding.to_json() for finding in worst_first(ordered)],
        "quarantine": quarantine,
        "reference": reference,
        "accept": accept,
    }


def _check_schema(
    folders: DataFolders, splits: list[str], statistics: Statistics, policy: str, plan: FeaturePlan
) -> tuple[list[Finding], dict[str, Any] | None]:
    """Judges the anomalies, and says how the schema would have to be for there to be none."""
    with tf.io.gfile.GFile(os.path.join(folders.schema, SCHEMA_FILE), "r") as file:
        schema = parse_schema(file.read(), "the curated schema")
    anomalies = load_anomalies(folders.anomalies, splits)
    findings, reasons = check_anomalies(anomalies, statistics, schema, policy, _TO_ACCEPT)
    if not reasons:
        return findings, None
    observed = infer_schema(statistics, plan.label, plan.classes, plan.open_columns())
    amended = amend_schema(schema, observed, reasons)
    return findings, {"columns": sorted(reasons), "schema": print_schema(amended)}


def _read_samples(
    examples: str, statistics: Statistics, plan: FeaturePlan, options: ValidationOptions
) -> dict[str, SplitSample]:
    kinds = kinds_of(plan)
    share = hash_share(sum(int(dataset.num_examples) for dataset in statistics.values()))
    wanted = SAMPLE_IMAGES if "image" in kinds.values() else SAMPLE_ROWS
    return {
        split: read_split(
            examples, split, kinds, int(dataset.num_examples), sample_rows=wanted, hash_share=share
        )
        for split, dataset in statistics.items()
    }  # fmt: skip


def _tell(findings: Sequence[Finding]) -> None:
    """Says on the screen what was let pass with a warning, and in the log everything that did not pass."""
    for index, finding in enumerate(worst_first(findings)):
        line = f"{finding.status}: {finding.check}: {finding.place()}: {finding.text}"
        logger.warning("%s", line)
        if finding.status != "failed" and index < 10:
            progress.report("validate", index + 1, None, line, permanent=True)
