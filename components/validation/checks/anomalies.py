"""The check of the schema: what ExampleValidator found, judged with the tolerance of small splits."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from kerasline.components.core import counted
from kerasline.components.validation.policy import Finding, status_of
from kerasline.components.validation.samples import Column, Statistics, columns_by_name, value_counts
from kerasline.components.validation.schema import domain_of, tolerated_share

ANOMALIES_FILE = "SchemaDiff.pb"
_UNEXPECTED_VALUES = anomalies_pb2.AnomalyInfo.ENUM_TYPE_UNEXPECTED_STRING_VALUES


def load_anomalies(folder: str, splits: list[str]) -> dict[str, anomalies_pb2.Anomalies]:
    """Reads an ExampleAnomalies artifact.

    Args:
      folder: Folder of the artifact.
      splits: Names of the splits.

    Returns:
      The anomalies of each split by its name.
    """
    import tensorflow as tf

    loaded = {}
    for split in splits:
        proto = anomalies_pb2.Anomalies()
        with tf.io.gfile.GFile(os.path.join(folder, f"Split-{split}", ANOMALIES_FILE), "rb") as file:
            proto.ParseFromString(file.read())
        loaded[split] = proto
    return loaded


def check_anomalies(
    anomalies: dict[str, anomalies_pb2.Anomalies],
    statistics: Statistics,
    schema: schema_pb2.Schema,
    policy: str,
    accept: str,
) -> tuple[list[Finding], dict[str, set[int]]]:
    """Judges what contradicts the schema.

    Args:
      anomalies: What ExampleValidator found, by split.
      statistics: Statistics of the same splits.
      schema: The schema that the splits were compared with.
      policy: Policy of the check. What no row is to blame for (a column that is absent, or new) fails under quarantine.
      accept: How the schema takes it over, for messages.

    Returns:
      A finding for each anomaly, or one for each split without any; and column to the types of its anomalies.
    """
    findings: list[Finding] = []
    types: dict[str, set[int]] = {}
    features = {feature.name: feature for feature in schema.feature}
    columns = columns_by_name(statistics)
    policy = "fail" if policy == "quarantine" else policy
    for split, proto in anomalies.items():
        found = []
        for column, reason in _reasons(proto):
            if reason.type == _UNEXPECTED_VALUES and _is_one_row(columns[column][split], features[column], schema):
                continue
            found.append(_finding(_in_words(reason), split, column, policy, accept))
            types.setdefault(column, set()).add(reason.type)
        for reason in proto.dataset_anomaly_info.reason:
            found.append(_finding(reason.description.strip(), split, "", policy, accept))
        findings += found or [_agreement(len(features), split)]
    return findings, types


def _reasons(proto: anomalies_pb2.Anomalies) -> Iterator[tuple[str, anomalies_pb2.AnomalyInfo.Reason]]:
    """Gives every reason of the anomalies of a split with its column, in the order of the columns' names."""
    for name, anomaly in sorted(proto.anomaly_info.items()):
        # TFDV puts names that are no plain words in quotes.
        column = anomaly.path.step[0] if anomaly.path.step else name
        for reason in anomaly.reason:
            yield column, reason


def _agreement(columns: int, split: str) -> Finding:
    """Makes the finding of a split without anomalies."""
    agree = counted(columns, "column agrees", "columns agree")
    return Finding(
        "anomalies", "passed", f"{agree} with the schema", split,
        measure="contradictions", figure=0, limit=0,
    )  # fmt: skip


def _finding(text: str, split: str, column: str, policy: str, accept: str) -> Finding:
    return Finding(
        "anomalies", status_of(False, policy), text, split, column,
        measure="contradictions", figure=1, limit=0, accept=accept,
    )  # fmt: skip


def _in_words(reason: anomalies_pb2.AnomalyInfo.Reason) -> str:
    """Returns TFDV's description, led by its title where that is not the same thing."""
    text = reason.description.strip()
    text = text[0].lower() + text[1:] if text else reason.short_description.lower()
    if reason.type == _UNEXPECTED_VALUES:
        text = text.replace("examples contain values missing from the schema", "has values that the schema has not")
    elif reason.type == anomalies_pb2.AnomalyInfo.FEATURE_TYPE_LOW_FRACTION_PRESENT:
        numbers = text.rsplit("minimum fraction = ", 1)[-1].split(", actual = ")
        if len(numbers) == 2:
            text = f"has a value in {float(numbers[1]):.4g} of the rows, and the schema wants {float(numbers[0]):.4g}"
    elif reason.type == anomalies_pb2.AnomalyInfo.SCHEMA_NEW_COLUMN:
        text = "is not in the schema"
    elif reason.type == anomalies_pb2.AnomalyInfo.SCHEMA_MISSING_COLUMN:
        text = "is in the schema but not in the data"
    return str(text.rstrip(". "))


def _is_one_row(column: Column, feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> bool:
    """Says whether a single row is outside a domain that tolerates some: in a split of 15 rows one is 7 %."""
    counts, domain = value_counts(column), domain_of(feature, schema)
    if counts is None or domain is None or tolerated_share(feature) == 0:
        return False
    return sum(count for value, count in counts.items() if value not in domain) <= 1
