"""Reads the table on a sheet of an Excel or OpenDocument workbook.

The first sheet is read that is not hidden and has cells, but none of a single column in front of a larger table. The
names of its columns are the first row that fills at least half of the columns that most rows fill, or the one below it
where that names columns below a cell that is merged over several; what stands above is a title. Rows that have words
where all others have numbers, such as units, the names again, and notes below an empty row are no rows. A cell that is
merged over several rows is the value of each. Which cells are merged is known of .xlsx and .xls only. A column of
numbers is one of numbers, whole where all are, and one of days or of truth likewise; between them a word such as
``n/a`` is a missing value. A column of several kinds is text, its numbers written with a decimal point. An error such
as ``#N/A`` is missing, and so is a formula whose value was not saved.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, counted, shown
from kerasline.components.datasets.description import MISSING_VALUES
from kerasline.components.datasets.files import WORKBOOK, name_kind
from kerasline.components.datasets.tables.typed.remarks import with_remark
from kerasline.components.datasets.values import LINES_LOOKED_AT, total_word

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch, Schema
    from python_calamine import CalamineSheet, CalamineWorkbook

_MOST_BYTES = 1 << 31  # unpacked; a full sheet of 40 columns has about half of it
_MOST_WORDY = 3  # rows of words below the names
_ROWS_BELOW = 50
_MANY_MORE = 3  # rows, as a multiple
_FEWEST_NUMBERS, _FEWEST_ROWS = 2, 2  # columns of numbers and rows below, that such rows must stand out from
_HIGH_BYTES = frozenset(map(chr, range(7)))  # of letters that are Latin to Arabic; as letters no text has them
_EXACT = 2**53  # floats below are exact where they are whole


def read_workbook(path: Path, stream: IO[bytes]) -> tuple[Schema, Iterable[RecordBatch]]:
    """Reads a table.

    Args:
      path: Of the file, for messages.
      stream: Its bytes.

    Raises:
      ConfigError: the workbook is damaged, has a password, is too large, or has no table whose columns have names.
    """
    import pyarrow as pa

    sheet, *others = _sheets(path, stream)
    rows = _cells(sheet)
    above = _title_rows(rows, _wide_cells(sheet))
    number = (sheet.start or (0, 0))[0] + above + 1
    below, told = _rows_of_table(rows[above], rows[above + 1 :])
    columns, beside = _without_beside(_filled_columns(rows[above], below))
    where = f"row {number} of the sheet {sheet.name!r} of {path}"
    names = [_name(cell, place, where, values) for place, (cell, values) in columns.items()]
    if len(set(names)) < len(names):
        raise ConfigError(f"Row {number} of {path} names a column more than once; rename one of them.")
    told += [f"{counted(beside, 'column')} without a name beside the table {_are(beside)} passed over"] * bool(beside)
    remark = "; ".join([*_remarks(sheet, others, below, path), *(f"{path.name}: {each}" for each in told)])
    table = pa.table([_column(values) for _, values in columns.values()], names=names)
    return with_remark(table.schema, remark), table.to_batches()


def _remarks(
    sheet: CalamineSheet, others: Sequence[CalamineSheet], rows: Sequence[Sequence[Any]], path: Path
) -> Iterator[str]:
    if others:
        left = ", ".join(repr(other.name) for other in others)
        yield f"the sheet {sheet.name!r} of {path.name} is read, and {left} not; save another one as a file of its own"
    last = [row for row in rows if _filled(row)][-LINES_LOOKED_AT:]
    word = total_word([";".join("" if cell is None else str(cell) for cell in row) for row in last])
    if word is not None:
        yield f"a row at the end of {path.name} begins with {word!r}; remove it if it adds others up"


def is_workbook(start: bytes) -> bool:
    """Tells a workbook from other tables of typed columns by its first bytes."""
    return name_kind(start) is WORKBOOK


def _sheets(path: Path, stream: IO[bytes]) -> Iterator[CalamineSheet]:
    """Yields the sheets of a workbook that have cells, those that are hidden left out; one at least."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    workbook = _load(path, stream)
    shown_cells = (SheetTypeEnum.WorkSheet, SheetVisibleEnum.Visible)  # and no chart
    visible = [sheet.name for sheet in workbook.sheets_metadata if (sheet.typ, sheet.visible) == shown_cells]
    sheets = (workbook.get_sheet_by_name(name) for name in visible)
    filled = [sheet for sheet in sheets if sheet.start is not None]
    if not filled:
        raise ConfigError(f"{path} has no sheet with cells; name the workbook that holds the table.")
    # A few lines in one column, such as a title, a date and a contact, tell of a table.
    yield from sorted(filled, key=lambda sheet: _tells_of(sheet, filled))


