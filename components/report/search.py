"""The hyperparameter search as the Tuner's results tell it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.models.heads import direction

RESULTS_FILE = "tuner_results.json"


def read_trials(folder: str | None, tuning: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Reads the trials of a search.

    Args:
      folder: the TunerResults artifact, or None.
      tuning: the config's ``tuning`` block.

    Returns:
      ``objective``, ``direction`` (max or min), ``wanted`` (trials asked for), ``trials`` in the order in which they
      ran (``number``, ``score``, ``values``), ``best`` and ``untuned`` (their numbers, the latter None where trial 0
      failed), and ``changed``: for each key that the winner sets differently from the untuned config, ``key``,
      ``untuned`` and ``tuned``. None where there was no search.
    """
    path = Path(folder or "", RESULTS_FILE)
    if folder is None or tuning is None or not path.is_file():
        return None
    space = list(tuning["space"])
    trials: list[dict[str, Any]] = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        if entry.get("score") is None:
            continue
        values = {key: _decode(entry[key]) for key in space if key in entry}
        trials.append({"number": int(entry["trial_id"]), "score": float(entry["score"]), "values": values})
    if not trials:
        return None
    trials.sort(key=lambda trial: trial["number"])
    objective = tuning["objective"]
    way = direction(objective)
    best = (max if way == "max" else min)(trials, key=lambda trial: trial["score"])
    untuned = next((trial for trial in trials if trial["number"] == 0), None)
    changed = [
        {"key": key, "untuned": untuned["values"].get(key), "tuned": value}
        for key, value in best["values"].items()
        if untuned is not None and untuned["values"].get(key) != value
    ]
    return {
        "objective": objective,
        "direction": way,
        "wanted": tuning.get("max_trials"),
        "trials": trials,
        "best": best["number"],
        "untuned": untuned["number"] if untuned else None,
        "changed": changed,
    }


def _decode(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value.startswith(("[", "{")) else value
