"""How much each hyperparameter moved the objective: the main effects of a functional analysis of variance."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LEAST_TRIALS = 5  # completed ones, before anything is said
_TRIALS_FOR_EACH_KEY = 10  # fewer than this times the keys, and the estimate is called weak
_TREES = 64
_POSITIONS = 16  # at which the effect of a range is looked at


def key_importance(
    trials: Sequence[Mapping[str, Any]], space: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Estimates the share of the objective's variance that each key explains by itself.

    A random forest learns the score from the values; for each tree, a key's effect at a value is the tree's mean
    prediction over all trials with that value put in, and the key's share the variance of its effect over that of the
    predictions. What keys do only together belongs to none of them, so the shares need not add up to 1.

    Args:
      trials: with ``score`` (None where one failed) and ``values`` by key.
      space: the config's ``tuning.space``.

    Returns:
      ``shares``, most important first: ``key``, ``share`` (mean over the trees, 0 to 1) and ``interval`` (the middle
      80 % of the trees); ``trials``: how many completed; ``is_weak``: too few for the number of keys. None with fewer
      than five completed trials, or where all scores are equal.

    Source: Hutter, Hoos and Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014.
    """
    done = [trial for trial in trials if trial["score"] is not None]
    keys = [key for key in space if len({_text(trial["values"].get(key)) for trial in done}) > 1]
    scores = np.array([trial["score"] for trial in done], dtype=np.float64)
    if len(done) < LEAST_TRIALS or not keys or np.ptp(scores) == 0:
        return None
    from sklearn.ensemble import RandomForestRegressor

    table = np.stack([_column([t["values"].get(key) for t in done], space[key]) for key in keys], axis=1)
    forest = RandomForestRegressor(n_estimators=_TREES, min_samples_leaf=2, max_features=1.0, random_state=0)
    forest.fit(table, scores)
    shares = np.stack([_shares_of_key(forest.estimators_, table, place) for place in range(len(keys))], axis=1)
    low, high = np.quantile(shares, (0.1, 0.9), axis=0)
    listed = [
        {"key": key, "share": float(shares[:, i].mean()), "interval": [float(low[i]), float(high[i])]}
        for i, key in enumerate(keys)
    ]
    return {
        "shares": sorted(listed, key=lambda entry: -entry["share"]),
        "trials": len(done),
        "is_weak": len(done) < _TRIALS_FOR_EACH_KEY * len(keys),
    }


def _shares_of_key(trees: Sequence[Any], table: np.ndarray, place: int) -> np.ndarray:
    """Measures how much of each tree's variance one key explains.

    Args:
      trees: Fitted trees of a forest.
      table: float64 [trials, keys], the values of the trials as numbers.
      place: Column of the key.

    Returns:
      float64 [trees], from 0 to 1.
    """
    values = np.unique(table[:, place])
    if len(values) > _POSITIONS:
        values = np.quantile(table[:, place], (np.arange(_POSITIONS) + 0.5) / _POSITIONS)
    weights = _weights(values, table[:, place])
    # Every trial with each of the values put in.
    moved = np.repeat(table[None], len(values), axis=0)
    moved[:, :, place] = values[:, None]
    shares = np.zeros(len(trees))
    for index, tree in enumerate(trees):
        whole = tree.predict(table).var()
        effect = tree.predict(moved.reshape(-1, table.shape[1])).reshape(len(values), -1).mean(axis=1)
        mean = (weights * effect).sum()
        # A tree of few trials can give the effect more variance than its own predictions have.
        shares[index] = min((weights * (effect - mean) ** 2).sum() / whole, 1.0) if whole > 0 else 0.0
    return shares


def _column(values: Sequence[Any], entry: Mapping[str, Any]) -> np.ndarray:
    """Turns values into numbers: those of a logarithmic range by their logarithm, others than numbers by their place.

    A key that a trial does not have is a value of its own, below all others.
    """
    if all(value is None or type(value) in (int, float) for value in values):
        is_log = bool(entry.get("log")) or entry.get("scale") == "log"
        numbers = [_place(value, is_log) for value in values]
    else:
        offered = [_text(choice) for choice in entry.get("choice", [])]
        places = {text: place for place, text in enumerate(dict.fromkeys([*offered, *map(_text, values)]))}
        numbers = [None if value is None else float(places[_text(value)]) for value in values]
    known = [number for number in numbers if number is not None]
    missing = min(known) - (np.ptp(known) or 1.0)
    return np.array([missing if number is None else number for number in numbers], dtype=np.float64)


def _place(value: float | None, is_log: bool) -> float | None:
    """Returns where a number stands on its scale; zero and below have no logarithm and stay what they are."""
    if value is None:
        return None
    return math.log(value) if is_log and value > 0 else float(value)


def _weights(values: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Weighs values by how many trials are nearest to each."""
    nearest = np.abs(column[:, None] - values[None]).argmin(axis=1)
    return np.bincount(nearest, minlength=len(values)) / len(column)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