def _tells_of(sheet: CalamineSheet, others: Iterable[CalamineSheet]) -> bool:
    """Says whether a sheet has a single column, and another one a table of many more rows."""
    return sheet.width == 1 and any(other.width > 1 and other.height >= _MANY_MORE * sheet.height for other in others)


def _load(path: Path, stream: IO[bytes]) -> CalamineWorkbook:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    _check_size(path, stream)
    try:
        return CalamineWorkbook.from_filelike(stream)
    except PasswordError:
        raise ConfigError(f"{path} is protected by a password; save it without one.") from None
    except CalamineError:
        raise ConfigError(f"{path} is damaged, or no workbook that can be read; save its sheet as CSV.") from None


def _check_size(path: Path, stream: IO[bytes]) -> None:
    """Refuses an archive that would fill the memory when it is unpacked."""
    size = 0
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            size = sum(member.file_size for member in archive.infolist())
    stream.seek(0)
    if size > _MOST_BYTES:
        raise ConfigError(f"{path} would take {size >> 20} MB unpacked, which no sheet needs; save the sheet as CSV.")


def _value(cell: Any) -> Any:
    """Returns a cell without a difference that only some formats make: none is empty, and numbers are floats."""
    if isinstance(cell, str):
        return _letters(cell) or None
    return float(cell) if type(cell) is int else cell


def _letters(cell: str) -> str:
    """Reads letters of two bytes each that were read as two letters; NULs, which some programs pad text with, go."""
    if len(cell) % 2 == 0 and _HIGH_BYTES.issuperset(cell[1::2]) and max(cell, default="") <= "\xff":
        cell = cell.encode("latin-1").decode("utf-16-le")
    return cell.replace("\0", "")


def _cells(sheet: CalamineSheet) -> list[list[Any]]:
    """Returns the cells of a sheet from the first row and column that have any; those merged downwards are repeated."""
    rows = [[_value(cell) for cell in row] for row in sheet.to_python(skip_empty_area=True)]
    for first, place, last, _ in _merged(sheet):
        for row in rows[first + 1 : last + 1]:
            row[place] = rows[first][place] if row[place] is None else row[place]
    return rows


def _merged(sheet: CalamineSheet) -> Iterator[tuple[int, int, int, int]]:
    """Yields first row and column, and last ones, of each range whose cell is in the part of a sheet that has cells."""
    top, left = sheet.start or (0, 0)
    bottom, right = sheet.end or (0, 0)
    for (first, place), (last, end) in sheet.merged_cell_ranges or ():
        if top <= first <= bottom and left <= place <= right:
            yield first - top, place - left, last - top, end - left


def _wide_cells(sheet: CalamineSheet) -> list[tuple[int, slice]]:
    """Returns the row and the columns of each cell that is merged over several columns."""
    return [(first, slice(left, right + 1)) for first, left, _, right in _merged(sheet) if right > left]


def _title_rows(rows: Sequence[Sequence[Any]], wide: Iterable[tuple[int, slice]]) -> int:
    """Counts the rows above the names of the columns, which fill less than half of the columns that most rows fill."""
    usual = _usual_places(rows)
    parts = [[row[place] for place in usual] for row in rows]
    above = next((place for place, row in enumerate(parts) if 2 * _filled(row) >= len(row)), 0)
    above = _below_prose(parts, above)
    groups = [columns for row, columns in wide if row == above]
    descend = groups and _are_texts(parts[above + 1 : above + 2]) and _have_names(rows[above:], groups)
    return above + 1 if descend else above


