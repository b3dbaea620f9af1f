"""Scans the files of a text table, each by the column where it is simple enough for that, otherwise row by row."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerasline.components.datasets.files import Partition, is_packed, size_of
from kerasline.components.datasets.tables.csv.blocks import OddFile, read_blocks
from kerasline.components.datasets.tables.csv.columns import MixedColumns, ScannedBlock, scan_blocks
from kerasline.components.datasets.tables.csv.scan import ColumnScan, LostRows, Tally, scan
from kerasline.components.datasets.tables.csv.text import body

# Less is scanned by rows before the columns are laid out.
_FEWEST_BYTES = 1 << 17
# What one worker reads of a file, at least.
_BYTES_PER_PIECE = 1 << 25


@dataclass(frozen=True)
class Piece:
    """What one worker reads of a file.

    Attributes:
      rows: how many of its rows are usable.
      part: the bytes, as in :func:`~kerasline.components.datasets.tables.csv.text.lines`; None for the whole file.
      by_columns: whether it can be read by the column.
    """

    rows: int
    part: tuple[int, int, int] | None = None
    by_columns: bool = False

    def shard(self) -> dict[str, Any]:
        """Returns what a worker has to know of it besides the file."""
        found: dict[str, Any] = {"rows": self.rows}
        found |= {"part": list(self.part)} if self.part else {}
        return {**found, "by_columns": True} if self.by_columns else found


@dataclass(frozen=True)
class ScannedFile:
    """What is known of one file.

    Attributes:
      pieces: of it, in their order.
      skipped: its lines that are no rows, where these are skipped, by what they have.
      lost: its rows without a label.
    """

    pieces: list[Piece]
    skipped: Mapping[str, Tally] = field(default_factory=dict)
    lost: LostRows = field(default_factory=LostRows)

    @property
    def rows(self) -> int:
        """How many of its rows are usable."""
        return sum(piece.rows for piece in self.pieces)


class TableScan:
    """What is known of a table after the files so far.

    Args:
      columns: by name.
      unusable: the labels, and the cells that are none; rows with such a cell are not used.
      by_rows: columns that are scanned by rows, in whatever file.
    """

    def __init__(
        self, columns: dict[str, ColumnScan], unusable: Mapping[str, frozenset[str]], by_rows: frozenset[str]
    ) -> None:
        self.columns, self._unusable, self._by_rows = columns, unusable, by_rows
        self._began_by_columns = False

    def file(
        self,
        path: Path,
        reading: Mapping[str, Any],
        delimiter: str,
        names: Sequence[str],
        partition: Partition | None = None,
    ) -> ScannedFile:
        """Takes in a file.

        Args:
          path: of the file.
          reading: the keys of the ``csv:`` block.
          delimiter: the character between cells.
          names: of the columns in the order of the file.
          partition: the last of these columns, which its folders hold.

        Raises:
          ConfigError: it cannot be read.
          MixedColumns: columns that hold numbers and text were scanned by the column.
        """
        for column in self.columns.values():
            column.file = path.name
        if size_of(path) >= _FEWEST_BYTES and len(self._by_rows) < len(self.columns):
            before = copy.deepcopy(self.columns)
            try:
                return self._by_columns(path, reading, delimiter, names, partition)
            except OddFile:
                self.columns.update(before)
        return self._row_by_row(path, reading, delimiter, names, partition)

    def _by_columns(
        self,
        path: Path,
        reading: Mapping[str, Any],
        delimiter: str,
        names: Sequence[str],
        partition: Partition | None,
    ) -> ScannedFile:
        lost = LostRows()
        read = read_blocks(path, reading, delimiter, names, partition=partition)
        blocks = scan_blocks(read, self.columns, self._unusable, lost, self._by_rows)
        self._began_by_columns = True
        whole = [Piece(sum(block.rows for block in blocks), by_columns=True)]
        pieces = whole if is_packed(path) else _divide(blocks)
        return ScannedFile(pieces, lost=lost)

    def _row_by_row(
        self,
        path: Path,
        reading: Mapping[str, Any],
        delimiter: str,
        names: Sequence[str],
        partition: Partition | None,
    ) -> ScannedFile:
        skipped: defaultdict[str, Tally] = defaultdict(Tally)
        lost = LostRows()
        text = {name for name, column in self.columns.items() if column.dtype in (None, "string")}
        rows = scan(
            body(path, reading, delimiter, len(names), lambda told, at: skipped[told].add(at), partition=partition),
            {names.index(name): column for name, column in self.columns.items()},
            {names.index(name): bad for name, bad in self._unusable.items()},
            lost,
        )
        turned = {name for name, column in self.columns.items() if column.dtype == "string"} - text - self._by_rows
        if turned and self._began_by_columns:
            raise MixedColumns(turned)
        return ScannedFile([Piece(rows)], skipped, lost)


def _divide(blocks: Sequence[ScannedBlock]) -> list[Piece]:
    """Joins the blocks of a file into what one worker reads."""
    pieces: list[Piece] = []
    waiting: list[ScannedBlock] = []
    for place, block in enumerate(blocks, start=1):
        waiting.append(block)
        if block.end - waiting[0].begin >= _BYTES_PER_PIECE or place == len(blocks):
            rows = sum(each.rows for each in waiting)
            pieces.append(Piece(rows, (waiting[0].begin, block.end, waiting[0].line), by_columns=True))
            waiting = []
    return pieces
