"""Whether a step can do what a backend asks: inputs are there, their types are known, and outputs have places.

TFX's entry point loads TensorFlow first, and then ends in a KeyError, an ImportError or a file that is not found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from kerasline.components.core import ConfigError, shown, unpack_text
from kerasline.pipeline.container.artifact_types import KNOWN, artifacts_of, properties_of, title_of
from kerasline.pipeline.container.buckets import BUCKETS
from kerasline.pipeline.container.runtime_parameters import COMPILED, SUBMITTED

_AGAIN = "run the step that makes it again, with caching off"
_OBJECTS = frozenset({COMPILED, "custom_config", "dataset", "push_destination"})  # parameters that hold JSON
_MAY_BE_EMPTY = "tfx.PushedModel"  # of a run that did not push: an empty folder, which no bucket keeps


def check_asked(asked: Mapping[str, Any], inputs_spec: Mapping[str, Any]) -> None:
    """Looks at an ExecutorInput as the backend sent it.

    Args:
      asked: the ExecutorInput as JSON, of the form that backends send.
      inputs_spec: the step's input specification, as JSON.

    Raises:
      ConfigError: an input or a parameter that the step was compiled with is not in it, an artifact has no URI, it does
        not say where the outputs go, or a number is none.
    """
    outputs = asked.get("outputs", {})
    if not outputs.get("outputFile"):
        raise ConfigError("expected the backend to say where the outputs of the step go, got no outputs.outputFile")
    inputs = asked.get("inputs", {})
    _check_given(inputs, inputs_spec.get("artifacts", {}))
    for name, side in (("input", inputs), ("output", outputs)):
        for key, artifact in artifacts_of(side):
            _check_uri(f"{name} artifact {key}", artifact)
    _check_parameters(inputs.get("parameterValues", {}), inputs_spec.get("parameters", {}))


def check_restored(request: Mapping[str, Any], inputs_spec: Mapping[str, Any]) -> None:
    """Looks at a request whose artifacts have their types and folders.

    Args:
      request: what TFX's entry point is to be asked, as JSON.
      inputs_spec: the step's input specification, as JSON.

    Raises:
      ConfigError: a type is not known or another than was declared, a property of an artifact is missing or not of its
        kind, or the files of an input are not there.
    """
    declared = inputs_spec.get("artifacts", {})
    for key, artifact in artifacts_of(request.get("inputs", {})):
        what, kind = f"input artifact {key}", declared.get(key, {}).get("artifactType")
        _check_type(what, artifact, title_of(kind))
        _check_properties(what, artifact, properties_of(kind or artifact["type"]))
        _check_files(what, artifact)
    for key, artifact in artifacts_of(request["outputs"]):
        _check_type(f"output artifact {key}", artifact, "")


def _check_given(inputs: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    given = {key for key, _ in artifacts_of(inputs)}
    for key in declared:
        if key not in given:
            raise ConfigError(f"input artifact {key}: expected it from the step that makes it, got none; {_AGAIN}")


def _check_uri(what: str, artifact: Mapping[str, Any]) -> None:
    uri = artifact.get("customPath") or artifact.get("uri")
    if not isinstance(uri, str) or not uri.startswith(("/", *BUCKETS)):
        raise ConfigError(
            f"{what}: expected a URI that begins with {', '.join(BUCKETS)} or /, which steps reach as folders, got "
            f"{uri!r}; give the run a root such as gs://BUCKET/PATH"
        )


def _check_parameters(given: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    """Refuses what TFX's entry point would take for 0, cut, or miss later."""
    for name in declared:
        if name not in given:
            raise ConfigError(
                f"parameter {name}: expected it among what the step is told, got {', '.join(given) or 'nothing'}; "
                "compile the spec again with this image's version"
            )
    for name, value in given.items():
        _check_value(name, value, declared.get(name, {}).get("parameterType"))


def _check_value(name: str, value: Any, kind: str | None) -> None:
    if value is None:
        raise ConfigError(
            f"parameter {name}: expected a value, got null; submit the spec with --param {name}=VALUE, or leave "
            "it out where the spec has a default"
        )
    is_text = kind == "STRING" and name not in SUBMITTED
    if (is_text and not isinstance(value, str)) or (name in _OBJECTS and not _is_object(value)):
        raise ConfigError(
            f"parameter {name}: expected the text that compile wrote, got {shown(value)}; compile the spec again"
        )
    if kind == "NUMBER_INTEGER" and not _is_whole(value):
        raise ConfigError(f"parameter {name}: expected a whole number, got {value!r}; submit the spec with one")


def _check_type(what: str, artifact: Mapping[str, Any], wanted: str) -> None:
    found = title_of(artifact.get("type"))
    if found not in KNOWN or (wanted and found != wanted):
        raise ConfigError(
            f"{what}: expected {wanted or 'an artifact of a type that this image knows'}, got "
            f"{found or 'one without a type'}; compile the spec again with this image's version, and run it anew"
        )


def _check_properties(what: str, artifact: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    """Refuses a declared integer that is none, which TFX would drop or cut, and splits that nobody can name."""
    metadata = artifact.get("metadata") or {}
    for name, kind in declared.items():
        value = metadata.get(name)
        if kind.get("type") == "integer" and value is not None and not _is_whole(value):
            raise ConfigError(
                f"{what}, property {name}: expected a whole number, got {value!r}; the step that made the artifact ran "
                f"with another version: {_AGAIN}"
            )
    if "split_names" in declared and not _are_splits(metadata.get("split_names")):
        raise ConfigError(
            f"{what}, property split_names: expected the names of its splits as a JSON list, got "
            f"{metadata.get('split_names')!r}; {_AGAIN}"
        )


def _check_files(what: str, artifact: Mapping[str, Any]) -> None:
    folder = artifact["uri"]
    if folder.startswith("/") and title_of(artifact["type"]) != _MAY_BE_EMPTY and not Path(folder).exists():
        raise ConfigError(
            f"{what}: expected its files in {folder}, got nothing there; they may have been deleted from the store: "
            f"{_AGAIN}"
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()


def _is_object(value: Any) -> bool:
    try:
        return isinstance(value, str) and isinstance(json.loads(unpack_text(value)), dict | NoneType)
    except ValueError:
        return False


def _are_splits(text: Any) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), list)
    except ValueError:
        return False
