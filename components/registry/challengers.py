"""The version that challenges the one in production: which, how, since when, and how that ended.

``MODELS/NAME/challenger.json`` names it; its beginning and its end are lines of the history, beside the moves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kerasline.components.registry.pointer import HISTORY_FILE, current_version, read_events
from kerasline.components.registry.versions import list_versions
from kerasline.components.registry.writing import append_line, now_text, who_text, write_json

CHALLENGER_FILE = "challenger.json"
CHALLENGE, DROP = "challenge", "drop"  # actions of the history that move nothing


@dataclass(frozen=True)
class Challenger:
    """A version beside the one in production.

    Attributes:
      version: its number.
      kind: ``manual`` (no request goes to it), ``shadow`` or ``canary``.
      share: of the requests that a canary answers, 0..1.
      rollback_on: limits that end it: ``p99_ms``, ``error_rate``, ``metric_drop``.
      since: when it began, as ISO 8601; empty of one that only a server knows.
    """

    version: int
    kind: str
    share: float = 0.0
    rollback_on: Mapping[str, float] = field(default_factory=dict)
    since: str = ""


def read_challenger(folder: Path) -> Challenger | None:
    """Returns the challenger of a model; None where there is none, it is in production by now, or it is deleted."""
    path = folder / CHALLENGER_FILE
    if not path.is_file():
        return None
    found = Challenger(**json.loads(path.read_text(encoding="utf-8")))
    is_there = found.version != current_version(folder) and found.version in list_versions(folder)
    return found if is_there else None


def set_challenger(folder: Path, challenger: Challenger, reason: str) -> None:
    """Lets a version challenge the one in production, in the place of another; hold the registry lock.

    Args:
      folder: The model's folder, ``MODELS/NAME``.
      challenger: Which version, and how; nothing is done where it challenges already.
      reason: For the history.
    """
    before = read_challenger(folder)
    begun = replace(challenger, since=before.since if before else "")
    if before == begun:
        _complete(folder, begun, reason)  # a process may have ended between the file and its line
        return
    if before and before.version != challenger.version:
        drop_challenger(folder, f"version {challenger.version} took its place")
    # To the microsecond, so that it tells two challenges of a version apart.
    begun = replace(challenger, since=datetime.now(UTC).isoformat())
    write_json(folder / CHALLENGER_FILE, asdict(begun))
    _complete(folder, begun, reason)


def _complete(folder: Path, begun: Challenger, reason: str) -> None:
    _tell_once(folder, {"action": CHALLENGE, **asdict(begun)}, reason)


def drop_challenger(folder: Path, reason: str, evidence: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Ends a challenge without a move of production; hold the registry lock.

    Args:
      folder: The model's folder, ``MODELS/NAME``.
      reason: For the history.
      evidence: Goes with it.

    Returns:
      The line of the history, or None where there is no challenger.
    """
    challenger = read_challenger(folder)
    if challenger is None:
        return None
    line = {"action": DROP, "version": challenger.version, "since": challenger.since}
    told = _tell_once(folder, line, reason, {} if evidence is None else {"evidence": evidence})
    (folder / CHALLENGER_FILE).unlink()
    return told


def _tell_once(
    folder: Path, line: Mapping[str, Any], reason: str, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Appends a line to the history, unless it is there since the process that wrote it was killed then."""
    for event in read_events(folder):
        if {key: event.get(key) for key in line} == line:
            return event
    whole = {**line, "moved_at": now_text(), "reason": reason, "who": who_text(), **(more or {})}
    append_line(folder / HISTORY_FILE, whole)
    return whole


def forget_challenger(folder: Path, *versions: int | None) -> None:
    """Removes the challenger's file where it names one of some versions, which were or are in production."""
    path = folder / CHALLENGER_FILE
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("version") in versions:
        path.unlink()


def find_drop(folder: Path, version: int) -> dict[str, Any] | None:
    """Returns the line of the history that says why a version was dropped, None where it challenges or never did."""
    events = [event for event in read_events(folder) if event["version"] == version]
    return events[-1] if events and events[-1].get("action") == DROP else None
