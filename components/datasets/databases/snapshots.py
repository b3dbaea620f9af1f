"""A query's rows, read once into a Parquet file.

Describing, ingest and every later step read that file, so all see one state, whatever the database does meanwhile. The
file is named by its content: the same rows in the same order give the same file, and a run after which nothing changed
finds its steps cached. Each command asks the database anew, since none can say that a query would answer as before.
Numbers, decimals, truth, dates and times keep their types; what a query gives in two types is refused by name.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, cache_folder, first_repeated
from kerasline.components.datasets.databases.connecting import reading
from kerasline.components.datasets.databases.queries import escaped
from kerasline.components.datasets.databases.ranges import check_column, read_ranges
from kerasline.components.datasets.databases.urls import DatabaseUrl

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

_ROWS = 10_000  # fetched at once, and one row group
_MOST_BATCHES = 50  # that wait for a column's first value
_KEPT = 5  # snapshots of a query


def column_names(url: DatabaseUrl, query: str, partition_column: str | None = None) -> list[str]:
    """Returns the columns of a query; its rows are not fetched.

    Raises:
      ConfigError: as :func:`take_snapshot`.
    """
    with _asked(url, query, partition_column) as (names, _):
        return names


def take_snapshot(url: DatabaseUrl, query: str, partition_column: str | None = None) -> Path:
    """Reads the rows of a query into a file.

    Args:
      url: Of the database.
      query: One that reads.
      partition_column: Column by whose ranges the query is read part by part, or None.

    Returns:
      The Parquet file, named by its content.

    Raises:
      ConfigError: nobody answers, the query is refused, gives no rows, two types in one column, or nothing that the
        column of ranges could divide.
    """
    key = hashlib.sha256(f"{url.text}\n{query}".encode()).hexdigest()[:16]
    with _asked(url, query, partition_column) as (names, rows):
        path = keep_batches(cache_folder() / "queries" / key, _typed(names, rows), url.text)
    if path is None:
        raise ConfigError(f"The query gives no rows from {url.text}: {_short(query)}; correct data.sql.query.")
    return path


def keep_batches(folder: Path, batches: Iterator[RecordBatch], where: str) -> Path | None:
    """Writes rows into a file that is named by its content.

    Args:
      folder: In which the newest files of these rows are kept.
      batches: The rows, all of one schema.
      where: Where they come from, for messages.

    Returns:
      The Parquet file, None where there are no batches.

    Raises:
      ConfigError: the folder cannot be written to.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(batches, None)
    if first is None:
        return None
    part = folder / f".{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(part, first.schema) as writer:
            writer.write_batch(first)
            for batch in batches:
                writer.write_batch(batch)
        with open(part, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
        target = folder / f"rows-{digest}.parquet"
        if target.exists():
            os.utime(target)
        else:
            os.replace(part, target)
        _keep_newest(folder)
        return target
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"The rows of {where} cannot be kept in {folder}: {error}.") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _asked(
    url: DatabaseUrl, query: str, partition_column: str | None
) -> Iterator[tuple[list[str], Iterator[Sequence[Sequence[Any]]]]]:
    """Asks a query; gives the names of its columns, and its rows some thousand at a time."""
    with reading(url) as connection:
        result = connection.execution_options(stream_results=True, yield_per=_ROWS).execute(escaped(query))
        if not result.returns_rows:
            raise ConfigError(f"The query gives no table from {url.text}: {_short(query)}; data.sql.query is a SELECT.")
        names = list(result.keys())
        twice = first_repeated(names)
        if twice is not None:
            raise ConfigError(f"The query gives two columns {twice!r}: {_short(query)}; rename one with AS.")
        if partition_column is None:
            yield names, result.partitions(_ROWS)
            return
        result.close()
        check_column(partition_column, names, url.text)
        yield names, read_ranges(connection, query, names, partition_column, _ROWS)


