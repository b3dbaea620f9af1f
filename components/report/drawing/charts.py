"""The kinds of plots that a report is made of. Each takes numbers and returns inline SVG.

The title of a plot says what it shows, in a sentence; the page prints it above the plot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from kerasline.components.core import counted
from kerasline.components.report.drawing.labels import shorten_all, show, show_all
from kerasline.components.report.drawing.svg import (
    BOTTOM,
    RIGHT,
    TOP,
    WIDTH,
    Frame,
    Scale,
    draw_axes,
    draw_legend,
    draw_x_label,
    finite,
    make_frame,
    mark,
    text,
    ticks_in_room,
    width_of,
    wrap,
)

_NAMES_IN_ROW = 34  # characters of the names of all classes that stand side by side
_MANY = 12  # classes, whose cells are drawn smaller
_ROW = 26  # height of a bar with its room
_NAME = 22  # characters of a name beside a bar


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
) -> str:
    """Draws lines.

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
    frame = make_frame(*_values([*series, *pale]), x_range=x_range, y_range=y_range)
    parts = [draw_axes(frame, x_label, y_label, whole_x=whole_x)]
    low, high = _shared_range(frame)
    if diagonal and low < high:
        parts.append(_diagonal(frame, low, high))
        parts.append(text(frame.x(high) - 4, frame.y(low) - 6, f"dashed: {diagonal}", anchor="end"))
    parts += [_line("pale", s, frame) for s in pale]
    for index, s in enumerate(series):
        parts += [_line(f"series s{index + 1}", s, frame), *_marks(index, s, frame, marks)]
    if at is not None:
        parts.append(_pointer(frame, *at))
    parts.append(draw_legend([s.name for s in series]))
    described = "; ".join(f"{s.name}: {' to '.join(show_all([s.y[0], s.y[-1]]))}" for s in series if len(s.y))
    return wrap("".join(parts), title, f"{y_label} over {x_label}. {described}")


def _values(series: Sequence[Series]) -> tuple[list[float], list[float]]:
    """Gathers the values of all points along each axis."""
    return [v for s in series for v in s.x], [v for s in series for v in s.y]


def _shared_range(frame: Frame) -> tuple[float, float]:
    """Returns the values that both axes have; the first is above the second where they share none."""
    return max(frame.x.low, frame.y.low), min(frame.x.high, frame.y.high)


_MOST_MARKS = 40  # points of a line that are marked; more would hide it


def _marks(index: int, series: Series, frame: Frame, wanted: bool) -> list[str]:
    """Marks the points of a line where that is wanted, and those that no line joins to others in any case."""
    all_of_them = wanted and len(series.x) <= _MOST_MARKS
    places = [pair for piece in _pieces(series) for pair in piece if all_of_them or len(piece) == 1]
    return [mark(index, frame.x(x), frame.y(y), 2.6) for x, y in places]


def _diagonal(frame: Frame, low: float, high: float) -> str:
    """Draws the line on which both axes are equal, from one value to another."""
    ends = f'x1="{frame.x(low)}" y1="{frame.y(low)}" x2="{frame.x(high)}" y2="{frame.y(high)}"'
    return f'<line class="reference" {ends}/>'


def _pointer(frame: Frame, value: float, name: str) -> str:
    """Points at a value of the horizontal axis; its name stands on the side where there is more room."""
    position = frame.x(value)
    is_left = position > (frame.x.start + frame.x.end) / 2
    return f'<line class="pointer" x1="{position}" x2="{position}" y1="{frame.y.end}" y2="{frame.y.start}"/>' + text(
        position + (-5 if is_left else 5), TOP + 11, name, anchor="end" if is_left else "start"
    )


def _line(kind: str, series: Series, frame: Frame) -> str:
    """Draws a line that has a gap where a value is none, such as the loss of a fit that diverged."""
    drawn = [" ".join(f"{frame.x(a):g},{frame.y(b):g}" for a, b in piece) for piece in _pieces(series)]
    return "".join(f'<polyline class="{kind}" points="{points}"/>' for points in drawn)


