"""What retrain decided, when and why: a line of JSON for each decision in ``schedules/NAME/decisions.jsonl``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_FILE = "decisions.jsonl"


@dataclass(frozen=True)
class Decision:
    """What was decided, why, and what came of it.

    Attributes:
      when: ISO 8601, UTC.
      run: whether a run was started.
      reason: in words.
      fingerprint: of the data that was there, empty where it could not be read.
      status: of the run (as in ``--json``); without one ``up_to_date``, or ``failed`` where the data could not be read.
      run_id: of the run, None without one.
      exit_code: of the run; without one 0, or 2 where the data could not be read.
      changed: what is not as it was for the model in production.
      evidence: the figures that the reason goes by, where the new rows were looked at.
      blessed: whether the run's model was good enough, None where there was none to judge.
      version: that the run put into production, None where it put none.
      message: of a run that did not end well.
    """

    when: str
    run: bool
    reason: str
    fingerprint: str
    status: str = "up_to_date"
    run_id: str | None = None
    exit_code: int = 0
    changed: Sequence[str] = ()
    evidence: Sequence[str] = ()
    blessed: bool | None = None
    version: int | None = None
    message: str = ""


def schedule_folder(workspace: Path, name: str) -> Path:
    """Returns the folder of a recipe's decisions and of the lock of its retrain, made where it is not there."""
    folder = workspace / "schedules" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def append_decision(folder: Path, decision: Decision) -> None:
    """Adds a decision; it is on the disk when this returns."""
    with open(folder / _FILE, "ab+") as file:
        # A line that a crash cut off must not swallow this one.
        if file.tell() and not _ends_a_line(file):
            file.write(b"\n")
        file.write(json.dumps(asdict(decision), ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_decisions(folder: Path) -> list[Decision]:
    """Reads the decisions of a recipe, oldest first; a line that a crash cut off is left out."""
    path = folder / _FILE
    decisions = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            decision = Decision(**json.loads(line))
        except (ValueError, TypeError):
            continue
        decisions.append(decision)
    return decisions


def list_decisions(workspace: Path) -> dict[str, list[Decision]]:
    """Returns the decisions of every recipe that was ever retrained in a workspace."""
    folders = sorted(path.parent for path in workspace.glob(f"schedules/*/{_FILE}"))
    return {folder.name: read_decisions(folder) for folder in folders}


def join_quiet(decisions: Iterable[Decision]) -> list[dict[str, Any]]:
    """Puts decisions in a row that led to no run for one and the same reason into one line.

    Returns:
      The fields of each line's last decision, with ``since`` (when the first was made) and ``times``.
    """
    lines: list[dict[str, Any]] = []
    for decision in decisions:
        told = {**asdict(decision), "since": decision.when, "times": 1}
        same = ("run", "reason", "status", "changed", "evidence")
        if lines and not decision.run and all(lines[-1][key] == told[key] for key in same):
            told |= {"since": lines[-1]["since"], "times": lines[-1]["times"] + 1}
            lines.pop()
        lines.append(told)
    return lines


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
