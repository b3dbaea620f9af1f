"""Parallel coordinates: an upright axis for each quantity, and a line across them for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from kerasline.components.report.drawing.labels import shorten, shorten_all
from kerasline.components.report.drawing.specs import (
    CARD,
    CHARACTER,
    COLOURS,
    DASHES,
    HOVER,
    INK,
    MUTED,
    OTHER,
    Spec,
    finish,
    finite,
    halo,
    layer,
    tell,
)

_UNTUNED = "untuned config"
_SIDE = 70  # room beside the outer axes for their labels
_WIDTH = 600  # drawn across the page; a phone scrolls it
_BELOW = 0.26  # room for the names of the axes, as a share of their height
# Lines pass behind the values beside an axis: these have an edge, which the page's style draws below their letters.
_GROUND = {"stroke": CARD, "strokeWidth": 5}
_FIRST_LINE, _SECOND_LINE = -0.1, -0.21  # names of neighbours stand at two heights, so that they do not touch


@dataclass(frozen=True)
class Axis:
    """One quantity.

    Attributes:
      name: below the axis.
      places: of the rows, any numbers; None for a row that does not have it.
      labels: (place, text) pairs to write beside the axis.
      texts: what each row has, in words.
    """

    name: str
    places: Sequence[float | None]
    labels: Sequence[tuple[float, str]]
    texts: Sequence[str] = ()


def coordinates_chart(
    title: str, axes: Sequence[Axis], names: Sequence[str], top: Sequence[int], other: int | None
) -> Spec:
    """Draws rows as lines.

    Args:
      title: The finding.
      axes: At least two, from left to right; all have a place for each row.
      names: Of the rows.
      top: Rows that stand out, best first.
      other: A row drawn dashed, such as the one that all are compared with.
    """
    best_name = "best" if len(top) == 1 else f"best {len(top)}"
    dashed = [] if other is None or other in top else [other]
    kinds = ["other", _UNTUNED, best_name] if dashed else ["other", best_name]
    kind_of = dict.fromkeys(dashed, _UNTUNED) | dict.fromkeys(top, best_name)
    # What stands out is drawn above the others, and the best above all.
    order = [*(row for row in range(len(names)) if row not in kind_of), *dashed, *reversed(top)]
    found = [_row(axes, row, names[row], kind_of.get(row, "other")) for row in order]
    place = _place(len(axes))
    layers = [_uprights(len(axes), place), _lines(kinds, place)]
    layers += [_marks(found[-1], place)] if top else []
    layers += _labels(axes, place)
    layers.append(_hovered(place))
    described = f"{len(axes[0].places)} lines across {', '.join(axis.name for axis in axes)}"
    columns = [("name", "trial"), ("axis", "key"), ("text", "value")]
    return finish(layers, found, title, described, columns, width=_WIDTH, padding={"left": _SIDE, "right": _SIDE})


def _row(axes: Sequence[Axis], row: int, name: str, kind: str) -> dict[str, Any]:
    """Writes one row, with its place on each axis that it has one on, as a share of the axis' length."""
    crossed = [(index, axis, place) for index, axis in enumerate(axes) for place in finite([axis.places[row]])]
    opacity, width = (0.35, 1) if kind == "other" else (1, 2.2)
    return {
        "name": name,
        "kind": kind,
        "opacity": opacity,
        "width": width,
        "x": [float(index) for index, _, _ in crossed],
        "y": [_share(axis, place) for _, axis, place in crossed],
        "axis": [axis.name for _, axis, _ in crossed],
        "text": [axis.texts[row] if axis.texts else "" for _, axis, _ in crossed],
    }


def _share(axis: Axis, place: float) -> float:
    """Returns where a place is on its axis, from 0 at the bottom to 1 at the top."""
    known = finite([*axis.places, *(value for value, _ in axis.labels)])
    low, high = min(known), max(known)
    return round((place - low) / (high - low), 4) if high > low else 0.5


