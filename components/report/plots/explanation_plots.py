"""The plots of the explanations: what the model leans on, and how its answer moves with single columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.core import counted
from kerasline.components.evaluation import METRICS
from kerasline.components.report.diagnosis import describe_leaning, describe_unmeasured, leading
from kerasline.components.report.drawing import (
    Bar,
    Series,
    bar_chart,
    line_chart,
    name_some,
    shorten,
    show,
    show_all,
    surface_chart,
)
from kerasline.components.report.plots.plot import Plot, make_plot

_MOST_BARS = 15
_FLAT = 1e-9


def plot_explanations(figures: Mapping[str, Any]) -> list[Plot]:
    """Draws importance, dependence and the surface, as far as the run has them."""
    explanations = figures.get("explanations") or {}
    plots = []
    importance = explanations.get("importance") or {}
    if importance.get("columns") or importance.get("groups"):
        plots.append(plot_importance(importance))
    label = figures["data"]["label"]
    for curve in explanations.get("dependence") or []:
        plots.append(plot_dependence(curve, label))
    if explanations.get("surface"):
        plots.append(plot_surface(explanations["surface"], label))
    return plots


def plot_importance(importance: Mapping[str, Any]) -> Plot:
    """Draws how much of the metric is lost when single columns, or groups of them, are shuffled."""
    columns, groups, metric = importance["columns"], importance.get("groups") or [], METRICS[importance["metric"]]
    title = describe_leaning(importance)
    if len(leading(importance)) == 1:
        way = "falls" if metric.higher_is_better else "rises"
        title += f": without it the {metric.title} {way} by {show(columns[0]['drop'])}"
    left_out = describe_unmeasured(importance)
    title += f" ({left_out})" if left_out else ""
    bars = [Bar(row["column"], row["drop"], (row["low"], row["high"]), is_main=True) for row in columns]
    bars += [Bar(_name_group(group["columns"]), group["drop"], (group["low"], group["high"])) for group in groups]
    bars.sort(key=lambda bar: -bar.value)
    chart = bar_chart(title, bars[:_MOST_BARS], f"loss of {metric.title} when shuffled")
    return make_plot(title, chart, _note_on_importance(importance, len(columns), len(groups)))


def _note_on_importance(importance: Mapping[str, Any], columns: int, groups: int) -> str:
    """Says how importance was measured, and what of it the plot does not show."""
    note = f"Permutation importance over {importance['rows']} eval rows; whiskers: up to three shuffles"
    if columns + groups > _MOST_BARS:
        note += f"; the first {_MOST_BARS} of {columns} columns" + (f" and {groups} groups" if groups else "")
    if groups:
        note += "; pale: columns that there was only time to shuffle together"
    if importance["skipped"]:
        note += f"; no time for {counted(len(importance['skipped']), 'column')}"
    return note


def _name_group(columns: Sequence[str]) -> str:
    return f"{len(columns)} columns: {', '.join(columns)}"


def plot_dependence(curve: Mapping[str, Any], label: Mapping[str, Any]) -> Plot:
    """Draws the mean prediction over one column, with the curves of single rows behind it."""
    name, mean, grid = curve["column"], curve["mean"], curve["grid"]
    target = _with_unit(curve["target"], label)
    unit = f" {curve['unit']}" if curve["unit"] else ""
    if curve["kind"] == "category":
        title = f"{name}: {curve['target']} {_describe_categories(grid, mean)}"
        bars = [Bar(str(value), height) for value, height in zip(grid, mean, strict=True)]
        return make_plot(title, bar_chart(title, bars, f"mean {target}"), "Partial dependence")
    title = f"{name}: {curve['target']} {_describe_course(grid, mean, unit)}"
    axis = f"{name} ({curve['unit']})" if curve["unit"] else name
    pale = [Series("", grid, line) for line in curve["lines"]]
    chart = line_chart(title, [Series("mean of the rows", grid, mean)], axis, target, marks=True, pale=pale)
    return make_plot(title, chart, "Partial dependence; pale: single rows (ICE)")


_ALIKE = 0.01  # of the spread: categories whose means differ by less share a place


def _describe_categories(grid: Sequence[Any], mean: Sequence[float]) -> str:
    """Says for which categories the mean is highest and lowest; those that are alike share the place."""
    low, high = min(mean), max(mean)
    if high - low < _FLAT:
        return "does not change with it"
    near = _ALIKE * (high - low)
    highest = [shorten(str(value), 30) for value, height in zip(grid, mean, strict=True) if high - height <= near]
    lowest = [shorten(str(value), 30) for value, height in zip(grid, mean, strict=True) if height - low <= near]
    return f"is highest for {name_some(highest)} and lowest for {name_some(lowest)}"


def _describe_course(grid: Sequence[float], mean: Sequence[float], unit: str) -> str:
    """Says whether the mean rises, falls or turns, from where to where."""
    if max(mean) - min(mean) < _FLAT:
        return "does not change with it"
    low, high = mean.index(min(mean)), mean.index(max(mean))
    figures, places = show_all([mean[low], mean[high]]), show_all([grid[low], grid[high]])
    least, most = (f"{figure} at {place}{unit}" for figure, place in zip(figures, places, strict=True))
    if (low, high) == (0, len(grid) - 1):
        return f"rises from {least} to {most}"
    if (high, low) == (0, len(grid) - 1):
        return f"falls from {most} to {least}"
    return f"lies between {least} and {most}"


def plot_surface(surface: Mapping[str, Any], label: Mapping[str, Any]) -> Plot:
    """Draws the prediction over two columns."""
    cells = [
        (value, x, y)
        for y, row in zip(surface["y"], surface["z"], strict=True)
        for x, value in zip(surface["x"], row, strict=True)
    ]
    top, x, y = max(cells)
    lowest = min(cells)[0]
    names = [
        f"{name} ({unit})" if unit else name for name, unit in zip(surface["columns"], surface["units"], strict=True)
    ]
    title = (
        f"{surface['target']} is highest, {show(top)}, at {surface['columns'][0]} {show(x)} and "
        f"{surface['columns'][1]} {show(y)}"
    )
    if top - lowest < _FLAT:
        title = f"{surface['target']} does not change with {surface['columns'][0]} or {surface['columns'][1]}"
    labels = (names[0], names[1], _with_unit(surface["target"], label))
    points = [(p[0], p[1], p[2], p[3]) for p in surface["points"]]
    chart = surface_chart(title, surface["x"], surface["y"], surface["z"], points, labels)
    note = "" if surface["points"] else "The other columns are held at a typical row"
    return make_plot(title, chart, note)


def _with_unit(target: str, label: Mapping[str, Any]) -> str:
    return f"{target} ({label['unit']})" if label.get("unit") and target == label["name"] else target
