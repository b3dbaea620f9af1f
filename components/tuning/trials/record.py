"""What is known of the trials of a search: a file for each that has ended, so that none is lost and none is in memory.

Light: reads and writes JSON only.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from kerasline.components.core import write_at_once

TRIALS_FILE = "trials.json"


def keep_trial(folder: Path, entry: dict[str, Any]) -> None:
    """Writes a trial that has ended, as a whole or not at all; one that was run again takes its own place.

    Args:
      folder: Folder of the records.
      entry: ``trial_id``, ``status`` (COMPLETED or FAILED), ``score`` (None where it failed), ``values`` by config
        key, ``reason`` (empty where it completed), ``seconds``, ``history`` (of the first fit) and, where it
        completed, ``scores`` (of each fit, whose mean is the score).
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_at_once(folder / f"{entry['trial_id']}.json", json.dumps(entry))


def read_trials(folder: Path) -> list[dict[str, Any]]:
    """Reads the trials that have ended, by their numbers."""
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return sorted(entries, key=lambda entry: int(entry["trial_id"]))


def best_score(entries: list[dict[str, Any]], way: str) -> float | None:
    """Returns the best score among trials, None where none completed."""
    scores: list[float] = [entry["score"] for entry in entries if entry["score"] is not None]
    if not scores:
        return None
    return max(scores) if way == "max" else min(scores)


def choose_winner(entries: list[dict[str, Any]], way: str) -> dict[str, Any]:
    """Returns the trial whose values are handed on.

    Of many trials that are as good as each other, one is ahead by chance. Where several fits score a trial, it has to
    be better than trial 0, the untuned config, by more than one standard error of the differences between their fits;
    where none is, trial 0 wins.

    Source: the one-standard-error rule, L. Breiman et al., Classification and Regression Trees (1984), section 3.4.3.

    Args:
      entries: Trials as :func:`read_trials` gives them; at least one completed.
      way: ``max`` or ``min``, of the objective.
    """
    sign = 1 if way == "max" else -1
    completed = [entry for entry in entries if entry["score"] is not None]
    ranked = sorted(completed, key=lambda entry: -sign * entry["score"])
    untuned = next((entry for entry in completed if int(entry["trial_id"]) == 0), None)
    if untuned is None or len(untuned["scores"]) == 1:
        return ranked[0]

    def is_clear(entry: dict[str, Any]) -> bool:
        gains = [sign * (mine - its) for mine, its in zip(entry["scores"], untuned["scores"], strict=True)]
        return bool(statistics.mean(gains) > statistics.stdev(gains) / len(gains) ** 0.5)

    return next((entry for entry in ranked if is_clear(entry)), untuned)
