"""A surface over two inputs, seen from above at a slant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kerasline.components.report.drawing.labels import shorten, shorten_all, show_all
from kerasline.components.report.drawing.svg import WIDTH, mark, text, wrap

_HEIGHT = 340
_SHADES = 6
_MIDDLE, _FRONT = 180, _HEIGHT - 66  # where the nearest corner of the floor is drawn
# Steps on the page for the whole length of an input: to its side, and upwards; and for the whole height.
_SIDEWAYS, _BACKWARDS, _UPWARDS = 135, 61, 98


@dataclass(frozen=True)
class _View:
    """Looks from the corner where both inputs are least: x runs to the right, y to the left.

    Attributes:
      x, y, z: The least value in each direction.
      x_span, y_span, z_span: From there to the greatest, never 0.
    """

    x: float
    y: float
    z: float
    x_span: float
    y_span: float
    z_span: float

    def __call__(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Maps a point to its place on the page."""
        u, v, w = (x - self.x) / self.x_span, (y - self.y) / self.y_span, (z - self.z) / self.z_span
        right = _MIDDLE + (u - v) * _SIDEWAYS
        down = _FRONT - (u + v) * _BACKWARDS - w * _UPWARDS
        return round(right, 1), round(down, 1)


def surface_chart(
    title: str,
    x: Sequence[float],
    y: Sequence[float],
    z: Sequence[Sequence[float]],
    points: Sequence[tuple[float, float, float, float]],
    labels: tuple[str, str, str],
) -> str:
    """Draws a surface over two inputs in a slanted view from above, with rows as points on sticks.

    Args:
      title: The finding.
      x, y: Rising grid positions.
      z: The surface's height, [len(y)][len(x)].
      points: For each row x, y, its label and the surface's height there.
      labels: Names of the three axes, with their units.
    """
    heights = [height for row in z for height in row] + [point[2] for point in points]
    low, high = min(heights), max(heights)
    view = _View(x[0], y[0], low, (x[-1] - x[0]) or 1.0, (y[-1] - y[0]) or 1.0, (high - low) or 1.0)
    parts = _draw_cells(view, x, y, z)
    for a, b, known, height in points:
        (px, py), (qx, qy) = view(a, b, known), view(a, b, height)
        parts.append(f'<line class="stick" x1="{px}" y1="{py}" x2="{qx}" y2="{qy}"/>' + mark(1, px, py, 2.0))
    parts += _label_inputs(view, x, y, labels[:2])
    range_of_heights = " to ".join(show_all([low, high]))
    parts.append(text(8, 16, f"height: {shorten(labels[2], 30)}, {range_of_heights}", kind="label"))
    if points:
        parts.append(mark(1, 14, 30, 2.6) + text(22, 34, "rows of the eval split, joined to the surface"))
    return wrap("".join(parts), title, f"{labels[2]} over {labels[0]} and {labels[1]}", _HEIGHT)


def _draw_cells(view: _View, x: Sequence[float], y: Sequence[float], z: Sequence[Sequence[float]]) -> list[str]:
    """Draws the cells between four grid points each, shaded by their height."""
    cells = []
    for j in range(len(y) - 1):
        for i in range(len(x) - 1):
            around = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            corners = " ".join("{},{}".format(*view(x[a], y[b], z[b][a])) for a, b in around)
            level = (z[j][i] + z[j + 1][i + 1] + z[j][i + 1] + z[j + 1][i]) / 4
            shade = min(int(_SHADES * (level - view.z) / view.z_span), _SHADES - 1)
            cells.append((i + j, f'<polygon class="cell c{shade}" points="{corners}"/>'))
    # The far cells first, so that the near ones cover them.
    return [polygon for _, polygon in sorted(cells, key=lambda cell: -cell[0])]


def _label_inputs(view: _View, x: Sequence[float], y: Sequence[float], names: Sequence[str]) -> list[str]:
    """Writes the ends of both inputs at the corners of the floor, and their names below."""
    (x_first, x_last), (y_first, y_last) = show_all([x[0], x[-1]]), show_all([y[0], y[-1]])
    right, left, near = view(x[-1], y[0], view.z), view(x[0], y[-1], view.z), view(x[0], y[0], view.z)
    first, second = shorten_all(names, 20)
    return [
        text(min(right[0] + 4, WIDTH - 4), right[1] + 16, x_last, anchor="end"),
        text(max(left[0] - 4, 4), left[1] + 16, y_last),
        text(near[0] + 6, near[1] + 14, x_first) + text(near[0] - 6, near[1] + 14, y_first, anchor="end"),
        text(WIDTH - 8, _HEIGHT - 34, f"{first} →", anchor="end", kind="label", full=names[0]),
        text(8, _HEIGHT - 34, f"← {second}", kind="label", full=names[1]),
    ]
