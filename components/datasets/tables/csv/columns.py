"""Takes in text tables by the column: what :class:`ColumnScan` learns from cells one by one, for many at once.

It must come to the same as the scan of rows, so it only does what cannot come out differently: cells of a column of
numbers that Arrow reads as Python does, and cells of a column that has shown to be text without numbers. Everything
else is left to ``ColumnScan.add``: the first rows of every file, from which a column's kind is seen; blocks with rare
forms, such as infinity or a plus sign; and columns that hold both numbers and text, whose evidence is weighed in blocks
of rows, so they are :class:`MixedColumns` and are to be scanned by rows from the start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kerasline.components.datasets.tables.csv.blocks import Block
from kerasline.components.datasets.tables.csv.scan import (
    LARGEST_INTEGER,
    ROWS_PER_BLOCK,
    ColumnScan,
    LostRows,
    Type,
    parse,
)
from kerasline.components.datasets.values import are_booleans, numbers_of

if TYPE_CHECKING:
    import numpy as np
    from pyarrow import Array, DataType, RecordBatch

_ROWS_AT_ONCE = 1 << 16
_MANY_DIFFERENT = 1000


class MixedColumns(Exception):
    """Columns that are to be scanned by rows from the start.

    Attributes:
      names: of the columns.
    """

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self.names = frozenset(names)


@dataclass(frozen=True)
class ScannedBlock:
    """Where a block's bytes begin and end, the number of the line before it, and how many of its rows are usable."""

    begin: int
    end: int
    line: int
    rows: int


def scan_blocks(
    blocks: Iterable[Block],
    scans: Mapping[str, ColumnScan],
    unusable: Mapping[str, frozenset[str]],
    lost: LostRows,
    by_rows: Collection[str],
) -> list[ScannedBlock]:
    """Feeds a file's rows to the scans of its columns.

    Args:
      blocks: of the file.
      scans: by the name of the column.
      unusable: the labels, and the cells that are none; rows with such a cell are not used.
      lost: collects these rows.
      by_rows: columns that are scanned by rows.

    Returns:
      What is known of each block.

    Raises:
      MixedColumns: some of the other columns have to be.
    """
    parts: list[ScannedBlock] = []
    waiting: _Rows | None = None
    is_first = True
    for block in blocks:
        here = _usable_rows(block, unusable, lost)
        parts.append(ScannedBlock(block.begin, block.end, block.line, here.usable))
        rows = here if waiting is None else waiting.followed_by(here)
        whole = len(rows) - len(rows) % ROWS_PER_BLOCK
        if whole:
            _take(rows.part(0, whole), scans, by_rows, is_first)
            is_first = False
        waiting = rows.part(whole, len(rows))
    if waiting is not None and len(waiting):
        _take(waiting, scans, by_rows, is_first)
    return parts


@dataclass(frozen=True)
class _Rows:
    """Rows of a file that follow one another.

    Attributes:
      cells: columns of text.
      first: the number of the first row's line.
      keep: which of them are usable, None for all.
      marks: characters that occur somewhere.
    """

    cells: RecordBatch
    first: int
    keep: np.ndarray | None
    marks: frozenset[str]

    def __len__(self) -> int:
        return int(self.cells.num_rows)

    @property
    def usable(self) -> int:
        """How many rows are usable."""
        return len(self) if self.keep is None else int(self.keep.sum())

    def part(self, begin: int, end: int) -> _Rows:
        """Returns some of the rows."""
        keep = None if self.keep is None else self.keep[begin:end]
        return _Rows(self.cells.slice(begin, end - begin), self.first + begin, keep, self.marks)

    def followed_by(self, other: _Rows) -> _Rows:
        """Returns these rows and those after them."""
        import numpy as np
        import pyarrow as pa

        if not len(self):
            return other
        (cells,) = pa.Table.from_batches([self.cells, other.cells]).combine_chunks().to_batches()
        every = [np.ones(len(rows), bool) if rows.keep is None else rows.keep for rows in (self, other)]
        keep = None if self.keep is None and other.keep is None else np.concatenate(every)
        return _Rows(cells, self.first, keep, self.marks | other.marks)

    def column(self, name: str, begin: int, end: int) -> tuple[Array, Sequence[int]]:
        """Returns the usable cells of a column in some of the rows, and the numbers of their lines."""
        import numpy as np
        import pyarrow as pa

        # Not a part of all columns, which takes the longer the more there are.
        cells = self.cells.column(name).slice(begin, end - begin)
        numbers = range(self.first + begin, self.first + end)
        if self.keep is None:
            return cells, numbers
        keep = self.keep[begin:end]
        return cells.filter(pa.array(keep)), np.arange(numbers.start, numbers.stop)[keep].tolist()


