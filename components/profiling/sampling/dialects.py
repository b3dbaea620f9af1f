"""How a text table is written: what stands above its header, what divides its cells, and whether its quotes hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted, new_name
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
_ROW_NAME, _FEWEST_NAMED = "row_name", 3
_HEAD = 30  # lines that tell where the header is


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
      ConfigError: each row has a cell more than the header, and may lack a name in front or behind.
    """
    dialect = Dialect(detect_delimiter(path, Dialect(",", encoding)), encoding)
    try:
        head = _rows(path, dialect)[:_HEAD]
    except StrayQuote as error:
        dialect, head = _without_quotes(path, dialect, error), []
        reading["quoting"] = ("none", f"quotes are part of the text: {str(error).split('; ')[0]}")
        head = _rows(path, dialect)[:_HEAD]
    names = _names_one_short(head, labels)
    if names and _has_names_of_rows(path, dialect, head):
        number = head[0][0]
        reading["skip_lines"] = (number, "the line with the names of the columns lacks one for the names of the rows")
        reading["header"] = (False, "their names are listed here")
        reading["columns"] = ([new_name(_ROW_NAME, names), *names], "with a name for the first")
        return replace(dialect, skip_lines=number)
    if names and labels:
        raise ConfigError(
            f"The line with the names of the columns of {path} has {counted(len(names), 'name')} and each row a cell "
            "more; write a name for the first column in front of the others, if it holds names of the rows, or one for "
            "the last behind them"
        )
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
    """Returns the names of the columns where each row has one cell more than them; for any other table nothing."""
    rows = _below(head)
    names = list(head[0][1]) if head else []
    is_short = len(rows) >= _FEWEST_NAMED and {len(names) + 1} == set(map(len, rows))
    if not is_short or len({*names, ""}) <= len(names):  # a name is absent, or comes twice
        return []
    is_header = set(labels).issubset(names) if labels else all(map(_is_word, names))
    # Last cells without any value are what a delimiter leaves.
    return names if is_header and any(cells[-1] for cells in rows) else []


def _below(head: Sequence[Line]) -> list[list[str]]:
    return [cells for _, cells in head[1:] if any(cells)]


def _has_names_of_rows(path: Path, dialect: Dialect, head: Sequence[Line]) -> bool:
    """Says whether each row of a table has its own name in front of its cells, as R writes tables.

    R puts these in quotes and numbers not. Without quotes they are words or numbers from 1, in front of a table whose
    last column is one of numbers: the column that lacks a name could be the last one sooner.
    """
    rows = _below(head)
    first = [cells[0] for cells in rows]
    if len(set(first)) < len(first):
        return False
    counted_up = [str(number) for number, _ in enumerate(first, start=1)]
    is_named = all(map(_is_word, first)) or first == counted_up
    return _are_quoted(path, dialect) or (is_named and _is_numeric([cells[-1] for cells in rows]))


def _are_quoted(path: Path, dialect: Dialect) -> bool:
    """Says whether the first cell of each row is in quotes, and some other is not."""
    written = _below(list(islice(lines(path, replace(dialect, quoting="none")), _HEAD)))
    others = [cell for cells in written for cell in cells[1:]]
    return all(cells[0].startswith('"') for cells in written) and not all(cell.startswith('"') for cell in others)


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
