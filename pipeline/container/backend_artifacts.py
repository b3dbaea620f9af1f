"""Gives a step's input artifacts back what a backend drops on the way, so that TFX's entry point can read them.

Kubeflow's driver reads artifacts out of ML Metadata: they come with id, URI, metadata and a type that says nothing
(``{"instanceSchema": ""}``); every number is a double, lists and structures are wrapped, and two texts of its own are
among the metadata. Where it keeps artifacts in its own database, the title of a type is the text of its whole schema,
the name is the key of the output, the same for two models, and a declared output that is missing fails the task. The
types stand in the component's own input specification, which TFX's compiler puts among the arguments. Vertex AI sends
the types.

Source: kubeflow/pipelines backend/src/v2/metadata/converter.go (toRuntimeArtifact, StructValueToMLMDValue) and
client.go (ToRuntimeArtifact, RecordArtifact), backend/src/v2/driver/driver.go (provisionOutputs), releases 2.14 to
2.17; branch mlmd-removal of July 2026, driver/container.go (convertArtifactToRuntimeArtifact) and
component/importer_launcher.go (inferArtifactType), launcher_v2.go (uploadOutputArtifacts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.pipeline.container.artifact_types import artifacts_of, title_of

Request = dict[str, Any]
_ADDED = ("display_name", "store_session_info")  # to the metadata, by Kubeflow's launcher
_WRAPPED = {"list": list, "struct": dict}
_TITLE = re.compile(r"(tfx|kerasline)\.\w+")  # by which TFX finds the class of an artifact


def restore_artifacts(request: Request, inputs_spec: Mapping[str, Any]) -> None:
    """Completes the artifacts of a request in place.

    Args:
      request: an ExecutorInput as JSON.
      inputs_spec: the ComponentInputsSpec as JSON.

    Raises:
      ConfigError: nobody says of what type an input is.
    """
    definitions = inputs_spec.get("artifacts", {})
    for key, artifact in artifacts_of(request.get("inputs", {})):
        if not _TITLE.fullmatch(title_of(artifact.get("type"))):
            artifact["type"] = _declared_type(key, definitions)
        if identity := artifact.pop("artifactId", None):
            artifact["name"] = identity
        if path := artifact.pop("customPath", None):
            artifact["uri"] = path  # the launcher put the files there
        artifact["metadata"] = _restore_metadata(artifact.get("metadata") or {})
    outputs = request.get("outputs", {}).get("artifacts", {})
    for key in [key for key, artifact in artifacts_of(request.get("outputs", {})) if not _is_of_tfx(artifact)]:
        del outputs[key]  # such as executor-logs, which the launcher itself writes and uploads


def make_missing(request: Request) -> None:
    """Makes a folder of each output that a step has left out, such as the version that it did not push.

    Args:
      request: what TFX's entry point was asked, with folders in place of URIs.
    """
    for _, artifact in artifacts_of(request.get("outputs", {})):
        if not Path(artifact["uri"]).exists():
            Path(artifact["uri"]).mkdir(parents=True)


def clean_answer(answer: Request) -> Request:
    """Returns an ExecutorOutput without nulls in the metadata, for which Kubeflow's launcher fails the task."""
    for artifacts in answer.get("artifacts", {}).values():
        for artifact in artifacts.get("artifacts", []):
            if "metadata" in artifact:
                kept = {key: value for key, value in artifact["metadata"].items() if value is not None}
                artifact["metadata"] = kept
    return answer


def _declared_type(key: str, definitions: Mapping[str, Any]) -> dict[str, Any]:
    declared = definitions.get(key, {}).get("artifactType")
    if declared:
        return dict(declared)
    raise ConfigError(
        f"input artifact {key}: expected a type from the backend or in the step's input specification "
        f"({', '.join(definitions) or 'which is empty'}), got neither; compile the spec again with this image's version"
    )


def _restore_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in metadata.items() if key not in _ADDED and value is not None}
    return {key: _whole_as_int(_unwrap(value)) for key, value in kept.items()}


def _unwrap(value: Any) -> Any:
    """Takes a list or a structure out of the structure of one key in which ML Metadata keeps it."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key in _WRAPPED and isinstance(inner, _WRAPPED[key]):
            return inner
    return value


def _whole_as_int(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_of_tfx(artifact: Mapping[str, Any]) -> bool:
    return not title_of(artifact.get("type")).startswith("system.")
