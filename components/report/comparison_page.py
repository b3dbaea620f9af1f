"""Renders two runs side by side as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasline.components.metrics import METRICS
from kerasline.components.report.charts import Series, line_chart
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
    return template.render(**values, finding=describe(comparison), curves=plot_both(comparison), **assets())


def describe(comparison: Mapping[str, Any]) -> str:
    """Says in one sentence which run is better, and whether that may be luck."""
    rows = [row for row in comparison["metrics"] if row["change"] is not None]
    if not rows:
        return "No metric was measured in both runs"
    row = rows[0]
    title = METRICS[row["name"]].title
    if row["is_better"] is None:
        text = f"A and B have the same {title} of {row['a']:.4g}"
    else:
        text = f"B is {'better' if row['is_better'] else 'worse'}: {title} {row['b']:.4g} instead of {row['a']:.4g}"
    predictions = comparison["predictions"]
    if not predictions or predictions["chance"] is None or row["is_better"] is None:
        return text
    return f"{text}, {'which may be luck' if predictions['chance'] > 0.05 else 'more than luck explains'}"


def plot_both(comparison: Mapping[str, Any]) -> list[Plot]:
    """Draws the validation curves (or the training ones) of both runs over each other."""
    histories = [comparison[run]["figures"]["history"] or {} for run in ("a", "b")]
    plots = []
    for name in [name for name in histories[0] if name in histories[1] and not name.startswith("val_")][:3]:
        if name == "learning_rate":
            continue
        is_held_out = all(f"val_{name}" in history for history in histories)
        key = f"val_{name}" if is_held_out else name
        series = [
            Series(letter, list(range(1, len(history[key]) + 1)), history[key])
            for letter, history in zip("AB", histories, strict=True)
        ]
        part = "validation" if is_held_out else "training"
        words = METRICS[name].title if name in METRICS else name.replace("_", " ")
        title = f"The {part} {words} ended at {series[0].y[-1]:.4g} in A and {series[1].y[-1]:.4g} in B"
        plots.append(make_plot(title, line_chart(title, series, "epoch", words, marks=True, whole_x=True)))
    return plots
