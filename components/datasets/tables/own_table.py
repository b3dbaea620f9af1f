"""Tables that a user's function gives: its rows, kept in a Parquet file and read as one.

The file is named by its content, so the same rows in the same order find every step cached, and each command asks the
function anew, unless it has a ``fingerprint`` that says that it would answer as before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, cache_folder, code_version, first_repeated, write_at_once
from kerasline.components.datasets.databases import keep_batches
from kerasline.components.datasets.description import Found, ParquetOptions, PythonOptions, SplitColumn
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.tables.typed import table as typed_table
from kerasline.components.datasets.values import Named
from kerasline.components.own_code import call_own, load_function, module_of

if TYPE_CHECKING:
    import pyarrow as pa

SIGNATURE = "(**options) -> data frames, Arrow tables or batches, or rows as dicts"
_KEY = "data.python.function"
_ROWS = 10_000  # that come as dicts, in a batch
_MOST_BATCHES = 50  # that wait for a column's first value


def find(options: PythonOptions, places: Places, split: SplitColumn | None, named: Named) -> Found:
    """Describes a table that a function gives, of whose rows it keeps a copy.

    Raises:
      ConfigError: the function fails, or gives no table; or what a Parquet table is refused for.
    """
    dotted = options.function
    text = json.dumps([dotted, options.options], sort_keys=True, default=str)
    folder = cache_folder() / "functions" / hashlib.sha256(text.encode()).hexdigest()[:16]
    function = load_function(_KEY, dotted, SIGNATURE)
    note = _note_of(folder, dotted, function, options.options)
    path = _noted(note)
    if path is None:
        given = call_own(_KEY, dotted, function, **options.options)
        path = keep_batches(folder, _of_one_schema(dotted, _batches(dotted, given)), dotted)
        if path is None:
            raise ConfigError(f"{_KEY}: expected rows from {dotted}, but it gave none; give at least some")
        if note is not None:
            write_at_once(note, path.name)
    table = ParquetOptions(path=str(path), label=options.label, drop=options.drop)
    try:
        found = typed_table.describe([(path, None)], table, split, named)
    except ConfigError as error:
        raise ConfigError(str(error).replace(str(path), f"the table of {dotted}")) from None
    return replace(found, title=f"rows of {dotted}", source=dotted)


def _note_of(folder: Path, dotted: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Path | None:
    """Returns where it is noted which file has the rows of a fingerprint; None where the function has none.

    Raises:
      ConfigError: the fingerprint fails, or is no text.
    """
    tell = getattr(function, "fingerprint", None)
    if tell is None:
        return None
    if not callable(tell):
        raise ConfigError(
            f"{_KEY}: expected {dotted}.fingerprint to be a function (**options) -> text, got {tell!r:.80}"
        )
    told = call_own(_KEY, f"{dotted}.fingerprint", tell, **options)
    if not isinstance(told, str) or not told:
        raise ConfigError(
            f"{_KEY}: expected a text from {dotted}.fingerprint, got {told!r:.80}; give one that is another "
            "whenever the rows are"
        )
    # Another code may give other rows of the same source.
    known = json.dumps([told, code_version(module_of(dotted))])
    return folder / f"of-{hashlib.sha256(known.encode()).hexdigest()[:16]}.txt"


def _noted(note: Path | None) -> Path | None:
    if note is None or not note.is_file():
        return None
    path = note.with_name(note.read_text(encoding="utf-8"))
    return path if path.is_file() else None


def _batches(dotted: str, given: Any) -> Iterator[pa.RecordBatch]:
    """Turns what a function gave, at once or piece by piece, into batches."""
    if _is_table(given) or isinstance(given, Mapping):
        given = [given]
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise _refusal(dotted, given)
    pieces = _called(dotted, given)
    first = next(pieces, None)
    if first is None:
        return
    if isinstance(first, Mapping):
        yield from _of_rows(dotted, first, pieces)
        return
    for piece in _and_first(first, pieces):
        yield from _of_table(dotted, piece)


def _called(dotted: str, given: Iterable[Any]) -> Iterator[Any]:
    """Gives pieces; what the function raises between two of them is told as what it raises at once."""
    pieces = iter(given)
    end = object()
    while (piece := call_own(_KEY, dotted, next, pieces, end)) is not end:
        yield piece


def _and_first(first: Any, pieces: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from pieces


def _is_table(given: Any) -> bool:
    return hasattr(given, "to_batches") or hasattr(given, "__dataframe__") or hasattr(given, "__arrow_c_stream__")


def _of_table(dotted: str, piece: Any) -> Iterator[pa.RecordBatch]:
    """Turns a data frame, an Arrow table or a batch into batches; the index of a data frame is no column."""
    import pyarrow as pa

    if isinstance(piece, pa.RecordBatch):
        table = pa.Table.from_batches([piece])
    elif isinstance(piece, pa.Table):
        table = piece
    elif _is_table(piece):
        table = _of_frame(dotted, piece)
    else:
        raise _refusal(dotted, piece)
    names = table.column_names
    twice = first_repeated(names)
    if twice is not None:
        raise ConfigError(f"{_KEY}: expected columns of different names from {dotted}, got two {twice!r}; rename one")
    yield from table.to_batches(max_chunksize=_ROWS)


def _of_frame(dotted: str, frame: Any) -> pa.Table:
    import pyarrow as pa

    if hasattr(frame, "iloc"):  # of pandas
        names = [str(name) for name in frame.columns]
        return pa.Table.from_arrays([_array(dotted, str(name), values) for name, values in frame.items()], names)
    return pa.table(frame)


def _of_rows(dotted: str, first: Mapping[str, Any], pieces: Iterator[Any]) -> Iterator[pa.RecordBatch]:
    """Gathers rows, all of which have the columns of the first one, into batches."""
    names, rows, seen = [str(name) for name in first], _and_first(first, pieces), 0
    while part := list(islice(rows, _ROWS)):
        yield _batch(dotted, names, [_row(dotted, names, row, number) for number, row in enumerate(part, seen + 1)])
        seen += len(part)


def _row(dotted: str, names: Sequence[str], row: Any, number: int) -> dict[str, Any]:
    """Returns a row by the names of its columns, and refuses one that has others."""
    plain = {str(name): value for name, value in row.items()} if isinstance(row, Mapping) else None
    if plain is None or set(plain) != set(names):
        got = f"columns {', '.join(plain)}" if plain is not None else type(row).__name__
        raise ConfigError(
            f"{_KEY}: expected dicts of the columns {', '.join(names)} from {dotted}, got {got} as row {number:,}; "
            "give every row all of them, None for no value"
        )
    return plain


def _batch(dotted: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    import pyarrow as pa

    arrays = [_array(dotted, name, [row[name] for row in rows]) for name in names]
    return pa.RecordBatch.from_arrays(arrays, list(names))


def _array(dotted: str, name: str, values: Any) -> pa.Array:
    """Returns a column, a list or one of pandas, whose missing values are those of a list and NaN."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        known = values.dropna() if hasattr(values, "dropna") else values
        kinds = sorted({type(value).__name__ for value in known if value is not None})
        came = " and ".join(kinds) if len(kinds) > 1 else " ".join(str(error).split())[:300]
        raise ConfigError(
            f"{_KEY}: expected values of one type in the column {name!r} of {dotted}, got {came}; give them one"
        ) from None


