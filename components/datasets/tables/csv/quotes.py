"""Quotes that nobody closed: a cell that spans lines which look like rows of the table has swallowed them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kerasline.components.core import ConfigError, counted

_LINE_END = re.compile(r"\r\n|\r|\n")
_SHARE_OF_ROWS = 0.8  # of the lines in a cell; a table may have some ragged lines and empty ones
_ROWS_BEYOND_DOUBT = 50
ADVICE = (
    "remove the quote, or set csv.quoting: none, which makes quotes part of the text, or csv.quoting: standard, which "
    "takes every quoted cell as it is"
)


class StrayQuote(ConfigError):
    """A quote in a text table opens a cell that swallows rows."""


def check_quotes(cells: Sequence[str], before: Sequence[str], begin: int, delimiter: str, place: Place) -> None:
    """Refuses a record of several lines that looks like several rows.

    Texts of several lines are fine: their lines do not all have as many cells as the table, with numbers where the row
    before has numbers.

    Args:
      cells: of the record, as the csv module gave them.
      before: a row of the table before it, or nothing.
      begin: the line on which the record begins.
      delimiter: the character between cells.
      place: of the table.

    Raises:
      StrayQuote: with the line and the column of the quote, and how many lines it took.
    """
    # Without their quotes the cells give the lines again as a reader that knows no quotes would see them.
    physical = _LINE_END.split(delimiter.join(cells).rstrip("\r\n"))
    if len(physical) < 2:
        return
    width = len(before) or physical[0].count(delimiter) + 1
    whole = physical if len(cells) == width else physical[:-1]  # a quote in the last line hides where a cell ends
    if _are_rows(whole, delimiter, before, width):
        raise stray_quote(cells, begin, place, is_closed=not cells[-1].endswith(("\r", "\n")))


def _are_rows(lines: Sequence[str], delimiter: str, before: Sequence[str], width: int) -> bool:
    """Says whether lines look like rows of the table.

    Args:
      lines: Of one record.
      delimiter: Character between cells.
      before: Row of the table before them, or nothing.
      width: Number of columns of the table.
    """
    numeric = [index for index, cell in enumerate(before) if _is_number(cell)]
    inner = [line.split(delimiter) for line in lines if line.strip()]
    rows = sum(_is_row(line, width, numeric) for line in inner)
    ends = all(_is_row(line.split(delimiter), width, numeric) for line in (lines[0], lines[-1]))
    return ends and rows >= _SHARE_OF_ROWS * len(inner) and _is_enough(rows, width, bool(numeric))


def stray_quote(cells: Sequence[str], begin: int, place: Place, *, is_closed: bool) -> StrayQuote:
    """Words the error for a record of several lines.

    Args:
      cells: of the record.
      begin: the line on which it begins.
      place: of the table.
      is_closed: whether the quote is closed somewhere.
    """
    position = next((index for index, cell in enumerate(cells) if _LINE_END.search(cell)), 0)
    line = begin + sum(len(_LINE_END.findall(cell)) for cell in cells[:position])
    swallowed = max(1, len(_LINE_END.findall(cells[position].rstrip("\r\n"))))
    name = f" ({place.names[position][:60]!r})" if position < len(place.names) else ""
    end = f"closed only in line {line + swallowed}" if is_closed else "never closed"
    return StrayQuote(
        f'The quote (") that opens column {position + 1}{name} in line {line} of {place.path} is {end} and takes '
        f"{counted(swallowed, 'more line')} into its cell; {ADVICE}."
    )


@dataclass
class Place:
    """Where a table is, and how its columns are called, for messages."""

    path: str | Path
    names: list[str] = field(default_factory=list)


def _is_enough(rows: int, width: int, has_numbers: bool) -> bool:
    """Says whether lines that could be rows can hardly be text: the fewer, the more each has to look like one."""
    if width < 2 or rows < 1:
        return False
    if rows > _ROWS_BEYOND_DOUBT or has_numbers:
        return True
    return width >= 5 or (width >= 3 and rows >= 3)


def _is_row(cells: Sequence[str], width: int, numeric: Sequence[int]) -> bool:
    return len(cells) == width and all(_is_number(cells[index]) or not cells[index].strip() for index in numeric)


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().strip('"').replace(",", "."))
    except ValueError:
        return False
    return True
