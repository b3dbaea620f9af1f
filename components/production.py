"""The pushed versions of a model on disk, and the pointer that says which one is in production.

``MODELS/NAME/VERSION/`` is a SavedModel as TensorFlow Serving expects it, with ``version.json`` (the record) inside;
``MODELS/NAME/current.json`` is the pointer and ``MODELS/NAME/history.jsonl`` has a line for each move of it. A version
is written beside its place and renamed, and so is the pointer: a crash leaves the old state or the new one, and the
next push removes what it left beside them.

Two locks, which the operating system drops with their process: one push at a time for a model, and one move of its
pointer at a time.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import shutil
import socket
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock

from kerasline.components.errors import KeraslineError
from kerasline.components.versions import is_version

RECORD_FILE = "version.json"
FORMATS_FOLDER = "formats"  # of a version: what there is beside the SavedModel
SERVING_CONFIG = "tensorflow_serving.config"
_PLAIN = ["saved_model"]
_POINTER, _HISTORY, _PINS = "current.json", "history.jsonl", "pins.json"
_LEFTOVER = re.compile(r"\.\d+\.(deleted|[0-9a-f]{8})$|\.(current|pins)\.json\.[0-9a-f]{8}$")
_LOCK_SECONDS = 60.0


class PushRefused(KeraslineError):
    """A blessed model may not go into production: somebody took this very model out of it."""

    exit_code = 4


def list_models(models: Path) -> list[str]:
    """Returns the names below ``MODELS`` that have a version."""
    if not models.is_dir():
        return []
    return sorted(child.name for child in models.iterdir() if child.name[0] != "." and list_versions(child))


def list_versions(folder: Path) -> list[int]:
    """Returns the versions below ``MODELS/NAME``, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(int(child.name) for child in folder.iterdir() if is_version(child.name) and child.is_dir())


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


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Returns every move of the pointer, oldest first; a line that a crash cut short is left out."""
    moves = []
    path = folder / _HISTORY
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            moves.append(json.loads(line))
        except ValueError:
            continue
    pointer = read_pointer(folder)
    if pointer and (not moves or moves[-1] != pointer):
        moves.append(pointer)  # the process ended between the pointer and its line
    return moves


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


# What a SavedModel consists of; a version's folder holds more, such as its record and warm-up requests.
_SAVED_MODEL = ("saved_model.pb", "fingerprint.pb", "variables", "assets")


def digest_model(model: Path) -> str:
    """Returns a sha256 over the names and contents of a SavedModel's own files."""
    digest = hashlib.sha256()
    for path in sorted(model.rglob("*")):
        name = path.relative_to(model).as_posix()
        if path.is_file() and name.split("/")[0] in _SAVED_MODEL:
            with open(path, "rb") as file:
                digest.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def push_version(
    folder: Path, model: Path, record: Mapping[str, Any], keep: int, finish: Callable[[Path], None] | None = None
) -> int:
    """Puts a model into production as a new version.

    Repeating a push that was killed ends where the first one would have: a version of the same files that never was
    in production is used instead of a second copy.

    Args:
      folder: ``MODELS/NAME``.
      model: the SavedModel.
      record: written with the version.
      keep: versions to keep.
      finish: adds files to the version before it appears.

    Returns:
      The version.

    Raises:
      PushRefused: the same model was in production and somebody rolled it back.
      KeraslineError: the copy differs from the model.
    """
    digest = digest_model(model)
    with push_lock(folder):
        with registry_lock(folder):
            remove_leftovers(folder)
        version = _pushed_before(folder, digest, record.get("formats"))
        if version is None:
            version = add_version(folder, model, {**record, "digest": digest}, finish)
        if digest_model(folder / str(version)) != digest:
            raise KeraslineError(
                f"expected {folder / str(version)} to hold the model's files, but they differ from those in {model}; "
                "check the disk and run again"
            )
        with registry_lock(folder):
            before = current_version(folder)
            if before != version:
                move_pointer(folder, version, "pushed by a run", previous=before)
            prune(folder, keep)
    return version


