"""What a spec was compiled with and for, handed to every step in its environment, and checked when the step starts.

It stands in the environment, since what stands among a step's arguments or parameters is part of a backend's cache
key: another state of the code elsewhere in the project would run every step again.

Source: kubeflow/pipelines backend/src/v2/driver/driver.go (initPodSpecPatch hands the variables on) and
cacheutils/cache.go (GenerateCacheKey: image, command and arguments), releases 2.14 to 2.17.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, code_version, describe_difference, library_versions, packages_hash

VARIABLE = "KERASLINE_COMPILED"
_DISTRIBUTION = "kerasline"
_ROOT = Path(__file__).resolve().parents[2]


def describe(target: str, mount: str, claim: str | None, modules: Sequence[str] = (), columns: int = 1) -> str:
    """Returns the variable's value.

    Args:
      target: ``vertex`` or ``kubeflow``.
      mount: the folder that steps must have mounted, see ``remote_paths.mount_of``.
      claim: the PersistentVolumeClaim that is mounted there.
      modules: the user's own, which steps import.
      columns: of the data, by which each step chooses how it takes its rows.
    """
    facts: dict[str, Any] = {
        **{"version": _own_version(), "code": project_code(), "target": target, "mount": mount},
        **{"libraries": library_versions(), "packages": packages_hash(), "columns": columns},
    }
    if modules:
        facts["modules"] = {module: code_version(module) for module in modules}
    return json.dumps(facts if claim is None else {**facts, "claim": claim}, sort_keys=True)


def read_facts(text: str) -> dict[str, Any]:
    """Reads the variable's value back; a spec that an older version compiled has none, and gives nothing.

    Raises:
      ConfigError: it is not what :func:`describe` writes.
    """
    if not text:
        return {}
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise ConfigError(f"{VARIABLE}: expected the JSON that compile wrote, got {text!r}; compile the spec again")
    return facts


def check_code(facts: dict[str, Any]) -> str | None:
    """Compares the code that a spec was compiled with to the code of this image.

    Returns:
      A remark where the version is the same and the sources differ; None where all is as it was.

    Raises:
      ConfigError: the versions differ.
    """
    compiled, here = facts.get("version"), _own_version()
    if compiled is not None and compiled != here:
        raise ConfigError(
            f"expected an image with kerasline {compiled}, with which the spec was compiled, but this image has "
            f"{here}; compile the spec with {here}, or give compile --image an image with {compiled}"
        )
    code, found = facts.get("code"), project_code()
    if code is not None and code != found:
        return (
            f"the spec was compiled with other sources of kerasline {here} ({code}) than this image has ({found}): "
            "build the image from the state that compiles, so that both mean the same"
        )
    return None


def _own_version() -> str:
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise ConfigError(
            f"expected {_DISTRIBUTION} to be installed, since a spec and the image of its steps must have the same "
            f"version, but Python finds nothing of it except the sources in {_ROOT}; install them with pip, as the "
            "project's Dockerfile does"
        ) from None


def check_packages(facts: dict[str, Any]) -> str | None:
    """Compares the packages of the environment that compiled with those of this image; returns a remark, or None."""
    difference = describe_difference(facts.get("libraries") or {}, library_versions())
    if difference:
        return (
            f"this image has {difference}, with which the spec was compiled: results may differ from those of a run "
            "there; build the image from the lock of the environment that compiles"
        )
    compiled, found = facts.get("packages"), packages_hash()
    if compiled and found and compiled != found:
        return (
            f"this image has other packages ({found}) than the environment that compiled the spec ({compiled}), though "
            "none of those that steps compute with; build the image from the lock of that environment"
        )
    return None


def check_modules(facts: dict[str, Any]) -> str | None:
    """Looks for the user's own modules in this image; returns a remark where one has changed, else None.

    Raises:
      ConfigError: one is not there.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # where the fit will look, too
    for module, compiled in facts.get("modules", {}).items():
        if not _is_there(module):
            raise ConfigError(
                f"expected the module {module} of the recipe in this image, but Python does not find it; copy it to "
                f"{os.getcwd()} of the image, or to a folder that PYTHONPATH of the image names"
            )
        found = code_version(module)
        if found != compiled and not describe_difference(facts.get("libraries") or {}, library_versions()):
            return (
                f"the spec was compiled with other sources of {module} ({compiled}), or other packages that it needs, "
                f"than this image has ({found}): "
                "build the image from the state that compiles, so that both mean the same"
            )
    return None


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


@lru_cache
def project_code() -> str:
    """Returns 12 hexadecimal digits that change with any source file of the package."""
    digest = hashlib.sha256()
    files = [path for folder in ("components", "pipeline") for path in (_ROOT / folder).rglob("*.py")]
    for name, path in sorted((path.relative_to(_ROOT).as_posix(), path) for path in files):
        digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def check_image(image: str) -> None:
    """Raises ConfigError for an image without a tag or digest, which would change under a schedule."""
    if not re.fullmatch(r"[\w.\-/:]+(:[\w.\-]+|@sha256:[0-9a-f]{64})", image) or ":" not in image.split("/")[-1]:
        raise ConfigError(
            f"--image: expected an image with a tag or digest, such as REGISTRY/kerasline:1.0, got {image!r}; without "
            "one a later run may use other code"
        )
