"""Looks into a text table behind its beginning: further on in a large file, and in its other files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.files import is_packed
from kerasline.components.datasets.tables.csv import Dialect, detect_delimiter, fitted, lines

_PLACES, _PLACE_BYTES = 40, 1 << 16
_MOST_FILES, _ROWS_OF_OTHERS = 20, 20_000
_ROWS_OF_FIRST = 2_000  # are kept, however large the others are

Rows = list[list[str]]


def rows_further_on(path: Path, dialect: Dialect, width: int) -> Iterator[list[str]]:
    """Reads whole lines at places spread over a large file, so that a sorted one shows more than its beginning."""
    if is_packed(path) or dialect.encoding.startswith(("utf-16", "utf-32")):
        return
    size = path.stat().st_size
    quoting: Any = csv.QUOTE_NONE if dialect.quoting == "none" else csv.QUOTE_MINIMAL
    with open(path, "rb") as stream:
        for place in range(1, _PLACES + 1):
            stream.seek(size * place // (_PLACES + 1))
            stream.readline()
            text = stream.read(_PLACE_BYTES).decode(dialect.encoding, errors="replace")
            complete = text[: text.rfind("\n") + 1]
            try:
                for cells in csv.reader(
                    io.StringIO(complete), delimiter=dialect.delimiter, quoting=quoting, skipinitialspace=True
                ):
                    if len(cells) == width:
                        yield [cell.strip() for cell in cells]
            except csv.Error:
                continue


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
