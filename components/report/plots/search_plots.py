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
from kerasline.components.report.plots.plots import Plot, make_plot

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
    best = next(t for t in trials if t["number"] == tuning["best"])
    untuned = next((t for t in trials if t["number"] == tuning["untuned"]), None)
    if untuned is None:
        title = (
            f"Trial {best['number']} reached {words(tuning)} {show_figure(best['score'])}; the untuned config failed"
        )
    elif best is untuned:
        clearly = "" if choose(scores) == best["score"] else " by more than its fits differ"
        title = f"No trial beat the untuned config{clearly}: {words(tuning)} {show_figure(best['score'])}"
    else:
        title = (
            f"Trial {best['number']} took the {words(tuning)} from {show_figure(untuned['score'])} (untuned) to "
            f"{show_figure(best['score'])}"
        )
    series = [Series("best so far", numbers, so_far), Series("trial", numbers, scores)]
    chart = line_chart(title, series, "trial (0 is the untuned config)", words(tuning), marks=True, whole_x=True)
    failed = len(tuning["trials"]) - len(trials)
    return make_plot(title, chart, f"{failed} more failed" if failed else "")


def _plot_coordinates(tuning: Mapping[str, Any]) -> Plot | None:
    """Draws each trial as a line across its values; the best tenth stands out."""
    trials = _done(tuning)
    keys = [key for key in tuning["space"] if len({_text(t["values"].get(key)) for t in trials}) > 1]
    if len(trials) < 3 or not keys:
        return None
    order = [entry["key"] for entry in (tuning.get("importance") or {}).get("shares", [])]
    keys.sort(key=lambda key: order.index(key) if key in order else len(order))
    kept = keys[:_MOST_AXES]
    axes = [_axis(key, [t["values"].get(key, _ABSENT) for t in trials], tuning["space"][key]) for key in kept]
    scores = [float(t["score"]) for t in trials]
    axes.append(Axis(words(tuning), scores, _ends(scores)))
    ranked = sorted(range(len(trials)), key=lambda i: scores[i], reverse=tuning["direction"] == "max")
    top = ranked[: max(1, len(trials) // 10)]
    best = trials[ranked[0]]
    named = [key for key in kept if key in best["values"]][:3]
    settings = ", ".join(f"{_short(key)} {_show(best['values'][key])}" for key in named)
    equal = sum(score == scores[ranked[0]] for score in scores)
    title = f"The best of {len(trials)} trials has {settings}"
    if equal > 1:
        title = f"{equal} of {len(trials)} trials share the best {words(tuning)}; one of them has {settings}"
    untuned = next((i for i, t in enumerate(trials) if t["number"] == tuning["untuned"]), None)
    left_out = f"; the {len(keys) - len(kept)} least important keys are left out" if len(keys) > len(kept) else ""
    note = f"a line for each trial, from its values to its score{left_out}"
    chart = coordinates_chart(title, axes, top, untuned, best_name="best" if len(top) == 1 else f"best {len(top)}")
    return make_plot(title, chart, note, is_wide=True)


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
        is_log = (bool(entry.get("log")) or entry.get("scale") == "log") and min(known) > 0
        places = [None if v is _ABSENT else math.log(v) if is_log else float(v) for v in values]
        ends = [(math.log(value) if is_log else value, label) for value, label in _ends(known)]
        return Axis(_short(key), places, ends)
    offered = [_text(choice) for choice in entry.get("choice", [])]
    seen = [text for text in dict.fromkeys([*offered, *map(_text, known)]) if text in set(map(_text, known))]
    names = {text: _show(next(v for v in known if _text(v) == text)) for text in seen}
    places = [None if v is _ABSENT else float(seen.index(_text(v))) for v in values]
    return Axis(_short(key), places, [(float(place), names[text]) for place, text in enumerate(seen)])


def _ends(values: Sequence[float]) -> list[tuple[float, str]]:
    """Returns the least and the greatest value with what to write beside them; of equal ones a single label."""
    ends = sorted({min(values), max(values)})
    return list(zip(map(float, ends), show_all(ends), strict=True))


def _short(key: str) -> str:
    return key.split(".", 1)[-1]


def _show(value: Any) -> str:
    """Shows a value; of a block that names something, such as a schedule, the name."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return value["name"]
    return show(value) if type(value) in (int, float) else show_setting(value)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
