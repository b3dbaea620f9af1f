"""The plots of a hyperparameter search: the objective over the trials, their values side by side, what mattered."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.report.diagnosis import show_figure, show_setting
from kerasline.components.report.drawing import (
    Axis,
    Bar,
    Series,
    bar_chart,
    coordinates_chart,
    line_chart,
    show,
    show_all,
)
from kerasline.components.report.plots.plot import Plot, make_plot

_MOST_AXES = 9
_ABSENT = object()  # the value of a key in a trial that does not have it; null is a value


def plot_search(figures: Mapping[str, Any]) -> list[Plot]:
    """Draws the search of a run."""
    tuning = figures.get("tuning")
    if not tuning:
        return []
    plots = [_plot_trials(tuning), _plot_coordinates(tuning), _plot_importance(tuning)]
    return [plot for plot in plots if plot is not None]


def words(tuning: Mapping[str, Any]) -> str:
    """Names the objective for people."""
    return str(tuning["objective"]).replace("val_", "validation ").replace("_", " ")


def _done(tuning: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [trial for trial in tuning["trials"] if trial["score"] is not None]


def _plot_trials(tuning: Mapping[str, Any]) -> Plot:
    trials = _done(tuning)
    choose = max if tuning["direction"] == "max" else min
    numbers, scores = [t["number"] for t in trials], [t["score"] for t in trials]
    so_far = [choose(scores[: i + 1]) for i in range(len(scores))]
    title = _title_of_trials(tuning, trials, choose(scores))
    series = [Series("best so far", numbers, so_far), Series("trial", numbers, scores)]
    chart = line_chart(title, series, "trial (0 is the untuned config)", words(tuning), marks=True, whole_x=True)
    failed = len(tuning["trials"]) - len(trials)
    return make_plot(title, chart, f"{failed} more failed" if failed else "")


def _title_of_trials(tuning: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], best_score: float) -> str:
    """Says what the search won over the untuned config.

    Args:
      tuning: Figures of the search.
      trials: Those that have a score.
      best_score: Score that no trial beat; the winner may have another where fits differ by chance.
    """
    best = next(trial for trial in trials if trial["number"] == tuning["best"])
    untuned = next((trial for trial in trials if trial["number"] == tuning["untuned"]), None)
    reached = f"{words(tuning)} {show_figure(best['score'])}"
    if untuned is None:
        return f"Trial {best['number']} reached {reached}; the untuned config failed"
    if best is untuned:
        clearly = "" if best_score == best["score"] else " by more than its fits differ"
        return f"No trial beat the untuned config{clearly}: {reached}"
    return (
        f"Trial {best['number']} took the {words(tuning)} from {show_figure(untuned['score'])} (untuned) to "
        f"{show_figure(best['score'])}"
    )


def _plot_coordinates(tuning: Mapping[str, Any]) -> Plot | None:
    """Draws each trial as a line across its values; the best tenth stands out."""
    trials = _done(tuning)
    keys = _keys_by_importance(tuning, trials)
    if len(trials) < 3 or not keys:
        return None
    kept = keys[:_MOST_AXES]
    axes = [_axis(key, [t["values"].get(key, _ABSENT) for t in trials], tuning["space"][key]) for key in kept]
    scores = [float(t["score"]) for t in trials]
    axes.append(Axis(words(tuning), scores, _ends(scores), show_all(scores)))
    ranked = sorted(range(len(trials)), key=lambda i: scores[i], reverse=tuning["direction"] == "max")
    top = ranked[: max(1, len(trials) // 10)]
    title = _title_of_best(tuning, kept, trials[ranked[0]]["values"], scores.count(scores[ranked[0]]), len(trials))
    untuned = next((i for i, t in enumerate(trials) if t["number"] == tuning["untuned"]), None)
    left_out = f"; the {len(keys) - len(kept)} least important keys are left out" if len(keys) > len(kept) else ""
    note = f"a line for each trial, from its values to its score{left_out}"
    names = [f"trial {t['number']}" for t in trials]
    chart = coordinates_chart(title, axes, names, top, untuned)
    return make_plot(title, chart, note, is_wide=True)


def _keys_by_importance(tuning: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lists the keys that differ among trials, those that mattered most first."""
    keys = [key for key in tuning["space"] if len({_text(t["values"].get(key)) for t in trials}) > 1]
    order = [entry["key"] for entry in (tuning.get("importance") or {}).get("shares", [])]
    return sorted(keys, key=lambda key: order.index(key) if key in order else len(order))