def _pushed_before(folder: Path, digest: str, formats: Any) -> int | None:
    """Finds the version that an earlier, killed push of the same files left, or that is in production."""
    history = read_history(folder)
    moved = {int(move["version"]) for move in history}
    current = current_version(folder)
    for version in reversed(list_versions(folder)):
        found = read_record(folder, version)
        if found.get("digest") != digest or find_problem(folder, version):
            continue
        if version == current or version not in moved:
            if (found.get("formats") or _PLAIN) == (formats or _PLAIN):
                return version
            continue  # with other formats beside the model it is a version of its own
        leaving = [move for move in history if move.get("replaced", move["previous"]) == version]
        left = leaving[-1] if leaving else {}
        if left.get("action") == "rollback":
            raise PushRefused(
                f"this model is version {version} of {folder.name} again, which {left.get('who', 'somebody')} rolled "
                f"back ({left['reason']}); change the recipe or the data, or take it back with: kerasline promote "
                f"{folder.name} {version} --reason TEXT"
            )
        return None  # it was replaced by a better one since, so it comes back under a number of its own
    return None


def add_version(
    folder: Path, model: Path, record: Mapping[str, Any], finish: Callable[[Path], None] | None = None
) -> int:
    """Copies a SavedModel to the next version's folder; it is complete when the folder appears.

    Args:
      folder: ``MODELS/NAME``.
      model: the SavedModel.
      record: written as ``version.json`` with ``version``, ``pushed_at`` and ``files`` (name to bytes) added.
      finish: adds files to the version before it appears.

    Returns:
      The new version: one above the highest so far, deleted ones included.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = [*list_versions(folder), *(int(move["version"]) for move in read_history(folder))]
    version = max(known, default=0) + 1
    # A dot in front keeps the half-written folder from TensorFlow Serving, which reads numbers only.
    staging = folder / f".{version}.{uuid.uuid4().hex[:8]}"
    try:
        # A version that comes from another registry brings a record and a card of its own there.
        others = shutil.ignore_patterns(RECORD_FILE, "model_card.*")
        shutil.copytree(model, staging, copy_function=_copy_to_disk, ignore=others)
        if finish:
            finish(staging)
        files = {p.relative_to(staging).as_posix(): p.stat().st_size for p in sorted(staging.rglob("*")) if p.is_file()}
        _write_json(staging / RECORD_FILE, {"version": version, "pushed_at": _now(), **record, "files": files})
        os.rename(staging, folder / str(version))
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return version


def move_pointer(
    folder: Path, version: int, reason: str, *, previous: int | None, action: str = "push", replaced: int | None = None
) -> dict[str, Any]:
    """Puts a version into production and appends the move to the history; hold the registry lock.

    Args:
      folder: ``MODELS/NAME``.
      version: to put into production.
      reason: why.
      previous: the version that a rollback would go to.
      action: ``push``, ``promote`` or ``rollback``.
      replaced: the version that was in production, where it is not ``previous``.

    Returns:
      The move, as the pointer and the history hold it.
    """
    move = {"version": version, "previous": previous, "moved_at": _now(), "reason": reason, "action": action}
    move |= {"who": _who(), "replaced": previous if replaced is None else replaced}
    _complete_history(folder)
    _write_json(folder / _POINTER, move)
    _append(folder / _HISTORY, move)
    write_serving_config(folder.parent)
    return move


def find_predecessor(folder: Path, following: Mapping[str, Any] | None = None) -> int | None:
    """Returns the version that a rollback goes to: in production before the current one, and still there.

    Versions that were rolled back do not count.

    Args:
      folder: ``MODELS/NAME``.
      following: a move that is about to be made.
    """
    trail: list[int] = []
    for move in [*read_history(folder), *([following] if following else [])]:
        version = int(move["version"])
        if move.get("action") == "rollback" and version in trail:
            while trail[-1] != version:
                trail.pop()
        elif not trail or trail[-1] != version:
            trail.append(version)
    there = set(list_versions(folder))
    earlier = [version for version in trail[:-1] if version in there and version != trail[-1]]
    if earlier:
        return earlier[-1]
    pointer = following or read_pointer(folder) or {}
    known = pointer.get("previous")
    return int(known) if known in there and pointer.get("action", "push") != "rollback" else None


def read_pins(folder: Path) -> dict[int, dict[str, Any]]:
    """Returns the pinned versions with who pinned each, when and why."""
    path = folder / _PINS
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {int(version): pin for version, pin in found.items()}


def set_pin(folder: Path, version: int, reason: str | None) -> None:
    """Pins a version, so that it is never pruned; without a reason, takes the pin away. Hold the registry lock."""
    pins = {v: pin for v, pin in read_pins(folder).items() if v != version}
    if reason is not None:
        pins[version] = {"reason": reason, "who": _who(), "pinned_at": _now()}
    _write_json(folder / _PINS, {str(v): pin for v, pin in sorted(pins.items())})


def prune(folder: Path, keep: int) -> list[int]:
    """Deletes the oldest versions beyond ``keep``; the current one, its predecessor and pinned ones always stay.

    Returns:
      The deleted versions.
    """
    pointer = read_pointer(folder) or {}
    safe = {pointer.get("version"), pointer.get("previous"), find_predecessor(folder), *read_pins(folder)}
    versions = list_versions(folder)
    surplus = [v for v in versions[: max(0, len(versions) - keep)] if v not in safe]
    for version in surplus:
        doomed = folder / f".{version}.deleted"
        os.rename(folder / str(version), doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    return surplus


def remove_leftovers(folder: Path) -> None:
    """Deletes what killed processes left beside the versions; hold both locks."""
    for child in list(folder.iterdir()) if folder.is_dir() else ():
        if _LEFTOVER.match(child.name):
            shutil.rmtree(child) if child.is_dir() else child.unlink()


def push_lock(folder: Path) -> filelock.FileLock:
    """Lets one push at a time write versions of a model."""
    return _lock(folder, "push", -1)


def registry_lock(folder: Path) -> filelock.FileLock:
    """Lets one process at a time move a model's pointer or change its pins."""
    return _lock(folder, "registry", _LOCK_SECONDS)


