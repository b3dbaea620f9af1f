"""What retrain decided, when and why: a line of JSON for each decision in ``schedules/NAME/decisions.jsonl``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

DECISIONS_FILE = "decisions.jsonl"


@dataclass(frozen=True)
class Decision:
    """What was decided, why, and what came of it.

    Attributes:
      when: ISO 8601, UTC.
      run: whether a run was started.
      reason: in words.
      fingerprint: of the data that was there, empty where it could not be read.
      status: of the run (as in ``--json``), ``timed_out``, or ``interrupted`` where a signal ended it; without a run
        ``up_to_date``, or ``failed`` where the data could not be read.
      run_id: of the run, None without one.
      exit_code: of the run, 124 when it ran out of time, 128 and more when a signal ended it; without one 0, or that of
        what was in the way of a decision.
      changed: what is not as it was for the model in production.
      evidence: the figures that the reason goes by, where the new rows were looked at.
      blessed: whether the run's model was good enough, None where there was none to judge.
      version: that the run put into production, None where it put none.
      challenger: that the run pushed beside what is in production, None where it pushed none.
      message: of a run that did not end well.
      untold: who could not be told, and why.
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
    challenger: int | None = None
    message: str = ""
    untold: Sequence[str] = ()


def schedule_folder(workspace: Path, name: str) -> Path:
    """Returns the folder of a recipe's decisions and of the lock of its retrain, made where it is not there."""
    folder = workspace / "schedules" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def append_decision(folder: Path, decision: Decision) -> None:
    """Adds a decision; it is on the disk when this returns."""
    told = asdict(decision)
    if not decision.untold:  # known later than the rest, if at all
        del told["untold"]
    _append_line(folder, told)


def append_untold(folder: Path, untold: Sequence[str]) -> None:
    """Adds to the last decision who could not be told of it, if there is anybody."""
    if untold:
        _append_line(folder, {"untold": list(untold)})


def _append_line(folder: Path, told: dict[str, Any]) -> None:
    with open(folder / DECISIONS_FILE, "ab+") as file:
        # A line that a crash cut off must not swallow this one.
        if file.tell() and not _ends_a_line(file):
            file.write(b"\n")
        file.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_decisions(folder: Path) -> list[Decision]:
    """Reads the decisions of a recipe, oldest first; a line that a crash cut off is left out."""
    path = folder / DECISIONS_FILE
    decisions: list[Decision] = []
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            told = json.loads(line.decode())
            if decisions and set(told) == {"untold"}:
                decisions[-1] = replace(decisions[-1], untold=told["untold"])
            else:
                decisions.append(Decision(**told))
        except (ValueError, TypeError):
            continue
    return decisions


def list_decisions(workspace: Path) -> dict[str, list[Decision]]:
    """Returns the decisions of every recipe that was ever retrained in a workspace."""
    folders = sorted(path.parent for path in workspace.glob(f"schedules/*/{DECISIONS_FILE}"))
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


def _ends_a_line(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
