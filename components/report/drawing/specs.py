"""What all plots share: how Vega-Lite specs are begun and ended, their axes, and the colours of their series."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from kerasline.components.report.drawing.labels import LEAST_GROUPED, in_lines, shorten, show_ticks

Spec = dict[str, Any]  # a plot in Vega-Lite, as JSON

WIDTH, HEIGHT = 360, 250  # drawn at nine tenths of that at least, on a phone or three beside each other
CHARACTER = 7.0  # width of a character in the plot's text
PLOTTED = "plotted"  # name of the data that a plot is about, beside those of lines and words that explain it
HOVER = "hover"  # name of the layer that shows what is under a pointer; without one there is nothing to draw
# Properties of the page's style, so that a plot is dark on a dark page.
COLOURS = ("var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)")
DASHES = ([1, 0], [7, 3], [2, 3], [9, 3, 2, 3])
# Each series has a shape of its own, so that colour is not all that tells.
SHAPES = ("circle", "square", "triangle-up", "diamond")
INK, MUTED, OTHER, CARD = "var(--ink)", "var(--muted)", "var(--other)", "var(--card)"
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what neither XML nor UTF-8 can hold
_LARGE, _SMALL = 1e6, 1e-3  # ends of an axis beyond which its numbers are written with a power of ten
_FEW_DIGITS = 3
_LONGEST_TITLE = 46  # letters below a plot
_FEW_POWERS = 3  # of ten, between which other numbers stand
_PADDING = {"left": 4, "top": 4, "right": 10, "bottom": 4}


def finish(
    layers: Sequence[alt.Chart],
    data: Sequence[dict[str, Any]],
    title: str,
    description: str,
    columns: Sequence[tuple[str, str]],
    *,
    width: float = WIDTH,
    height: float = HEIGHT,
    padding: Mapping[str, float] | None = None,
) -> Spec:
    """Makes the spec of a plot.

    Args:
      layers: What is drawn, from back to front.
      data: Rows that the plot shows; lists in a row are taken apart by the layers.
      title: The finding.
      description: What the plot shows beside it, for those who listen to the page.
      columns: Fields of the data that belong into a table of it, and their headings.
      width, height: Of the whole plot, in pixels.
      padding: Room at its sides where marks lie outside the axes.
    """
    size: Spec = {"width": width, "height": height, "padding": dict(padding or _PADDING)}
    size["autosize"] = {"type": "fit", "contains": "padding"}
    # Checked by the tests: here it would take longer than to draw.
    spec: Spec = alt.layer(*layers).to_dict(validate=False)
    spec.pop("config", None)  # the look of all plots stands once, in theme.py
    told = {"description": f"{title}. {description}", "usermeta": {"columns": [list(column) for column in columns]}}
    spec.setdefault("datasets", {})[PLOTTED] = list(data)
    cleaned: Spec = _clean(spec | size | told)
    return cleaned


def _clean(value: Any) -> Any:
    """Puts a sign for letters that no page can show, and nothing for numbers that JSON has not, at any depth."""
    if isinstance(value, str):
        return _NO_TEXT.sub("\ufffd", value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items()}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value


def layer(values: Sequence[dict[str, Any]] | None = None, *, name: str | None = None) -> alt.Chart:
    """Begins a layer.

    Args:
      values: Rows of its own; None for those that the plot is about.
      name: Of the layer, where it needs one.
    """
    data = alt.NamedData(PLOTTED) if values is None else alt.InlineData(values=list(values))
    return alt.Chart(data) if name is None else alt.Chart(data, name=name)


def number(value: Any) -> float | None:
    """Returns a number as JSON has it: None for what has no place on an axis."""
    known = finite([value])
    return float(known[0]) if known else None


def numbers(values: Sequence[Any]) -> list[float | None]:
    """Returns numbers as JSON has them."""
    return [number(value) for value in values]


def finite(values: Sequence[Any]) -> list[float]:
    """Leaves out what has no place on an axis: NaN, infinity, None."""
    return [value for value in values if value is not None and math.isfinite(value)]


def spread(values: Sequence[Any], pad: float = 0.0) -> tuple[float, float]:
    """Returns the ends of an axis that holds all values, with room at both in shares of the whole."""
    known = finite(values)
    low, high = float(min(known, default=0.0)), float(max(known, default=1.0))
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
        room = abs(low) * 0.1 or 0.5
        return low - room, high + room
    return low - pad * (high - low), high + pad * (high - low)


def x_axis(
    label: str,
    ends: tuple[float, float],
    *,
    whole: bool = False,
    grid: bool = False,
    room: int = 34,
    is_log: bool = False,
    near: float = 0.0,
) -> alt.X:
    """Makes the horizontal axis, of the field ``x``.

    Args:
      label: What it means, with its unit.
      ends: Its least and greatest value.
      whole: Whether only whole numbers stand beside it.
      grid: Whether lines go from its numbers across the plot.
      room: Letters that have room below the axis itself; more begin further to the left.
      is_log: Whether it goes by factors.
      near: Up to what distance from 0 it goes evenly nevertheless; above 0 where ends are not.
    """
    title = shorten(label, _LONGEST_TITLE)
    anchor = {"titleAnchor": "end"} if len(title) > room else {}
    more = _whole_format_of(*ends) if whole else _format_of(*ends)
    scale = _scale(ends)
    if is_log and near:
        scale = alt.Scale(type="symlog", constant=near, domain=list(ends), nice=False)
        # Vega writes its numbers with the digits of an even axis, to which small ones are 0.
        more = {"format": ",~r", **more, "values": _around_zero(*ends, near)}
    elif is_log:
        scale, more = alt.Scale(type="log", domain=list(ends), nice=False), {**more, "values": _round_numbers(*ends)}
    return alt.X("x:Q", title=title, scale=scale, axis=alt.Axis(grid=grid, **anchor, **more))


def _round_numbers(low: float, high: float) -> list[float]:
    """Lists the numbers beside an axis that goes by factors: powers of ten, with halves between a few of them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) <= _FEW_POWERS else (1,)
    known = [step * 10.0**power for power in powers for step in steps]
    return [value for value in known if low <= value <= high]


