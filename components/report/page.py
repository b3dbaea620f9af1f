"""Renders the figures of a run as one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

from components.metrics import METRICS
from components.report.figures import RunFolders, load_predictions
from components.report.plots import confusion_counts, confusion_plot, curve_plot, residual_plot

CLASSES_IN_MATRIX = 30  # more do not fit a page


def write_page(path: Path, figures: Mapping[str, Any], folders: RunFolders) -> None:
    """Writes ``index.html``.

    Args:
      path: of the file.
      figures: from :func:`~components.report.figures.collect_figures`, with ``blessed`` and ``model``.
      folders: the artifacts, for plots that need every prediction.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["figure"] = show_figure
    page = environment.get_template("page.html.j2").render(
        figures=figures,
        metrics=METRICS,
        plots=make_plots(figures, folders),
        folders=vars(folders),
        experiment=yaml.safe_dump(dict(figures["experiment"]), sort_keys=False, allow_unicode=True),
        headline=headline(figures),
    )
    path.write_text(page, encoding="utf-8")


def headline(figures: Mapping[str, Any]) -> str:
    """Says in one sentence what became of the run."""
    metric = figures["main_metric"]
    if figures["metrics"] is None:
        return "The run ended before the model was evaluated."
    value = show_figure(figures["metrics"][metric])
    title = METRICS[metric].title
    if figures.get("blessed"):
        version = (figures.get("model") or {}).get("version")
        return f"Blessed and pushed as version {version}: {title} {value} on the eval split."
    failed = [row for row in figures["gate"] if not row["passed"]]
    reason = (
        f"{METRICS[failed[0]['metric']].title} {show_figure(failed[0]['value'])}, {failed[0]['text']} was asked"
        if failed
        else (f"{title} {value}")
    )
    return f"Not blessed, nothing was pushed: {reason}."


def make_plots(figures: Mapping[str, Any], folders: RunFolders) -> list[dict[str, str]]:
    """Draws the curves and, from the eval split's predictions, the confusion matrix or the residuals.

    Returns:
      For each plot its ``title`` and ``source``, a data URI.
    """
    plots = []
    history = figures["history"]
    if history:
        for metric in [name for name in history if not name.startswith("val_") and name != "learning_rate"][:2]:
            title = _curve_title(history, metric)
            plots.append(_plot(title, curve_plot(history, metric, title)))
    loaded = load_predictions(folders.model_run, "eval")
    if loaded and len(loaded[0]):
        labels, predictions = loaded
        label = figures["data"]["label"]
        classes = label["classes"]
        if figures["task"] in ("binary", "multiclass") and len(classes) <= CLASSES_IN_MATRIX:
            counts = confusion_counts(labels, predictions, len(classes))
            title = _confusion_title(counts, classes)
            plots.append(_plot(title, confusion_plot(counts, classes, title)))
        elif classes is None:
            title = f"Half of the predictions are within {_median_error(labels, predictions):.3g} of the label"
            plots.append(_plot(title, residual_plot(labels, predictions, label["unit"] or "", title)))
    return plots


def show_figure(value: float | None) -> str:
    """Formats a figure with four significant digits."""
    return "not defined" if value is None else f"{value:.4g}"


def _curve_title(history: Mapping[str, list[float]], metric: str) -> str:
    values = history.get(f"val_{metric}", history[metric])
    best = max(values) if "acc" in metric or "auc" in metric else min(values)
    part = "validation" if f"val_{metric}" in history else "training"
    return f"Best {part} {metric.replace('_', ' ')} {best:.4g} in epoch {values.index(best) + 1}"


def _confusion_title(counts: Any, classes: list[str]) -> str:
    wrong = counts.copy()
    for index in range(len(classes)):
        wrong[index, index] = 0
    if not wrong.any():
        return "Every row of the eval split is right"
    row, column = divmod(int(wrong.argmax()), len(classes))
    return f"Most often confused: {classes[row]} taken for {classes[column]} ({wrong[row, column]}×)"


def _median_error(labels: Any, predictions: Any) -> float:
    import numpy as np

    return float(np.median(np.abs(labels.reshape(-1) - predictions.reshape(-1))))


def _plot(title: str, svg: str) -> dict[str, str]:
    return {"title": title, "source": "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()}
