"""The pushed versions of a model on disk, and the pointer that says which one is in production.

``MODELS/NAME/VERSION/`` is a SavedModel as TensorFlow Serving expects it, with ``version.json`` (the record) inside;
``MODELS/NAME/current.json`` is the pointer and ``MODELS/NAME/history.jsonl`` has a line for each move of it. A version
is written beside its place and renamed, and so is the pointer: a crash leaves the old state or the new one.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RECORD_FILE = "version.json"
_POINTER, _HISTORY = "current.json", "history.jsonl"


def list_versions(folder: Path) -> list[int]:
    """Returns the versions below ``MODELS/NAME``, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(int(child.name) for child in folder.iterdir() if child.name.isdigit() and child.is_dir())


def read_pointer(folder: Path) -> dict[str, Any] | None:
    """Returns the pointer (``version``, ``previous``, ``moved_at``, ``reason``), or None before the first push."""
    path = folder / _POINTER
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def current_version(folder: Path) -> int | None:
    """Returns the version in production, or None before the first push."""
    pointer = read_pointer(folder)
    return int(pointer["version"]) if pointer else None


def read_record(folder: Path, version: int) -> dict[str, Any]:
    """Returns what was recorded when a version was pushed; empty where it has no record."""
    path = folder / str(version) / RECORD_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def add_version(folder: Path, model: Path, record: dict[str, Any]) -> int:
    """Copies a SavedModel to the next version's folder; it is complete when the folder appears.

    Args:
      folder: ``MODELS/NAME``.
      model: the SavedModel.
      record: written as ``version.json`` with ``version`` and ``pushed_at`` added.

    Returns:
      The new version: one above the highest so far.
    """
    folder.mkdir(parents=True, exist_ok=True)
    version = max(list_versions(folder), default=0) + 1
    # A dot in front keeps the half-written folder from TensorFlow Serving, which reads numbers only.
    staging = folder / f".{version}.{uuid.uuid4().hex[:8]}"
    try:
        shutil.copytree(model, staging)
        _write_json(staging / RECORD_FILE, {"version": version, "pushed_at": _now(), **record})
        os.rename(staging, folder / str(version))
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return version


def move_pointer(folder: Path, version: int, reason: str, *, previous: int | None) -> None:
    """Puts a version into production and appends the move to the history."""
    move = {"version": version, "previous": previous, "moved_at": _now(), "reason": reason}
    _write_json(folder / _POINTER, move)
    with open(folder / _HISTORY, "a", encoding="utf-8") as history:
        history.write(json.dumps(move) + "\n")


def prune(folder: Path, keep: int) -> list[int]:
    """Deletes the oldest versions beyond ``keep``; the current one and its predecessor always stay.

    Returns:
      The deleted versions.
    """
    pointer = read_pointer(folder) or {}
    safe = {pointer.get("version"), pointer.get("previous")}
    versions = list_versions(folder)
    surplus = [v for v in versions[: max(0, len(versions) - keep)] if v not in safe]
    for version in surplus:
        doomed = folder / f".{version}.deleted"
        os.rename(folder / str(version), doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    return surplus


def _write_json(path: Path, value: Any) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
