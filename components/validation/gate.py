"""Stops a run whose data contradicts the schema: ExampleValidator only reports, this component decides."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
import os

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleAnomalies

from components.artifacts import Verdict
from components.errors import DataRejected

VERDICT_FILE = "verdict.json"


@component
def DataGate(  # noqa: N802 (a component is named like a class)
    anomalies: InputArtifact[ExampleAnomalies],
    verdict: OutputArtifact[Verdict],
    policy: Parameter[str],
    code_version: Parameter[str],
) -> None:
    """Reads what ExampleValidator found and stops the run, or lets it pass with warnings.

    Args:
      anomalies: of every split.
      verdict: output; ``verdict.json`` lists the findings: split, column, check, figure and limit in words.
      policy: ``fail`` or ``warn``.
      code_version: part of the cache key.

    Raises:
      DataRejected: there are anomalies and the policy is ``fail``.
    """
    findings = []
    for split in artifact_utils.decode_split_names(anomalies.split_names):
        findings += read_findings(artifact_utils.get_split_uri([anomalies], split), split)
    os.makedirs(verdict.uri, exist_ok=True)
    with open(os.path.join(verdict.uri, VERDICT_FILE), "w", encoding="utf-8") as file:
        json.dump({"policy": policy, "findings": findings}, file, indent=1)
    if findings and policy == "fail":
        raise DataRejected(describe(findings))


def read_findings(folder: str, split: str) -> list[dict[str, str]]:
    """Reads the anomalies of one split.

    Args:
      folder: holds ``SchemaDiff.pb``.
      split: its name.

    Returns:
      A dict for each anomaly: ``split``, ``column``, ``check`` and ``text``.
    """
    proto = anomalies_pb2.Anomalies()
    with open(os.path.join(folder, "SchemaDiff.pb"), "rb") as file:
        proto.ParseFromString(file.read())
    found = []
    for column, anomaly in sorted(proto.anomaly_info.items()):
        for reason in anomaly.reason:
            check = anomalies_pb2.AnomalyInfo.Type.Name(reason.type).lower()
            found.append({"split": split, "column": column, "check": check, "text": reason.description.strip()})
    if proto.HasField("dataset_anomaly_info"):
        for reason in proto.dataset_anomaly_info.reason:
            check = anomalies_pb2.AnomalyInfo.Type.Name(reason.type).lower()
            found.append({"split": split, "column": "", "check": check, "text": reason.description.strip()})
    return found


def describe(findings: list[dict[str, str]]) -> str:
    """Puts findings into one sentence that names the column, the check, the figure and the way out."""
    first = findings[0]
    place = (
        f"column {first['column']!r} of the {first['split']} split"
        if first["column"]
        else f"the {first['split']} split"
    )
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return (
        f"the data gate stopped the run: {place} has {first['check']}: {first['text']}{more}; mend the data, or accept it "
        "with --set validation.anomalies=warn"
    )
