"""Reads text tables in blocks of Arrow columns, where every line is a row as the line reader would see it.

A file qualifies line by line: UTF-8 (or nothing but ASCII), no empty lines between rows, as many cells in every row,
and quotes around whole cells only, with no line end within. Anything else, such as a doubled quote or a ragged line,
raises :class:`OddFile`, and the line reader of ``text`` takes the whole file. So both give the same cells, and the
line reader alone knows what is allowed and words what is wrong.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kerasline.components.datasets.files import PACKING_ERRORS, Partition, open_bytes
from kerasline.components.datasets.tables.csv.text import (
    SEP_LINE,
    Dialect,
    dialect_of,
    header_cells,
    lines,
    partition_cells,
)

if TYPE_CHECKING:
    import numpy as np
    from pyarrow import RecordBatch

_BLOCK_BYTES = 1 << 24
_WINDOW_BYTES = 1 << 17  # what is compared at once: with its masks it stays in a processor's cache
_UTF8, _BOM = ("utf-8", "utf8"), b"\xef\xbb\xbf"
_ASCII_BASED = (*_UTF8, "ascii", "us-ascii", "latin-1", "latin1", "iso-8859-1", "iso8859-1", "cp1252", "windows-1252")
# No text has the first; the others are spaces, or ends of lines, to one of the two readers alone.
_ODD_BYTES = (b"\0", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x1f")
_QUOTE, _NEWLINE, _RETURN = b'"'[0], b"\n"[0], b"\r"[0]


class OddFile(Exception):
    """A file that the line reader has to read.

    Attributes:
      part: the bytes of the odd block in the unpacked file, begin and end, and the line before it, where every line in
        it is a row all the same, perhaps one of another width; None where that is not certain.
      lines: how many lines that are.
    """

    def __init__(self, part: tuple[int, int, int] | None = None, lines: int = 0) -> None:
        super().__init__()
        self.part, self.lines = part, lines


@dataclass(frozen=True)
class Block:
    """Rows that follow one another.

    Attributes:
      begin: where its bytes begin in the unpacked file.
      end: where they end.
      line: the number of the line before the first row.
      cells: columns of text, without spaces around the cells.
      marks: characters that occur somewhere in the block.
    """

    begin: int
    end: int
    line: int
    cells: RecordBatch
    marks: frozenset[str]

    def with_columns(self, added: Mapping[str, str]) -> Block:
        """Returns the block with more columns, each of the same cell in all rows."""
        import pyarrow as pa

        if not added:
            return self
        cells = self.cells
        for name, cell in added.items():
            cells = cells.append_column(name, pa.repeat(pa.scalar(cell, pa.string()), cells.num_rows))
        return replace(self, cells=cells, marks=self.marks | _marks("\n".join(["", *added.values(), ""]).encode()))


def read_blocks(
    path: str | Path,
    options: Mapping[str, Any],
    delimiter: str,
    names: Sequence[str],
    part: Sequence[int] | None = None,
    partition: Partition | None = None,
) -> Iterator[Block]:
    """Yields the rows below the header.

    Args:
      path: the file.
      options: of the ``csv:`` block.
      delimiter: the character between cells.
      names: of all columns, those of the folders included, which come last.
      part: the bytes to read, of a file that has been read as a whole before: begin, end, and the line before.
      partition: columns that the file's folders hold.

    Raises:
      OddFile: the file is not as simple as this; blocks may have been given before.
    """
    dialect = dialect_of(options, delimiter)
    if not _is_usual(dialect):
        raise OddFile
    added = dict(zip(partition or {}, partition_cells(partition), strict=True))
    own = names[: len(names) - len(added)]
    try:
        header = header_cells(path, dialect)
        with open_bytes(path) as raw:
            begin, line = (part[0], part[2]) if part else _skip_head(raw, path, dialect)
            for block in _blocks(raw, dialect, own, header, (begin, part[1] if part else None, line)):
                yield block.with_columns(added)
    except PACKING_ERRORS:
        raise OddFile from None


def _blocks(
    raw: IO[bytes], dialect: Dialect, names: Sequence[str], header: Sequence[str], part: tuple[int, int | None, int]
) -> Iterator[Block]:
    """Yields the rows of a part of an open file, of which the last may be all that follows."""
    begin, end, line = part
    raw.seek(begin)
    for block, is_last in _whole_lines(raw, None if end is None else end - begin):
        content = block.rstrip(b"\r\n") + b"\n" if is_last else block
        place = (begin, begin + len(block), line)
        if content != b"\n":
            yield _block(place, block, content, dialect, names, header)
        begin, line = place[1], line + _count_lines(block)


def _block(
    place: tuple[int, int, int],
    block: bytes,
    content: bytes,
    dialect: Dialect,
    names: Sequence[str],
    header: Sequence[str],
) -> Block:
    """Returns the rows of a block, whose last end of a line is all that follows the rows in its content."""
    try:
        return Block(*place, *_parse(content, dialect, names, header))
    except OddFile:
        has_quotes = dialect.quoting != "none" and b'"' in block
        if has_quotes or b"\r" in block.replace(b"\r\n", b""):
            raise
        raise OddFile(place, _count_lines(block)) from None


def _is_usual(dialect: Dialect) -> bool:
    encoding = dialect.encoding.lower().replace("_", "-")
    return encoding in _ASCII_BASED and dialect.delimiter.isascii() and dialect.delimiter not in '"\r\n \0'


def _skip_head(raw: IO[bytes], path: str | Path, dialect: Dialect) -> tuple[int, int]:
    """Returns where the rows begin, and how many lines stand before."""
    begin = len(_BOM) if raw.read(len(_BOM)) == _BOM else 0
    raw.seek(begin)
    head = [raw.readline() for _ in range(dialect.skip_lines)]
    first = raw.readline()
    if SEP_LINE.fullmatch(first.decode("latin-1")):
        head.append(first)
        first = raw.readline()
    if any(b"\r" in line.removesuffix(b"\n").removesuffix(b"\r") for line in [*head, first]):
        raise OddFile
    if dialect.header:
        head.append(first)
        seen = next(lines(path, dialect), (0, []))
        rows = csv.reader([first.decode("utf-8", "replace")], delimiter=dialect.delimiter, skipinitialspace=True)
        if seen[0] != len(head) or [cell.strip() for cell in next(rows, [])] != seen[1]:
            raise OddFile  # a header of several lines, or empty lines above it
    return begin + sum(map(len, head)), len(head)


def _whole_lines(raw: IO[bytes], left: int | None) -> Iterator[tuple[bytes, bool]]:
    """Gives the bytes of a file in blocks that end where a line does, and whether each is the last."""
    rest = b""
    left = sys.maxsize if left is None else left
    while True:
        chunk = raw.read(min(_BLOCK_BYTES, left))
        left -= len(chunk)
        whole, newline, tail = (rest + chunk).rpartition(b"\n")
        if not chunk:
            if rest:
                yield rest, True
            return
        if len(tail) > _BLOCK_BYTES:
            raise OddFile  # a line that long has a quote which is never closed
        rest = tail
        if newline:
            following = raw.peek(1) if hasattr(raw, "peek") else b"?"
            yield whole + newline, not rest and (left == 0 or not following)


def _parse(
    content: bytes, dialect: Dialect, names: Sequence[str], header: Sequence[str]
) -> tuple[RecordBatch, frozenset[str]]:
    """Returns the cells of whole lines, and characters that occur in them.

    Raises:
      OddFile: the lines are no simple rows.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    quoted = dialect.quoting != "none" and b'"' in content
    _check_lines(content, dialect)
    if quoted:
        _check_quotes(content, dialect.delimiter.encode()[0])
    batch = _split(content, dialect.delimiter, quoted, names)
    has_spaces = not content.isascii() or b" " in content or b"\t" in content
    if has_spaces:
        batch = pa.RecordBatch.from_arrays([pc.utf8_trim_whitespace(column) for column in batch.columns], names)
    if _names_stand_in(batch, header):
        raise OddFile
    return batch, _marks(content)


