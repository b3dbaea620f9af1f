"""What a plot of a report is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from kerasline.components.report.drawing import Spec, draw


@dataclass(frozen=True)
class Plot:
    """A plot: its title states the finding; ``note`` is a line below it.

    Attributes:
      spec: In Vega-Lite; None for a table.
      table: HTML, where there is no spec.
    """

    title: str
    spec: Spec | None
    note: str = ""
    is_wide: bool = False
    table: str = ""

    @cached_property
    def body(self) -> Markup:
        """What the page shows, as HTML: drawn when it is first asked for."""
        return Markup(draw(self.spec) if self.spec else self.table)

    @cached_property
    def data(self) -> Markup:
        """The spec as JSON that may stand within a page; empty for a table."""
        written = json.dumps(self.spec, ensure_ascii=False, separators=(",", ":")) if self.spec else ""
        return Markup(written.replace("<", "\\u003c").replace(">", "\\u003e"))


def make_plot(title: str, spec: Spec, note: str = "", is_wide: bool = False) -> Plot:
    """Joins a title and the spec of what it is about."""
    return Plot(title, spec, note, is_wide)


def make_table(title: str, table: str, note: str = "", is_wide: bool = False) -> Plot:
    """Joins a title and a table, as HTML whose texts are escaped."""
    return Plot(title, None, note, is_wide, table)
