"""What is known of the trials of a search: a file for each that has ended, so that none is lost and none is in memory.

Light: reads and writes JSON only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

TRIALS_FILE = "trials.json"


def keep_trial(folder: Path, entry: dict[str, Any]) -> None:
    """Writes a trial that has ended, as a whole or not at all; one that was run again takes its own place.

    Args:
      folder: of the records.
      entry: ``trial_id``, ``status`` (COMPLETED or FAILED), ``score`` (None where it failed), ``values`` by config
        key, ``reason`` (empty where it completed), ``seconds``, ``history`` (of the first fit) and, where it
        completed, ``scores`` (of each fit, whose mean is the score).
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{entry['trial_id']}.part"
    temporary.write_text(json.dumps(entry), encoding="utf-8")
    os.replace(temporary, folder / f"{entry['trial_id']}.json")


def read_trials(folder: Path) -> list[dict[str, Any]]:
    """Reads the trials that have ended, by their numbers."""
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return sorted(entries, key=lambda entry: int(entry["trial_id"]))


def best_score(entries: list[dict[str, Any]], way: str) -> float | None:
    """Returns the best score among trials, None where none completed."""
    scores = [entry["score"] for entry in entries if entry["score"] is not None]
    return (max if way == "max" else min)(scores) if scores else None
