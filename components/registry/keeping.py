"""Which versions stay: pinned ones, and those that pruning keeps."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from kerasline.components.registry.challengers import read_challenger
from kerasline.components.registry.moving import find_predecessor
from kerasline.components.registry.placing import delete_abandoned, delete_folder
from kerasline.components.registry.pointer import read_pointer
from kerasline.components.registry.versions import list_versions
from kerasline.components.registry.writing import now_text, who_text, write_json

_PINS = "pins.json"
_LEFTOVER = re.compile(r"\.\d+\.(deleted|[0-9a-f]{8})$|\.(current|pins|challenger)\.json\.[0-9a-f]{8}$")


def read_pins(folder: Path) -> dict[int, dict[str, Any]]:
    """Returns the pinned versions with who pinned each, when and why."""
    path = folder / _PINS
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {int(version): pin for version, pin in found.items()}


def set_pin(folder: Path, version: int, reason: str | None) -> None:
    """Pins a version, so that it is never pruned; without a reason, takes the pin away. Hold the registry lock."""
    pins = {v: pin for v, pin in read_pins(folder).items() if v != version}
    if reason is not None:
        pins[version] = {"reason": reason, "who": who_text(), "pinned_at": now_text()}
    write_json(folder / _PINS, {str(v): pin for v, pin in sorted(pins.items())})


def prune(folder: Path, keep: int) -> list[int]:
    """Deletes the oldest versions beyond ``keep``; the current one, its predecessor, its challenger and pins stay.

    Returns:
      The deleted versions.
    """
    pointer = read_pointer(folder) or {}
    safe = {pointer.get("version"), pointer.get("previous"), find_predecessor(folder), *read_pins(folder)}
    challenger = read_challenger(folder)
    safe.add(challenger and challenger.version)
    versions = list_versions(folder)
    surplus = [v for v in versions[: max(0, len(versions) - keep)] if v not in safe]
    for version in surplus:
        delete_folder(folder / str(version))
    return surplus


def remove_leftovers(folder: Path) -> None:
    """Deletes what killed processes left beside the versions; hold both locks."""
    for child in list(folder.iterdir()) if folder.is_dir() else ():
        if _LEFTOVER.match(child.name):
            shutil.rmtree(child) if child.is_dir() else child.unlink()
    delete_abandoned(folder)
