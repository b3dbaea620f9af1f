"""Reads JSON lines: one object a line, whose keys are the columns; a key that a line leaves out has no value there."""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, shown
from kerasline.components.datasets.tables.typed.json_features import without_geometry
from kerasline.components.datasets.tables.typed.remarks import with_remark

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema, Table

# Types are found block by block, and joined; no line may be longer than a block.
_BLOCK_BYTES = 1 << 24
_BYTES_AT_ONCE = 1 << 20
_BEGINS_WITH_NULL = re.compile(rb"((?:\A|[\r\n])(?:\xef\xbb\xbf)?[ \t]*)null")
_NULL = re.compile(_BEGINS_WITH_NULL.pattern + rb"(?=[ \t]*(?:[\r\n]|\Z))")  # and nothing else
_KINDS: dict[type, str] = {
    bool: "truth", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object",
}  # fmt: skip


def read_lines(path: Path, stream: IO[bytes], unit: str = "Line") -> tuple[Schema, Iterable[RecordBatch]]:
    """Reads a table.

    Args:
      path: Of the file, for messages.
      stream: Its bytes, unpacked, in UTF-8.
      unit: What messages call a line.

    Raises:
      ConfigError: a line holds no object, or a column changes its type; with the line.
    """
    import pyarrow as pa

    stream, remark = without_geometry(path, _without_nulls(path, stream, unit), unit)
    try:
        table = _parse(stream, {})
        # What looks like a date stays the text that it is, as in a text table.
        dates = {field.name: pa.string() for field in table.schema if pa.types.is_timestamp(field.type)}
        if dates:
            stream.seek(0)
            table = _parse(stream, dates).select(table.column_names)
        table.validate(full=True)  # text that is no UTF-8 passes the parser
    except pa.ArrowException as error:
        stream.seek(0)
        raise _explain(path, stream, error, unit) from None
    if not table.num_columns:
        raise ConfigError(f"{path} has no values in any row; check that the right file was named")
    return with_remark(table.schema, remark), table.to_batches()


def in_utf8(path: Path, stream: IO[bytes]) -> IO[bytes]:
    """Returns JSON in UTF-8, whatever its encoding is of those that it may have.

    Args:
      path: Of the file, for messages.
      stream: Its bytes, unpacked.

    Raises:
      ConfigError: it begins in such an encoding, and is of none.
    """
    encoding = json.detect_encoding(stream.read(4))
    stream.seek(0)
    if encoding.startswith("utf-8"):
        return stream
    text = io.TextIOWrapper(stream, encoding, newline="")
    written = tempfile.TemporaryFile()  # noqa: SIM115 - its reader closes it
    try:
        while block := text.read(_BLOCK_BYTES):
            written.write(block.encode())
    except UnicodeError:
        raise ConfigError(f"{path} is damaged, or no {encoding.upper()}; write the file again in UTF-8.") from None
    text.detach()
    written.seek(0)
    return written


def _without_nulls(path: Path, stream: IO[bytes], unit: str) -> IO[bytes]:
    """Gives an object without keys for each line that is null: Arrow ends the process where one begins a block.

    Raises:
      ConfigError: a line begins with null and goes on, which ends it, too.
    """
    if not _has_nulls(stream):
        stream.seek(0)
        return stream
    stream.seek(0)
    written = tempfile.TemporaryFile()  # noqa: SIM115 - its reader closes it
    for number, line in enumerate(stream, start=1):
        plain = _NULL.sub(rb"\1{}", line)
        if _BEGINS_WITH_NULL.search(plain):
            raise _no_object(path, line, number, unit)
        written.write(plain)
    written.seek(0)
    return written


def _has_nulls(stream: IO[bytes]) -> bool:
    before = b"\n"
    while block := stream.read(_BYTES_AT_ONCE):
        read = before + block
        if _BEGINS_WITH_NULL.search(read):
            return True
        before = read[max(read.rfind(b"\n"), len(read) - _BYTES_AT_ONCE) :]
    return False


def _parse(stream: IO[bytes], types: dict[str, Any]) -> Table:
    import pyarrow as pa
    from pyarrow import json as arrow_json

    return arrow_json.read_json(
        pa.PythonFile(stream, "r"),
        arrow_json.ReadOptions(block_size=_BLOCK_BYTES),
        arrow_json.ParseOptions(explicit_schema=pa.schema(types) if types else None),
    )


def _explain(path: Path, stream: IO[bytes], error: Exception, unit: str) -> ConfigError:
    """Finds the first line that cannot be a row of the table."""
    kinds: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_Pairs)
        except UnicodeDecodeError:
            return ConfigError(f"{unit} {number} of {path} is not UTF-8; write the file again in UTF-8.")
        except ValueError:
            row = None
        if not isinstance(row, _Pairs):
            return _no_object(path, line, number, unit)
        problem = next(_problems(row, kinds, number, unit.lower()), None)
        if problem is not None:
            return ConfigError(f"{unit} {number} of {path} {problem}.")
    return ConfigError(f"{path} cannot be read as JSON lines ({str(error).splitlines()[0]}); write it again.")


def _no_object(path: Path, line: bytes, number: int, unit: str) -> ConfigError:
    said = line.decode("utf-8-sig", "replace").strip()
    return ConfigError(
        f"{unit} {number} of {path} is no JSON object, got {shown(said)}; write one object with a value for each "
        f"column in every {unit.lower()}."
    )


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of an object, as they stand."""


def _problems(row: _Pairs, kinds: dict[str, tuple[str, int]], number: int, unit: str) -> Iterator[str]:
    """Words what keeps an object from being a row after those before it.

    Args:
      row: The object.
      kinds: Of each column so far, what it holds and the line that first said so; takes in this row.
      number: Of the line.
      unit: What messages call a line.
    """
    seen = set[str]()
    for name, value in row:
        if name in seen:
            yield f"has the key {name!r} twice; leave one of them out"
        seen.add(name)
        kind = "an object" if isinstance(value, _Pairs) else _KINDS.get(type(value), "nothing")
        known, first = kinds.setdefault(name, (kind, number)) if kind != "nothing" else (kind, number)
        if known != kind:
            yield (
                f"holds {_told(kind, value)} under {name!r}, and {unit} {first} holds {known}; write the column alike "
                f"in every {unit}"
            )


def _told(kind: str, value: Any) -> str:
    return kind if isinstance(value, list | dict) else f"{kind} ({shown(value)})"
