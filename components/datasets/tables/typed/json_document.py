"""Reads JSON: lines with one object each, or a document of rows, ``[{...}, ...]``, as web services write them.

An object around the rows is looked into; several objects, one behind the other, are rows themselves.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from kerasline.components.core import ConfigError
from kerasline.components.datasets.files import holds_lines
from kerasline.components.datasets.tables.typed.json_decoding import decoder
from kerasline.components.datasets.tables.typed.json_lines import in_utf8, read_lines
from kerasline.components.datasets.tables.typed.json_object import rows_of_object
from kerasline.components.datasets.tables.typed.remarks import remark_of, with_remark

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

_SPACE = re.compile(r"\s*")
_BREAKS = str.maketrans("\r\n", "  ")
_MARK = b"\xef\xbb\xbf"  # of UTF-8, which may stand first


def read_json(path: Path, stream: IO[bytes]) -> tuple[Schema, Iterable[RecordBatch]]:
    """Reads a table of lines block by block; a document has to fit in memory.

    Args:
      path: Of the file, for messages, and its name tells lines.
      stream: Its bytes, unpacked.

    Raises:
      ConfigError: it is no JSON or of another encoding than JSON has, has no rows, an element is no object, or a column
        changes its type.
    """
    stream = in_utf8(path, stream)
    are_lines = _are_lines(path, stream)
    stream.seek(0)
    return read_lines(path, stream) if are_lines else _read_document(path, stream)


def _are_lines(path: Path, stream: IO[bytes]) -> bool:
    """Says whether each line is an object, by the name of the file, or since the first is one and not the only line."""
    first = next(filter(bytes.strip, stream), b"").removeprefix(_MARK)
    if not first.lstrip().startswith(b"{"):
        return False
    return holds_lines(path) or (any(map(bytes.strip, stream)) and _is_object(first))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _read_document(path: Path, stream: IO[bytes]) -> tuple[Schema, Iterable[RecordBatch]]:
    try:
        text = stream.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8; write the file again in UTF-8.") from None
    with tempfile.TemporaryFile() as lines:
        try:
            elements, remark = _rows_of(path, text)
            for element in elements:
                # Between the parts of an object a break is as good as a space, and its texts have none.
                lines.write(element.translate(_BREAKS).encode() + b"\n")
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise ConfigError(f"{path} is no whole JSON document: {where}: {error.msg}; write it again.") from None
        except ValueError:  # of a number with more digits than Python reads
            raise ConfigError(
                f"{path} holds a number of thousands of digits; leave it out, or write it as text."
            ) from None
        except RecursionError:
            raise ConfigError(f"{path} nests values too deeply for a table; write one object a row.") from None
        if not lines.tell():
            raise ConfigError(f"{path} has no rows; check that the right file was named")
        lines.seek(0)
        schema, batches = read_lines(path, lines, "Element")
        return with_remark(schema, remark_of(schema) or remark), batches


def _rows_of(path: Path, text: str) -> tuple[Iterable[str], str]:
    """Returns the rows as they are written, and where in an object they were found."""
    start = _skip(text, 0)
    if text[start : start + 1] != "{":
        return _elements(text), ""
    content, end = decoder(path).raw_decode(text, start)
    if _skip(text, end) < len(text):
        return _objects(text, start), ""
    rows, remark = rows_of_object(path, content)
    return map(json.dumps, rows), remark


def _objects(text: str, at: int) -> Iterator[str]:
    """Yields values that stand one behind the other, of which the first begins at a place."""
    decode = json.JSONDecoder().raw_decode
    while at < len(text):
        end = decode(text, at)[1]
        yield text[at:end]
        at = _skip(text, end)


def _elements(text: str) -> Iterator[str]:
    """Yields the elements of an array as they are written.

    Raises:
      JSONDecodeError: the text is no array.
    """
    decode = json.JSONDecoder().raw_decode
    at, mark = _skip(text, 0), "["
    if text[at : at + 1] == mark and text[(after := _skip(text, at + 1)) : after + 1] == "]":
        at, mark = after, "]"
    while mark != "]":
        if text[at : at + 1] != mark:
            raise json.JSONDecodeError(f"Expecting {mark!r}", text, at)
        start = _skip(text, at + 1)
        end = decode(text, start)[1]
        yield text[start:end]
        at = _skip(text, end)
        mark = "]" if text[at : at + 1] == "]" else ","
    if (end := _skip(text, at + 1)) != len(text):
        raise json.JSONDecodeError("Extra data", text, end)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None  # of nothing, too
    return found.end()
