"""Copies tables of other formats into Parquet, once each, so that one reader serves them all.

A copy lies in the cache, named by size, times and inode of the file that it is of. It is made by whichever step comes
first, and never seen before it is whole. One that nobody read for a month goes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from kerasline.components.core import ConfigError, cache_folder, file_facts
from kerasline.components.datasets.files import (
    PACKING_ERRORS,
    damaged_packing,
    is_packed,
    name_kind,
    open_bytes,
)
from kerasline.components.datasets.tables.typed.json_document import read_json
from kerasline.components.datasets.tables.typed.workbooks import is_workbook, read_workbook

if TYPE_CHECKING:
    from pyarrow import DataType, RecordBatch, Schema, Table

_ROWS_PER_GROUP = 1 << 16
_BYTES_LOOKED_AT = 4096
_BYTES_AT_ONCE = 1 << 20
_DAMAGED = "{path} is damaged or ends too early; copy or write it again."
_MONTH_SECONDS = 30 * 86_400.0
_FORM = 5  # of copies: a larger number makes them anew, since files are read in another way
_KEPT = 2  # copies of a file; a run may still read the last but one

# The columns of a file, and its rows piece by piece.
_Content = tuple["Schema", Iterable["RecordBatch"]]


def parquet_of(path: Path) -> Path:
    """Returns the Parquet file that holds a table: the file itself, or a copy.

    Args:
      path: Of a file; what is no table of typed columns is returned as it is.

    Raises:
      ConfigError: the file is damaged, or has a column that Parquet cannot hold.
    """
    read = _reader_of(path)
    if read is None:
        return path
    folder = cache_folder() / "tables" / hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]
    target = folder / f"{'-'.join(map(str, (*file_facts(path), _FORM)))}.parquet"
    if target.exists():
        with suppress(OSError):  # a cache that may only be read serves, too
            os.utime(target)
    else:
        _write_copy(path, read, target)
        _remove_old(target.parent)
    return target


def _reader_of(path: Path) -> Callable[[Path, IO[bytes]], _Content] | None:
    """Returns what reads a file that is to be copied, by its first bytes; None for any other."""
    with open_bytes(path) as stream:
        try:
            start = stream.read(_BYTES_LOOKED_AT)
        except PACKING_ERRORS as error:
            raise damaged_packing(path, error) from None
    kind = name_kind(start)
    if kind is None or kind.source != "parquet":
        return None
    if start.startswith(b"PAR1"):
        return _read_parquet if is_packed(path) else None
    if is_workbook(start):
        return read_workbook
    readers = {b"ARROW1": _read_arrow, b"FEA1": _read_feather, b"\xff\xff\xff\xff": _read_stream, b"ORC": _read_orc}
    return next((read for beginning, read in readers.items() if start.startswith(beginning)), read_json)


def _write_copy(path: Path, read: Callable[[Path, IO[bytes]], _Content], target: Path) -> None:
    import pyarrow as pa

    part = target.with_name(f".{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_bytes(path) as packed, _with_places(packed, path, read, target.parent) as stream:
            schema, batches = read(path, stream)
            for name, kind in zip(schema.names, schema.types, strict=True):
                _check_type(name, kind, path)
            _write(part, schema, _grouped(batches))
        os.replace(part, target)
    except PACKING_ERRORS as error:
        raise _unusable(path, target, error) from None
    except (pa.ArrowException, ValueError):
        raise ConfigError(_DAMAGED.format(path=path)) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _with_places(
    stream: IO[bytes], path: Path, read: Callable[[Path, IO[bytes]], _Content], folder: Path
) -> Iterator[IO[bytes]]:
    """Gives bytes whose places can be gone to; in a packed file each step back begins at the beginning."""
    if read not in _LEAPING or not is_packed(path):
        yield stream
        return
    with tempfile.TemporaryFile(dir=folder) as unpacked:
        shutil.copyfileobj(stream, unpacked, _BYTES_AT_ONCE)
        unpacked.seek(0)
        yield unpacked


def _unusable(path: Path, target: Path, error: Exception) -> ConfigError:
    """Words an error of input or output: of the file that is read, or of the folder that cannot be written to."""
    if isinstance(error, OSError) and error.errno is not None:
        return ConfigError(f"A copy of {path} cannot be kept in {target.parent}: {error.strerror}; make room there.")
    if is_packed(path):
        return damaged_packing(path, error)
    return ConfigError(_DAMAGED.format(path=path))


def _check_type(name: str, kind: DataType, path: Path) -> None:
    """Refuses a column that Parquet cannot hold, whatever the recipe would do with it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([pa.field(name, kind)])
    try:
        with pq.ParquetWriter(pa.BufferOutputStream(), schema) as writer:
            writer.write_table(schema.empty_table())
    except pa.ArrowException:
        raise ConfigError(
            f"Column {name!r} of {path} is {kind}, which cannot be read; write the table without it, or as numbers or "
            "text."
        ) from None