def _usable_rows(block: Block, unusable: Mapping[str, frozenset[str]], lost: LostRows) -> _Rows:
    """Finds the rows with a label; the others are counted by what they have in its place."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = _Rows(block.cells, block.line + 1, None, block.marks)
    bad = [pc.is_in(block.cells.column(name), pa.array(sorted(words))) for name, words in unusable.items()]
    gone = bad[0].to_numpy(zero_copy_only=False)
    for more in bad[1:]:
        gone = gone | more.to_numpy(zero_copy_only=False)
    if not gone.any():
        return rows
    places = gone.nonzero()[0]
    lost.add((places + rows.first).tolist())
    labels = block.cells.select(list(unusable)).take(pa.array(places)).to_pylist()
    lost.words.update(next(row[name] for name, words in unusable.items() if row[name] in words) for row in labels)
    return replace(rows, keep=~gone)


def _take(rows: _Rows, scans: Mapping[str, ColumnScan], by_rows: Collection[str], is_first: bool) -> None:
    """Feeds rows, whole blocks of the scan of rows but for the last ones of a file, to every column."""
    begin = min(ROWS_PER_BLOCK if is_first else 0, len(rows))
    begins = {name: len(rows) if name in by_rows else begin for name in scans}
    for name, column in scans.items():
        _take_by_rows(rows, begins[name], name, column)
    mixed = {name for name, column in scans.items() if not _take_by_columns(rows, begins[name], name, column)}
    if mixed:
        raise MixedColumns(mixed)


def _take_by_rows(rows: _Rows, last: int, name: str, column: ColumnScan) -> None:
    """Feeds the rows before ``last`` to a column, cell by cell."""
    for first in range(0, last, ROWS_PER_BLOCK):
        cells, numbers = rows.column(name, first, min(first + ROWS_PER_BLOCK, last))
        if len(cells):
            column.add(cells.to_pylist(), numbers)


def _take_by_columns(rows: _Rows, first: int, name: str, column: ColumnScan) -> bool:
    """Feeds the rows from ``first`` on to a column; False where its cells have to be scanned one by one."""
    while first < len(rows):
        # Where most cells differ, counting them soon ends.
        end = first + (_ROWS_AT_ONCE if len(column.counts or ()) < _MANY_DIFFERENT else ROWS_PER_BLOCK)
        cells, numbers = rows.column(name, first, min(end, len(rows)))
        if len(cells) and not take_cells(column, cells, numbers, rows.marks):
            return False
        first = end
    return True


def take_cells(column: ColumnScan, cells: Array, numbers: Sequence[int], marks: Collection[str]) -> bool:
    """Takes in a block of cells as ``ColumnScan.add`` does.

    Args:
      column: what is known of the column.
      cells: without spaces around them.
      numbers: of their lines.
      marks: of ``_ + x X 0`` those that occur, ``0`` for one before another digit.

    Returns:
      Whether that was possible; if not, nothing was taken in.
    """
    if column.decimal is not None:
        return False
    return _take_text(column, cells) if column.dtype == "string" else _take_numbers(column, cells, numbers, marks)


def _take_text(column: ColumnScan, cells: Array) -> bool:
    if column.strays is not None or not column.evidence.given_up:
        return False  # numbers among the text still count
    is_missing = _is_missing(column, cells)
    missing = is_missing.true_count
    _count(column, cells)
    column.missing += missing
    column.read += len(cells) - missing
    if column.booleans:
        present = cells.filter(_invert(is_missing))
        column.booleans = not column.began_with_numbers and are_booleans(present.unique().to_pylist())
    return True


def _take_numbers(column: ColumnScan, cells: Array, numbers: Sequence[int], marks: Collection[str]) -> bool:
    present, parsed = _present(column, cells, marks)
    is_pointed = parsed is not None and parsed[0] == "float" and column.evidence.pointed
    if len(present) and (parsed is None or is_pointed):
        if parsed is None and parse(present.to_pylist())[0] == "string":
            return False
        column.add(cells.to_pylist(), numbers)
        return True
    _count(column, cells)
    column.missing += len(cells) - len(present)
    column.read += len(present)
    if parsed is not None:
        _measure(column, *parsed)
    return True


def _present(column: ColumnScan, cells: Array, marks: Collection[str]) -> tuple[Array, tuple[Type, Array] | None]:
    """Returns the cells that are not missing, and the numbers that they are; None where that is not certain."""
    is_float = column.dtype == "float" and not column.evidence.pointed
    # Without a number among the words, cells that are all numbers are not missing: nothing needs to be looked up.
    if not column.missing and not numbers_of(column.missing_values):
        parsed = _parse(cells, marks, is_float)
        if parsed is not None:
            return cells, parsed
    present = cells.filter(_invert(_is_missing(column, cells)))
    return present, _parse(present, marks, is_float) if len(present) else None


def _parse(cells: Array, marks: Collection[str], is_float: bool) -> tuple[Type, Array] | None:
    """Reads cells as Python does, all as whole numbers or all as finite ones; None where that is not certain.

    Args:
      cells: at least one.
      marks: as in :func:`take_cells`.
      is_float: whether it is all one whether these are whole, since the cells before were not. Asking costs, since
        every cell that is not becomes a message.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    # Arrow reads 0x1F and not +5 as a whole number; codes such as 007 are none.
    for mark, pattern in (("_", "_"), ("+", r"^\+"), ("x", "x"), ("X", "X"), ("0", r"^[+-]?0[0-9]")):
        if mark in marks and pc.any(pc.match_substring_regex(cells, pattern)).as_py():
            return None
    whole = None if is_float or "." in cells[0].as_py() else _cast(cells, pa.int64())
    if whole is not None:
        return None if pc.min(whole).as_py() < -LARGEST_INTEGER else ("int", whole)
    parsed = _cast(cells, pa.float64())
    return None if parsed is None or not pc.all(pc.is_finite(parsed)).as_py() else ("float", parsed)


