"""What drift is measured from: the profile beside the version in production, or the one that the recipe names."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, is_address, is_version, lack_of_file
from kerasline.components.datasets.remote import fetch_file
from kerasline.components.registry import current_version, list_versions
from kerasline.components.validation.policy import PROFILE_FILE, DriftCheck

_KEY = "validation.drift.baseline"


@dataclass(frozen=True)
class Reference:
    """The profile that drift is measured from.

    Attributes:
      path: Path of ``profile.json``, empty for none.
      name: What the reference is in words, or why there is none.
      digest: SHA-256 of its content, empty where it is not known yet.
      models: ``MODELS/NAME`` where the version in production is looked up when the step runs; empty otherwise.
    """

    path: str = ""
    name: str = "no version in production yet"
    digest: str = ""
    models: str = ""


def find_reference(options: DriftCheck, models: Path, baseline_version: int, base_dir: Path) -> Reference:
    """Finds the profile of the data that the model in production was fitted on, or of the one that the recipe names.

    Args:
      options: Options of the check.
      models: ``MODELS/NAME``.
      baseline_version: The version that the run compares with, 0 for none.
      base_dir: Folder where a relative path of the recipe starts.

    Raises:
      ConfigError: the named baseline does not exist.
    """
    if options.policy == "off":
        return Reference(name="drift is off")
    wanted = str(options.baseline)
    if wanted == "production":
        return reference_in_production(models, baseline_version)
    if is_version(wanted):
        path, name = str((models / wanted / PROFILE_FILE).resolve()), f"version {wanted}"
        if not Path(path).is_file():
            known = ", ".join(map(str, list_versions(models))) or "none yet"
            raise ConfigError(
                f"{_KEY}: expected a pushed version with a {PROFILE_FILE}, got {wanted}; versions: {known}"
            )
    elif is_address(wanted):
        path, name = wanted, wanted
    else:
        path = str((base_dir / Path(wanted).expanduser()).resolve())
        name = os.path.basename(path)
        if not Path(path).is_file():
            raise ConfigError(
                f"{_KEY}: expected production, the number of a version or the path or URI of a {PROFILE_FILE}, but "
                f"{path} {lack_of_file(path)}"
            )
    return Reference(path, name, hashlib.sha256(_read(path)).hexdigest())


def reference_in_production(models: Path, version: int) -> Reference:
    """Finds the profile beside a pushed version.

    Args:
      models: ``MODELS/NAME``.
      version: The version in production, 0 for none.
    """
    if not version:
        return Reference()
    path = models / str(version) / PROFILE_FILE
    if not path.is_file():
        return Reference(name=f"version {version} was pushed without {PROFILE_FILE}")
    name = f"version {version}, in production"
    return Reference(str(path.resolve()), name, hashlib.sha256(path.read_bytes()).hexdigest())


def reference_elsewhere(options: DriftCheck, models: str) -> Reference:
    """Says where a step on another machine finds the profile, for specs that are compiled once and run often.

    Args:
      options: Options of the check.
      models: ``MODELS/NAME`` over there, a path or a URI.

    Raises:
      ConfigError: the recipe names a file that only this machine has.
    """
    if options.policy == "off":
        return Reference(name="drift is off")
    wanted = str(options.baseline)
    if wanted == "production":
        return Reference(name="the version in production when the step runs", models=models)
    if is_version(wanted):
        return Reference(f"{models}/{wanted}/{PROFILE_FILE}", f"version {wanted}")
    if is_address(wanted) or wanted.startswith("/"):
        return Reference(wanted, wanted)
    raise ConfigError(
        f"{_KEY}: expected a URI, or a path on a volume that every step mounts, in a spec that runs elsewhere, got "
        f"{wanted}; copy the {PROFILE_FILE} to where the pipeline root is, and name it there"
    )


def settle_reference(path: str, name: str, models: str) -> tuple[dict[str, Any] | None, str]:
    """Reads the profile when the step runs.

    Args:
      path: Path of ``profile.json``, empty for none.
      name: What the reference is in words, or why there is none.
      models: ``MODELS/NAME`` where the reference is the version in production when this runs, else empty.

    Returns:
      The profile's columns, None where there is nothing to compare with, and its name in words, or why there is none.

    Raises:
      ConfigError: it cannot be read.
    """
    if models:
        found = reference_in_production(Path(models), current_version(Path(models)) or 0)
        path, name = found.path, found.name
    return (_columns(path) if path else None), name


def _columns(path: str) -> dict[str, Any]:
    try:
        columns: dict[str, Any] = json.loads(_read(path))["columns"]
        return columns
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{_KEY}: expected a {PROFILE_FILE} as it lies beside every pushed version, but {path} is none"
        ) from error


def _read(path: str) -> bytes:
    """Reads a file of this machine, or one at an address, as data is read."""
    local = path.removeprefix("file://")
    try:
        return (fetch_file(local) if is_address(local) else Path(local)).read_bytes()
    except ConfigError as error:
        raise ConfigError(f"{_KEY}: {error}") from error
    except OSError as error:
        raise ConfigError(f"{_KEY}: expected a readable {PROFILE_FILE}, but {path}: {error.strerror}") from error
