"""Parallel coordinates: an upright axis for each quantity, and a line across them for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kerasline.components.report.drawing.labels import shorten, shorten_all
from kerasline.components.report.drawing.svg import BOTTOM, CHARACTER, HEIGHT, TOP, Scale, draw_legend, mark, text, wrap

_SIDE = 70  # room beside the outer axes for their labels
_WIDTH = 600  # drawn across the page; a phone scrolls it


@dataclass(frozen=True)
class Axis:
    """One quantity.

    Attributes:
      name: below the axis.
      places: of the rows, any numbers; None for a row that does not have it.
      labels: (place, text) pairs to write beside the axis.
    """

    name: str
    places: Sequence[float | None]
    labels: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class _Placed:
    """An axis where it is drawn: ``x`` from the left of the plot, ``scale`` from its values to heights."""

    axis: Axis
    x: float
    scale: Scale


def coordinates_chart(
    title: str, axes: Sequence[Axis], top: Sequence[int], other: int | None, *, best_name: str = "best"
) -> str:
    """Draws rows as lines.

    Args:
      title: The finding.
      axes: At least two, from left to right; all have a place for each row.
      top: Rows that stand out, best first.
      other: A row drawn dashed, such as the one that all are compared with.
      best_name: Name of the rows that stand out, for the legend.
    """
    distance = (_WIDTH - 2 * _SIDE) / (len(axes) - 1)
    placed = [_Placed(axis, _SIDE + distance * index, _scale(axis)) for index, axis in enumerate(axes)]
    dashed = [] if other is None or other in top else [other]
    parts = [_draw_axis(placed, index, distance) for index in range(len(axes))]
    parts += _draw_rows(placed, top, dashed)
    for index in range(len(axes)):
        parts += _label_axis(placed, index, distance)
    parts.append(draw_legend([best_name, "untuned config"] if dashed else [best_name]))
    described = f"{len(axes[0].places)} lines across {', '.join(axis.name for axis in axes)}"
    return wrap("".join(parts), title, described, width=_WIDTH)


def _draw_rows(placed: Sequence[_Placed], top: Sequence[int], dashed: Sequence[int]) -> list[str]:
    """Draws all rows, those that stand out above the others, and the best of them, with marks, above all."""
    special = {*top, *dashed}
    ordinary = [row for row in range(len(placed[0].axis.places)) if row not in special]
    lines = [_line("pale", row, placed) for row in ordinary]
    lines += [_line("series s2", row, placed) for row in dashed]
    lines += [_line("series s1", row, placed) for row in reversed(top)]
    return lines + [mark(0, x, y, 2.6) for row in top[:1] for x, y in _corners(row, placed)]


def _draw_axis(placed: Sequence[_Placed], index: int, distance: float) -> str:
    """Draws one axis with its name below.

    Args:
      placed: All axes.
      index: Number of the axis, from the left.
      distance: From one axis to the next.
    """
    x, scale = placed[index].x, placed[index].scale
    line = f'<line class="axis" x1="{x:g}" x2="{x:g}" y1="{scale.end:g}" y2="{scale.start:g}"/>'
    # Names of neighbours stand at two heights, so that they do not run into each other.
    below = HEIGHT - BOTTOM + (18 if index % 2 == 0 else 34)
    full = placed[index].axis.name
    name = shorten(full, max(int(2 * distance / CHARACTER), 6))
    edges = {0: (4.0, "start"), len(placed) - 1: (_WIDTH - 4.0, "end")}
    edge, anchor = edges.get(index, (x, "middle"))
    return line + text(edge, below, name, anchor=anchor, kind="label", full=full)


def _label_axis(placed: Sequence[_Placed], index: int, distance: float) -> list[str]:
    """Writes the values beside an axis: before it, and behind the last one; the arguments are those of the axis."""
    is_last = index == len(placed) - 1
    side, anchor = (5, "start") if is_last else (-5, "end")
    room = _SIDE if is_last or index == 0 else distance * 0.85
    labels, x, scale = placed[index].axis.labels, placed[index].x, placed[index].scale
    names = shorten_all([name for _, name in labels], max(int(room / CHARACTER), 4))
    return [
        text(x + side, scale(at) + 4, name, anchor=anchor, full=full)
        for name, (at, full) in zip(names, labels, strict=True)
    ]


def _scale(axis: Axis) -> Scale:
    known = [place for place in axis.places if place is not None] + [place for place, _ in axis.labels]
    low, high = min(known), max(known)
    room = 0.04 * (high - low) or 0.5
    return Scale(low - room, high + room, HEIGHT - BOTTOM, TOP)


def _corners(row: int, placed: Sequence[_Placed]) -> list[tuple[float, float]]:
    """Returns where a row crosses the axes that it has a place on."""
    places = [(each.axis.places[row], each) for each in placed]
    return [(each.x, each.scale(place)) for place, each in places if place is not None]


def _line(kind: str, row: int, placed: Sequence[_Placed]) -> str:
    points = " ".join(f"{x:g},{y:g}" for x, y in _corners(row, placed))
    return f'<polyline class="{kind}" points="{points}"/>'
