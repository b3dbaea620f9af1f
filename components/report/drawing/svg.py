"""Scales, ticks and frames for the plots of a report: inline SVG that takes its colours from the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from kerasline.components.report.drawing.labels import shorten, shorten_all, show_ticks

WIDTH, HEIGHT = 360, 250  # drawn at nine tenths of that at least, on a phone or three beside each other
TOP, RIGHT, BOTTOM, LEFT = 30, 14, 46, 54
_NARROW, _WIDE = "iIjlftr.,:;'|!()[]- \u202f", "mMwW@%…#"  # letters of the plot's text
CHARACTER = 7.0  # width of a character in the plot's text


@dataclass(frozen=True)
class Scale:
    """A linear map from values to positions.

    Attributes:
      low, high: the ends in values; ``high`` is above ``low``.
      start, end: the same ends in positions.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Maps a value; those outside are put at the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


@dataclass(frozen=True)
class Frame:
    """Where values of a plot are drawn."""

    x: Scale
    y: Scale


def make_frame(
    x_values: Sequence[float],
    y_values: Sequence[float],
    *,
    zero: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    left: float = LEFT,
    height: float = HEIGHT,
) -> Frame:
    """Fits a frame around values.

    Args:
      x_values, y_values: finite numbers; may be empty.
      zero: the vertical axis starts at 0.
      x_range, y_range: instead of the values' own.
      left: room for the labels of the vertical axis.
      height: of the plot.
    """
    x_low, x_high = x_range or _range(x_values)
    y_low, y_high = y_range or _range([*y_values, 0.0] if zero else y_values, pad=0.05)
    if zero and y_range is None:
        y_low = min([0.0, *finite(y_values)])
    longest = max(map(width_of, show_ticks(ticks(y_low, y_high))), default=0) if y_range is None else 0
    left = max(left, 26 + longest)
    return Frame(Scale(x_low, x_high, left, WIDTH - RIGHT), Scale(y_low, y_high, height - BOTTOM, TOP))


def finite(values: Sequence[float | None]) -> list[float]:
    """Leaves out what has no place on an axis: NaN, infinity, None."""
    return [value for value in values if value is not None and math.isfinite(value)]


def _range(values: Sequence[float], pad: float = 0.0) -> tuple[float, float]:
    known = finite(values)
    low, high = min(known, default=0.0), max(known, default=1.0)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
        room = abs(low) * 0.1 or 0.5
        return low - room, high + room
    return low - pad * (high - low), high + pad * (high - low)


def ticks(low: float, high: float, wanted: int = 5, whole: bool = False) -> list[float]:
    """Chooses round values between two ends: multiples of 1, 2 or 5 times a power of ten."""
    span = high - low
    place = math.floor(math.log10(span / wanted))
    factor = next((factor for factor in (1, 2, 5) if span / (10.0**place * factor) <= wanted), 10)
    step = 10.0**place * factor
    step, place = (1.0, 0) if whole and step < 1 else (step, place)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round((first + i) * step, 2 - place) for i in range(max(count, 0))]


def ticks_in_room(scale: Scale, whole: bool = False) -> tuple[list[float], list[str]]:
    """Chooses ticks of a horizontal axis whose labels do not run into each other."""
    for wanted in (5, 4, 3, 2, 1):
        values = ticks(scale.low, scale.high, wanted, whole)
        labels = show_ticks(values)
        needed = sum(width_of(label) + 10 for label in labels)
        if needed <= scale.end - scale.start:
            break
    return values, labels


def width_of(content: str) -> float:
    """Estimates how wide a text is drawn, by the widest of the usual fonts, so that it never needs more."""
    return sum(4.9 if letter in _NARROW else 12.4 if letter in _WIDE else 8.0 for letter in content)


def text(
    x: float, y: float, content: str, *, anchor: str = "start", kind: str = "tick", turn: bool = False, full: str = ""
) -> str:
    """Draws text; ``kind`` is a class of the style sheet, ``full`` what a pointer over a shortened text shows."""
    turned = f' transform="rotate(-90 {x:g} {y:g})"' if turn else ""
    whole = f"<title>{escape(full)}</title>" if full and full != content else ""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}"{turned}>{whole}{escape(content)}</text>'