def _pieces(series: Series) -> list[list[tuple[float, float]]]:
    """Divides a line at values that are NaN, infinite or None."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for pair in zip(series.x, series.y, strict=True):
        if len(finite(pair)) == 2:
            pieces[-1].append(pair)
        else:
            pieces.append([])
    return [piece for piece in pieces if piece]


def scatter_chart(title: str, groups: Sequence[Series], x_label: str, y_label: str, *, diagonal: str = "") -> str:
    """Draws points, with the line on which both axes are equal where ``diagonal`` names it."""
    x_values, y_values = _values(groups)
    if diagonal:
        # One range for both, so that the diagonal goes from corner to corner.
        x_values = y_values = [*x_values, *y_values]
    frame = make_frame(x_values, y_values)
    parts = [draw_axes(frame, x_label, y_label)]
    for index, group in enumerate(groups):
        places = [pair for piece in _pieces(group) for pair in piece]
        parts += [mark(index, frame.x(x), frame.y(y), 2.4) for x, y in places]
    if diagonal:
        parts.append(_diagonal(frame, *_shared_range(frame)))
        parts.append(text(WIDTH - RIGHT - 2, frame.y.start - 6, f"dashed: {diagonal}", anchor="end"))
    parts.append(draw_legend([g.name for g in groups], ["dots"] * len(groups)))
    return wrap("".join(parts), title, f"{sum(len(g.x) for g in groups)} points, {y_label} over {x_label}")


def histogram_chart(
    title: str, edges: Sequence[float], groups: Sequence[Series], x_label: str, y_label: str = "share of rows (%)"
) -> str:
    """Draws the first group as bars and the others as stepped lines over it.

    Args:
      title: the finding.
      edges: [bins + 1].
      groups: at most three; ``y`` [bins] are drawn as shares of their sum, in percent; ``x`` is not used.
      x_label, y_label: with their units.
    """
    shares = [_percent(group.y) for group in groups]
    frame = make_frame(list(edges), [v for values in shares for v in values], zero=True)
    parts = [draw_axes(frame, x_label, y_label)]
    for index, values in enumerate(shares):
        bins = list(zip(edges[:-1], edges[1:], values, strict=True))
        if index == 0:
            for low, high, value in bins:
                x, width = frame.x(low), max(frame.x(high) - frame.x(low) - 1, 0.5)
                height = frame.y.start - frame.y(value)
                parts.append(
                    f'<rect class="area s1" x="{x:g}" y="{frame.y(value):g}" width="{width:g}" height="{height:g}"/>'
                )
        else:
            corners = " ".join(f"{frame.x(e):g},{frame.y(v):g}" for low, high, v in bins for e in (low, high))
            parts.append(f'<polyline class="series s{index + 1}" points="{corners}"/>')
    parts.append(draw_legend([g.name for g in groups], ["area", *["line"] * (len(groups) - 1)]))
    ends = " to ".join(show_all([edges[0], edges[-1]]))
    return wrap("".join(parts), title, f"Histogram over {x_label} from {ends}")


def _percent(values: Sequence[float]) -> list[float]:
    total = sum(values)
    return [100 * value / total if total else 0.0 for value in values]


@dataclass(frozen=True)
class Bar:
    """One horizontal bar: a value, and where it may as well lie."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    is_main: bool = False


def bar_chart(title: str, bars: Sequence[Bar], x_label: str, *, limit: tuple[float, str] | None = None) -> str:
    """Draws horizontal bars from 0, each with its name, its figure and its interval.

    Args:
      title: the finding.
      bars: from top to bottom.
      x_label: with its unit.
      limit: a value to mark with a vertical line, and its name.
    """
    names = shorten_all([bar.name for bar in bars], _NAME)
    left = 10 + max([*map(width_of, names), 30])
    height = TOP + _ROW * len(bars) + BOTTOM
    frame = make_frame([], [], x_range=_range_of_bars(bars, limit), y_range=(0, 1), left=left, height=height)
    parts = [draw_axes_below(frame.x, x_label, height)]
    has_main = any(bar.is_main for bar in bars)
    figures = show_all([bar.value for bar in bars])
    for index, (bar, name, figure) in enumerate(zip(bars, names, figures, strict=True)):
        kind = "s1" if bar.is_main or not has_main else "other"
        parts.append(_draw_bar(bar, kind, frame.x, TOP + index * _ROW, name, figure))
    if limit:
        position = frame.x(limit[0])
        parts.append(
            f'<line class="pointer" x1="{position}" x2="{position}" y1="{TOP - 6}" y2="{height - BOTTOM}"/>'
            + text(position, TOP - 10, f"{limit[1]} {show(limit[0])}", anchor="middle")
        )
    described = "; ".join(f"{bar.name} {figure}" for bar, figure in zip(bars, figures, strict=True))
    return wrap("".join(parts), title, f"{x_label}: {described}", height)


