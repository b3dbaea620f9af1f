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


def coordinates_chart(
    title: str, axes: Sequence[Axis], top: Sequence[int], other: int | None, *, best_name: str = "best"
) -> str:
    """Draws rows as lines.

    Args:
      title: the finding.
      axes: at least two, from left to right; all have a place for each row.
      top: rows that stand out, best first.
      other: a row drawn dashed, such as the one that all are compared with.
      best_name: of the rows that stand out, for the legend.
    """
    distance = (_WIDTH - 2 * _SIDE) / (len(axes) - 1)
    positions = [_SIDE + distance * index for index in range(len(axes))]
    scales = [_scale(axis) for axis in axes]
    rows = range(len(axes[0].places))
    has_other = other is not None and other not in top
    parts = [_draw_axis(axes, index, x, scales[index], distance) for index, x in enumerate(positions)]
    ordinary = [row for row in rows if row not in top and row != other]
    parts += [_line("pale", row, axes, positions, scales) for row in ordinary]
    if other is not None and has_other:
        parts.append(_line("series s2", other, axes, positions, scales))
    parts += [_line("series s1", row, axes, positions, scales) for row in reversed(top)]
    parts += [mark(0, x, y, 2.6) for x, y in _corners(top[0], axes, positions, scales)] if top else []
    for index, x in enumerate(positions):
        parts += _label_axis(axes, index, x, scales[index], distance)
    parts.append(draw_legend([best_name, "untuned config"] if has_other else [best_name]))
    described = f"{len(rows)} lines across {', '.join(axis.name for axis in axes)}"
    return wrap("".join(parts), title, described, width=_WIDTH)


def _draw_axis(axes: Sequence[Axis], index: int, x: float, scale: Scale, distance: float) -> str:
    """Draws one axis with its name below.

    Args:
      axes: All of them.
      index: Number of the axis, from the left.
      x: Where it stands.
      scale: Its range.
      distance: From one axis to the next.
    """
    line = f'<line class="axis" x1="{x:g}" x2="{x:g}" y1="{scale.end:g}" y2="{scale.start:g}"/>'
    # Names of neighbours stand at two heights, so that they do not run into each other.
    below = HEIGHT - BOTTOM + (18 if index % 2 == 0 else 34)
    full = axes[index].name
    name = shorten(full, max(int(2 * distance / CHARACTER), 6))
    edges = {0: (4.0, "start"), len(axes) - 1: (_WIDTH - 4.0, "end")}
    edge, anchor = edges.get(index, (x, "middle"))
    return line + text(edge, below, name, anchor=anchor, kind="label", full=full)


def _label_axis(axes: Sequence[Axis], index: int, x: float, scale: Scale, distance: float) -> list[str]:
    """Writes the values beside an axis: before it, and behind the last one; the arguments are those of the axis."""
    is_last = index == len(axes) - 1
    side, anchor = (5, "start") if is_last else (-5, "end")
    room = _SIDE if is_last or index == 0 else distance * 0.85
    names = shorten_all([name for _, name in axes[index].labels], max(int(room / CHARACTER), 4))
    return [
        text(x + side, scale(at) + 4, name, anchor=anchor, full=full)
        for name, (at, full) in zip(names, axes[index].labels, strict=True)
    ]


def _scale(axis: Axis) -> Scale:
    known = [place for place in axis.places if place is not None] + [place for place, _ in axis.labels]
    low, high = min(known), max(known)
    room = 0.04 * (high - low) or 0.5
    return Scale(low - room, high + room, HEIGHT - BOTTOM, TOP)


def _corners(
    row: int, axes: Sequence[Axis], positions: Sequence[float], scales: Sequence[Scale]
) -> list[tuple[float, float]]:
    """Returns where a row crosses the axes that it has a place on."""
    places = [(axis.places[row], x, scale) for axis, x, scale in zip(axes, positions, scales, strict=True)]
    return [(x, scale(place)) for place, x, scale in places if place is not None]


def _line(kind: str, row: int, axes: Sequence[Axis], positions: Sequence[float], scales: Sequence[Scale]) -> str:
    points = " ".join(f"{x:g},{y:g}" for x, y in _corners(row, axes, positions, scales))
    return f'<polyline class="{kind}" points="{points}"/>'
