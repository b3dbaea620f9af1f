"""The hyperparameter search as the Tuner's results tell it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasline.components.models import direction
from kerasline.components.report.figures.importance import key_importance

TRIALS_FILE = "trials.json"


def read_trials(folder: str | None, tuning: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Reads the trials of a search.

    Args:
      folder: The TunerResults artifact, or None.
      tuning: The config's ``tuning`` block.

    Returns:
      ``objective``, ``direction`` (max or min), ``wanted`` (trials asked for), ``algorithm``, ``budget``, ``space``;
      ``trials`` in the order of their numbers (``number``, ``score``, ``range`` (the lowest and the highest score of
      its fits, None where there is one only), ``values``, ``epochs``, ``seconds``, and ``reason`` where one failed,
      whose score is None); ``best`` and ``untuned`` (their numbers, the latter None where trial 0 failed); ``fits``:
      how many fits a score is the mean of; ``changed``: for each key that the winner sets differently from the untuned
      config, ``key``, ``untuned`` and ``tuned``, None where one of the two does not have it; ``moved``: how much better
      the winner's score is than the untuned one's, None without that; and ``importance`` (see
      :func:`~kerasline.components.report.figures.importance.key_importance`). None where there was no search.
    """
    path = Path(folder or "", TRIALS_FILE)
    if folder is None or tuning is None or not path.is_file():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    trials = sorted(map(_trial, stored["trials"]), key=lambda trial: trial["number"])
    by_number = {trial["number"]: trial for trial in trials}
    best = by_number[int(stored["best"])]
    way = direction(tuning["objective"], tuning.get("mode", "auto"))
    return {
        "objective": tuning["objective"],
        "direction": way,
        "wanted": tuning.get("max_trials"),
        "algorithm": tuning.get("algorithm"),
        "budget": tuning.get("budget"),
        "space": dict(tuning["space"]),
        "trials": trials,
        "best": best["number"],
        "fits": max(len(entry.get("scores") or [0]) for entry in stored["trials"]),
        **_compare_with_untuned(by_number.get(0), best, way),
        "importance": key_importance(trials, tuning["space"]),
    }


def _compare_with_untuned(untuned: Mapping[str, Any] | None, best: Mapping[str, Any], way: str) -> dict[str, Any]:
    """Says what the winner sets differently from the config as it stands, and how much better it is for that.

    Args:
      untuned: Trial 0, which tries that config; None where there is no such trial.
      best: The winner.
      way: ``max`` or ``min``.
    """
    # A trial that failed has no score to compare with.
    if untuned is None or untuned["score"] is None:
        return {"untuned": None, "changed": [], "moved": None}
    return {
        "untuned": untuned["number"],
        "changed": _changes(untuned["values"], best["values"]),
        "moved": _moved(untuned["score"], best["score"], way),
    }


def _trial(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Turns what the Tuner stored of a trial into what the report tells of it."""
    scores = entry.get("scores") or []
    return {
        "number": int(entry["trial_id"]),
        "score": entry["score"],
        "range": [min(scores), max(scores)] if len(scores) > 1 else None,
        "values": entry["values"],
        "epochs": len(entry["history"].get("loss", [])),
        "seconds": entry["seconds"],
        "reason": entry["reason"],
    }


def _moved(untuned: float, tuned: float, way: str) -> float:
    """Returns how much better one score is than another; none is 0, and not -0."""
    return ((tuned - untuned) * (1 if way == "max" else -1)) or 0.0


def _changes(untuned: Mapping[str, Any], tuned: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lists the keys whose values differ."""
    return [
        {"key": key, "untuned": untuned.get(key), "tuned": tuned.get(key)}
        for key in dict.fromkeys([*tuned, *untuned])
        if untuned.get(key) != tuned.get(key)
    ]