def _below_prose(parts: Sequence[Sequence[Any]], above: int) -> int:
    """Goes on to a row that names all columns, where words are spread over the cells of some in front of it.

    Args:
      parts: Rows of the columns that most rows fill.
      above: The first that fills half of them; it may leave out the name of an index, in front of the others.
    """
    if None not in parts[above][1:]:
        return above
    next_ones = range(above + 1, min(above + 1 + _MOST_WORDY, len(parts)))
    return next((place for place in next_ones if _names_all(parts[place], parts[place + 1 :])), above)


def _names_all(row: Sequence[Any], below: Sequence[Sequence[Any]]) -> bool:
    """Says whether a row has words in all of its cells, which are no values, and columns of numbers begin below it."""
    columns = list(zip(row, *below, strict=True))
    recur = any(cell in cells for cell, *cells in columns)
    return _are_texts([row]) and not recur and _have_words(columns, 1)


def _have_names(rows: Sequence[Sequence[Any]], groups: Iterable[slice]) -> bool:
    """Says whether the second row names columns, several of one group, and has no values that recur further down."""
    of_groups, names, *below = rows
    own = [place for place, cell in enumerate(names) if cell is not None and cell != of_groups[place]]
    values = [row for row in below if row != names]
    recurring = sum(any(row[place] == names[place] for row in values) for place in own)
    return 2 * recurring < len(own) and any(_filled(names[columns]) > 1 for columns in groups)


def _usual_places(rows: Sequence[Sequence[Any]]) -> Sequence[int]:
    """Returns the places of the columns that at least half of the rows fill; all where there is none."""
    half = sum(_filled(row) > 0 for row in rows) / 2
    columns = list(zip(*rows, strict=True))
    return [place for place, cells in enumerate(columns) if _filled(cells) >= half] or range(len(columns))


def _are_texts(rows: Sequence[Sequence[Any]]) -> bool:
    return bool(rows) and all(isinstance(cell, str) for row in rows for cell in row)