def _write(part: Path, schema: Schema, tables: Iterable[Table]) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(part, schema) as writer:
        for table in tables:
            table.validate(full=True)  # text that is no UTF-8 is found here, and not in the midst of a run
            writer.write_table(table, row_group_size=_ROWS_PER_GROUP)


def _grouped(batches: Iterable[RecordBatch]) -> Iterator[Table]:
    """Joins small batches, since each table becomes a row group at least."""
    import pyarrow as pa

    waiting: list[RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= _ROWS_PER_GROUP:
            yield pa.Table.from_batches(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def _remove_old(folder: Path) -> None:
    """Removes the copies of a file but for the last ones, and those of other files that were not read for a month."""
    last_read = {path: _last_read(path) for path in folder.parent.glob("*/*.parquet")}
    others = [path for path, seconds in last_read.items() if seconds < time.time() - _MONTH_SECONDS]
    own = sorted((path for path in last_read if path.parent == folder), key=last_read.__getitem__)
    for path in {*others, *own[:-_KEPT]}:
        path.unlink(missing_ok=True)


def _last_read(path: Path) -> float:
    """Returns when a copy was last read, in seconds since 1970; now where another process has just removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _read_parquet(path: Path, stream: IO[bytes]) -> _Content:
    """Reads a packed Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.PythonFile(stream, "r"))
    return file.schema_arrow, file.iter_batches(_ROWS_PER_GROUP)


def _read_arrow(path: Path, stream: IO[bytes]) -> _Content:
    import pyarrow as pa

    file = pa.ipc.open_file(pa.PythonFile(stream, "r"))
    return _without_views(file.schema, map(file.get_batch, range(file.num_record_batches)))


def _read_feather(path: Path, stream: IO[bytes]) -> _Content:
    """Reads a Feather file as it was written before 2020."""
    import pyarrow as pa
    from pyarrow import feather

    table = feather.read_table(pa.PythonFile(stream, "r"), memory_map=False)
    return table.schema, table.to_batches()


def _read_stream(path: Path, stream: IO[bytes]) -> _Content:
    import pyarrow as pa

    batches = pa.ipc.open_stream(pa.PythonFile(stream, "r"))
    return _without_views(batches.schema, batches)


def _without_views(schema: Schema, batches: Iterable[RecordBatch]) -> _Content:
    """Gives views of text and bytes, as Polars writes them, a type that Parquet has."""
    import pyarrow as pa

    plain = pa.schema([field.with_type(_plain_type(field.type)) for field in schema], schema.metadata)
    return plain, batches if plain == schema else (batch.cast(plain) for batch in batches)


def _plain_type(kind: DataType) -> DataType:
    """Returns a type without views, those within lists and structs included."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _plain_type(kind.value_type), kind.ordered)
    within = [kind.field(place) for place in range(kind.num_fields)]
    plain = [field.with_type(_plain_type(field.type)) for field in within]
    if pa.types.is_struct(kind):
        return pa.struct(plain)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(*plain, kind.list_size)
    makers = {pa.types.is_list: pa.list_, pa.types.is_large_list: pa.large_list}
    make = next((make for is_such, make in makers.items() if is_such(kind)), None)
    if make is not None:
        return make(*plain)
    return {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}.get(kind, kind)


def _read_orc(path: Path, stream: IO[bytes]) -> _Content:
    import pyarrow as pa
    from pyarrow import orc

    file = orc.ORCFile(pa.PythonFile(stream, "r"))
    return file.schema, map(file.read_stripe, range(file.nstripes))


# What reads a file here and there, and not from its beginning to its end.
_LEAPING = (_read_parquet, _read_arrow, _read_feather, _read_orc)
