"""Renders what a backtest found: quality from span to span under each schedule, what it took, and which to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.core import counted
from kerasline.components.evaluation import METRICS
from kerasline.components.report.drawing import Bar, Series, bar_chart, line_chart, show
from kerasline.components.report.page import assets, environment
from kerasline.components.report.plots import Plot, make_plot

BACKTEST = "backtest.html.j2"
_MOST_LINES = 4  # that a plot tells apart
_REFUSED = {"data": "by the data gate", "model": "by the model gate", "failed": "failed"}
_MODELS = ("pushed", "up_to_date")  # what became of a fit whose model was taken


def render_backtest(found: Mapping[str, Any]) -> str:
    """Makes the HTML.

    Args:
      found: as ``kerasline backtest --json`` writes it.
    """
    plots = [plot for plot in (plot_spans(found), plot_schedules(found)) if plot is not None]
    title = METRICS[found["metric"]].title if found["metric"] else "quality"
    told = {"found": found, "plots": plots, "metric": title, "schedules": [_row(found, one) for one in _ordered(found)]}
    told |= {"spans": _spans(found), "fits": _fits(found)}
    return (
        environment().get_template(BACKTEST).render(**told, headline=headline(found), **assets(has_plots=bool(plots)))
    )


def headline(found: Mapping[str, Any]) -> str:
    """Says in a sentence which schedule to take, and why."""
    if found["recommended"] is None:
        return f"No schedule is recommended: {found['reason']}"
    return f"Take {found['recommended']}: {found['reason']}"


def plot_spans(found: Mapping[str, Any]) -> Plot | None:
    """Draws the deciding metric from span to span; None for fewer than two spans with a figure."""
    ordered = _ordered(found)[:_MOST_LINES]
    series = [_course(one, found["metric"]) for one in ordered]
    shown = [line for line in series if sum(value == value for value in line.y) > 1]
    if not shown:
        return None
    names = [look["span"] for look in ordered[0]["over_time"]]
    y_label = METRICS[found["metric"]].title
    more = len(found["schedules"]) - len(ordered)
    note = f"span 1 is {names[0]}, span {len(names)} is {names[-1]}"
    note += f"; {counted(more, 'schedule')} more stand in the tables" if more else ""
    title = f"{y_label} on each span, by a model that had not seen it"
    return make_plot(title, line_chart(title, shown, "span", y_label, marks=True, whole_x=True), note)


def plot_schedules(found: Mapping[str, Any]) -> Plot | None:
    """Draws the mean of the deciding metric under each schedule; None where nothing was measured."""
    measured = [
        (one, figure)
        for one in _ordered(found)
        if (figure := one["quality"].get(found["metric"])) and figure["value"] is not None
    ]
    if not measured:
        return None
    bars = [
        Bar(f"{one['name']}, {counted(one['runs'], 'run')}", figure["value"], _interval(figure), _is_chosen(found, one))
        for one, figure in measured
    ]
    y_label = METRICS[found["metric"]].title
    title = f"{y_label} over all spans: {measured[0][0]['name']} has {show(bars[0].value)}"
    return make_plot(title, bar_chart(title, bars, y_label), "The whiskers are 95 % intervals.")


def _ordered(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Lists the schedules, the recommended one first and then the better ones."""
    sign = -1 if found["metric"] is None or METRICS[found["metric"]].higher_is_better else 1

    def place(one: Mapping[str, Any]) -> tuple[bool, bool, float]:
        value = (one["quality"].get(found["metric"]) or {}).get("value")
        return not _is_chosen(found, one), value is None, 0.0 if value is None else sign * value

    return sorted(found["schedules"], key=place)


def _is_chosen(found: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    return bool(one["name"] == found["recommended"])


def _interval(figure: Mapping[str, float | None]) -> tuple[float, float] | None:
    low, high = figure["low"], figure["high"]
    return None if low is None or high is None else (low, high)


def _course(one: Mapping[str, Any], metric: str | None) -> Series:
    """Returns the figure of each span, with a gap where there is none."""
    values = [_figure(look, metric) for look in one["over_time"]]
    return Series(one["name"], range(1, len(values) + 1), [float("nan") if v is None else v for v in values])


def _figure(look: Mapping[str, Any], metric: str | None) -> float | None:
    value = look["metrics"].get(metric, {}).get("value")
    return None if value is None else float(value)


def _row(found: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """Gives what the table says of a schedule."""
    refused = [f"{count} {_REFUSED[name]}" for name, count in one["refused"].items() if count]
    told = {"name": one["name"], "runs": one["runs"], "minutes": one["seconds"] / 60, "refused": ", ".join(refused)}
    compared = one["compared"]
    is_behind = compared is not None and (compared["difference"] or compared["beyond_noise"])
    told |= {"figure": one["quality"].get(found["metric"]), "compared": compared, "is_behind": is_behind}
    return {**told, "is_chosen": _is_chosen(found, one)}


def _spans(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Gives a row for each span: its rows, and the figure under each schedule with the spans of the model behind it."""
    ordered = _ordered(found)
    return [
        {
            "span": looks[0]["span"],
            "rows": max(look["rows"] for look in looks),
            "cells": [{"value": _figure(look, found["metric"]), "model": look["model"]} for look in looks],
        }
        for looks in zip(*(one["over_time"] for one in ordered), strict=True)
    ]


def _fits(found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Gives the runs of every schedule."""
    return [
        {**fit, "schedule": one["name"], "is_taken": fit["status"] in _MODELS}
        for one in _ordered(found)
        for fit in one["fits"]
    ]
