"""Opens text tables as they are found: encodings, BOM, gzip, delimiters, ragged lines."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kerasline.components.datasets.files import GZIP_ERRORS, damaged_gzip, open_bytes
from kerasline.components.errors import ConfigError
from kerasline.components.wording import counted

_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_CELL = 1 << 24  # characters; a quote that is never closed would otherwise swallow the file

Line = tuple[int, list[str]]


def lines(path: str | Path, delimiter: str, encoding: str) -> Iterator[Line]:
    """Yields the rows of a table, its header included, with the number of the line on which each ends.

    Cells lose the spaces around them; empty lines are passed over.

    Raises:
      ConfigError: the file is gone, damaged, not in this encoding, or has a cell that never ends.
    """
    csv.field_size_limit(_LONGEST_CELL)
    with open_bytes(path) as raw:
        text = io.TextIOWrapper(raw, encoding=_without_bom(encoding), newline="")
        reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, list(map(str.strip, row))
        except UnicodeError:
            raise _undecodable(path, encoding) from None
        except GZIP_ERRORS as error:
            raise damaged_gzip(path, error) from None
        except csv.Error as error:
            raise ConfigError(
                f"{path} cannot be read at line {reader.line_num + 1} ({error}); is a quote there never closed?"
            ) from None


def detect_delimiter(path: str | Path, encoding: str) -> str:
    """Returns the character that divides the first lines into equally many cells, the most cells winning.

    A table with a single column has none; a comma then does no harm.
    """
    best, best_score = ",", (0, 1)
    for delimiter in _DELIMITERS:
        widths: Counter[int] = Counter()
        for number, (_, cells) in enumerate(lines(path, delimiter, encoding)):
            if number == 50:
                break
            widths[len(cells)] += 1
        if not widths:
            break
        width, agreeing = widths.most_common(1)[0]
        # Tenths of agreement, so that a ragged line does not hand the table to a character of its text.
        score = (10 * agreeing // widths.total(), width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def header_of(path: str | Path, options: Mapping[str, Any], delimiter: str) -> list[str]:
    """Returns the column names of a file: its header's, or ``columns``, or column_1, column_2, ...

    Raises:
      ConfigError: the file is empty, names a column twice, or has another number of columns than ``columns``.
    """
    stream = lines(path, delimiter, options["encoding"])
    first = next(stream, None)
    if first is None:
        raise ConfigError(f"{path} is empty; check that the right file was named.")
    stream.close()  # type: ignore[attr-defined]
    width, columns = len(first[1]), options["columns"]
    if columns is not None:
        if len(columns) != width:
            raise ConfigError(
                f"'columns' has {counted(len(columns), 'name')}, but {path} has {counted(width, 'column')}; name "
                "every column."
            )
        return list(columns)
    if not options["header"]:
        return [f"column_{number}" for number in range(1, width + 1)]
    # Exports of data frames leave the index column without a name.
    names = [name or f"column_{number}" for number, name in enumerate(first[1], start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(
            f"{path} names column {twice[0]!r} more than once; rename one of them or give all names with 'columns'."
        )
    return names


def body(
    path: str | Path,
    options: Mapping[str, Any],
    delimiter: str,
    width: int,
    ragged: Callable[[list[int]], None] | None = None,
) -> Iterator[Line]:
    """Yields the rows below the header, all of the same width.

    Args:
      path: the file.
      options: of the ``csv:`` block.
      delimiter: the character between cells.
      width: the number of columns.
      ragged: collects the line numbers of rows of another width where the options say to skip them.

    Raises:
      ConfigError: as :func:`lines`, or a row has another width.
    """
    stream = lines(path, delimiter, options["encoding"])
    if options["header"]:
        next(stream, None)
    for number, cells in stream:
        if len(cells) == width:
            yield number, cells
        elif cells == [""]:
            continue  # a line of spaces
        elif options["ragged_rows"] == "fail":
            raise ConfigError(
                f"Line {number} of {path} has {counted(len(cells), 'cell')} where {counted(width, 'is', 'are')} "
                "expected; correct the line or set csv.ragged_rows: skip."
            )
        elif ragged is not None:
            ragged([number])


def _without_bom(encoding: str) -> str:
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


def _undecodable(path: str | Path, encoding: str) -> ConfigError:
    """Finds the first byte that is not in the encoding, line by line."""
    with open_bytes(path) as raw:
        start = raw.read(2)
        if start in (b"\xff\xfe", b"\xfe\xff"):
            return ConfigError(f"{path} is UTF-16, not {encoding}; set csv.encoding: utf-16.")
        raw.seek(0)
        for number, line in enumerate(raw, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return ConfigError(
                    f"{path} is not {encoding}: byte 0x{line[error.start]:02x} in line {number}; set "
                    "csv.encoding, for instance to cp1252 or latin-1."
                )
            except UnicodeError:
                break
    return ConfigError(f"{path} is not {encoding}; set csv.encoding, for instance to utf-8 or cp1252.")
