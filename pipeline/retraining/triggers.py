"""What new data says about the model in production: how far it drifted, and how well that model answers it.

New are the spans that the model was not fitted on, or that came again with other content; data that does not come in
spans is looked at as a whole. Rows are read, judged by the run's own rules and encoded as ingest does, and drift is
measured as the data gate measures it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import load_saved_model, rounded
from kerasline.components.datasets.description import Dataset
from kerasline.components.evaluation import METRICS, Threshold, check_own_limits, measure
from kerasline.components.registry import current_version, read_record
from kerasline.pipeline.models import describe_versions
from kerasline.pipeline.plan import RunPlan

if TYPE_CHECKING:
    from kerasline.components.validation import Finding

_ROWS_PER_CALL = 2048
_MOST_DETAILS = 5  # columns whose drift a decision names, the furthest first


@dataclass(frozen=True)
class Evidence:
    """What was found.

    Attributes:
      is_reason: whether it is a reason to train.
      reason: in words.
      details: the figures, those that are no reason too.
    """

    is_reason: bool
    reason: str
    details: tuple[str, ...] = ()


def describe_changes(spans: Mapping[str, str], before: Mapping[str, str]) -> tuple[str, ...]:
    """Says what became of the spans since a version was fitted.

    Args:
      spans: key to digest as they are now, oldest first.
      before: those that the version was fitted on.
    """
    if not before:
        return ()
    latest = max(map(_order, before))
    lines = []
    for key, digest in spans.items():
        if key not in before:
            late = " and late" if _order(key) < latest else ""
            lines.append(f"span {key} is new{late}")
        elif before[key] != digest:
            lines.append(f"span {key} came again with other content")
    return (*lines, *_describe_gone(spans, before))


def _describe_gone(spans: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Says which spans are not there any more: those before the oldest have left the window, as was to be."""
    oldest = min(map(_order, spans), default=None)
    lines = []
    for key in (key for key in before if key not in spans):
        left = oldest is not None and _order(key) < oldest
        lines.append(f"span {key} has left the window" if left else f"span {key} is gone")
    return lines


def gather_drift(plan: RunPlan, models: Path) -> Evidence:
    """Compares new rows with the data that the model in production was fitted on, as ``validation.drift`` says.

    Args:
      plan: of the run that would follow.
      models: ``MODELS/NAME``.
    """
    version = current_version(models)
    if version is None:
        return Evidence(True, "nothing is in production yet")
    shards = new_shards(plan.dataset, read_record(models, version))
    if not shards:
        return Evidence(False, f"nothing is new since version {version}")
    if not plan.reference.path:
        return Evidence(True, f"drift cannot be measured: {plan.reference.name}")
    from kerasline.components.validation import kinds_of

    kinds = kinds_of(plan.features)
    profile = _read_profile(plan.reference.path)
    return _first_reason(_compare_group(plan, kinds, profile, *group) for group in group_shards(shards))


def _first_reason(gathered: Iterable[Evidence]) -> Evidence:
    """Returns the first of some evidence that is a reason to train, or the last where none is; asks no further."""
    evidence = None
    for evidence in gathered:
        if evidence.is_reason:
            break
    assert evidence is not None
    return evidence


def _read_profile(path: str) -> dict[str, Any]:
    """Reads the profile of the data that a version was fitted on: what each column was like."""
    import tensorflow as tf

    with tf.io.gfile.GFile(path, "r") as file:
        columns: dict[str, Any] = json.loads(file.read())["columns"]
    return columns


