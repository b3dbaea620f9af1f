"""Renders how the quality of a recipe grows with the rows that it is fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.evaluation import METRICS
from kerasline.components.report.drawing import Series, line_chart, show_apart
from kerasline.components.report.page import assets, environment
from kerasline.components.report.plots import Plot, make_plot

LEARNING_CURVE = "learning_curve.html.j2"
_LINES = {"value": "mean", "low": "low", "high": "high"}


def render_learning_curve(found: Mapping[str, Any]) -> str:
    """Makes the HTML.

    Args:
      found: What ``kerasline learning-curve --json`` writes.
    """
    plot, title = plot_shares(found), METRICS[found["metric"]].title
    page = environment().get_template(LEARNING_CURVE)
    return page.render(found=found, plot=plot, title=title, **assets(has_plots=plot is not None))


def plot_shares(found: Mapping[str, Any]) -> Plot | None:
    """Draws the metric over the rows, and pale the single seeds; None for fewer than two shares with a figure."""
    known = [one for one in found["shares"] if one["value"] is not None]
    if len(known) < 2:
        return None
    rows = [one["rows"] for one in known]
    name = METRICS[found["metric"]].title
    first, last = show_apart(known[0]["value"], known[-1]["value"])
    title = f"The {name} is {first} with {rows[0]:,} rows and {last} with {rows[-1]:,}"
    series = [Series(name, rows, [one[end] for one in known]) for end, name in _LINES.items() if _is_whole(known, end)]
    pale = [Series("", rows, list(values)) for values in zip(*(one["seeds"] for one in known), strict=True)]
    chart = line_chart(title, series, "train rows", f"{name}, eval split", marks=True, pale=pale)
    return make_plot(
        title, chart, "Mean of the seeds, and the ends of its 95 % interval over the eval rows; pale: single seeds"
    )


def _is_whole(known: Sequence[Mapping[str, Any]], end: str) -> bool:
    return all(one[end] is not None for one in known)