def _title_of_best(tuning: Mapping[str, Any], keys: Sequence[str], best: Mapping[str, Any], equal: int, of: int) -> str:
    """Says what the best trial has.

    Args:
      tuning: Figures of the search.
      keys: Those that the plot shows.
      best: Values of the best trial by key.
      equal: Number of trials that share its score, itself among them.
      of: Number of all trials.
    """
    named = [key for key in keys if key in best][:3]
    settings = ", ".join(f"{_short(key)} {_show(best[key])}" for key in named)
    if equal > 1:
        return f"{equal} of {of} trials share the best {words(tuning)}; one of them has {settings}"
    return f"The best of {of} trials has {settings}"


def _plot_importance(tuning: Mapping[str, Any]) -> Plot | None:
    importance = tuning.get("importance")
    if not importance:
        return None
    shares = importance["shares"]
    first = shares[0]
    clear = len(shares) == 1 or first["interval"][0] > shares[1]["interval"][1]
    title = f"{_short(first['key'])} mattered most: it explains {first['share']:.0%} of what moved the {words(tuning)}"
    if importance["is_weak"] and clear:
        title = f"As far as {importance['trials']} trials can tell, {title}"
    elif importance["is_weak"]:
        title = f"{_short(first['key'])} seems to matter most, but {importance['trials']} trials say little"
    elif not clear:
        title = f"{_short(first['key'])} and {_short(shares[1]['key'])} mattered most; which more is not clear"
    bars = [Bar(e["key"], 100 * e["share"], (100 * e["interval"][0], 100 * e["interval"][1])) for e in shares]
    note = (
        "Main effects by functional ANOVA on a random forest over the trials; whiskers hold 80 % of its trees. What "
        "keys do only together is in none of them."
    )
    return make_plot(title, bar_chart(title, bars, "share of the variance between trials (%)"), note)


def _axis(key: str, values: Sequence[Any], entry: Mapping[str, Any]) -> Axis:
    """Places values on an axis: numbers by size, on a logarithmic range by their logarithm, all others side by side."""
    known = [value for value in values if value is not _ABSENT]
    if all(type(value) in (int, float) for value in known) and len(set(known)) > 1:
        return _axis_of_numbers(key, values, known, entry)
    return _axis_of_names(key, values, known, entry)


def _axis_of_numbers(key: str, values: Sequence[Any], known: Sequence[float], entry: Mapping[str, Any]) -> Axis:
    is_log = (bool(entry.get("log")) or entry.get("scale") == "log") and min(known) > 0
    place = math.log if is_log else float
    ends = [(place(value), label) for value, label in _ends(known)]
    places = [None if value is _ABSENT else place(value) for value in values]
    return Axis(_short(key), places, ends, _texts(values))


def _axis_of_names(key: str, values: Sequence[Any], known: Sequence[Any], entry: Mapping[str, Any]) -> Axis:
    """Places values side by side, in the order in which the space offers them."""
    named = {_text(value): value for value in reversed(known)}
    offered = [_text(choice) for choice in entry.get("choice", [])]
    seen = [text for text in dict.fromkeys([*offered, *map(_text, known)]) if text in named]
    places = [None if value is _ABSENT else float(seen.index(_text(value))) for value in values]
    labels = [(float(place), _show(named[text])) for place, text in enumerate(seen)]
    return Axis(_short(key), places, labels, _texts(values))


def _texts(values: Sequence[Any]) -> list[str]:
    """Shows each value; nothing for a key that a trial does not have."""
    return ["" if value is _ABSENT else _show(value) for value in values]


def _ends(values: Sequence[float]) -> list[tuple[float, str]]:
    """Returns the least and the greatest value with what to write beside them; of equal ones a single label."""
    ends = sorted({min(values), max(values)})
    return list(zip(map(float, ends), show_all(ends), strict=True))


def _short(key: str) -> str:
    return key.split(".", 1)[-1]


def _show(value: Any) -> str:
    """Shows a value; of a block that names something, such as a schedule, the name."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return str(value["name"])
    return show(value) if type(value) in (int, float) else show_setting(value)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