def _compare_group(
    plan: RunPlan,
    kinds: Mapping[str, Any],
    profile: Mapping[str, Any],
    shown: str,
    shards: Sequence[Mapping[str, Any]],
) -> Evidence:
    """Compares a group of new rows with the profile.

    Args:
      plan: Plan of the run that would follow.
      kinds: Kind of each column.
      profile: What each column was like when the version was fitted.
      shown: Name of the group.
      shards: Shards of its rows.
    """
    import numpy as np

    from kerasline.components.validation import SAMPLE_IMAGES, SAMPLE_ROWS, SplitSample, check_drift, decode_columns

    wanted = SAMPLE_IMAGES if "image" in kinds.values() else SAMPLE_ROWS
    records = read_records(plan, shards, wanted)
    sample = SplitSample(len(records), np.zeros((0,), np.int64), decode_columns(records, kinds))
    name, options = plan.reference.name, plan.experiment.validation.drift
    findings = check_drift(sample, profile, name, options, "warn", plan.features.classes)
    empty = [column for column in profile if column in kinds and column not in sample.columns]
    drifted = ", ".join([finding.column for finding in findings if finding.status == "warned"] + empty)
    text = f"{drifted or 'no column'} drifted in {len(records):,} {shown}, from {name}"
    details = [f"{column}: no value in any row" for column in empty]
    details += [f"{finding.column}: {finding.text}" for finding in sorted(findings, key=_room)[:_MOST_DETAILS]]
    return Evidence(bool(drifted), text, tuple(details))


def gather_metric(plan: RunPlan, models: Path, workspace: Path, limits: Mapping[str, Threshold]) -> Evidence:
    """Measures the model in production on the rows of new spans.

    Args:
      plan: of the run that would follow.
      models: ``MODELS/NAME``.
      workspace: its root, where the figures of earlier runs are.
      limits: by metric.

    Raises:
      ConfigError: a metric of the user's cannot be loaded, or its limit goes the wrong way.
    """
    version = current_version(models)
    if version is None:
        return Evidence(True, "nothing is in production yet")
    check_own_limits("schedule.thresholds", limits, METRICS)
    record = read_record(models, version)
    shards = new_shards(plan.dataset, record)
    if not shards:
        return Evidence(False, f"nothing is new since version {version}")
    (pushed,) = [v for v in describe_versions(workspace, models.name) if v["version"] == version]
    groups = group_shards(shards)
    return _first_reason(
        _measure_group(plan, models / str(version), record, limits, pushed, *group) for group in groups
    )


def _measure_group(
    plan: RunPlan,
    model: Path,
    record: Mapping[str, Any],
    limits: Mapping[str, Threshold],
    pushed: Mapping[str, Any],
    shown: str,
    shards: Sequence[Mapping[str, Any]],
) -> Evidence:
    """Measures a version on a group of new rows.

    Args:
      plan: Plan of the run that would follow.
      model: Folder of the version.
      record: What was recorded when it was pushed.
      limits: Limits by metric.
      pushed: What is known of the version, with the figures at its push.
      shown: Name of the group.
      shards: Shards of its rows.
    """
    from kerasline.components.validation import SAMPLE_ROWS

    version = model.name
    answered = _answer(model, read_records(plan, shards, SAMPLE_ROWS))
    if isinstance(answered, str):
        return Evidence(True, f"version {version} cannot answer the {shown}: {answered}")
    labels, predictions = answered
    rows = f"{len(labels):,} {shown}"
    unknown = int((labels.reshape(len(labels), -1).min(axis=1) < 0).sum()) if record["classes"] else 0
    if unknown:
        return Evidence(True, f"{unknown} of {rows} have a label that version {version} does not know")
    figures = measure(list(limits), labels, predictions, record["task"])
    judged = [judge_figure(name, figures[name], pushed["metrics"].get(name), limits[name]) for name in limits]
    details = tuple(text for _, text in judged)
    failed = [text for is_reason, text in judged if is_reason]
    if failed:
        return Evidence(True, f"version {version} on {rows}: {'; '.join(failed)}", details)
    return Evidence(False, f"version {version} holds its limits on {rows}: {'; '.join(details)}", details)


