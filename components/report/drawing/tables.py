"""A confusion matrix is a table, as HTML has them: each cell can be read, chosen and listened to."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from kerasline.components.core import counted
from kerasline.components.report.drawing.labels import shorten_all

_NAMES_IN_ROW = 34  # characters of the names of all classes that stand side by side
_MANY = 12  # classes, whose cells are drawn smaller


def shade_table(
    counts: Sequence[Sequence[int]], names: Sequence[str], caption: str, rows_are: str, columns_are: str
) -> str:
    """Draws a confusion matrix as an HTML table whose shades are shares of the row.

    Args:
      counts: [classes][classes].
      names: of the classes.
      caption: the finding.
      rows_are, columns_are: what the axes mean.
    """
    short = shorten_all(names, 16)
    # Names side by side take too much room for many classes or long ones, so they stand upright.
    upright = " upright" if sum(map(len, short)) > _NAMES_IN_ROW else ""
    many = " many" if len(names) > _MANY else ""
    head = "".join(_head_cell("col", name, text) for name, text in zip(names, short, strict=True))
    body = []
    for index, (name, row) in enumerate(zip(names, counts, strict=True)):
        total = max(sum(row), 1)
        cells = []
        for column, count in enumerate(row):
            share = count / total
            kind = "hit" if index == column else "miss"
            level = 0 if not count else min(1 + int(share * 5), 5)
            label = f"{counted(count, 'row')} of {name} taken for {names[column]}, {share:.0%}"
            cells.append(f'<td class="{kind}{level}" title="{escape(label, quote=True)}">{count or ""}</td>')
        body.append(f"<tr>{_head_cell('row', name, short[index])}{''.join(cells)}</tr>")
    return (
        f'<table class="confusion{upright}{many}"><caption>{escape(caption)}</caption><thead><tr><th scope="col">'
        f"<small>{escape(rows_are)} ↓ {escape(columns_are)} →</small></th>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _head_cell(scope: str, name: str, text: str) -> str:
    full = f' title="{escape(name, quote=True)}"' if text != name else ""
    return f'<th scope="{scope}"{full}><span>{escape(text)}</span></th>'
