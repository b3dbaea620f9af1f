"""The kinds of plots over two axes. Each takes numbers and returns a Vega-Lite spec.

The title of a plot says what it shows, in a sentence; the page prints it above the plot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from kerasline.components.report.drawing.labels import shorten_all, show_all
from kerasline.components.report.drawing.specs import (
    CARD,
    COLOURS,
    DASHES,
    HOVER,
    MUTED,
    OTHER,
    SHAPES,
    Spec,
    colour_of,
    finish,
    finite,
    halo,
    layer,
    legend_of,
    number,
    numbers,
    room_for,
    sides,
    spread,
    tell,
    x_axis,
    y_axis,
)

_MOST_MARKS = 40  # points of a line that are marked; more would hide it
_MOST_POINTS = 400  # of a line that are drawn
# With the key held that zooms a map; a wheel alone scrolls the page.
_WHEEL = "wheel![event.ctrlKey || event.metaKey]"


@dataclass(frozen=True)
class Series:
    """Named points: ``x`` and ``y`` have equal lengths."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_chart(
    title: str,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    marks: bool = False,
    whole_x: bool = False,
    diagonal: str = "",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    pale: Sequence[Series] = (),
    at: tuple[float, str] | None = None,
) -> Spec:
    """Draws lines, each with a gap where a value is none, such as the loss of a fit that diverged.

    Args:
      title: The finding, for screen readers.
      series: At most four lines; their colours and dashes differ.
      x_label, y_label: What the axes mean, with their units.
      marks: Whether the points are shown.
      whole_x: Whether only whole numbers stand below the horizontal axis.
      diagonal: Name of the line on which both axes are equal, empty for none.
      x_range, y_range: Ends of the axes, instead of those of the values.
      pale: Lines in the background, without names.
      at: A position on the horizontal axis to point at, and what to call it.
    """
    series = [thin_out(s) for s in series]
    x_values, y_values = _values([*series, *pale])
    x_ends, y_ends = x_range or spread(x_values), y_range or spread(y_values, 0.05)
    place = {"x": x_axis(x_label, x_ends, whole=whole_x), "y": y_axis(y_label, y_ends)}
    layers = _diagonal(diagonal, x_ends, y_ends, place) if diagonal else []
    layers += [_background(pale, place)] if pale else []
    layers += [_lines(series, place), *_points(series, marks, place)]
    layers += _pointer(*at, x_ends, place, is_low=_is_above(series, at[0], x_ends, y_ends)) if at else []
    layers.append(_hovered(place, x_label, y_label))
    described = "; ".join(f"{s.name}: {' to '.join(show_all([s.y[0], s.y[-1]]))}" for s in series if len(s.y))
    columns = [("name", "series"), ("x", x_label), ("y", y_label)]
    told = f"{y_label} over {x_label}. {described}"
    return finish(layers, _rows(series), title, told, columns, padding=sides(x_ends))


def thin_out(series: Series) -> Series:
    """Keeps the least and the greatest value of each stretch of a long line, which looks the same then."""
    count = len(series.y)
    if count <= _MOST_POINTS:
        return series
    stretch = math.ceil(2 * count / _MOST_POINTS)
    kept = {0, count - 1}
    for start in range(0, count, stretch):
        places = range(start, min(start + stretch, count))
        known = [place for place in places if finite([series.y[place]])] or [start]
        kept |= {min(known, key=series.y.__getitem__), max(known, key=series.y.__getitem__)}
    return Series(series.name, [series.x[i] for i in sorted(kept)], [series.y[i] for i in sorted(kept)])


def describe_thinning(series: Series, what: str) -> str:
    """Says, for the end of a title, of how many points a long line leaves out those between; empty for others."""
    is_long = len(series.y) > _MOST_POINTS
    return f" (drawn: the extremes of {len(series.y):,} {what})" if is_long else ""


def _values(series: Sequence[Series]) -> tuple[list[float], list[float]]:
    """Gathers the values of all points along each axis."""
    return [v for s in series for v in s.x], [v for s in series for v in s.y]