def _cast(cells: Array, dtype: DataType) -> Array | None:
    import pyarrow as pa

    try:
        return cells.cast(dtype)
    except pa.ArrowInvalid:
        return None


def _measure(column: ColumnScan, dtype: Type, parsed: Array) -> None:
    import pyarrow.compute as pc

    column.dtype = "float" if "float" in (dtype, column.dtype) else "int"
    low, high = (pc.min_max(parsed)[key].as_py() for key in ("min", "max"))
    if dtype == "int":
        sizes = pc.min_max(pc.abs(parsed))
        column.evidence.add_whole(len(parsed), sizes["min"].as_py(), sizes["max"].as_py())
    else:
        column.evidence.add_decimals(len(parsed))
    column.minimum, column.maximum = min(column.minimum, low), max(column.maximum, high)
    if column.whole and column.dtype == "float" and dtype == "float":
        column.whole = pc.all(pc.equal(pc.floor(parsed), parsed)).as_py()


def _is_missing(column: ColumnScan, cells: Array) -> Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(cells, pa.array(sorted(column.missing_values)))


def _invert(mask: Array) -> Array:
    import pyarrow.compute as pc

    return pc.invert(mask)


def _count(column: ColumnScan, cells: Array) -> None:
    if column.counts is not None:
        found = cells.value_counts()
        column.count(dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)))
