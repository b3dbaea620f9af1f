"""The plots of the data: the distribution of every column, with what it says in words that ties do not make false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from kerasline.components.report.drawing import (
    Bar,
    Series,
    bar_chart,
    histogram_chart,
    name_some,
    shorten,
    show,
    show_all,
)
from kerasline.components.report.plots.plot import Plot, make_plot

MOST_COLUMNS = 40  # of the data that get a plot; a table lists them all
_COUNTED_VALUES = 16_384  # the statistics estimate the number of different values beyond
_MOST_CLASSES, _ENDS = 20, 10  # classes in a plot; of more, so many from each end
_LONGEST_NAME = 40  # characters of a value in a title
_TIED = 0.5  # fewer different values than this share of the rows, and many rows share one


def plot_columns(figures: Mapping[str, Any]) -> list[Plot]:
    """Draws the distribution of every column that has one, the label first, then as :func:`order_columns` says."""
    statistics = figures.get("statistics") or {}
    label = figures["data"]["label"]
    columns = {column["name"]: column for column in figures["data"]["columns"]} | {label["name"]: label}
    names = list(dict.fromkeys([label["name"], *order_columns(list(statistics), figures)]))
    plots = []
    counts = (figures.get("label_counts") or {}).get("train")
    if counts:
        plots.append(_plot_classes(label["name"], counts))
        names.remove(label["name"])
    # Plots are drawn one by one, no more of them than are shown.
    drawn = (_plot_column(name, statistics[name], columns.get(name) or {}) for name in names if statistics.get(name))
    plots += islice(filter(None, drawn), MOST_COLUMNS - len(plots))
    return plots


def order_columns(names: Sequence[str], figures: Mapping[str, Any]) -> list[str]:
    """Sorts columns by what is to be known of them: few of many get a plot that is seen at once.

    Those that the data gate found something about come first, then those that the model clearly leans on, the heaviest
    first. What chance explains is no order: all others stay as they are.
    """
    found, weights = _found_by_gate(figures), _weights(figures)
    return sorted(names, key=lambda name: (name not in found, -weights.get(name, 0.0)))


def describe_order(figures: Mapping[str, Any]) -> str:
    """Says in which order the columns stand; empty where it is that of the data."""
    label = figures["data"]["label"]["name"]
    inputs = set(figures.get("statistics") or {}) - {label}
    reasons = [
        *(["those that the data gate found something about"] if inputs & _found_by_gate(figures) else []),
        *(["those that the model leans on, the heaviest first"] if inputs & set(_weights(figures)) else []),
    ]
    return f"After the label come {', then '.join(reasons)}, and then all others." if reasons else ""


def _found_by_gate(figures: Mapping[str, Any]) -> set[str]:
    """Names the columns that findings of the data gate are about."""
    findings = (figures.get("gate_verdict") or {}).get("findings") or []
    return {finding["column"] for finding in findings if finding["column"]}


def _weights(figures: Mapping[str, Any]) -> dict[str, float]:
    """Returns what is lost without each column, for those where every shuffle lost something.

    The columns of a group, which were shuffled together, each have what the group lost, unless they were also
    measured alone.
    """
    importance = (figures.get("explanations") or {}).get("importance") or {}
    grouped = {name: group for group in importance.get("groups") or [] for name in group["columns"]}
    alone = {row["column"]: row for row in importance.get("columns") or []}
    return {name: row["drop"] for name, row in {**grouped, **alone}.items() if row["low"] > 0}


def describe_frequent(counts: Mapping[str, int], total: int, what: str) -> str:
    """Says which value comes most often; values that come equally often share the place.

    Args:
      counts: value to rows, all of them or the most frequent.
      total: rows.
      what: the values are, in the singular: ``class`` or ``value``.
    """
    most = max(counts.values())
    first = [shorten(name, _LONGEST_NAME) for name, rows in counts.items() if rows == most]
    many = {"class": "classes"}.get(what, f"{what}s")
    share = f"{most / max(total, 1):.0%}"
    if len(first) == 1:
        return f"{first[0]} is the most frequent {what}, {share}"
    if len(first) == len(counts) and most * len(first) == total:
        return f"all {len(first)} {many} are equally frequent"
    return f"{name_some(first)} are the most frequent {many}, {share} each"


def _plot_classes(name: str, train: Mapping[str, int]) -> Plot:
    total = sum(train.values())
    ordered = sorted(train, key=lambda key: -train[key])
    shown = ordered if len(ordered) <= _MOST_CLASSES else ordered[:_ENDS] + ordered[-_ENDS:]
    title = f"{name}: {describe_frequent(train, total, 'class')} of the training rows"
    title = title.removesuffix(" of the training rows") if "equally" in title else title
    bars = [Bar(key, train[key]) for key in shown]
    note = f"The ten most and the ten least frequent of {len(ordered)} classes" if len(shown) < len(ordered) else ""
    return make_plot(title, bar_chart(title, bars, "training rows"), note)


def _plot_column(name: str, splits: Mapping[str, Mapping[str, Any]], column: Mapping[str, Any]) -> Plot | None:
    first = next(iter(splits.values()))
    missing = first["missing"] / max(first["missing"] + first["rows"], 1)
    lacking = f", {_share(missing)} missing" if missing else ""
    histograms = {split: described["histogram"] for split, described in splits.items() if described.get("histogram")}
    if histograms:
        return _plot_numbers(name, first, histograms, column, lacking)
    # Where hardly any value comes twice, the most frequent ones say nothing.
    if not first.get("values") or first.get("distinct", 0) > _TIED * max(first["rows"], 1):
        return None
    return _plot_values(name, first, lacking)


def _plot_values(name: str, first: Mapping[str, Any], lacking: str) -> Plot:
    """Draws the most frequent values of a column of text."""
    values = first["values"]
    counts = {entry["value"]: entry["rows"] for entry in values}
    title = f"{name}: {describe_frequent(counts, first['rows'], 'value')}{lacking}"
    bars = [Bar(entry["value"], entry["rows"]) for entry in values]
    rest = first["distinct"] - len(values)
    about = "about " if rest > _COUNTED_VALUES else ""
    note = f"and {about}{rest} other values" if rest > 0 else ""
    return make_plot(title, bar_chart(title, bars, "training rows"), note)


def _plot_numbers(
    name: str, first: Mapping[str, Any], histograms: Mapping[str, Any], column: Mapping[str, Any], lacking: str
) -> Plot | None:
    shape = next(iter(histograms.values()))
    edges, is_log = shape["edges"], "scale" in shape
    if edges[-1] <= edges[0]:
        return None  # a constant has no distribution; the table of columns shows it
    unit = column.get("unit")
    groups = [Series(split, [], histogram["counts"]) for split, histogram in list(histograms.items())[:3]]
    title = f"{name}: {describe_middle(first, _different(first, column), unit)}{lacking}"
    title += " (logarithmic bins)" if is_log else ""
    label = f"{name} ({unit})" if unit else name
    return make_plot(
        title, histogram_chart(title, edges, groups, label, is_log=is_log, near=shape.get("constant", 0.0))
    )


def _different(described: Mapping[str, Any], column: Mapping[str, Any]) -> int | None:
    """Returns how many different values a column has at most, where that is known."""
    low, high = described.get("minimum"), described.get("maximum")
    if column.get("distinct") is None and column.get("dtype") == "int" and low is not None and high is not None:
        return int(high - low) + 1
    return column.get("distinct")


def describe_middle(described: Mapping[str, Any], distinct: int | None, unit: str | None) -> str:
    """Says where the middle of a column's values is.

    "Half are below" holds where hardly any row shares its value with others; else the median itself is told, and that
    it is the least or the greatest value where it is.

    Args:
      described: ``rows`` and ``minimum``, ``median`` and ``maximum``, each None where it is not known.
      distinct: number of different values, None where not counted.
      unit: of the values.
    """
    low, middle, high = (described.get(key) for key in ("minimum", "median", "maximum"))
    spoken = f" {unit}" if unit else ""
    if middle is None:
        return "its distribution"
    if low is None or high is None:
        return f"the median is {show(middle)}{spoken}"
    least, text, most = show_all([low, middle, high])
    if middle == low:
        return f"half of the values or more are {text}{spoken}, the least; the greatest is {most}"
    if middle == high:
        return f"half of the values or more are {text}{spoken}, the greatest; the least is {least}"
    if distinct is not None and distinct <= _TIED * described["rows"]:
        return f"the median is {text}{spoken}; the values go from {least} to {most}"
    return f"half of the values are below {text}{spoken}"


def _share(part: float) -> str:
    """Writes a share in percent so that few are not none, and most not all."""
    if 0 < part < 0.005:
        return "below 1%"
    return "above 99%" if 0.995 < part < 1 else f"{part:.0%}"