def _lock(folder: Path, purpose: str, timeout_seconds: float) -> filelock.FileLock:
    # Beside the model's folder, which holds versions and nothing that TensorFlow Serving would have to pass over.
    folder.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder.parent / f".{folder.name}.{purpose}.lock", timeout=timeout_seconds)


def write_serving_config(models: Path) -> None:
    """Writes ``MODELS/tensorflow_serving.config``, by which TensorFlow Serving serves what is in production.

    By itself it serves the highest number, which after a rollback is the wrong one. It reads the file again with
    ``--model_config_file_poll_wait_seconds``.
    """
    with _lock(models / SERVING_CONFIG, "write", _LOCK_SECONDS):
        blocks = []
        for name in list_models(models):
            version = current_version(models / name)
            if version is not None:
                blocks.append(
                    f'  config {{\n    name: "{name}"\n    base_path: "/models/{name}"\n'
                    '    model_platform: "tensorflow"\n'
                    f"    model_version_policy {{ specific {{ versions: {version} }} }}\n  }}\n"
                )
        _replace(models / SERVING_CONFIG, "model_config_list {\n" + "".join(blocks) + "}\n")


def _complete_history(folder: Path) -> None:
    """Adds the line that a process did not come to write, and ends one that it left half-written."""
    pointer, path = read_pointer(folder), folder / _HISTORY
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text and not text.endswith("\n"):
        with open(path, "a", encoding="utf-8") as history:
            history.write("\n")
    if pointer and json.dumps(pointer) not in text.splitlines():
        _append(path, pointer)


def _append(path: Path, move: Mapping[str, Any]) -> None:
    with open(path, "a", encoding="utf-8") as history:
        history.write(json.dumps(move) + "\n")
        history.flush()
        os.fsync(history.fileno())


def _copy_to_disk(source: str, target: str) -> None:
    shutil.copyfile(source, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())


def _write_json(path: Path, value: Any) -> None:
    _replace(path, json.dumps(value, indent=1))


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