def _rows_of_table(names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> tuple[list[Sequence[Any]], list[str]]:
    """Returns the rows below the names that are rows, and says of others that they are none."""
    notes = _rows_of_notes(rows)
    kept = [row for row in rows[: len(rows) - notes] if _filled(row)]
    words = _rows_of_words(kept)
    table = [row for row in kept[words:] if row != names]
    return table, [*_passed_over(words, len(kept) - words - len(table), notes)]


def _passed_over(words: int, again: int, notes: int) -> Iterator[str]:
    """Says how many rows of each kind are no rows of the table."""
    counts = {
        "of words where the others have numbers": words,
        "with the names of the columns again": again,
        "of notes at the end": notes,
    }
    for what, count in counts.items():
        if count:
            yield f"{counted(count, 'row')} {what} {_are(count)} passed over"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _rows_of_notes(rows: Sequence[Sequence[Any]]) -> int:
    """Counts the rows at the end that follow an empty one and have a text in one cell each."""
    empty = [place for place, row in enumerate(rows) if place and not _filled(row)]
    last = rows[empty[-1] + 1 :] if empty and len(rows[0]) > _FEWEST_NUMBERS else ()
    return len(last) if all(map(_is_note, last)) else 0


def _is_note(row: Sequence[Any]) -> bool:
    return [type(cell) for cell in row if cell is not None] == [str]


def _rows_of_words(rows: Sequence[Sequence[Any]]) -> int:
    """Counts the first rows that have words wherever all rows below have numbers: units, questions of a survey."""
    columns = list(zip(*rows, strict=True))
    most = range(min(_MOST_WORDY, len(rows) - _FEWEST_ROWS), 0, -1)
    return next((count for count in most if _have_words(columns, count)), 0)


def _have_words(columns: Sequence[Sequence[Any]], count: int) -> bool:
    below = slice(count, count + _ROWS_BELOW)
    numeric = [cells for cells in columns if _are_numbers(cells[below])]
    words = [cell for cells in numeric for cell in cells[:count]]
    return len(numeric) >= _FEWEST_NUMBERS and all(map(_is_word, words))


def _are_numbers(cells: Iterable[Any]) -> bool:
    return {type(cell) for cell in cells if cell is not None} == {float}


def _is_word(cell: Any) -> bool:
    return isinstance(cell, str) and cell not in MISSING_VALUES


def _filled(cells: Iterable[Any]) -> int:
    return sum(cell is not None for cell in cells)


def _filled_columns(names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> dict[int, tuple[Any, list[Any]]]:
    """Returns the name and the values of each column that has any of them, by its place."""
    columns = {place: (name, [row[place] for row in rows]) for place, name in enumerate(names)}
    return {place: (name, values) for place, (name, values) in columns.items() if _filled([name, *values])}


def _without_beside(columns: dict[int, tuple[Any, list[Any]]]) -> tuple[dict[int, tuple[Any, list[Any]]], int]:
    """Leaves out columns without a name that few rows fill, behind the last that has one: another table, a remark."""
    last = max((place for place, (name, _) in columns.items() if name is not None), default=0)
    kept = {
        place: (name, values)
        for place, (name, values) in columns.items()
        if place <= last or 2 * _filled(values) > len(values)
    }
    return kept, len(columns) - len(kept)


def _name(cell: Any, place: int, where: str, values: Sequence[Any] = ()) -> str:
    """Returns the name of a column.

    Args:
      cell: Of the row of names.
      place: Of the column in the sheet's filled part, from 0.
      where: The row, for the message.
      values: Of the column; one that most rows fill needs no name, such as the index of a data frame.

    Raises:
      ConfigError: it is none.
    """
    if cell is None and 2 * _filled(values) > len(values):
        return f"column_{place + 1}"
    if isinstance(cell, str) and cell.strip():
        return cell.strip()
    is_year = isinstance(cell, float) and cell.is_integer()
    if is_year:
        return str(int(cell))
    said = "nothing" if cell is None else shown(str(cell))
    raise ConfigError(
        f"Expected the name of a column in {where}, got {said} in its cell {place + 1}; write the names of the columns "
        "into one row above the others."
    )


def _column(values: Sequence[Any]) -> Array:
    """Makes a column of the type that all of its values have; of text, where they have several."""
    if {type(value) for value in values} - {type(None), str}:
        values = [None if value in MISSING_VALUES else value for value in values]
    kinds = frozenset(type(value) for value in values if value is not None)
    return _COLUMNS.get(kinds, _texts)(values)


def _texts(values: Sequence[Any]) -> Array:
    import pyarrow as pa

    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _numbers(values: Sequence[float | None]) -> Array:
    import pyarrow as pa

    return pa.array(values, pa.int64() if _are_whole(values) else pa.float64())


def _moments(values: Sequence[date | datetime | None]) -> Array:
    """Makes a column of days of which some have a time."""
    import pyarrow as pa

    return pa.array([_moment(value) if type(value) is date else value for value in values], pa.timestamp("us"))


def _moment(day: date) -> datetime:
    return datetime.combine(day, time())


def _as_they_are(values: Sequence[Any]) -> Array:
    import pyarrow as pa

    return pa.array(values)


# What makes a column of values of some types; of any others text is made.
_COLUMNS: dict[frozenset[type], Callable[[Sequence[Any]], Array]] = {
    frozenset({float}): _numbers,
    frozenset({bool}): _as_they_are,
    frozenset({date}): _as_they_are,
    frozenset({datetime}): _moments,
    frozenset({date, datetime}): _moments,
}


def _are_whole(values: Iterable[float | None]) -> bool:
    return all(value is None or (value.is_integer() and abs(value) < _EXACT) for value in values)


def _text(cell: Any) -> str:
    """Writes a cell as a CSV file has it."""
    if isinstance(cell, float):
        return str(int(cell)) if _are_whole([cell]) else repr(cell)
    if isinstance(cell, timedelta):
        return _clock(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell)


def _clock(length: timedelta) -> str:
    """Writes a length of time as a sheet shows it, such as 26:30:00."""
    seconds = round(length.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
