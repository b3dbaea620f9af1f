"""The plots of the explanations: what the model leans on, and how its answer moves with single columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasline.components.metrics import METRICS
from kerasline.components.report.charts import Bar, Series, bar_chart, line_chart, surface_chart
from kerasline.components.report.labels import show
from kerasline.components.report.plots import Plot, make_plot
from kerasline.components.wording import counted

_MOST_BARS = 15


def plot_explanations(figures: Mapping[str, Any]) -> list[Plot]:
    """Draws importance, dependence and the surface, as far as the run has them."""
    explanations = figures.get("explanations") or {}
    plots = []
    if (explanations.get("importance") or {}).get("columns"):
        plots.append(plot_importance(explanations["importance"]))
    label = figures["data"]["label"]
    for curve in explanations.get("dependence") or []:
        plots.append(plot_dependence(curve, label))
    if explanations.get("surface"):
        plots.append(plot_surface(explanations["surface"], label))
    return plots


def plot_importance(importance: Mapping[str, Any]) -> Plot:
    """Draws how much of the metric is lost when single columns are shuffled."""
    columns, metric = importance["columns"], METRICS[importance["metric"]]
    first = columns[0]
    way = "falls" if metric.higher_is_better else "rises"
    title = (
        f"The model leans most on {first['column']}: without it the {metric.title} {way} by {show(first['drop'])}"
        if first["drop"] > 0
        else "No single column matters: the model does as well without any one of them"
    )
    bars = [Bar(row["column"], row["drop"], (row["low"], row["high"])) for row in columns[:_MOST_BARS]]
    note = f"Permutation importance over {importance['rows']} eval rows; whiskers: three shuffles"
    if len(columns) > _MOST_BARS:
        note += f"; the first {_MOST_BARS} of {len(columns)} columns"
    if importance["skipped"]:
        note += f"; no time for {counted(len(importance['skipped']), 'column')}"
    return make_plot(title, bar_chart(title, bars, f"loss of {metric.title} when shuffled"), note)


def plot_dependence(curve: Mapping[str, Any], label: Mapping[str, Any]) -> Plot:
    """Draws the mean prediction over one column, with the curves of single rows behind it."""
    name, mean, grid = curve["column"], curve["mean"], curve["grid"]
    target = _with_unit(curve["target"], label)
    low, high = mean.index(min(mean)), mean.index(max(mean))
    unit = f" {curve['unit']}" if curve["unit"] else ""
    if curve["kind"] == "category":
        title = f"{name}: {curve['target']} is highest for {grid[high]} and lowest for {grid[low]}"
        bars = [Bar(str(value), height) for value, height in zip(grid, mean, strict=True)]
        return make_plot(title, bar_chart(title, bars, f"mean {target}"), "Partial dependence")
    if max(mean) - min(mean) < 1e-9:
        title = f"{name}: {curve['target']} does not change with it"
    else:
        least, most = (f"{show(mean[i])} at {show(grid[i])}{unit}" for i in (low, high))
        if (low, high) == (0, len(grid) - 1):
            course = f"rises from {least} to {most}"
        elif (high, low) == (0, len(grid) - 1):
            course = f"falls from {most} to {least}"
        else:
            course = f"lies between {least} and {most}"
        title = f"{name}: {curve['target']} {course}"
    axis = f"{name} ({curve['unit']})" if curve["unit"] else name
    pale = [Series("", grid, line) for line in curve["lines"]]
    chart = line_chart(title, [Series("mean of the rows", grid, mean)], axis, target, marks=True, pale=pale)
    return make_plot(title, chart, "Partial dependence; pale: single rows (ICE)")


def plot_surface(surface: Mapping[str, Any], label: Mapping[str, Any]) -> Plot:
    """Draws the prediction over two columns."""
    cells = [
        (value, x, y)
        for y, row in zip(surface["y"], surface["z"], strict=True)
        for x, value in zip(surface["x"], row, strict=True)
    ]
    top, x, y = max(cells)
    names = [
        f"{name} ({unit})" if unit else name for name, unit in zip(surface["columns"], surface["units"], strict=True)
    ]
    title = (
        f"{surface['target']} is highest, {show(top)}, at {surface['columns'][0]} {show(x)} and "
        f"{surface['columns'][1]} {show(y)}"
    )
    labels = (names[0], names[1], _with_unit(surface["target"], label))
    points = [(p[0], p[1], p[2], p[3]) for p in surface["points"]]
    chart = surface_chart(title, surface["x"], surface["y"], surface["z"], points, labels)
    note = "" if surface["points"] else "The other columns are held at a typical row"
    return make_plot(title, chart, note)


def _with_unit(target: str, label: Mapping[str, Any]) -> str:
    return f"{target} ({label['unit']})" if label.get("unit") and target == label["name"] else target
