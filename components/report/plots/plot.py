"""What a plot of a report is."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Plot:
    """A plot: its title states the finding; ``body`` is HTML, ``note`` a line below it."""

    title: str
    body: Markup
    note: str = ""
    is_wide: bool = False


def make_plot(title: str, body: str, note: str = "", is_wide: bool = False) -> Plot:
    """Joins a title and HTML that the drawing functions have escaped, piece by piece."""
    return Plot(title, Markup(body), note, is_wide)