def _split(content: bytes, delimiter: str, quoted: bool, names: Sequence[str]) -> RecordBatch:
    """Splits lines into cells, which keep the spaces around them."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            arrow_csv.ReadOptions(column_names=names, block_size=len(content) + 1, use_threads=False),
            arrow_csv.ParseOptions(delimiter=delimiter, quote_char='"' if quoted else False),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        raise OddFile from None
    if table.num_rows != _count_lines(content):
        raise OddFile
    (batch,) = table.combine_chunks().to_batches()
    return batch


def _names_stand_in(batch: RecordBatch, header: Sequence[str]) -> bool:
    """Says whether a row may be the header again, as in files that were joined: the line reader knows for certain."""
    import pyarrow.compute as pc

    named = [place for place, name in enumerate(header) if name]
    if not named or named[0] >= batch.num_columns:
        return False
    return bool(pc.any(pc.equal(batch.column(named[0]), header[named[0]])).as_py())


def _marks(content: bytes) -> frozenset[str]:
    """Returns which of ``_ + x X`` occur, and 0 where some number may begin with it."""
    marks = {mark for mark in "_+xX" if mark.encode() in content}
    return frozenset(marks | ({"0"} if _has_leading_zero(content) else set()))


def _check_lines(content: bytes, dialect: Dialect) -> None:
    """Refuses lines that the two readers might tell apart, and bytes that only one of them takes for a space."""
    if not content.isascii() and dialect.encoding.lower().replace("_", "-") not in _UTF8:
        raise OddFile
    if any(byte in content for byte in _ODD_BYTES):
        raise OddFile
    _check_ends(content)


def _check_ends(content: bytes) -> None:
    """Refuses returns that no newline follows, and lines without anything in them."""
    if content[:1] in b"\r\n" or content[-1:] == b"\r":
        raise OddFile
    for text in _windows(content):
        ends, returns = text == _NEWLINE, text == _RETURN
        if (returns[:-1] & ~ends[1:]).any():
            raise OddFile
        if (ends[1:] & ends[:-1]).any() or (ends[2:] & returns[1:-1] & ends[:-2]).any():
            raise OddFile


def _windows(content: bytes) -> Iterator[np.ndarray]:
    """Gives the bytes piece by piece, uint8 [n], each piece with the last two bytes of the one before it."""
    import numpy as np

    text = np.frombuffer(content, np.uint8)
    for begin in range(0, len(text), _WINDOW_BYTES):
        yield text[max(begin - 2, 0) : begin + _WINDOW_BYTES]


def _count_lines(content: bytes) -> int:
    """Returns how many lines end; several times as fast as ``bytes.count``."""
    import numpy as np

    text = np.frombuffer(content, np.uint8)
    pieces = (text[begin : begin + _WINDOW_BYTES] for begin in range(0, len(text), _WINDOW_BYTES))
    return sum(int(np.count_nonzero(piece == _NEWLINE)) for piece in pieces)


def _check_quotes(content: bytes, delimiter: int) -> None:
    """Refuses quotes but those that open and close a whole cell within a line."""
    import numpy as np

    text = np.frombuffer(content, np.uint8)
    places = np.flatnonzero(text == _QUOTE)
    before = np.where(places == 0, _NEWLINE, text[places - 1])
    after = text[np.minimum(places + 1, len(text) - 1)]
    opens = (before == delimiter) | (before == _NEWLINE)
    closes = (after == delimiter) | (after == _NEWLINE) | (after == _RETURN)
    if len(places) % 2 or not (opens[::2].all() and closes[1::2].all()):
        raise OddFile
    if closes[::2].any() or opens[1::2].any():
        raise OddFile
    if (_lines_before(text, places[::2]) != _lines_before(text, places[1::2])).any():
        raise OddFile


def _lines_before(text: np.ndarray, places: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.searchsorted(np.flatnonzero(text == _NEWLINE), places)


def _has_leading_zero(content: bytes) -> bool:
    """Says whether some number may begin with 0 before another digit, as codes do."""
    import numpy as np

    if content[:1] == b"0" and content[1:2].isdigit():
        return True
    zero, point = b"0"[0], b"."[0]
    for text in _windows(content):
        digits = text - np.uint8(zero) < 10
        is_inside = digits | (text == point)
        if ((text[1:-1] == zero) & digits[2:] & ~is_inside[:-2]).any():
            return True
    return False
