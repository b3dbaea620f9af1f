"""Looks into a text table behind its beginning: further on in a large file, and in its other files."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.files import TYPED, is_packed, open_bytes
from kerasline.components.datasets.tables.csv import Dialect, detect_delimiter, detect_encoding, fitted, lines
from kerasline.components.datasets.tables.typed import open_file

_PLACES, _PLACE_BYTES = 40, 1 << 16
_MOST_FILES, _ROWS_OF_OTHERS = 20, 20_000
_MOST_TOLD, _MOST_NAMED = 3, 5
_ROWS_OF_FIRST = 2_000  # are kept, however large the others are

Rows = list[list[str]]


def bytes_up_to(path: Path, dialect: Dialect, line: int) -> int:
    """Returns how many bytes an unpacked table has up to the end of a line; a few thousand more may be counted."""
    with open_bytes(path) as raw:
        text = io.TextIOWrapper(raw, encoding=dialect.encoding, newline="")
        for _ in islice(text, line):
            pass
        return text.buffer.tell()


def rows_further_on(path: Path, dialect: Dialect, width: int, read: int) -> Iterator[list[str]]:
    """Reads whole lines at places spread over a large file, so that a sorted one shows more than its beginning.

    Args:
      path: Of the file.
      dialect: How it is written.
      width: Cells of its lines.
      read: Bytes from its beginning that were read before, and are not read again.
    """
    if is_packed(path) or dialect.encoding.startswith(("utf-16", "utf-32")):
        return
    apart = max(0, path.stat().st_size - read) // (_PLACES + 1)
    quoting: Any = csv.QUOTE_NONE if dialect.quoting == "none" else csv.QUOTE_MINIMAL
    with open(path, "rb") as stream:
        for place in range(1, _PLACES + 1):
            start = read + apart * place
            stream.seek(start)
            stream.readline()
            until_next = max(0, start + apart - stream.tell())
            text = stream.read(min(_PLACE_BYTES, until_next)).decode(dialect.encoding, errors="replace")
            complete = text[: text.rfind("\n") + 1]
            try:
                for cells in csv.reader(
                    io.StringIO(complete), delimiter=dialect.delimiter, quoting=quoting, skipinitialspace=True
                ):
                    if len(cells) == width:
                        yield [cell.strip() for cell in cells]
            except csv.Error:
                continue


def check_one_table(folder: Path, files: Sequence[Path], labels: Collection[str]) -> None:
    """Refuses a folder whose files are several tables, as competitions give: to train with, to predict, to hand in.

    Args:
      folder: Of the files.
      files: That end alike.
      labels: The columns to predict.

    Raises:
      ConfigError: names the file that is likely meant.
    """
    known = {path: _names_of(path) for path in files[: _MOST_FILES + 1]}
    with_labels = [path for path in known if set(labels).issubset(known[path])]
    widths = set(map(len, known.values()))
    # Where all have them it is one table, though a column may be new in some: the run tells of it.
    is_one = len(with_labels) == len(known) if labels else len(widths) == 1
    if is_one or not with_labels or min(widths) < 2:  # what stands first in a file may be a title
        return
    shown = list(known.items())[:_MOST_TOLD]
    told = "; ".join(f"{path.name} has {', '.join(found[:_MOST_NAMED])}" for path, found in shown)
    likely = max(with_labels, key=lambda path: len(known[path]))
    raise ConfigError(f"{folder} holds several tables: {told}; name one of them, such as {likely}")


def _names_of(path: Path) -> list[str]:
    """Returns the first line of a table of text, or the names of the columns of another; nothing where it has none."""
    with suppress(ConfigError):  # the run says what is wrong with it
        if path.suffix.lower() in TYPED:
            return list(open_file(path).schema_arrow.names)
        dialect = Dialect(",", detect_encoding(path))
        stream = (cells for _, cells in lines(path, replace(dialect, delimiter=detect_delimiter(path, dialect))))
        return next(stream, [])
    return []


def with_other_files(rows: Rows, files: Sequence[Path], dialect: Dialect, header: Sequence[str]) -> Rows:
    """Adds rows of other files where the first has a column with one value alone, such as its class or its day.

    Args:
      rows: Of the first file.
      files: Of the table.
      dialect: How the first is written.
      header: Its first line, empty where that is a row.

    Returns:
      Rows of some of the files, of each as many as its size asks for: of the first not few, and of no other none.
    """
    others = files[1 :: max(1, len(files) // _MOST_FILES)]
    if not others or all(any(cell != cells[0] for cell in cells) for cells in zip(*rows, strict=True)):
        return rows
    sizes = [path.stat().st_size for path in (files[0], *others)]
    each = min(len(rows) / max(1, sizes[0]), _ROWS_OF_OTHERS / max(1, sum(sizes)))
    found = rows[: max(_ROWS_OF_FIRST, round(each * sizes[0]))]
    for path, size in zip(others, sizes[1:], strict=True):
        found += _rows_of(path, dialect, header, len(rows[0]), max(1, round(each * size)))
    return found


def _rows_of(path: Path, dialect: Dialect, header: Sequence[str], width: int, count: int) -> Rows:
    """Reads rows of a file in the order of the columns of another one; none where it has other columns."""
    with suppress(ConfigError):  # the run says what is wrong with it
        stream = (cells for _, cells in lines(path, replace(dialect, delimiter=detect_delimiter(path, dialect))))
        names = next(stream, []) if header else []
        if sorted(names) != sorted(header):
            return []
        places = list(map(names.index, header)) or list(range(width))
        rows = (fitted(cells, width) for cells in islice(stream, count))
        return [[cells[place] for place in places] for cells in rows if len(cells) == width]
    return []
