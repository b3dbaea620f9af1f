"""How a text table is written: what stands above its header, what divides its cells, and whether its quotes hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from kerasline.components.core import counted
from kerasline.components.datasets.description import MISSING_VALUES
from kerasline.components.datasets.tables.csv import (
    Dialect,
    Line,
    StrayQuote,
    count_named,
    detect_delimiter,
    fitted,
    lines,
    parse,
)

_ROWS_LOOKED_AT = 60_000
_MOST_LINES_ABOVE = 15
_MOST_LINES_BELOW = 3
_FEWEST_NUMBERS = 2  # columns of numbers that a second line of names must stand out from
_ROWS_BELOW = 200
_ROW_NAMES, _FEWEST_NAMED = "row_name", 3


def find_dialect(
    path: Path, encoding: str, reading: dict[str, tuple[Any, str]], labels: Collection[str] = ()
) -> Dialect:
    """Finds out how a table is written.

    Args:
      path: of the table.
      encoding: of its text.
      reading: takes the keys of the ``csv:`` block that are not the default, each with the reason.
      labels: columns that the header is known to name.

    Raises:
      StrayQuote: a quote swallows rows, and without quotes the rows do not have one width either.
    """
    dialect = Dialect(detect_delimiter(path, Dialect(",", encoding)), encoding)
    try:
        head = _rows(path, dialect)[:30]
    except StrayQuote as error:
        dialect, head = _without_quotes(path, dialect, error), []
        reading["quoting"] = ("none", f"quotes are part of the text: {str(error).split('; ')[0]}")
        head = _rows(path, dialect)[:30]
    names = _names_one_short(head, labels)
    if names:
        number = head[0][0]
        reading["skip_lines"] = (number, "the line with the names of the columns lacks one for the names of the rows")
        reading["header"] = (False, "their names are listed here")
        reading["columns"] = ([_free_name(_ROW_NAMES, names), *names], "with a name for the first")
        return replace(dialect, skip_lines=number)
    above = _lines_above(head, labels)
    if above:
        reading["skip_lines"] = (above, f"{counted(above, 'line stands', 'lines stand')} above the header")
        dialect = replace(dialect, skip_lines=above)
        dialect = replace(dialect, delimiter=detect_delimiter(path, dialect))
    return dialect


def _rows(path: Path, dialect: Dialect) -> list[Line]:
    return list(islice(lines(path, dialect), _ROWS_LOOKED_AT))


def _without_quotes(path: Path, dialect: Dialect, error: StrayQuote) -> Dialect:
    """Takes quotes for text where all rows then have the width of the header, so that no cell was meant to be quoted.

    Raises:
      StrayQuote: they have not.
    """
    plain = replace(dialect, quoting="none")
    rows = [cells for _, cells in _rows(path, plain)]
    width, named = len(rows[0]), count_named(rows[0])
    if width < 2 or any(len(fitted(cells, width, named)) != width for cells in rows if any(cells)):
        raise error
    return plain


def _names_one_short(head: Sequence[Line], labels: Collection[str]) -> list[str]:
    """Returns the names of the columns where each row has its own name in front of them, as R writes tables.

    There is no name for the column of these names; for any other table there is nothing.
    """
    rows = [cells for _, cells in head[1:] if any(cells)]
    names = list(head[0][1]) if head else []
    is_short = len(rows) >= _FEWEST_NAMED and {len(names) + 1} == set(map(len, rows))
    if not is_short or len({*names, ""}) <= len(names):  # a name is absent, or comes twice
        return []
    is_header = set(labels).issubset(names) if labels else all(map(_is_word, names))
    return names if is_header and _name_rows(rows) else []


def _name_rows(rows: Sequence[Sequence[str]]) -> bool:
    """Says whether the first cells of rows are all different, and their last ones are not what a delimiter leaves."""
    return len({cells[0] for cells in rows}) == len(rows) and any(cells[-1] for cells in rows)


def _free_name(name: str, names: Collection[str]) -> str:
    while name in names:
        name += "_"
    return name


def _lines_above(head: Sequence[Line], labels: Collection[str]) -> int:
    """Counts the lines above the names of the columns, such as a title and a date."""
    first = head[0][0] if head else 0
    wide = _wide_lines(head)
    # A line that names the label is the header, unless it is a title or a group of columns that holds its word.
    naming = (number for number, cells, share in wide if share >= 0.5 and labels and set(labels).issubset(cells))
    full = (number for number, _, share in wide if share > 0.5)
    number = next(naming, None) or next(full, first)
    return number - 1 if number != first else 0


def _wide_lines(head: Sequence[Line]) -> list[tuple[int, list[str], float]]:
    """Lists the lines that may be the header, those as wide as the rows, with the share of the cells that are full.

    Where the rows have no usual width, all may be.
    """
    widths = [_width(cells) for _, cells in head]
    usual, count = Counter(widths[1:]).most_common(1)[0] if len(head) > 2 else (0, 0)
    has_usual_width = usual >= 2 and 2 * count > len(head)
    looked_at = head[: _MOST_LINES_ABOVE + 1]
    if not has_usual_width:
        return [(number, cells, 1.0) for number, cells in looked_at]
    return [(number, cells, sum(map(bool, cells)) / usual) for number, cells in looked_at if _width(cells) >= usual]


def _width(cells: Sequence[str]) -> int:
    """Counts the cells up to the last that is not empty."""
    return max((place for place, cell in enumerate(cells, start=1) if cell), default=0)


def lines_below(
    path: Path,
    dialect: Dialect,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    reading: dict[str, tuple[Any, str]],
) -> int:
    """Counts the lines below the names that are no rows: questions of a survey, units, types.

    Args:
      path: Of the table.
      dialect: How it is written.
      names: Of its columns.
      rows: The lines below the names.
      reading: Takes the keys of the ``csv:`` block by which these lines are passed over.
    """
    below = _wordy_lines(rows, len(names))
    if below:
        last, _ = next(islice(lines(path, dialect), below, None))
        told = (
            f"{counted(below, 'line', 'lines')} below the names of the columns {'is' if below == 1 else 'are'} no row"
        )
        first = " ".join(next(filter(None, rows[0]), "").split())
        reading["skip_lines"] = (last, f"{told}, such as {first!r}")
        reading["header"] = (False, "their names are listed here")
        reading["columns"] = (list(names), "as the header has them")
    return below


def _wordy_lines(rows: Sequence[Sequence[str]], width: int) -> int:
    """Counts the first lines that have words wherever all lines after them have numbers."""
    whole = [cells for cells in rows[: _MOST_LINES_BELOW + _ROWS_BELOW] if len(cells) == width]
    columns = list(zip(*whole, strict=True))
    most = min(_MOST_LINES_BELOW, len(whole) - 1)
    return next((below for below in range(most, 0, -1) if _have_words(columns, below)), 0)


def _have_words(columns: Sequence[Sequence[str]], below: int) -> bool:
    numeric = [cells for cells in columns if _is_numeric(cells[below:])]
    words = [cell for cells in numeric for cell in cells[:below]]
    return len(numeric) >= _FEWEST_NUMBERS and all(map(_is_word, words))


def _is_numeric(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell and cell not in MISSING_VALUES]
    return len(filled) > 1 and parse(filled)[0] != "string"


def _is_word(cell: str) -> bool:
    is_rule = re.fullmatch(r":?-{3,}:?", cell) is not None  # below the names of a table in Markdown
    return is_rule or (any(map(str.isalpha, cell)) and cell not in MISSING_VALUES and parse([cell])[0] == "string")
