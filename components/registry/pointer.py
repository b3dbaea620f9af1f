"""The pointer that says which version is in production, and the history of its moves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kerasline.components.registry.writing import append_line

POINTER_FILE, HISTORY_FILE = "current.json", "history.jsonl"
_MOVES = ("push", "promote", "rollback")


def read_pointer(folder: Path) -> dict[str, Any] | None:
    """Returns the pointer (``version``, ``previous``, ``moved_at``, ``reason``), or None before the first push."""
    path = folder / POINTER_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def current_version(folder: Path) -> int | None:
    """Returns the version in production, or None before the first push."""
    pointer = read_pointer(folder)
    return int(pointer["version"]) if pointer else None


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Returns every move of the pointer, oldest first; a line that a crash cut short is left out."""
    return [event for event in read_events(folder) if event.get("action", "push") in _MOVES]


def read_events(folder: Path) -> list[dict[str, Any]]:
    """Returns every line of the history, oldest first: moves of the pointer, and what became of challengers."""
    events = []
    for line in _lines(folder):
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    pointer = read_pointer(folder)
    if pointer and pointer not in events:
        events.append(pointer)  # the process ended between the pointer and its line
    return events


def complete_history(folder: Path) -> None:
    """Adds the line that a process did not come to write."""
    pointer = read_pointer(folder)
    if pointer and json.dumps(pointer) not in _lines(folder):
        append_line(folder / HISTORY_FILE, pointer)


def _lines(folder: Path) -> list[str]:
    """Reads the lines of the history; bytes that a disk has spoilt are no reason to read none of them."""
    path = folder / HISTORY_FILE
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
