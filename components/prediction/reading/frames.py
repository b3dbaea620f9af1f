"""Writes a data frame as a Parquet file, so that the readers of files read it: names, categories and dates alike."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from kerasline.components.core import ConfigError, shown

FRAME = "the data frame"
# Cells that a CSV file holds, where a column has several kinds of them.
_WRITTEN = str | bool | int | float | Decimal | date | time | UUID | PurePath
_PLAIN = ("string", "integer", "floating", "boolean")  # categories that a file holds as they are


def is_frame(data: Any) -> bool:
    """Says whether something is a pandas DataFrame, without loading pandas for those who have none."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def as_frame(data: Any) -> Any:
    """Turns a table of Polars, Arrow or another library that has ``to_pandas`` into a pandas DataFrame.

    Args:
      data: such a table, or anything else, which comes back as it is.
    """
    arrow = sys.modules.get("pyarrow")
    if arrow is not None and isinstance(data, arrow.Table | arrow.RecordBatch):
        data = _with_signed_places(data)
    convert = None if isinstance(data, str | Path) or is_frame(data) else getattr(data, "to_pandas", None)
    return convert() if callable(convert) else data


def _with_signed_places(data: Any) -> Any:
    """Gives the places in dictionaries of an Arrow table a sign, without which pandas does not take them."""
    import pyarrow as pa

    schema = data.schema
    for place, field in enumerate(schema):
        if pa.types.is_dictionary(field.type) and pa.types.is_unsigned_integer(field.type.index_type):
            signed = pa.dictionary(pa.int64(), field.type.value_type, field.type.ordered)
            schema = schema.set(place, field.with_type(signed))
    return data.cast(schema)


def as_called(message: str, arguments: Mapping[str, str], data: Any, source: str) -> str:
    """Says in a message what the caller of a function gave, and not where it was put or what the command calls it.

    Args:
      message: Of an error.
      arguments: What to write in the place of the command's options, by patterns of these.
      data: What the caller gave.
      source: Path of the file that was read, which the caller of a data frame has not named.
    """
    for option, argument in arguments.items():
        message = re.sub(option, argument, message)
    return message if isinstance(data, str | Path) else message.replace(source, FRAME)


def column_names(argument: str, given: Any) -> list[str]:
    """Returns the names of columns that the caller of a function gave.

    Args:
      argument: The function's, for the message.
      given: A name, or several.

    Raises:
      ConfigError: it is neither.
    """
    if isinstance(given, str):
        return [given]
    listed = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(name, str) for name in listed):
        raise ConfigError(f"{argument}: expected the name of a column, or several, got {shown(given)}")
    return listed


def write_frame(frame: Any, path: Path) -> None:
    """Writes the columns of a data frame; its index is none of them.

    Args:
      frame: a pandas DataFrame. Cells may be what a Parquet file holds, and arrays, which are written flat; a column of
        mixed kinds is written as text, as a CSV file would have it.
      path: the file.

    Raises:
      ConfigError: it has no rows, a name that is not text, a name twice, or cells that no file holds.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not len(frame):
        raise ConfigError(f"expected a data frame with rows, got one without any; its columns are {_listed(frame)}")
    for name in frame.columns:
        if not isinstance(name, str):
            raise ConfigError(
                f"expected columns that are named by text, got the name {name!r}; name each, such as with "
                "frame.columns = [...]"
            )
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ConfigError(f"{FRAME} names column {twice[0]!r} more than once; rename or drop one of them")
    columns = {name: _column(frame[name]) for name in frame.columns}
    # A Parquet file says of a column that it is a category in what pandas notes there alone.
    categories = frame[[name for name, values in columns.items() if pa.types.is_dictionary(values.type)]]
    noted = pa.Schema.from_pandas(categories, preserve_index=False).metadata
    pq.write_table(pa.table(columns).replace_schema_metadata(noted), path)


def _column(values: Any) -> Any:
    """Turns a column into an Arrow array: NaN, NaT and None are missing values."""
    import numpy as np
    import pyarrow as pa

    values = _cells(values)
    try:
        found = pa.array(values, from_pandas=True)
        # Periods and intervals are types of pandas alone: they are written as a CSV file has them.
        return _texts(values) if isinstance(found.type, pa.BaseExtensionType) else found
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        known = values[values.notna()]
        strange = [cell for cell in known if not isinstance(cell, _WRITTEN | np.generic)]
        if strange:
            raise ConfigError(
                f"column {values.name!r} of {FRAME} holds cells of the type {type(strange[0]).__name__}, such as "
                f"{shown(strange[0])}, which cannot be an input; drop it or write it as numbers or text"
            ) from None
        return _texts(values)


def _cells(values: Any) -> Any:
    """Returns a column whose cells Arrow reads as what they are."""
    values = _without_categories(values.sparse.to_dense() if hasattr(values, "sparse") else values)
    if values.dtype != object:
        return values
    kinds = set(map(type, values[values.notna()]))  # NaT, which stands in columns of days, too, is a moment to Python
    if date in kinds and any(issubclass(kind, datetime) for kind in kinds):
        # Arrow would take all for days, and lose the hours.
        values = values.map(lambda cell: datetime.combine(cell, time()) if type(cell) is date else cell)
    return values.map(_flat)


def _flat(cell: Any) -> Any:
    """Returns an array as a list of its values, one of dates and durations flat, and one of a single value as that."""
    import numpy as np

    if not isinstance(cell, np.ndarray):
        return cell
    if not cell.ndim:
        return cell.item()
    return cell.ravel() if cell.dtype.kind in "mM" else cell.ravel().tolist()


def _without_categories(values: Any) -> Any:
    """Turns categories of dates, durations, intervals and the like into a column of them, which is read as one."""
    categories = getattr(values.dtype, "categories", None)
    if categories is None or categories.inferred_type in _PLAIN:
        return values
    return values.astype(categories.dtype)


def _texts(values: Any) -> Any:
    """Writes each cell that is there as text."""
    import pyarrow as pa

    return pa.array(
        [str(cell) if there else None for cell, there in zip(values, values.notna(), strict=True)], pa.string()
    )


def _listed(frame: Any) -> str:
    names: Iterable[Any] = frame.columns[:20]
    return ", ".join(map(str, names)) or "none"
