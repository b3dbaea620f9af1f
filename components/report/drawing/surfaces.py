"""A surface over two inputs, seen from above at a slant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from kerasline.components.report.drawing.labels import shorten, shorten_all, show_all
from kerasline.components.report.drawing.specs import (
    COLOURS,
    HOVER,
    INK,
    MUTED,
    WIDTH,
    Spec,
    finish,
    finite,
    halo,
    layer,
    number,
    tell,
)

_HEIGHT = 340
_SHADES = ("#2c3e73", "#2f6690", "#2a8fa0", "#4cb49a", "#9fd07d", "#f1e16a")
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
) -> Spec:
    """Draws a surface over two inputs in a slanted view from above, with rows as points on sticks.

    Args:
      title: The finding.
      x, y: Rising grid positions.
      z: The surface's height, [len(y)][len(x)].
      points: For each row x, y, its label and the surface's height there.
      labels: Names of the three axes, with their units.
    """
    heights = finite([*(height for row in z for height in row), *(point[2] for point in points)]) or [0.0]
    view = _look(x, y, heights)
    texts = _label_inputs(view, x, y, labels[:2])
    range_of_heights = " to ".join(show_all([min(heights), max(heights)]))
    texts["left"].append(_text(8, 12, f"height: {shorten(labels[2], 30)}, {range_of_heights}"))
    texts["left"] += [_text(22, 30, "rows of the eval split, joined to the surface")] if points else []
    layers = [_draw_cells(), *_draw_points(view, points, labels)]
    layers += [*(_draw_texts(found, align) for align, found in texts.items()), _hovered(labels)]
    columns = list(zip(("a", "b", "height"), labels, strict=True))
    told = f"{labels[2]} over {labels[0]} and {labels[1]}"
    padding = dict.fromkeys(("left", "right", "top", "bottom"), 0.0)
    return finish(layers, _cells(view, x, y, z), title, told, columns, height=_HEIGHT, padding=padding)


def _look(x: Sequence[float], y: Sequence[float], heights: Sequence[float]) -> _View:
    """Chooses a view that holds all heights over all of both inputs."""
    low, high = min(heights), max(heights)
    return _View(x[0], y[0], low, (x[-1] - x[0]) or 1.0, (y[-1] - y[0]) or 1.0, (high - low) or 1.0)


def _place() -> dict[str, Any]:
    """Makes the axes of the page itself, in pixels from its upper left corner; none is drawn."""
    across = alt.Scale(domain=[0, WIDTH], nice=False, zero=False)
    down = alt.Scale(domain=[0, _HEIGHT], nice=False, zero=False, reverse=True)
    return {"x": alt.X("x:Q", scale=across, axis=None), "y": alt.Y("y:Q", scale=down, axis=None)}


def _cells(view: _View, x: Sequence[float], y: Sequence[float], z: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """Writes a row for each cell between four grid points: its corners on the page, and its mean height as a shade."""
    cells = []
    for j in range(len(y) - 1):
        for i in range(len(x) - 1):
            around = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            if len(finite([z[b][a] for a, b in around])) < len(around):
                continue  # a diverged model answers with no number there
            corners = [view(x[a], y[b], z[b][a]) for a, b in around]
            level = (z[j][i] + z[j + 1][i + 1] + z[j][i + 1] + z[j + 1][i]) / 4
            shade = max(min(int(len(_SHADES) * (level - view.z) / view.z_span), len(_SHADES) - 1), 0)
            cells.append((i + j, {
                "cell": f"{i}-{j}", "shade": shade, "a": number(x[i]), "b": number(y[j]), "height": number(z[j][i]),
                "x": [right for right, _ in corners], "y": [down for _, down in corners],
                "corner": list(range(len(corners))),
            }))  # fmt: skip
    # The far cells first, so that the near ones cover them.
    return [cell for _, cell in sorted(cells, key=lambda cell: -cell[0])]


def _draw_cells() -> alt.Chart:
    scale = alt.Scale(domain=list(range(len(_SHADES))), range=list(_SHADES))
    polygons = layer().transform_flatten(["x", "y", "corner"])
    polygons = polygons.mark_line(filled=True, interpolate="linear-closed", stroke="var(--page)", strokeWidth=0.6)
    return polygons.encode(
        **_place(),
        detail=alt.Detail("cell:N"),
        order=alt.Order("corner:Q"),
        fill=alt.Fill("shade:O", scale=scale, legend=None),
    )


def _hovered(labels: tuple[str, str, str]) -> alt.Chart:
    """Shows the figures of the cell under a pointer, at its middle: a line tells them near its corners alone."""
    middle = {axis: f"(datum.{axis}[0] + datum.{axis}[2]) / 2" for axis in ("x", "y")}
    return halo(layer(name=HOVER).transform_calculate(**middle), _place(), _told(labels), ["cell"])


def _told(labels: tuple[str, str, str]) -> list[alt.Tooltip]:
    return [tell(field, label) for field, label in zip(("a", "b", "height"), labels, strict=True)]


def _draw_points(
    view: _View, points: Sequence[tuple[float, float, float, float]], labels: tuple[str, str, str]
) -> list[alt.Chart]:
    """Draws rows, where there are any, at their labels' heights, each joined to the surface by a stick."""
    found: list[dict[str, Any]] = []
    for a, b, known, height in points:
        (right, down), (_, foot) = view(a, b, known), view(a, b, height)
        found.append({"x": right, "y": down, "foot": foot, "a": number(a), "b": number(b), "height": number(known)})
    if not found:
        return []
    place, dots, square = _place(), layer(found), {"shape": "square", "filled": True, "color": COLOURS[1]}
    legend = layer([{"x": 14, "y": 30}])
    return [
        dots.mark_rule(color=COLOURS[1], opacity=0.6).encode(**place, y2="foot:Q"),
        dots.mark_point(**square, size=16).encode(**place, tooltip=_told(labels)),
        legend.mark_point(**square, size=27).encode(**place),
    ]


def _label_inputs(
    view: _View, x: Sequence[float], y: Sequence[float], names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Writes the ends of both inputs at the corners of the floor, and their names below, by how they are aligned."""
    (x_first, x_last), (y_first, y_last) = show_all([x[0], x[-1]]), show_all([y[0], y[-1]])
    right, left, near = view(x[-1], y[0], view.z), view(x[0], y[-1], view.z), view(x[0], y[0], view.z)
    first, second = shorten_all(names, 20)
    return {
        "left": [
            _text(max(left[0] - 4, 4), left[1] + 12, y_last),
            _text(near[0] + 6, near[1] + 10, x_first),
            _text(8, _HEIGHT - 38, f"← {second}"),
        ],
        "right": [
            _text(min(right[0] + 4, WIDTH - 4), right[1] + 12, x_last),
            _text(near[0] - 6, near[1] + 10, y_first),
            _text(WIDTH - 8, _HEIGHT - 38, f"{first} →"),
        ],
    }


def _text(x: float, y: float, text: str) -> dict[str, Any]:
    return {"x": x, "y": y, "text": text, "colour": MUTED if "→" in text or "←" in text else INK}


def _draw_texts(found: Sequence[dict[str, Any]], align: str) -> alt.Chart:
    texts = layer(found).mark_text(align=align)
    return texts.encode(**_place(), text="text:N", color=alt.Color("colour:N", scale=None))
