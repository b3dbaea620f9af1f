"""The look of all plots, told once: colours are those of the page, so that they are dark on a dark one."""

from __future__ import annotations

from typing import Any

from kerasline.components.report.drawing.specs import COLOURS, INK, MUTED

FONT_SIZE = 12.5  # pixels; at nine tenths of that it is still read
LOCALE = {"decimal": ".", "thousands": "\u202f", "grouping": [3], "currency": ["", ""], "minus": "-"}


def theme(font_size: float = FONT_SIZE) -> dict[str, Any]:
    """Makes the config of Vega-Lite; its letters have so many pixels."""
    return {
        "aria": False,  # the plot as a whole is described
        "background": None,
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": {
            "domainColor": MUTED,
            "gridColor": "var(--line)",
            "labelColor": INK,
            "labelFontSize": font_size,
            "labelLimit": 0,
            "tickColor": MUTED,
            "tickCount": 5,
            "tickSize": 4,
            "titleColor": MUTED,
            "titleFontSize": font_size,
            "titleFontWeight": "normal",
            "titlePadding": 6,
        },
        # A number stands below its tick, also at the ends, and does not touch the next one.
        "axisX": {"labelFlush": False, "labelSeparation": 8},
        "axisY": {"domain": False, "ticks": False},
        "legend": {
            "labelColor": INK,
            "labelFontSize": font_size,
            "labelLimit": 0,
            "offset": 6,
            "orient": "top",
            "symbolStrokeWidth": 2.2,
            "title": None,
        },
        "line": {"color": COLOURS[0], "strokeWidth": 2.2},
        "bar": {"color": COLOURS[0]},
        "rule": {"color": MUTED},
        "text": {"color": INK, "fontSize": font_size},
    }
