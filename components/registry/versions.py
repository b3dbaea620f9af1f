"""The versions of a model on disk: numbered folders, each with its record."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kerasline.components.core import copy_folder, is_version
from kerasline.components.registry.placing import place_folder, unfinished_versions
from kerasline.components.registry.pointer import read_events
from kerasline.components.registry.writing import copy_to_disk, now_text, write_json

RECORD_FILE = "version.json"
SIGNATURE_FILE = "model.sig"  # of a version: over all other files but the card
# Of a version: what a run tells of it to people, written when it has pushed and measured it.
CARD_FILES = ("assets.extra/model_card.md", "assets.extra/model_card.html")
ANSWERS_FILE = "answers-eval.npz"  # of a version: its predictions of eval rows, and their labels
FORMATS_FOLDER = "formats"  # of a version: what there is beside the SavedModel
# What a SavedModel consists of; a version's folder holds more, such as its record and warm-up requests.
_SAVED_MODEL = ("saved_model.pb", "fingerprint.pb", "variables", "assets")


def list_models(models: Path) -> list[str]:
    """Returns the names below ``MODELS`` that have a version."""
    if not models.is_dir():
        return []
    return sorted(child.name for child in models.iterdir() if child.name[0] != "." and list_versions(child))


def list_versions(folder: Path) -> list[int]:
    """Returns the versions below ``MODELS/NAME``, oldest first."""
    return sorted(_numbered(folder) - unfinished_versions(folder).keys())


def _numbered(folder: Path) -> set[int]:
    if not folder.is_dir():
        return set()
    return {int(child.name) for child in folder.iterdir() if is_version(child.name) and child.is_dir()}


def read_record(folder: Path, version: int) -> dict[str, Any]:
    """Returns what was recorded when a version was pushed; empty where it has no record."""
    path = folder / str(version) / RECORD_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def find_problem(folder: Path, version: int) -> str | None:
    """Says what is missing from a version's folder, or None where everything that was pushed is there."""
    path = folder / str(version)
    if not path.is_dir():
        return "it does not exist"
    try:
        files = read_record(folder, version).get("files")
    except ValueError:
        return f"its {RECORD_FILE} is not JSON"
    needed = files or {"saved_model.pb": None, "variables/variables.index": None}
    for name, size_bytes in needed.items():
        file = path / name
        if not file.is_file():
            return f"{name} is missing"
        if size_bytes is not None and file.stat().st_size != size_bytes:
            return f"{name} has {file.stat().st_size} bytes, and {size_bytes} were pushed"
    return None


def digest_model(model: Path) -> str:
    """Returns a sha256 over the names and contents of a SavedModel's own files."""
    digest = hashlib.sha256()
    for path in sorted(model.rglob("*")):
        name = path.relative_to(model).as_posix()
        if path.is_file() and name.split("/")[0] in _SAVED_MODEL:
            with open(path, "rb") as file:
                digest.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def add_version(
    folder: Path, model: Path, record: Mapping[str, Any], finish: Callable[[Path], None] | None = None
) -> int:
    """Copies a SavedModel to the next version's folder; it is complete when the folder appears.

    Args:
      folder: ``MODELS/NAME``.
      model: Folder of the SavedModel.
      record: What is written as ``version.json``, with ``version``, ``pushed_at`` and ``files`` (name to bytes) added.
      finish: Called with the folder of the version before it appears, to add files to it.

    Returns:
      The new version: one above the highest so far, deleted ones included.

    Raises:
      KeraslineError: a push on another machine took the same version.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = [*_numbered(folder), *(int(move["version"]) for move in read_events(folder))]
    version = max(known, default=0) + 1
    # A dot in front keeps the half-written folder from TensorFlow Serving, which reads numbers only.
    staging = folder / f".{version}.{uuid.uuid4().hex[:8]}"
    try:
        # A version that comes from another registry brings a record, a signature and a card of its own there.
        others = shutil.ignore_patterns(RECORD_FILE, SIGNATURE_FILE, "model_card.*")
        copy_folder(model, staging, copy=copy_to_disk, left_out=others)
        if finish:
            finish(staging)
        files = {p.relative_to(staging).as_posix(): p.stat().st_size for p in sorted(staging.rglob("*")) if p.is_file()}
        write_json(staging / RECORD_FILE, {"version": version, "pushed_at": now_text(), **record, "files": files})
        place_folder(staging, folder / str(version))
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return version