def _range_of_bars(bars: Sequence[Bar], limit: tuple[float, str] | None) -> tuple[float, float]:
    """Returns the range of an axis that holds 0, all bars and the limit, with room for figures behind the bars."""
    ends = finite([v for bar in bars for v in (bar.value, *(bar.interval or ()))]) + [0.0]
    ends += [limit[0]] if limit else []
    low, high = min(ends), max(ends)
    return low, high + 0.2 * (high - low or 1)


def _draw_bar(bar: Bar, kind: str, scale: Scale, y: float, name: str, figure: str) -> str:
    """Draws one bar with its name before it and its figure behind it; one without a value has these alone."""
    zero = scale(0)
    x, end = sorted((zero, scale(bar.value) if finite([bar.value]) else zero))
    parts = [text(scale.start - 6, y + _ROW / 2 + 3, name, anchor="end", full=bar.name)]
    if finite([bar.value]):
        size = f'width="{max(end - x, 1):g}" height="{_ROW - 10}"'
        parts.append(f'<rect class="area {kind}" x="{x:g}" y="{y + 4}" {size}/>')
    if bar.interval and len(finite(bar.interval)) == 2:
        first, last = scale(bar.interval[0]), scale(bar.interval[1])
        middle = y + _ROW / 2 - 1
        stops = f"M{first:g} {middle - 4:g}v8M{last:g} {middle - 4:g}v8"
        parts.append(f'<path class="whisker" d="{stops}M{first:g} {middle:g}H{last:g}"/>')
        end = max(end, last)
    parts.append(text(min(end + 5, WIDTH - width_of(figure)), y + _ROW / 2 + 3, figure))
    return "".join(parts)


def draw_axes_below(x: Scale, label: str, height: float) -> str:
    """Draws a horizontal axis only, with its title."""
    bottom = height - BOTTOM
    parts = [f'<line class="axis" x1="{x.start:g}" x2="{x.end:g}" y1="{bottom:g}" y2="{bottom:g}"/>']
    for value, tick in zip(*ticks_in_room(x), strict=True):
        parts.append(f'<line class="grid" x1="{x(value):g}" x2="{x(value):g}" y1="{TOP}" y2="{bottom:g}"/>')
        parts.append(text(x(value), bottom + 17, tick, anchor="middle"))
    return "".join(parts) + draw_x_label(x, label, height)


def shade_table(
    counts: Sequence[Sequence[int]], names: Sequence[str], caption: str, rows_are: str, columns_are: str
) -> str:
    """Draws a confusion matrix as an HTML table whose shades are shares of the row.

    Args:
      counts: [classes][classes].
      names: of the classes.
      caption: the finding.
      rows_are, columns_are: what the axes mean.
    """
    short = shorten_all(names, 16)
    # Names side by side take too much room for many classes or long ones, so they stand upright.
    upright = " upright" if sum(map(len, short)) > _NAMES_IN_ROW else ""
    many = " many" if len(names) > _MANY else ""
    head = "".join(_head_cell("col", name, text) for name, text in zip(names, short, strict=True))
    body = []
    for index, (name, row) in enumerate(zip(names, counts, strict=True)):
        total = max(sum(row), 1)
        cells = []
        for column, count in enumerate(row):
            share = count / total
            kind = "hit" if index == column else "miss"
            level = 0 if not count else min(1 + int(share * 5), 5)
            label = f"{counted(count, 'row')} of {name} taken for {names[column]}, {share:.0%}"
            cells.append(f'<td class="{kind}{level}" title="{escape(label, quote=True)}">{count or ""}</td>')
        body.append(f"<tr>{_head_cell('row', name, short[index])}{''.join(cells)}</tr>")
    return (
        f'<table class="confusion{upright}{many}"><caption>{escape(caption)}</caption><thead><tr><th scope="col">'
        f"<small>{escape(rows_are)} ↓ {escape(columns_are)} →</small></th>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _head_cell(scope: str, name: str, text: str) -> str:
    full = f' title="{escape(name, quote=True)}"' if text != name else ""
    return f'<th scope="{scope}"{full}><span>{escape(text)}</span></th>'
