"""Opens tables whose columns have types: Parquet as it is, other formats by way of a copy in Parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerasline.components.core import ConfigError
from kerasline.components.datasets.files import name_kind, open_bytes
from kerasline.components.datasets.tables.typed.copies import parquet_of

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

# Of a column, as it is read; without a limit all of a row group is, and one row group may be the whole file.
_BUFFER_BYTES = 1 << 16
_BYTES_LOOKED_AT = 4096
_ROWS_PER_BATCH = 8192


def open_file(path: Path) -> ParquetFile:
    """Opens a table whose batches are read piece by piece.

    Args:
      path: Of a file of Parquet, Feather, Arrow, ORC or JSON lines, or a workbook.

    Raises:
      ConfigError: it is none, or cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    readable = parquet_of(path)
    try:
        file = pq.ParquetFile(readable, buffer_size=_BUFFER_BYTES)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise _refused(path) from None
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror or error}; copy or write it again.") from None
    twice = [name for name, count in Counter(file.schema_arrow.names).items() if count > 1]
    if twice:
        raise ConfigError(f"{path} names column {twice[0]!r} more than once; rename one of them and write it again.")
    return file


def _refused(path: Path) -> ConfigError:
    """Says what a file is instead of a table of typed columns."""
    with open_bytes(path) as stream:
        start = stream.read(_BYTES_LOOKED_AT)
    kind = name_kind(start)
    no_table = f"{path} is not a Parquet file that can be read"
    if not start:
        return ConfigError(f"{path} is empty; check that the right file was named.")
    if start.startswith(b"PAR1"):
        return ConfigError(f"{no_table}: it is damaged or ends too early; copy or write it again.")
    if kind is not None:
        return ConfigError(f"{no_table} but {kind.what}; {kind.advice}.")
    return ConfigError(
        f"{no_table}, nor Feather, Arrow, ORC, JSON lines or a workbook; name a text table under data.csv."
    )


def read_batches(file: ParquetFile, path: Path, groups: Sequence[int], columns: Sequence[str]) -> Iterator[RecordBatch]:
    """Yields the rows of row groups, some thousand at a time.

    Raises:
      ConfigError: the data is damaged.
    """
    import pyarrow as pa

    try:
        yield from file.iter_batches(_ROWS_PER_BATCH, row_groups=groups, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{path} is damaged ({str(error).splitlines()[0]}); copy or write it again.") from None
