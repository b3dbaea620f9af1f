"""Moving the pointer: into production, and back to what was there before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasline.components.registry.pointer import (
    HISTORY_FILE,
    POINTER_FILE,
    complete_history,
    read_history,
    read_pointer,
)
from kerasline.components.registry.serving_config import write_serving_config
from kerasline.components.registry.versions import list_versions
from kerasline.components.registry.writing import append_line, now_text, who_text, write_json


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
    move = {"version": version, "previous": previous, "moved_at": now_text(), "reason": reason, "action": action}
    move |= {"who": who_text(), "replaced": previous if replaced is None else replaced}
    complete_history(folder)
    write_json(folder / POINTER_FILE, move)
    append_line(folder / HISTORY_FILE, move)
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