def _typed(names: Sequence[str], rows: Iterator[Sequence[Sequence[Any]]]) -> Iterator[RecordBatch]:
    """Turns rows into batches of one schema: that of the first rows in which every column has a value."""
    import pyarrow as pa

    waiting: list[RecordBatch] = []
    schema: Schema | None = None
    seen = 0
    for part in rows:
        columns = list(zip(*part, strict=True))
        arrays = [_array(name, column, schema, seen) for name, column in zip(names, columns, strict=True)]
        seen += len(part)
        batch = pa.RecordBatch.from_arrays(arrays, list(names))
        if schema is not None:
            yield batch
            continue
        waiting.append(batch)
        joined = _joined(waiting)
        if len(waiting) < _MOST_BATCHES and any(pa.types.is_null(kind) for kind in joined.types):
            continue
        schema = joined
        yield from (_cast(batch, schema) for batch in waiting)
        waiting = []
    if waiting:
        schema = _joined(waiting)
        yield from (_cast(batch, schema) for batch in waiting)


def _array(name: str, values: Sequence[Any], schema: Schema | None, seen: int) -> Any:
    """Makes an array of a column's values.

    Args:
      name: Of the column.
      values: Of some rows, as the driver gives them.
      schema: That the rows before had, None for the first ones.
      seen: How many rows there were before.

    Returns:
      A pyarrow array, one value a row.

    Raises:
      ConfigError: The values are of two types, of another than before, or lists.
    """
    import pyarrow as pa

    if any(isinstance(value, list | dict | tuple) for value in values):
        raise ConfigError(
            f"The query's column {name!r} holds lists or JSON; select its parts as columns, or leave it out."
        )
    wanted = None if schema is None else schema.field(name).type
    plain = [_plain(value) for value in values]
    if wanted is None or pa.types.is_floating(wanted):
        plain = _one_type_of_number(plain)
    try:
        return pa.array(plain, wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        kinds = " and ".join(sorted({_KINDS.get(kind, kind.__name__) for kind in _types(plain)}))
        where = " in its first rows" if wanted is None else f" after row {seen:,}, and {wanted} before"
        raise ConfigError(
            f"The query's column {name!r} is {kinds}{where}; give it one type with CAST({name} AS ...)."
        ) from None


def _types(values: Iterable[Any]) -> set[type]:
    return {type(value) for value in values if value is not None}


def _one_type_of_number(values: list[Any]) -> list[Any]:
    """Makes fractions of whole numbers that stand among fractions: drivers give 1 for 1.0."""
    if _types(values) != {int, float}:
        return values
    return [None if value is None else float(value) for value in values]


_KINDS: dict[type, str] = {
    int: "whole numbers", float: "fractions", str: "text", bool: "truth", bytes: "bytes", Decimal: "decimals",
    date: "dates", datetime: "times",
}  # fmt: skip


def _plain(value: Any) -> Any:
    """Turns what drivers give into what Arrow knows: identifiers are text, decimals are fractions."""
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, int | float | str | bytes | date | time | timedelta):
        return value
    return str(value) if not isinstance(value, memoryview) else bytes(value)


def _joined(batches: Sequence[RecordBatch]) -> Schema:
    """Joins schemas: a column without a value takes the type of those with one; int and float make float."""
    import pyarrow as pa

    try:
        return pa.unify_schemas([batch.schema for batch in batches], promote_options="permissive")
    except pa.ArrowInvalid as error:
        raise ConfigError(f"The query's columns change their type between rows ({error}); CAST them.") from None


def _cast(batch: RecordBatch, schema: Schema) -> RecordBatch:
    return batch.cast(schema)


def _keep_newest(folder: Path) -> None:
    found = sorted(folder.glob("rows-*.parquet"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[_KEPT:]:
        path.unlink(missing_ok=True)


def _short(query: str) -> str:
    text = " ".join(query.split())
    return text if len(text) <= 120 else f"{text[:117]}..."