def _place(axes: int) -> dict[str, Any]:
    """Makes the two axes of the plot, which are not drawn."""
    across = alt.Scale(domain=[0, axes - 1], nice=False, zero=False)
    upright = alt.Scale(domain=[-_BELOW, 1.04], nice=False, zero=False)
    return {"x": alt.X("x:Q", scale=across, axis=None), "y": alt.Y("y:Q", scale=upright, axis=None)}


def _uprights(axes: int, place: dict[str, Any]) -> alt.Chart:
    """Draws the axes."""
    data = [{"x": index, "y": -0.04, "end": 1.04} for index in range(axes)]
    return layer(data).mark_rule(color=MUTED).encode(**place, y2="end:Q")


def _lines(kinds: Sequence[str], place: dict[str, Any]) -> alt.Chart:
    """Draws a line for each row; a row that lacks an axis passes it by."""
    colours = dict.fromkeys(kinds, COLOURS[0]) | {"other": OTHER, _UNTUNED: COLOURS[1]}
    dashes = dict.fromkeys(kinds, DASHES[0]) | {_UNTUNED: DASHES[1]}

    def scale(values: dict[str, Any]) -> alt.Scale:
        return alt.Scale(domain=list(kinds), range=[values[kind] for kind in kinds])

    legend = alt.Legend(symbolType="stroke", symbolSize=400, values=list(reversed(kinds[1:])))
    chart = layer().transform_flatten(["x", "y"]).mark_line()
    return chart.encode(
        **place,
        detail=alt.Detail("name:N"),
        color=alt.Color("kind:N", title=None, scale=scale(colours), legend=legend),
        strokeDash=alt.StrokeDash("kind:N", title=None, scale=scale(dashes), legend=legend),
        opacity=alt.Opacity("opacity:Q", scale=None),
        strokeWidth=alt.StrokeWidth("width:Q", scale=None),
    )


def _marks(best: dict[str, Any], place: dict[str, Any]) -> alt.Chart:
    """Marks where the best row crosses the axes."""
    chart = layer([{"x": best["x"], "y": best["y"]}]).transform_flatten(["x", "y"])
    return chart.mark_point(filled=True, color=COLOURS[0], size=24).encode(**place)


def _labels(axes: Sequence[Axis], place: dict[str, Any]) -> list[alt.Chart]:
    """Writes the name of each axis below it, and its values before it, or behind the last one."""
    distance = (_WIDTH - 2 * _SIDE) / (len(axes) - 1)
    last = len(axes) - 1
    names = [
        {"x": index, "y": _SECOND_LINE if index % 2 else _FIRST_LINE,
         "text": shorten(axis.name, max(int(2 * distance / CHARACTER), 6)), "full": axis.name}
        for index, axis in enumerate(axes)
    ]  # fmt: skip
    before: list[dict[str, Any]] = []
    behind: list[dict[str, Any]] = []
    for index, axis in enumerate(axes):
        room = _SIDE if index in (0, last) else distance * 0.85
        short = shorten_all([text for _, text in axis.labels], max(int(room / CHARACTER), 4))
        for text, (at, full) in zip(short, axis.labels, strict=True):
            label = {"x": index, "y": _share(axis, at), "text": text, "full": full}
            (behind if index == last else before).append(label)
    return [
        _texts(names, place, MUTED, align="center"),
        *([_texts(before, place, INK, align="right", dx=-5, **_GROUND)] if before else []),
        *([_texts(behind, place, INK, align="left", dx=5, **_GROUND)] if behind else []),
    ]


def _texts(labels: Sequence[dict[str, Any]], place: dict[str, Any], colour: str, **more: Any) -> alt.Chart:
    return layer(labels).mark_text(color=colour, **more).encode(**place, text="text:N")


def _hovered(place: dict[str, Any]) -> alt.Chart:
    """Shows what the row under a pointer has on the axis there."""
    points = layer(name=HOVER).transform_flatten(["x", "y", "axis", "text"])
    told = (("name", "trial"), ("axis", "key"), ("text", "value"))
    tooltip = [tell(field, title, is_text=True) for field, title in told]
    return halo(points, place, tooltip, ["name", "x"])
