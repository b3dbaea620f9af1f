"""How much each hyperparameter moved the objective: the main effects of a functional analysis of variance."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
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
      trials: Trials of a search with ``score`` (None where one failed) and ``values`` by key.
      space: The config's ``tuning.space``.

    Returns:
      ``shares``, most important first: ``key``, ``share`` (mean over the trees, 0 to 1) and ``interval`` (the middle
      80 % of the trees); ``trials``: how many completed; ``is_weak``: too few for the number of keys. None with fewer
      than five completed trials, or where all scores are equal.

    Source: Hutter, Hoos and Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014.
    """
    done = [trial for trial in trials if trial["score"] is not None]
    varied = _varied_keys(done, space)
    scores = np.array([trial["score"] for trial in done], dtype=np.float64)
    if len(done) < LEAST_TRIALS or not varied or np.ptp(scores) == 0:
        return None
    table = np.stack([_column(values, space[key]) for key, values in varied.items()], axis=1)
    shares = _shares_of_trees(table, scores)
    low, high = np.quantile(shares, (0.1, 0.9), axis=0)
    listed = [
        {"key": key, "share": float(shares[:, i].mean()), "interval": [float(low[i]), float(high[i])]}
        for i, key in enumerate(varied)
    ]
    return {
        "shares": sorted(listed, key=lambda entry: -entry["share"]),
        "trials": len(done),
        "is_weak": len(done) < _TRIALS_FOR_EACH_KEY * len(varied),
    }


def _varied_keys(trials: Sequence[Mapping[str, Any]], space: Iterable[str]) -> dict[str, list[Any]]:
    """Gathers the values of the keys that were not the same in all trials, None where a trial does not have the key."""
    values = {key: [trial["values"].get(key) for trial in trials] for key in space}
    return {key: tried for key, tried in values.items() if len(set(map(_text, tried))) > 1}


def _shares_of_trees(table: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Grows a forest that tells scores from values, and measures how much of each tree's variance each key explains.

    Args:
      table: float64 [trials, keys], the values as numbers.
      scores: float64 [trials].

    Returns:
      float64 [trees, keys], from 0 to 1.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(n_estimators=_TREES, min_samples_leaf=2, max_features=1.0, random_state=0)
    forest.fit(table, scores)
    return np.stack([_shares_of_key(forest.estimators_, table, place) for place in range(table.shape[1])], axis=1)


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
    """Turns the values of a key into numbers, float64 [trials].

    A trial that does not have the key gets a number of its own, below all others.
    """
    are_numbers = all(value is None or type(value) in (int, float) for value in values)
    numbers = _places_on_scale(values, entry) if are_numbers else _places_in_list(values, entry)
    known = [number for number in numbers if number is not None]
    missing = min(known) - (np.ptp(known) or 1.0)
    return np.array([missing if number is None else number for number in numbers], dtype=np.float64)


def _places_on_scale(values: Sequence[float | None], entry: Mapping[str, Any]) -> list[float | None]:
    """Places numbers on their range, which may be logarithmic."""
    is_log = bool(entry.get("log")) or entry.get("scale") == "log"
    return [_place(value, is_log) for value in values]


def _places_in_list(values: Sequence[Any], entry: Mapping[str, Any]) -> list[float | None]:
    """Places values in the order in which the space offers them; what it does not offer comes after."""
    offered = map(_text, entry.get("choice", []))
    places = {text: place for place, text in enumerate(dict.fromkeys([*offered, *map(_text, values)]))}
    return [None if value is None else float(places[_text(value)]) for value in values]


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
