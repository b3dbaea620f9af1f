"""Text tables that are to be predicted: whether their first and last rows are read as what they are."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, shown
from kerasline.components.datasets.files import PACKING_ERRORS, damaged_packing, open_bytes
from kerasline.components.datasets.tables.csv import OddFile, dialect_of, header_of, lines, parse, read_blocks

_BYTES_READ_AHEAD = 1 << 26
_ENCODING_KEY, _QUOTING_KEY = re.compile(r"; set csv\.encoding.*$"), re.compile(r", or set csv\.quoting.*$")


@contextmanager
def keys_untold(reading: Mapping[str, Any]) -> Iterator[None]:
    """Leaves keys of recipes out of errors, since a prediction has none: it reads as training did.

    Args:
      reading: How text tables are read.

    Raises:
      ConfigError: as it came up, but for these.
    """
    try:
        yield
    except ConfigError as error:
        alike = f"; write the file again in {reading['encoding']}, as those of training are."
        text = _ENCODING_KEY.sub(alike, _QUOTING_KEY.sub(".", str(error)))
        raise type(error)(text, details=error.details) from error.__cause__


def csv_names(path: Path, reading: Mapping[str, Any], delimiter: str, record: Mapping[str, Any]) -> list[str]:
    """Names the columns of a text table as training did.

    Args:
      path: Of the table.
      reading: How text tables are read; where it names the columns, the label may be absent, and a header counts that
        names all which the model reads.
      delimiter: Character between cells.
      record: What was recorded when the version was pushed.

    Raises:
      ConfigError: the file has another number of columns, or names one twice.
    """
    given = reading["columns"]
    if given is None:
        return header_of(path, reading, delimiter)
    width = len(header_of(path, {**reading, "columns": None, "header": False}, delimiter))
    above = _names_above(path, reading, delimiter)
    if len(above) == width and {column["name"] for column in record["columns"]}.issubset(above):
        return above
    without = [name for name in given if name not in record["label"]["columns"]]
    return without if width == len(without) else header_of(path, reading, delimiter)


def _names_above(path: Path, reading: Mapping[str, Any], delimiter: str) -> list[str]:
    """Returns the cells of the last line that is passed over above the rows; nothing where there is none."""
    above = reading["skip_lines"]
    if reading["header"] or not above:
        return []
    whole = dialect_of({**reading, "skip_lines": 0}, delimiter)
    return next((cells for number, cells in islice(lines(path, whole), above) if number == above), [])


def check_text(path: Path, reading: Mapping[str, Any], delimiter: str, names: Sequence[str]) -> None:
    """Looks at a text table before TensorFlow loads.

    Args:
      path: Of the table.
      reading: How text tables are read.
      delimiter: Character between cells.
      names: Of its columns.

    Raises:
      ConfigError: a quote swallows rows, or a line that is passed over above the rows looks like one.
    """
    _check_passed_over(path, reading, delimiter, names)
    if path.stat().st_size < _BYTES_READ_AHEAD:
        _check_to_its_end(path, reading, delimiter, names)


def _check_passed_over(path: Path, reading: Mapping[str, Any], delimiter: str, names: Sequence[str]) -> None:
    """Refuses a file whose first rows would be lost, since it has no lines such as stood above those of training."""
    above = reading["skip_lines"]
    if not above or reading["header"]:
        return
    whole = dialect_of({**reading, "skip_lines": 0}, delimiter)
    for number, cells in islice(lines(path, whole), above):
        if number > above:
            return
        value = next((cell for cell in cells if cell and parse([cell])[0] != "string"), None)
        if value is not None and len(cells) == len(names):
            raise ConfigError(
                f"{path}: expected {above} lines above the rows, as the training data had (skip_lines), but line "
                f"{number} looks like a row, with {shown(value)} in it; give the file those lines, too"
            )


def _check_to_its_end(path: Path, reading: Mapping[str, Any], delimiter: str, names: Sequence[str]) -> None:
    """Reads a table that has quotes, so that one that swallows rows is found before TensorFlow loads."""
    with open_bytes(path) as file:
        try:
            has_quotes = any(b'"' in chunk for chunk in iter(lambda: file.read(1 << 20), b""))
        except PACKING_ERRORS as error:
            raise damaged_packing(path, error) from None
    if not has_quotes:
        return
    try:
        deque(read_blocks(path, reading, delimiter, names), maxlen=0)
    except OddFile:
        deque(lines(path, dialect_of(reading, delimiter)), maxlen=0)
