"""Horizontal bars, each with its name before it, and its figure and interval behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from kerasline.components.report.drawing.labels import shorten_all, show, show_all
from kerasline.components.report.drawing.specs import (
    CHARACTER,
    COLOURS,
    INK,
    OTHER,
    WIDTH,
    Spec,
    finish,
    finite,
    layer,
    number,
    tell,
    x_axis,
)

_ROW = 26  # height of a bar with its room
_AROUND = 54  # height of what is below and above all bars
_LIMIT = 16  # height of the name of a limit
_NAME = 22  # characters of a name beside a bar
_FIGURE = 0.2  # room behind the longest bar, as a share of the axis


@dataclass(frozen=True)
class Bar:
    """One horizontal bar: a value, and where it may as well lie."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    is_main: bool = False


def bar_chart(title: str, bars: Sequence[Bar], x_label: str, *, limit: tuple[float, str] | None = None) -> Spec:
    """Draws horizontal bars from 0, each with its name, its figure and its interval; one without a value has no bar.

    Args:
      title: the finding.
      bars: from top to bottom.
      x_label: with its unit.
      limit: a value to mark with a vertical line, and its name.
    """
    found = _rows(bars)
    labels = [row["label"] for row in found]
    beside = int((WIDTH - 30) / CHARACTER) - max([*map(len, labels), 4])
    bands = alt.Scale(domain=labels, paddingInner=0.38, paddingOuter=0.2)
    axis = alt.Axis(title=None, domain=False, ticks=False, labelPadding=6)
    place = {
        "x": x_axis(x_label, _ends(bars, limit), grid=True, room=beside),
        "y": alt.Y("label:N", sort=None, scale=bands, axis=axis),
    }
    layers = [_bars(place, x_label), *_whiskers(place), _figures(place), *(_limit_line(*limit, place) if limit else [])]
    described = "; ".join(f"{row['name']} {row['figure']}" for row in found)
    columns = [("name", "name"), ("x", x_label), ("low", "interval, from"), ("high", "to")]
    columns = columns if any(bar.interval for bar in bars) else columns[:2]
    room = _LIMIT if limit else 0
    padding = {"top": 4 + room, "bottom": 4, "left": 4, "right": 10}
    height = _ROW * len(bars) + _AROUND + room
    return finish(layers, found, title, f"{x_label}: {described}", columns, height=height, padding=padding)


def _rows(bars: Sequence[Bar]) -> list[dict[str, Any]]:
    """Writes a row for each bar; ``end`` is where its figure stands."""
    names = shorten_all([bar.name for bar in bars], _NAME)
    figures = show_all([bar.value for bar in bars])
    has_main = any(bar.is_main for bar in bars)
    seen: Counter[str] = Counter()
    found = []
    for bar, name, figure in zip(bars, names, figures, strict=True):
        low, high = (number(end) for end in bar.interval or (None, None))
        end = max([0.0, *finite([bar.value, high])])
        kind = "main" if bar.is_main or not has_main else "other"
        # Bars of one name are two bars all the same: a letter without width tells them apart.
        label = name + "\u200b" * seen[name]
        seen[name] += 1
        found.append({"label": label, "name": bar.name, "x": number(bar.value), "low": low, "high": high, "end": end,
                      "kind": kind, "figure": figure})  # fmt: skip
    return found


def _ends(bars: Sequence[Bar], limit: tuple[float, str] | None) -> tuple[float, float]:
    """Returns the ends of an axis that holds 0, all bars and the limit, with room for figures behind the bars."""
    ends = [v for bar in bars for v in (bar.value, *(bar.interval or ()))] + ([limit[0]] if limit else [])
    low, high = min([0.0, *finite(ends)]), max([0.0, *finite(ends)])
    return float(low), float(high + _FIGURE * (high - low or 1))


def _bars(place: dict[str, Any], x_label: str) -> alt.Chart:
    colour = alt.Color("kind:N", scale=alt.Scale(domain=["main", "other"], range=[COLOURS[0], OTHER]), legend=None)
    tooltip = [tell("name", "name", is_text=True), tell("figure", x_label, is_text=True)]
    tooltip += [tell(end, f"interval, {end}") for end in ("low", "high")]
    return layer().mark_bar().encode(**place, x2=alt.X2Datum(0), color=colour, tooltip=tooltip)


def _whiskers(place: dict[str, Any]) -> list[alt.Chart]:
    """Draws the intervals, with a stop at each end."""
    known = layer().transform_filter("isValid(datum.low) && isValid(datum.high)")
    y, x = place["y"], place["x"]
    low, high = known.transform_calculate(x="datum.low"), known.transform_calculate(x="datum.high")
    stops = {"size": 8, "color": INK, "thickness": 1.5}
    return [
        low.mark_rule(color=INK, strokeWidth=1.5).encode(x=x, x2="high:Q", y=y),
        low.mark_tick(**stops).encode(x=x, y=y),
        high.mark_tick(**stops).encode(x=x, y=y),
    ]


def _figures(place: dict[str, Any]) -> alt.Chart:
    text = layer().transform_calculate(x="datum.end").mark_text(align="left", dx=5)
    return text.encode(x=place["x"], y=place["y"], text="figure:N")


def _limit_line(value: float, name: str, place: dict[str, Any]) -> list[alt.Chart]:
    """Draws a limit, and its name above all bars."""
    at = layer([{"x": number(value), "text": f"{name} {show(value)}"}])
    return [
        at.mark_rule(strokeDash=[2, 3]).encode(x=place["x"]),
        at.mark_text(baseline="bottom", dy=-4).encode(x=place["x"], y=alt.value(0), text="text:N"),
    ]