def draw_axes(frame: Frame, x_label: str, y_label: str, *, whole_x: bool = False, height: float = HEIGHT) -> str:
    """Draws grid lines, ticks and the titles of both axes."""
    parts = []
    bottom, x, y = frame.y.start, frame.x, frame.y
    levels = ticks(y.low, y.high)
    for value, label in zip(levels, show_ticks(levels), strict=True):
        position = y(value)
        parts.append(f'<line class="grid" x1="{x.start:g}" x2="{x.end:g}" y1="{position:g}" y2="{position:g}"/>')
        parts.append(text(x.start - 6, position + 4, label, anchor="end"))
    for value, label in zip(*ticks_in_room(x, whole_x), strict=True):
        position = x(value)
        parts.append(f'<line class="axis" x1="{position:g}" x2="{position:g}" y1="{bottom:g}" y2="{bottom + 4:g}"/>')
        parts.append(text(position, bottom + 17, label, anchor="middle"))
    parts.append(f'<line class="axis" x1="{x.start:g}" x2="{x.end:g}" y1="{bottom:g}" y2="{bottom:g}"/>')
    parts.append(draw_x_label(x, x_label, height))
    label = shorten(y_label, int((y.start - y.end) / CHARACTER))
    parts.append(text(13, (y.start + y.end) / 2, label, anchor="middle", kind="label", turn=True, full=y_label))
    return "".join(parts)


def draw_x_label(x: Scale, label: str, height: float) -> str:
    """Draws the title of a horizontal axis in the middle below it, and within the plot."""
    shown = shorten(label, int((WIDTH - 8) / CHARACTER))
    half = width_of(shown) / 2
    middle = min(max((x.start + x.end) / 2, half + 4), WIDTH - half - 4)
    return text(middle, height - 8, shown, anchor="middle", kind="label", full=label)


def draw_legend(names: Sequence[str], kinds: Sequence[str] | None = None) -> str:
    """Draws the names of the series in one row on top: ``kinds`` are ``line``, ``area`` or ``dots``."""
    if not any(names):
        return ""
    room = (WIDTH - RIGHT - LEFT) / len(names) / CHARACTER - 4
    parts, x, labels = [], float(LEFT), shorten_all(names, int(room))
    for index, name in enumerate(names):
        label, kind = labels[index], (kinds or ["line"] * len(names))[index]
        if kind == "area":
            parts.append(f'<rect class="area s{index + 1}" x="{x:g}" y="9" width="18" height="10"/>')
        elif kind == "dots":
            parts.append(mark(index, x + 9, 14))
        else:
            parts.append(f'<line class="series s{index + 1}" x1="{x:g}" x2="{x + 20:g}" y1="14" y2="14"/>')
        parts.append(text(x + 25, 18, label, full=name))
        x += 25 + width_of(label) + 10
    return "".join(parts)


def mark(index: int, x: float, y: float, size: float = 3.2) -> str:
    """Draws one point of a series: each series has a shape of its own, so that colour is not all that tells."""
    kind = f'class="dot s{index + 1}"'
    if index % 3 == 0:
        return f'<circle {kind} cx="{x:g}" cy="{y:g}" r="{size:g}"/>'
    if index % 3 == 1:
        return f'<rect {kind} x="{x - size:g}" y="{y - size:g}" width="{2 * size:g}" height="{2 * size:g}"/>'
    points = f"{x:g},{y - 1.3 * size:g} {x + 1.2 * size:g},{y + size:g} {x - 1.2 * size:g},{y + size:g}"
    return f'<polygon {kind} points="{points}"/>'


def wrap(content: str, title: str, description: str, height: float = HEIGHT, width: float = WIDTH) -> str:
    """Puts a plot into its ``svg`` element, which tells screen readers what it shows."""
    spoken = escape(f"{title}. {description}", quote=True)
    return f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{spoken}">{content}</svg>'
