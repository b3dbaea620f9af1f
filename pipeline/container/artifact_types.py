"""Artifacts as a backend hands them on, and their types as a spec names them: titles, and what schemas declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

# Those of the steps. TFX finds the class of its own by a table, and that of ours as a name of the package.
KNOWN = frozenset(
    {
        "kerasline.Explanations", "kerasline.RunReport", "kerasline.Verdict", "tfx.ExampleAnomalies",
        "tfx.ExampleStatistics", "tfx.Examples", "tfx.HyperParameters", "tfx.InfraBlessing", "tfx.Model",
        "tfx.ModelBlessing", "tfx.ModelEvaluation", "tfx.ModelRun", "tfx.PushedModel", "tfx.Schema",
        "tfx.TransformGraph", "tfx.TunerResults",
    }
)  # fmt: skip


def artifacts_of(side: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Gives the artifacts of an ExecutorInput's inputs or outputs, each with its key."""
    for key, found in (side.get("artifacts") or {}).items():
        for artifact in (found or {}).get("artifacts") or []:
            yield key, artifact


def title_of(artifact_type: Any) -> str:
    """Returns the title of an ArtifactTypeSchema, by which TFX finds the artifact's class; empty where it has none."""
    if isinstance(artifact_type, dict) and "schemaTitle" in artifact_type:
        return str(artifact_type["schemaTitle"])
    return str(_schema_of(artifact_type).get("title", ""))


def properties_of(artifact_type: Any) -> dict[str, Any]:
    """Returns what the schema of an artifact's type declares of its properties: name to kind."""
    return dict(_schema_of(artifact_type).get("properties") or {})


def _schema_of(artifact_type: Any) -> dict[str, Any]:
    text = artifact_type.get("instanceSchema") if isinstance(artifact_type, dict) else None
    try:
        schema = yaml.safe_load(text or "")
    except yaml.YAMLError:
        schema = None
    return schema if isinstance(schema, dict) else {}
