"""What is given when a compiled spec is submitted: read, and refused where no step could follow it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError

from kerasline.components.core import ConfigError, nearest
from kerasline.components.fitting import TrainingOptions

NUMBERS = {"epochs": "training.epochs", "learning_rate": "training.learning_rate"}  # to the recipe's key
_HAVE_SPANS, _RUN_JOBS = "whose data come in spans (data.spans)", "with custom jobs (run.custom_jobs)"
_NEEDS = {"span": _HAVE_SPANS, "project": _RUN_JOBS, "region": _RUN_JOBS}
# Cloud Storage advises against most of them, and globs, Argo and Kubernetes read something else in them.
_UNSAFE = re.compile(r"[\x00-\x1f#*?\[\]{}$\\|<>\"]|(^|/)\.\.?(/|$)")


def read_values(spec: Mapping[str, Any], given: Sequence[str], known: Mapping[str, str]) -> dict[str, Any]:
    """Reads ``--param NAME=VALUE`` against what a spec declares.

    Args:
      spec: the PipelineSpec.
      given: the texts.
      known: values that the command has from other options; they count for parameters that the spec declares.

    Returns:
      The values of all parameters: as given, otherwise as the spec was compiled.

    Raises:
      ConfigError: a name is unknown, a value is not of its type, or one is missing.
    """
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    values = _defaults(declared)
    values |= {name: value for name, value in known.items() if name in declared}
    values |= _read_given(given, declared)
    missing = [name for name in declared if name not in values]
    if missing:
        raise ConfigError(f"expected a value for {missing[0]}, got none; add --param {missing[0]}=VALUE")
    # Numbers come back from YAML and JSON as they were written; the services take a whole one for a double too.
    whole = [name for name in values if declared[name]["parameterType"] == "NUMBER_INTEGER"]
    return values | {name: int(values[name]) for name in whole}


def _defaults(declared: Mapping[str, Any]) -> dict[str, Any]:
    return {name: definition["defaultValue"] for name, definition in declared.items() if "defaultValue" in definition}


def _read_given(given: Sequence[str], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Reads the texts of ``--param``, each of another parameter."""
    values: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise ConfigError(f"--param: expected NAME=VALUE, such as epochs=20, got {text!r}")
        if name not in declared:
            raise _unknown(name, declared)
        if name in values:
            raise ConfigError(f"--param {name}: expected one value, got two; leave one out")
        values[name] = _read_value(name, value, declared[name])
    return values


def _unknown(name: str, declared: Mapping[str, Any]) -> ConfigError:
    listed = ", ".join(declared) or "none: it was compiled by something else"
    if name in _NEEDS:
        return ConfigError(
            f"--param {name}: expected the spec of a recipe {_NEEDS[name]}, got one without; it takes {listed}"
        )
    return ConfigError(f"--param: expected a parameter of the spec ({listed}), got {name!r}.{nearest(name, declared)}")


def _read_value(name: str, text: str, definition: Mapping[str, Any]) -> Any:
    kind = definition["parameterType"]
    try:
        # Python's numbers may have underscores and digits of any script.
        is_plain = kind == "STRING" or (text.isascii() and "_" not in text)
        value: Any = {"NUMBER_INTEGER": int, "NUMBER_DOUBLE": float}.get(kind, str)(text if is_plain else "")
    except ValueError:
        wanted = "a whole number" if kind == "NUMBER_INTEGER" else "a number"
        raise ConfigError(f"--param {name}: expected {wanted}, got {text!r}") from None
    check_value(f"--param {name}", name, value, str(definition.get("defaultValue", "")), shown=text)
    return value


def check_value(option: str, name: str, value: Any, compiled: str, *, shown: Any) -> None:
    """Raises ConfigError for a value that the recipe could not have, or that no step could follow.

    Args:
      option: What the message begins with.
      name: Of the parameter.
      value: As it would be put in place.
      compiled: Its value as compiled, as text.
      shown: The value as whoever submits it wrote it.
    """
    if name in NUMBERS:
        try:
            TrainingOptions.model_validate({name: value})
        except ValidationError as error:
            problem = error.errors()[0]["msg"].replace("Input should be", "expected a value that is")
            raise ConfigError(f"{option}: {problem}, got {shown!r}") from None
    elif name == "pipeline_root":
        check_pipeline_root(value, option)
    elif name == "span":
        _check_span(value, compiled, option)


def check_pipeline_root(uri: str, option: str = "--pipeline-root") -> None:
    """Raises ConfigError for what neither is a URI nor an absolute path (of a volume that every step mounts)."""
    if not re.match(r"[a-z][a-z0-9+]*://[^/]", uri) and not uri.startswith("/"):
        raise ConfigError(f"{option}: expected a URI such as gs://BUCKET/PATH, got {uri!r}")
    if not uri.strip("/"):
        raise ConfigError(
            f"{option}: expected a folder where a volume is mounted, such as /mnt/kerasline, got {uri!r}, which is a "
            "step's whole file system"
        )
    unsafe = _UNSAFE.search(re.sub("^[a-z0-9+]+://", "", uri))
    if unsafe:
        raise ConfigError(
            f"{option}: expected folders with plain names, got {uri!r}, in which {unsafe[0].strip('/')!r} may mean "
            "something else to a service or a file system"
        )


def _check_span(text: str, compiled: str, option: str) -> None:
    if "-" not in compiled:
        if not re.fullmatch("[0-9]+", text):
            raise ConfigError(f"{option}: expected a number such as {compiled}, got {text!r}")
        return
    try:
        is_date = date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_date = False
    if not is_date:
        raise ConfigError(f"{option}: expected a date such as {compiled}, got {text!r}")
