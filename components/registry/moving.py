"""Moving the pointer: into production, and back to what was there before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.registry.challengers import forget_challenger
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

# A rollback that is under way: whoever repeats one that was cut off must not go back twice.
_UNTOLD = ".rollback.json"


def move_pointer(
    folder: Path,
    version: int,
    reason: str,
    *,
    previous: int | None,
    action: str = "push",
    replaced: int | None = None,
    until_told: bool = False,
    evidence: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Puts a version into production and appends the move to the history; hold the registry lock.

    Args:
      folder: The model's folder, ``MODELS/NAME``.
      version: The version to put into production.
      reason: Why it is moved, in the words of who does.
      previous: The version that a rollback would go to.
      action: ``push``, ``promote`` or ``rollback``.
      replaced: The version that was in production, where it is not ``previous``.
      until_told: Whether the move is kept in a file of its own, from before it is made until :func:`forget_move`.
      evidence: What the move rests on, if anything was measured for it.

    Returns:
      The move, as the pointer and the history hold it.
    """
    left = previous if replaced is None else replaced
    move: dict[str, Any] = {"version": version, "previous": previous, "moved_at": now_text(), "reason": reason}
    move |= {"action": action, "who": who_text(), "replaced": left}
    move |= {} if evidence is None else {"evidence": evidence}
    complete_history(folder)
    if until_told:
        write_json(folder / _UNTOLD, move)
    write_json(folder / POINTER_FILE, move)
    append_line(folder / HISTORY_FILE, move)
    forget_challenger(folder, version, left)
    write_serving_config(folder.parent)
    return move


def untold_move(folder: Path) -> dict[str, Any] | None:
    """Returns the move that put production where it is, if what made it ended before it could tell so.

    Its line in the history is there when this returns. Hold the registry lock.
    """
    path, pointer = folder / _UNTOLD, read_pointer(folder)
    if not path.is_file() or json.loads(path.read_text(encoding="utf-8")) != pointer:
        return None  # none was begun, it did not come to move anything, or production has moved on since
    complete_history(folder)
    return pointer


def forget_move(folder: Path) -> None:
    """Says that a move is told."""
    (folder / _UNTOLD).unlink(missing_ok=True)


def find_predecessor(folder: Path, following: Mapping[str, Any] | None = None) -> int | None:
    """Returns the version that a rollback goes to: in production before the current one, and still there.

    Versions that were rolled back do not count.

    Args:
      folder: The model's folder, ``MODELS/NAME``.
      following: A move that is about to be made, None for none.
    """
    trail = _trail([*read_history(folder), *([following] if following else [])])
    there = set(list_versions(folder))
    earlier = [version for version in trail[:-1] if version in there and version != trail[-1]]
    if earlier:
        return earlier[-1]
    # Of a folder whose history does not reach back that far, the pointer knows.
    pointer = following or read_pointer(folder) or {}
    known = pointer.get("previous")
    return int(known) if known in there and pointer.get("action", "push") != "rollback" else None


def _trail(moves: Sequence[Mapping[str, Any]]) -> list[int]:
    """Lists the versions that moves put into production, without those that a rollback took back."""
    trail: list[int] = []
    for move in moves:
        version = int(move["version"])
        if move.get("action") == "rollback" and version in trail:
            del trail[_last_place(trail, version) + 1 :]
        elif trail[-1:] != [version]:
            trail.append(version)
    return trail


def _last_place(trail: Sequence[int], version: int) -> int:
    return len(trail) - 1 - list(reversed(trail)).index(version)