def _of_one_schema(dotted: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Gives batches the schema of the first ones in which every column has a value."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    schema: pa.Schema | None = None
    for batch in batches:
        if schema is not None:
            yield _cast(dotted, batch, schema)
            continue
        waiting.append(batch)
        joined = _joined(dotted, waiting)
        if len(waiting) < _MOST_BATCHES and any(pa.types.is_null(kind) for kind in joined.types):
            continue
        schema = joined
        yield from (_cast(dotted, one, schema) for one in waiting)
        waiting = []
    if waiting:
        schema = _joined(dotted, waiting)
        yield from (_cast(dotted, one, schema) for one in waiting)


def _joined(dotted: str, batches: list[pa.RecordBatch]) -> pa.Schema:
    import pyarrow as pa

    try:
        return pa.unify_schemas([batch.schema for batch in batches], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ConfigError(f"{_KEY}: expected batches of one schema from {dotted}, but {error}") from None


def _cast(dotted: str, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    if set(batch.schema.names) != set(schema.names):
        raise ConfigError(
            f"{_KEY}: expected the columns {', '.join(schema.names)} in every piece from {dotted}, got "
            f"{', '.join(batch.schema.names)}"
        )
    try:
        return batch.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ConfigError(f"{_KEY}: expected columns of the types before from {dotted}, but {error}") from None


def _refusal(dotted: str, given: Any) -> ConfigError:
    return ConfigError(
        f"{_KEY}: expected {dotted}{SIGNATURE}, but it gave {type(given).__name__}; return or yield one of these"
    )
