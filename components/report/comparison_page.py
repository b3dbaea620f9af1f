"""Renders two runs side by side as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.evaluation import METRICS
from kerasline.components.report.drawing import Series, line_chart, show_apart
from kerasline.components.report.page import assets, environment
from kerasline.components.report.plots import Plot, make_plot

COMPARISON = "comparison.html.j2"


def render_comparison(comparison: Mapping[str, Any]) -> str:
    """Makes the HTML.

    Args:
      comparison: from the command: ``a``, ``b``, ``changes``, ``same_data``, ``metrics``, ``predictions`` (whose
        examples have ``image``, a data URI or None, and ``values``) and ``why_not``.
    """
    values = {**comparison, "rows": comparison["metrics"], "metrics": METRICS}
    template = environment().get_template(COMPARISON)
    curves = plot_both(comparison)
    return template.render(**values, finding=describe(comparison), curves=curves, **assets(has_plots=bool(curves)))


def describe(comparison: Mapping[str, Any]) -> str:
    """Says in one sentence which run is better, where more than luck speaks for it."""
    rows = [row for row in comparison["metrics"] if row["change"] is not None]
    if not rows:
        return "No metric was measured in both runs"
    row = rows[0]
    title = METRICS[row["name"]].title
    a, b = show_apart(row["a"], row["b"])
    if row["is_better"] is None:
        return f"A and B have the same {title} of {a}"
    doubt = _doubt(row, comparison["predictions"])
    if doubt:
        return f"No clear difference: {title} {b} in B instead of {a} in A, {doubt}"
    sure = ", more than luck explains" if comparison["predictions"] else ""
    return f"B is {'better' if row['is_better'] else 'worse'}: {title} {b} instead of {a}{sure}"


_LUCK = 0.05


def _doubt(row: Mapping[str, Any], predictions: Mapping[str, Any] | None) -> str:
    """Says why a difference may be none: by the rows that changed, or else by the intervals; empty where it is one."""
    if predictions and predictions["chance"] is not None:
        return "which may be luck" if predictions["chance"] > _LUCK else ""
    if predictions:
        return "and no row is answered better or worse"
    first, second = row["interval_a"], row["interval_b"]
    if not first or not second:
        return "and nothing says how much of that is luck"
    return "and their 95 % intervals overlap" if first[0] <= second[1] and second[0] <= first[1] else ""


def plot_both(comparison: Mapping[str, Any]) -> list[Plot]:
    """Draws the validation curves (or the training ones) of both runs over each other."""
    histories = [comparison[run]["figures"]["history"] or {} for run in ("a", "b")]
    names = [name for name in histories[0] if name in histories[1] and not name.startswith("val_")]
    return [_plot_curve(name, histories) for name in names[:3] if name != "learning_rate"]


def _plot_curve(name: str, histories: Sequence[Mapping[str, Sequence[float]]]) -> Plot:
    is_held_out = all(f"val_{name}" in history for history in histories)
    key, part = (f"val_{name}", "validation") if is_held_out else (name, "training")
    series = [
        Series(letter, list(range(1, len(history[key]) + 1)), history[key])
        for letter, history in zip("AB", histories, strict=True)
    ]
    words = METRICS[name].title if name in METRICS else name.replace("_", " ")
    ends = show_apart(series[0].y[-1], series[1].y[-1])
    title = f"The {part} {words} ended at {ends[0]} in A and {ends[1]} in B"
    return make_plot(title, line_chart(title, series, "epoch", words, marks=True, whole_x=True))
