"""Reads the table on a sheet of an Excel or OpenDocument workbook.

The first sheet is read that is not hidden and has cells. The names of its columns are the first row that fills at least
half of the width; what stands above is a title. A column of numbers is one of numbers, whole where all are, and one of
days or of truth likewise; between them a word such as ``n/a`` is a missing value. A column of several kinds is text,
its numbers written with a decimal point. An error such as ``#N/A`` is missing, and so is a formula whose value
was not saved.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, shown
from kerasline.components.datasets.description import MISSING_VALUES
from kerasline.components.datasets.files import WORKBOOK, name_kind
from kerasline.components.datasets.values import LINES_LOOKED_AT, total_word

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch, Schema
    from python_calamine import CalamineSheet, CalamineWorkbook

_REMARK = b"kerasline.remark"  # of the schema of a copy, so that no workbook is read for it again
_MOST_BYTES = 1 << 31  # unpacked; a full sheet of 40 columns has about half of it
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
    rows = [[_value(cell) for cell in row] for row in sheet.to_python(skip_empty_area=True)]
    above = _title_rows(rows)
    number = (sheet.start or (0, 0))[0] + above + 1
    columns = _filled_columns(rows[above], rows[above + 1 :])
    where = f"row {number} of the sheet {sheet.name!r} of {path}"
    names = [_name(cell, place, where) for place, (cell, _) in columns.items()]
    if len(set(names)) < len(names):
        raise ConfigError(f"Row {number} of {path} names a column more than once; rename one of them.")
    remark = "; ".join(_remarks(sheet, others, rows[above:], path))
    table = pa.table([_column(values) for _, values in columns.values()], names=names, metadata={_REMARK: remark})
    return table.schema, table.to_batches()


def workbook_remark(schema: Schema) -> str:
    """Says what a user may not know of a workbook: that other sheets are not read, or that a row at the end is a sum.

    Args:
      schema: Of a table of any format, as :func:`open_file` gives it.

    Returns:
      Up to two phrases; empty for other formats.
    """
    remark: bytes = (schema.metadata or {}).get(_REMARK, b"")
    return remark.decode()


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
    from python_calamine import SheetVisibleEnum

    workbook = _load(path, stream)
    visible = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]
    sheets = (workbook.get_sheet_by_name(name) for name in visible)
    filled = [sheet for sheet in sheets if sheet.start is not None]
    if not filled:
        raise ConfigError(f"{path} has no sheet with cells; name the workbook that holds the table.")
    yield from filled


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
    if cell == "":
        return None
    return float(cell) if type(cell) is int else cell


def _title_rows(rows: Sequence[Sequence[Any]]) -> int:
    """Counts the rows above the names of the columns, which fill less than half of the width."""
    half = len(rows[0]) / 2
    return next((place for place, row in enumerate(rows) if _filled(row) >= half), 0)


def _filled(cells: Iterable[Any]) -> int:
    return sum(cell is not None for cell in cells)


def _filled_columns(names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> dict[int, tuple[Any, list[Any]]]:
    """Returns the name and the values of each column that has any of them, by its place; empty rows are left out."""
    kept = [row for row in rows if _filled(row)]
    columns = {place: (name, [row[place] for row in kept]) for place, name in enumerate(names)}
    return {place: (name, values) for place, (name, values) in columns.items() if _filled([name, *values])}


def _name(cell: Any, place: int, where: str) -> str:
    """Returns the name of a column.

    Args:
      cell: Of the row of names.
      place: Of the column in the sheet's filled part, from 0.
      where: The row, for the message.

    Raises:
      ConfigError: it is none.
    """
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