def judge_figure(name: str, value: float | None, at_push: float | None, limit: Threshold) -> tuple[bool, str]:
    """Says whether a figure is outside its limits, and how.

    Args:
      name: of the metric.
      value: on the new rows, None where it is not defined there.
      at_push: on the eval split when the version was pushed, None where that is no longer known.
      limit: of the metric.
    """
    if value is None:
        return False, f"{name} is not defined on them"
    text = f"{name} {rounded(value)}"
    if limit.min is not None and value < limit.min:
        return True, f"{text} is below {limit.min:g}"
    if limit.max is not None and value > limit.max:
        return True, f"{text} is above {limit.max:g}"
    if limit.max_drop is None:
        return False, text
    if at_push is None:
        return False, f"{text}, and what it was at the push is not known"
    text = f"{text} was {rounded(at_push)} at the push"
    worse = at_push - value if METRICS[name].higher_is_better else value - at_push
    if worse > limit.max_drop:
        return True, f"{text}, which is {rounded(worse)} worse and may be {limit.max_drop:g}"
    return False, text


def new_shards(dataset: Dataset, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the shards of spans that a version was not fitted on; of other data all, unless it is the same.

    Args:
      dataset: as it is now.
      record: of the version.
    """
    if dataset.fingerprint == record.get("data_fingerprint"):
        return []
    seen = record.get("span_digests") or {}
    return [s for s in dataset.shards if "span" not in s or dataset.spans[s["span"]] != seen.get(s["span"])]


def group_shards(shards: Sequence[Mapping[str, Any]]) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    """Says which rows are judged together: those of the newest span, and all.

    What is new in one span would be diluted by the spans before it, and what comes slowly is in none of them alone.

    Args:
      shards: of the new rows, oldest span first.

    Returns:
      Each group with its name.
    """
    spans = list(dict.fromkeys(shard.get("span") for shard in shards))
    groups: list[tuple[str, Sequence[Mapping[str, Any]]]] = [("new rows", shards)]
    if len(spans) > 1:
        groups.insert(0, (f"rows of span {spans[-1]}", [shard for shard in shards if shard["span"] == spans[-1]]))
    return groups


def read_records(plan: RunPlan, shards: Sequence[Mapping[str, Any]], wanted: int) -> list[bytes]:
    """Reads rows, spread evenly over the shards, as serialized tf.Examples; those that go into quarantine are left out.

    Args:
      plan: has the rules for single rows.
      shards: to read.
      wanted: how many rows at most.
    """
    from kerasline.components.datasets import read_shard
    from kerasline.components.example_gen import encode_row, make_judge

    judge: Callable[[dict[str, Any]], Any] = make_judge(plan.rules) or (lambda row: None)
    total = sum(shard["rows"] for shard in shards)
    records, position = [], 0
    for shard in shards:
        for _, row in read_shard(plan.dataset, shard):
            # The row whose turn it is, so that the count is right and no part of the data is favoured.
            taken = (position + 1) * wanted // total > position * wanted // total
            position += 1
            if (total <= wanted or taken) and judge(row) is None:
                records.append(encode_row(row))
    return records


def _answer(model: Path, records: Sequence[bytes]) -> tuple[Any, Any] | str:
    """Lets a version answer rows: labels and predictions as numbers, or in words why it cannot."""
    import numpy as np
    import tensorflow as tf

    if not records:
        return "every row was put into quarantine"
    labels, predictions = [], []
    try:
        loaded = load_saved_model(model)
        evaluation, label_index = (loaded.signatures[name] for name in ("evaluation", "label_index"))
        (argument,) = evaluation.structured_input_signature[1]
        for start in range(0, len(records), _ROWS_PER_CALL):
            batch = {argument: tf.constant(records[start : start + _ROWS_PER_CALL])}
            labels.append(label_index(**batch)["label_index"].numpy())
            predictions.append(evaluation(**batch)["prediction"].numpy())
    except tf.errors.OpError as error:
        return str(error.message).splitlines()[0]
    return np.concatenate(labels), np.concatenate(predictions)


def _room(finding: Finding) -> float:
    """Returns how far a figure may still go up to its limit, negative beyond it."""
    return (finding.limit or 0.0) + finding.allowance - (finding.figure or 0.0)


def _order(key: str) -> tuple[int, str]:
    """Sorts numbers as numbers and dates, which are all of the same length, as text."""
    return len(key), key