def _around_zero(low: float, high: float, near: float) -> list[float]:
    """Lists the numbers beside an axis that goes by factors on both sides of 0."""
    below = [-value for value in reversed(_round_numbers(near, -low))] if -low > near else []
    above = _round_numbers(near, high) if high > near else []
    return [value for value in (*below, 0.0, *above) if low <= value <= high]


def y_axis(label: str, ends: tuple[float, float], height: float = HEIGHT - 76) -> alt.Y:
    """Makes the upright axis, of the field ``y``, which is so many pixels high; a long label takes two lines."""
    lines = in_lines(label, int(height / CHARACTER))
    title: Any = lines if len(lines) > 1 else lines[0]
    return alt.Y("y:Q", title=title, scale=_scale(ends), axis=alt.Axis(grid=True, **_format_of(*ends)))


def sides(x_ends: tuple[float, float]) -> dict[str, float]:
    """Returns the room around the axes that the numbers below them need: half of the longest may stand to the right."""
    low, high = x_ends
    longest = max(map(len, show_ticks([low, low + (high - low) / 5])))
    return _PADDING | {"right": max(10.0, 3.6 * longest - 6)}


def _scale(ends: tuple[float, float]) -> alt.Scale:
    return alt.Scale(domain=list(ends), nice=False, zero=False)


def _format_of(low: float, high: float) -> dict[str, str]:
    """Chooses a way to write the numbers of an axis: Vega's own, but for large and small ones with few digits."""
    largest, place = max(abs(low), abs(high)), math.floor(math.log10((high - low) / 5))
    digits = math.floor(math.log10(largest)) - place
    is_far = largest < _SMALL or (largest >= _LARGE and digits <= _FEW_DIGITS)
    if is_far:
        return {"format": "~e"}
    return {"format": "~f"} if 1000 <= largest < LEAST_GROUPED else {}


def _whole_format_of(low: float, high: float) -> dict[str, Any]:
    is_grouped = max(abs(low), abs(high)) >= LEAST_GROUPED
    return {"tickCount": max(min(5, int(high - low)), 1), "format": ",d" if is_grouped else "d"}


def colour_of(names: Sequence[str], symbol: str, field: str = "series") -> alt.Color:
    """Gives each series its colour; names that are not empty stand above the plot, beside a symbol."""
    scale = alt.Scale(domain=list(names), range=list(COLOURS[: len(names)]))
    return alt.Color(f"{field}:N", title=None, scale=scale, legend=legend_of(names, symbol))


def legend_of(names: Sequence[str], symbol: str) -> alt.Legend | None:
    """Makes the legend of series; none where they have no names."""
    size = 400 if symbol == "stroke" else 110
    return alt.Legend(symbolType=symbol, symbolSize=size) if any(names) else None


def room_for(names: int) -> int:
    """Counts the letters that a name may have where so many stand beside each other above the plot."""
    return int((WIDTH - 68) / max(names, 1) / CHARACTER) - 4


def tell(field: str, label: str, *, is_text: bool = False) -> alt.Tooltip:
    """Has a pointer told a field, with what it means; a figure is told in four digits."""
    # Vega shows what is called "title" or "image" as such: a letter without width makes it any other name.
    title = f"{label}\u200b" if label in ("image", "title") else label
    return alt.Tooltip(f"{field}:N", title=title) if is_text else alt.Tooltip(f"{field}:Q", title=title, format=".4~g")


def halo(points: alt.Chart, place: dict[str, Any], tooltip: Sequence[alt.Tooltip], key: Sequence[str]) -> alt.Chart:
    """Lays a disc around each point, which is seen, with the point's figures, under a pointer alone.

    Args:
      points: A layer with a row for each.
      place: The axes.
      tooltip: What is told of a point.
      key: Fields that tell the points apart.
    """
    pointed = alt.selection_point(name="pointed", on="pointerover", clear="pointerout", fields=list(key))
    shown = alt.condition(pointed, alt.value(0.3), alt.value(0), empty=False)
    discs = points.mark_point(filled=True, size=220, color=INK)
    return discs.encode(**place, opacity=shown, tooltip=list(tooltip)).add_params(pointed)
