"""Renders what a served model was asked and answered: alarms, quality and drift, as a whole and from day to day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.core import counted
from kerasline.components.evaluation import METRICS
from kerasline.components.report.drawing import Series, line_chart, show_apart
from kerasline.components.report.page import assets, environment
from kerasline.components.report.plots import Plot, make_plot

WATCH = "watch.html.j2"
_KINDS = {"quality": "by labels", "estimated": "estimated"}
_MOST_COLUMNS = 4  # lines that a plot tells apart
# What a line of a model's history means for the version that it names.
_EVENTS = {
    "push": "was pushed into production",
    "promote": "was promoted",
    "rollback": "took over again in a rollback",
    "challenge": "began to challenge production",
    "drop": "challenged no more",
}


def render_watch(
    found: Mapping[str, Any],
    days: Mapping[str, Mapping[str, Any]],
    versions: Sequence[Mapping[str, Any]],
    earlier: Sequence[Mapping[str, Any]] = (),
    events: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Makes the HTML.

    Args:
      found: the look as a whole, as ``kerasline monitor --json`` writes it.
      days: the same for each day of the version, oldest first.
      versions: ``version``, ``from`` and ``to`` of all that have answered.
      earlier: ``at``, ``version`` and ``alarms`` of looks before this one that had some, oldest first.
      events: lines of the model's history, oldest first.
    """
    plots = [plot for plot in (plot_quality(days), plot_drift(found, days)) if plot is not None]
    drift = sorted(found["drift"].items(), key=lambda item: -_in_limits(item[1]))
    told = {"found": found, "days": days, "versions": versions, "plots": plots, "drift": drift, "metrics": METRICS}
    told |= {"earlier": list(reversed(earlier)), "decisions": [_decision(event) for event in reversed(events)]}
    return environment().get_template(WATCH).render(**told, headline=headline(found), **assets(has_plots=bool(plots)))


def _decision(event: Mapping[str, Any]) -> dict[str, str]:
    """Says what a line of the history decided, when, why and by whom; earlier releases wrote less."""
    what = _EVENTS.get(event.get("action", "push"), event.get("action"))
    told = {"what": f"version {event['version']} {what}", "at": event["moved_at"], "reason": event["reason"]}
    return {**told, "who": event.get("who") or ""}


def headline(found: Mapping[str, Any]) -> str:
    """Says in a sentence whether there is something to be alarmed about."""
    alarms = found["alarms"]
    if not found["answered"]:
        return f"Nothing that version {found['version']} answered is captured"
    rows = f"{found['answered']:,} rows that version {found['version']} answered"
    if not alarms:
        return f"No alarm in {rows}"
    names = ", ".join(dict.fromkeys(alarm["name"] for alarm in alarms))
    return f"{counted(len(alarms), 'alarm')} in {rows}: {names}"


def plot_quality(days: Mapping[str, Mapping[str, Any]]) -> Plot | None:
    """Draws the main metric over the days, by labels and as estimated; None for fewer than two days with a figure."""
    metric = next((name for look in days.values() for kind in _KINDS for name in look[kind]), None)
    if metric is None:
        return None
    series = [
        _course(title, days, lambda look, kind=kind: _value(look[kind], metric)) for kind, title in _KINDS.items()
    ]
    shown = [line for line in series if len(line.y) > 1]
    if not shown:
        return None
    last, first = show_apart(shown[0].y[-1], shown[0].y[0])
    title = f"{METRICS[metric].title} {shown[0].name}: {last} on the last day, {first} on the first"
    return _over_days(title, shown, METRICS[metric].title, days)


def plot_drift(found: Mapping[str, Any], days: Mapping[str, Mapping[str, Any]]) -> Plot | None:
    """Draws how far the columns that drift most are from their limits; None for fewer than two days."""
    worst = sorted(found["drift"], key=lambda name: -_in_limits(found["drift"][name]))[:_MOST_COLUMNS]
    series = [_course(name, days, lambda look, name=name: _ratio(look, name)) for name in worst]
    shown = [line for line in series if len(line.y) > 1]
    if not shown:
        return None
    title = f"{shown[0].name} has drifted most: {shown[0].y[-1]:.1f} times its limit on the last day"
    return _over_days(title, shown, "distance, in limits", days)


def _over_days(title: str, series: Sequence[Series], y_label: str, days: Mapping[str, Any]) -> Plot:
    names = list(days)
    note = f"day 1 is {names[0]}, day {len(names)} is {names[-1]}"
    return make_plot(title, line_chart(title, series, "day", y_label, marks=True, whole_x=True), note)


def _course(name: str, days: Mapping[str, Mapping[str, Any]], value: Any) -> Series:
    """Returns the days that have a figure, and the figures."""
    known = [(number, value(look)) for number, look in enumerate(days.values(), 1)]
    points = [(number, figure) for number, figure in known if figure is not None]
    return Series(name, [number for number, _ in points], [figure for _, figure in points])


def _value(figures: Mapping[str, Mapping[str, Any]], metric: str) -> float | None:
    value = figures.get(metric, {}).get("value")
    return None if value is None else float(value)


def _ratio(look: Mapping[str, Any], name: str) -> float | None:
    return _in_limits(look["drift"][name]) if name in look["drift"] else None


def _in_limits(drift: Mapping[str, Any]) -> float:
    """Returns a distance as a multiple of its limit."""
    return float(drift["distance"] / max(drift["limit"], 1e-12))
