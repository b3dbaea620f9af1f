"""Opens text tables as they are found: encodings, BOM, gzip, delimiters, ragged lines."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.files import (
    PACKING_ERRORS,
    Partition,
    check_names,
    damaged_packing,
    open_bytes,
)
from kerasline.components.datasets.tables.csv.encoding import check_is_text, undecodable, without_bom
from kerasline.components.datasets.tables.csv.quotes import ADVICE, Place, StrayQuote, check_quotes, stray_quote

_DELIMITERS = (",", ";", "\t", "|", "\x01", "\x1f", "^", "~")  # Hive writes the fifth
_LONGEST_CELL = 1 << 24  # characters; a quote that is never closed would otherwise swallow the file
_LINES_LOOKED_AT = 200  # for the delimiter
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
SEP_LINE = re.compile(r'\ufeff?"?sep=(.)"?[\r\n]*', re.IGNORECASE)  # Excel's own first line

NAMES_AGAIN = "the names of the columns again"

Line = tuple[int, list[str]]


@dataclass(frozen=True)
class Dialect:
    """How a text table is written.

    Attributes:
      delimiter: the character between cells.
      encoding: as Python names it.
      quoting: ``auto`` refuses quotes that swallow rows, ``standard`` takes quotes as they are, ``none`` makes them
        text.
      skip_lines: lines above the header.
      header: whether the first row names the columns.
    """

    delimiter: str
    encoding: str = "utf-8"
    quoting: str = "auto"
    skip_lines: int = 0
    header: bool = True


def dialect_of(options: Mapping[str, Any], delimiter: str) -> Dialect:
    """Takes how a table is written from the options of a ``csv:`` block; versions pushed earlier have fewer."""
    known = {key: options[key] for key in ("encoding", "quoting", "skip_lines", "header") if key in options}
    return Dialect(delimiter, **known)


def lines(path: str | Path, dialect: Dialect, part: Sequence[int] | None = None) -> Iterator[Line]:
    """Yields the rows of a table, its header included, with the number of the line on which each ends.

    Cells lose the spaces around them; empty lines are passed over, and so is Excel's line ``sep=;``.

    Args:
      path: the file.
      dialect: how it is written.
      part: the bytes to read of an unpacked file in which every line is a row: begin, end, and the line before them.

    Raises:
      ConfigError: the file is gone, damaged, not text in this encoding, or has a quote that swallows rows.
    """
    csv.field_size_limit(_LONGEST_CELL)
    with open_bytes(path) as raw:
        try:
            check_is_text(raw, path, dialect.encoding)
            text, skipped = _text_of(raw, dialect) if part is None else _text_of_part(raw, dialect, part)
            yield from _rows(text, skipped, dialect, Place(path))
        except UnicodeError:
            raise undecodable(path, dialect.encoding) from None
        except PACKING_ERRORS as error:
            raise damaged_packing(path, error) from None


def _text_of(raw: IO[bytes], dialect: Dialect) -> tuple[Iterator[str], int]:
    """Returns the lines of a table, and how many lines are left out in front of them."""
    text = io.TextIOWrapper(raw, encoding=without_bom(dialect.encoding), newline="")
    skipped = sum(1 for _ in islice(text, dialect.skip_lines))
    first = next(text, "")
    if SEP_LINE.fullmatch(first):
        return text, skipped + 1
    return chain([first.removeprefix("\ufeff")] if first else [], text), skipped


def _text_of_part(raw: IO[bytes], dialect: Dialect, part: Sequence[int]) -> tuple[Iterator[str], int]:
    begin, end, line = part
    raw.seek(begin)
    return io.TextIOWrapper(io.BytesIO(raw.read(end - begin)), encoding=dialect.encoding, newline=""), line


def _rows(text: Iterator[str], skipped: int, dialect: Dialect, place: Place) -> Iterator[Line]:
    reader = _reader(text, dialect)
    watch, seen, before = dialect.quoting == "auto", False, list[str]()
    row, begin, number = before, skipped, skipped
    try:
        for row in reader:
            begin, number = number, reader.line_num + skipped
            if watch and number - begin > 1:
                check_quotes(row, before, begin + 1, dialect.delimiter, place)
            elif row:
                before = row
            if row:
                if not seen:
                    seen, place.names = True, _named_by(row, dialect)
                    before = row if len(row) > 1 else []
                yield number, list(map(str.strip, row))
    except csv.Error:
        raise StrayQuote(
            f'A cell in line {number + 1} of {place.path} has more than {_LONGEST_CELL:,} characters; a quote (") '
            f"there is not closed: {ADVICE}."
        ) from None
    if watch:
        _check_end(row, begin, number, dialect, place)


def _reader(text: Iterable[str], dialect: Dialect) -> Any:
    quoting: Any = csv.QUOTE_NONE if dialect.quoting == "none" else csv.QUOTE_MINIMAL
    return csv.reader(text, delimiter=dialect.delimiter, quoting=quoting, skipinitialspace=True)


def _named_by(first: Sequence[str], dialect: Dialect) -> list[str]:
    """Returns the names that the first row gives the columns, none where it is no header."""
    return [name.strip() for name in first] if dialect.header else []


def _check_end(row: Sequence[str], begin: int, number: int, dialect: Dialect, place: Place) -> None:
    """Refuses a last row whose quote takes all lines up to the end of the file.

    Args:
      row: Cells of the last row, perhaps none.
      begin: Number of the line before it.
      number: Number of the line on which it ends.
      dialect: How the table is written.
      place: Of the table.
    """
    is_open = number - begin > 1 and bool(row) and row[-1].endswith(("\r", "\n"))
    if is_open and not _ends_with_quote(place, dialect):
        raise stray_quote(row, begin + 1, place, is_closed=False)


def _ends_with_quote(place: Place, dialect: Dialect) -> bool:
    """Says whether the last cell of a file is closed; a cell that is may end with an empty line, too."""
    last = ""
    with open_bytes(place.path) as raw:
        for line in io.TextIOWrapper(raw, encoding=without_bom(dialect.encoding), newline=""):
            last = line.rstrip() or last
    return last.endswith('"')


def detect_delimiter(path: str | Path, dialect: Dialect) -> str:
    """Returns the character that divides the first lines into equally many cells, the most cells winning.

    Where no other does, spaces may, if each row then has a number. A table with a single column has none; a comma then
    does no harm. What Excel's line ``sep=;`` says is believed.

    Args:
      path: the file.
      dialect: how it is written; its delimiter does not count.
    """
    with open_bytes(path) as raw:
        try:
            check_is_text(raw, path, dialect.encoding)
            text = io.TextIOWrapper(raw, encoding=without_bom(dialect.encoding), newline="")
            head = list(islice(text, dialect.skip_lines + _LINES_LOOKED_AT))[dialect.skip_lines :]
        except UnicodeError:
            raise undecodable(path, dialect.encoding) from None
        except PACKING_ERRORS as error:
            raise damaged_packing(path, error) from None
    said = SEP_LINE.fullmatch(head[0]) if head else None
    if said:
        return said[1]
    return _most_dividing(head, dialect) or (" " if _are_parted_by_spaces(head, dialect) else ",")


def _most_dividing(head: Sequence[str], dialect: Dialect) -> str:
    best, best_score = "", (0, 1)
    for delimiter in _DELIMITERS:
        widths = _widths(head, replace(dialect, delimiter=delimiter))
        if not widths:
            break
        width, agreeing = widths.most_common(1)[0]
        # Tenths of agreement, so that a ragged line does not hand the table to a character of its text.
        score = (10 * agreeing // widths.total(), width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def _are_parted_by_spaces(head: Sequence[str], dialect: Dialect) -> bool:
    """Says whether spaces part all lines into as many cells, one at least of each row being a number."""
    try:
        found = [list(map(str.strip, row)) for row in _reader(head, replace(dialect, delimiter=" "))]
    except csv.Error:
        return False
    rows = [cells[: count_named(cells)] for cells in found if any(cells)]
    widths = set(map(len, rows[1:]))
    width = max(widths, default=0)
    # A line of names may lack one for the names of rows, as in tables of R.
    is_table = len(rows) > 2 and len(widths) == 1 and len(rows[0]) in (width, width - 1) and len(rows[0]) > 1
    return is_table and all(any(map(_NUMBER.fullmatch, cells)) for cells in rows[1:])


def _widths(head: Sequence[str], dialect: Dialect) -> Counter[int]:
    try:
        return Counter(len(row) for row in islice(filter(None, _reader(head, dialect)), 50))
    except csv.Error:
        return Counter()


def header_of(
    path: str | Path, options: Mapping[str, Any], delimiter: str, partition: Partition | None = None
) -> list[str]:
    """Returns the column names of a file: its header's, or ``columns``, or column_1, column_2, ...

    Args:
      path: the file.
      options: of the ``csv:`` block.
      delimiter: the character between cells.
      partition: columns that its folders hold, which come after those of the file.

    Raises:
      ConfigError: the file is empty, names a column twice, or has another number of columns than ``columns``.
    """
    stream = lines(path, dialect_of(options, delimiter))
    first = next(stream, None)
    if first is None:
        raise ConfigError(f"{path} is empty; check that the right file was named.")
    stream.close()  # type: ignore[attr-defined]
    names = _names(path, options, first[1])
    check_names(partition or {}, names, path)
    return [*names, *(partition or {})]


def _names(path: str | Path, options: Mapping[str, Any], first: Sequence[str]) -> list[str]:
    width, columns = len(first), options["columns"]
    if columns is not None:
        _check_width(columns, width, path)
        return list(columns)
    if not options["header"]:
        return [f"column_{number}" for number in range(1, width + 1)]
    # Exports of data frames leave the index column without a name.
    names = [name or f"column_{number}" for number, name in enumerate(first, start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(
            f"{path} names column {twice[0]!r} more than once; rename one of them or give all names with 'columns'."
        )
    return names


def _check_width(columns: Sequence[str], width: int, path: str | Path) -> None:
    if len(columns) != width:
        raise ConfigError(
            f"'columns' has {counted(len(columns), 'name')}, but {path} has {counted(width, 'column')}; name "
            "every column."
        )


def body(
    path: str | Path,
    options: Mapping[str, Any],
    delimiter: str,
    width: int,
    skipped: Callable[[str, list[int]], None] | None = None,
    part: Sequence[int] | None = None,
    partition: Partition | None = None,
) -> Iterator[Line]:
    """Yields the rows below the header, all of the same width.

    Args:
      path: the file.
      options: of the ``csv:`` block.
      delimiter: the character between cells.
      width: the number of columns, those of the folders included.
      skipped: collects what is no row where the options say to skip it: in a few words, and the numbers of the lines.
      part: as in :func:`lines`; default: the whole file.
      partition: columns that the file's folders hold, whose cells are added to each row.

    Raises:
      ConfigError: as :func:`lines`, or a row has another width.
    """
    dialect = dialect_of(options, delimiter)
    stream = lines(path, dialect, part)
    added = partition_cells(partition)
    width -= len(added)
    header = header_cells(path, dialect)
    named = count_named(header) if header else width
    if dialect.header and part is None:
        next(stream, None)
    for number, found in stream:
        cells = fitted(found, width, named)
        problem = what_is_no_row(cells, width, header)
        if not problem:
            yield number, [*cells, *added] if added else cells
        elif cells != [""]:  # a line of spaces
            _pass_over((number, cells), problem, path, options, skipped)


def _pass_over(
    line: Line,
    problem: str,
    path: str | Path,
    options: Mapping[str, Any],
    skipped: Callable[[str, list[int]], None] | None,
) -> None:
    """Refuses a line that is no row, or notes the numbers of its lines, of which a row may have some in its cells."""
    number, cells = line
    if options["ragged_rows"] == "fail":
        raise ConfigError(f"Line {number} of {path} has {problem}; correct the line or set csv.ragged_rows: skip.")
    if skipped is not None:
        told = NAMES_AGAIN if problem == NAMES_AGAIN else "too few or too many cells"
        skipped(told, list(range(number - sum(cell.count("\n") for cell in cells), number + 1)))


def what_is_no_row(cells: Sequence[str], width: int, header: Sequence[str]) -> str:
    """Says what a line has instead of a row's cells, empty for a row.

    Args:
      cells: of the line.
      width: of the table.
      header: the names of the columns as the file has them; files that were joined have them again further down.
    """
    if len(cells) != width:
        return f"{counted(len(cells), 'cell')} where {counted(width, 'is', 'are')} expected"
    return NAMES_AGAIN if width > 1 and list(cells) == list(header) else ""


def partition_cells(partition: Partition | None) -> list[str]:
    """Returns what stands in the columns that a file's folders hold, as cells of the file; empty for none."""
    return ["" if value is None else str(value) for _, value in (partition or {}).values()]


def fitted(cells: list[str], width: int, named: int | None = None) -> list[str]:
    """Evens out the empty cells at the end of a row, which some programs write in some lines only.

    Args:
      cells: of the row.
      width: of the table.
      named: how many columns there are up to the last that the header names; a row may end there.
    """
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    return cells + [""] * (width - len(cells)) if (named or width) <= len(cells) < width else cells


def header_cells(path: str | Path, dialect: Dialect) -> list[str]:
    """Returns the names of the columns as a file has them, none where it names none."""
    return next(lines(path, dialect), (0, list[str]()))[1] if dialect.header else []


def count_named(header: Sequence[str]) -> int:
    """Counts the columns up to the last that has a name."""
    return max((place for place, name in enumerate(header, start=1) if name), default=len(header))