def _rows(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Writes a row for each series, with the places of all its points."""
    short = shorten_all([s.name for s in series], room_for(len(series)))
    return [
        {"series": label, "name": s.name, "x": numbers(s.x), "y": numbers(s.y)}
        for label, s in zip(short, series, strict=True)
    ]


def _each_point(values: Sequence[dict[str, Any]] | None = None, *, name: str | None = None) -> alt.Chart:
    """Begins a layer with a row for each point."""
    return layer(values, name=name).transform_flatten(["x", "y"])


def _lines(series: Sequence[Series], place: dict[str, Any]) -> alt.Chart:
    names = [row["series"] for row in _rows(series)]
    dashes = alt.Scale(domain=names, range=list(DASHES[: len(names)]))
    dash = alt.StrokeDash("series:N", title=None, scale=dashes, legend=legend_of(names, "stroke"))
    return _each_point().mark_line().encode(**place, color=colour_of(names, "stroke"), strokeDash=dash)


def _points(series: Sequence[Series], wanted: bool, place: dict[str, Any]) -> list[alt.Chart]:
    """Marks the points of a line where that is wanted, and those that no line joins to others in any case.

    Each series has a shape of its own, so that colour is not all that tells.
    """
    layers = []
    for index, s in enumerate(series):
        pieces = _pieces(numbers(s.x), numbers(s.y))
        all_of_them = wanted and len(s.x) <= _MOST_MARKS
        points = [pair for piece in pieces for pair in piece if all_of_them or len(piece) == 1]
        look = {"color": COLOURS[index], "shape": SHAPES[index], "filled": True, "size": 28, "opacity": 0.85}
        values = [{"x": x, "y": y} for x, y in points]
        layers += [layer(values).mark_point(**look).encode(**place)] if points else []
    return layers


def _pieces(x: Sequence[float | None], y: Sequence[float | None]) -> list[list[tuple[float | None, float | None]]]:
    """Divides a line at points that have no place."""
    pieces: list[list[tuple[float | None, float | None]]] = [[]]
    for pair in zip(x, y, strict=True):
        if None in pair:
            pieces.append([])
        else:
            pieces[-1].append(pair)
    return [piece for piece in pieces if piece]


def _background(pale: Sequence[Series], place: dict[str, Any]) -> alt.Chart:
    """Draws lines without names, behind all others."""
    lines = [{"row": index, "x": numbers(s.x), "y": numbers(s.y)} for index, s in enumerate(pale)]
    chart = _each_point(lines).mark_line(color=OTHER, opacity=0.35, strokeWidth=1)
    return chart.encode(**place, detail=alt.Detail("row:N"))


def _diagonal(
    name: str, x_ends: tuple[float, float], y_ends: tuple[float, float], place: dict[str, Any]
) -> list[alt.Chart]:
    """Draws the line on which both axes are equal, where they share values, and tells its name."""
    low, high = max(x_ends[0], y_ends[0]), min(x_ends[1], y_ends[1])
    if low >= high:
        return []
    line = _each_point([{"x": [low, high], "y": [low, high]}])
    text = layer([{"text": f"dashed: {name}"}]).mark_text(align="right", dx=-4, dy=-8)
    return [
        line.mark_line(strokeDash=[5, 4], color=MUTED, strokeWidth=1).encode(**place),
        text.encode(text="text:N", x=alt.value("width"), y=alt.value("height")),
    ]


def _pointer(
    value: float, name: str, ends: tuple[float, float], place: dict[str, Any], *, is_low: bool
) -> list[alt.Chart]:
    """Points at a value of the horizontal axis; its name stands on the side where there is more room."""
    is_left = value > sum(ends) / 2
    at = layer([{"x": number(value), "text": name}])
    text = at.mark_text(align="right" if is_left else "left", dx=-5 if is_left else 5, dy=-7 if is_low else 7)
    return [
        at.mark_rule(strokeDash=[2, 3]).encode(x=place["x"]),
        text.encode(x=place["x"], y=alt.value("height" if is_low else 0), text="text:N"),
    ]


def _is_above(series: Sequence[Series], value: float, x_ends: tuple[float, float], y_ends: tuple[float, float]) -> bool:
    """Whether lines are in the upper half around a value of the horizontal axis, so that below is room for a word."""
    reach = (x_ends[1] - x_ends[0]) / 5
    near = [y for s in series for x, y in zip(s.x, s.y, strict=True) if abs(x - value) <= reach]
    known = finite(near)
    return bool(known) and sum(known) / len(known) > sum(y_ends) / 2


def _hovered(place: dict[str, Any], x_label: str, y_label: str) -> alt.Chart:
    """Shows the point that is under a pointer, and lets the axes be moved and stretched."""
    tooltip = [tell("name", "series", is_text=True), tell("x", x_label), tell("y", y_label)]
    points = _each_point(name=HOVER).transform_filter("isValid(datum.x) && isValid(datum.y)")
    return halo(points, place, tooltip, ["series", "x"]).add_params(_movable())


def _movable() -> alt.Parameter:
    """Makes both axes move with a drag, stretch with a wheel and the control key, and return with two clicks."""
    return alt.selection_interval(name="zoom", bind="scales", zoom=_WHEEL)


def scatter_chart(title: str, groups: Sequence[Series], x_label: str, y_label: str, *, diagonal: str = "") -> Spec:
    """Draws points, with the line on which both axes are equal where ``diagonal`` names it."""
    x_values, y_values = _values(groups)
    # One range for both, so that the diagonal goes from corner to corner.
    ends = (spread([*x_values, *y_values]),) * 2 if diagonal else (spread(x_values), spread(y_values, 0.05))
    place = {"x": x_axis(x_label, ends[0]), "y": y_axis(y_label, ends[1])}
    found = _rows(groups)
    names = [row["series"] for row in found]
    shapes = alt.Scale(domain=names, range=list(SHAPES[: len(names)]))
    shape = alt.Shape("series:N", title=None, scale=shapes, legend=legend_of(names, "circle"))
    points = _each_point(name="points").mark_point(filled=True, opacity=0.75, size=20)
    points = points.transform_filter("isValid(datum.x) && isValid(datum.y)")
    points = points.encode(
        **place, color=colour_of(names, "circle"), shape=shape, tooltip=[tell("x", x_label), tell("y", y_label)]
    )
    layers = [*(_diagonal(diagonal, *ends, place) if diagonal else []), points.add_params(_movable())]
    description = f"{sum(len(g.x) for g in groups)} points, {y_label} over {x_label}"
    columns = [("name", "series"), ("x", x_label), ("y", y_label)]
    return finish(layers, found, title, description, columns, padding=sides(ends[0]))


def histogram_chart(
    title: str,
    edges: Sequence[float],
    groups: Sequence[Series],
    x_label: str,
    y_label: str = "share of rows (%)",
    *,
    is_log: bool = False,
    near: float = 0.0,
) -> Spec:
    """Draws the first group as bars and the others as stepped lines over it.

    Args:
      title: the finding.
      edges: [bins + 1].
      groups: at most three; ``y`` [bins] are drawn as shares of their sum, in percent; ``x`` is not used.
      x_label, y_label: with their units.
      is_log: whether the horizontal axis goes by factors.
      near: up to what distance from 0 it goes evenly nevertheless; above 0 where edges are not.
    """
    shares = [_percent(group.y) for group in groups]
    highest = max(finite([share for values in shares for share in values]), default=0.0)
    across = x_axis(x_label, spread(edges), is_log=is_log, near=near)
    place = {"x": across, "y": y_axis(y_label, (0.0, 1.05 * highest or 1.0))}
    names = shorten_all([group.name for group in groups], room_for(len(groups)))
    bins = {"low": numbers(edges[:-1]), "high": numbers(edges[1:])}
    bins |= {f"share{index}": numbers(values) for index, values in enumerate(shares)}
    each = layer().transform_flatten(list(bins))
    fields = [(f"share{index}", f"{group.name}, {y_label}") for index, group in enumerate(groups)]
    layers = [_bins(each, place, names), *(_steps(each, place, names, index) for index in range(1, len(groups)))]
    layers.append(_any_bin(list(bins), place, fields))
    named = {f"name{index}": name for index, name in enumerate(names)}
    ends = " to ".join(show_all([edges[0], edges[-1]]))
    columns = [("low", f"{x_label}, from"), ("high", "to"), *fields]
    told = f"Histogram over {x_label} from {ends}"
    return finish(layers, [bins | named], title, told, columns, padding=sides(spread(edges)))


def _percent(values: Sequence[float]) -> list[float]:
    total = sum(values)
    return [100 * value / total if total else 0.0 for value in values]


def _bins(each: alt.Chart, place: dict[str, Any], names: Sequence[str]) -> alt.Chart:
    """Draws the shares of the first group as bars from edge to edge."""
    bars = each.transform_calculate(x="datum.low", y="datum.share0").mark_rect(stroke=CARD, strokeWidth=0.5)
    return bars.encode(**place, x2="high:Q", y2=alt.Y2Datum(0), color=colour_of(names, "square", "name0"))


def _steps(each: alt.Chart, place: dict[str, Any], names: Sequence[str], index: int) -> alt.Chart:
    """Draws the shares of another group as a line with a step at each edge."""
    ends = each.transform_fold(["low", "high"], as_=["end", "x"])
    line = ends.transform_calculate(y=f"datum.share{index}").mark_line(strokeDash=list(DASHES[index]))
    return line.encode(**place, color=colour_of(names, "square", f"name{index}"))


def _any_bin(fields: Sequence[str], place: dict[str, Any], shares: Sequence[tuple[str, str]]) -> alt.Chart:
    """Shows the figures of the bin that is under a pointer, however low its bar is."""
    bins = layer(name=HOVER).transform_flatten(list(fields)).transform_calculate(x="datum.low")
    tooltip = [tell("low", "from"), tell("high", "to"), *(tell(*share) for share in shares)]
    area = bins.mark_rect(opacity=0).encode(x=place["x"], x2="high:Q", tooltip=tooltip)
    return area.add_params(alt.selection_interval(name="zoom", bind="scales", encodings=["x"], zoom=_WHEEL))
