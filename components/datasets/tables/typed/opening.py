"""Opens tables whose columns have types: Parquet as it is, other formats by way of a copy in Parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Union

from kerasline.components.core import ConfigError
from kerasline.components.datasets.files import Partition, check_names, name_kind, open_bytes
from kerasline.components.datasets.tables.typed.copies import parquet_of

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

# Unpacked, of a row group, whose columns are each read as a whole; a file with a larger one, which may be all of it, is
# mapped. Who cuts a mapped file off while it is read ends the process. Arrow's own buffers are no way out: from columns
# a little larger than a buffer it reads nothing, or ends the process, too.
_MOST_READ_BYTES = 1 << 26
_BYTES_LOOKED_AT = 4096
_ROWS_PER_BATCH = 8192


def open_file(path: Path, partition: Partition | None = None) -> TypedFile:
    """Opens a table whose batches are read piece by piece.

    Args:
      path: Of a file of Parquet, Feather, Arrow, ORC, JSON lines or JSON, or a workbook.
      partition: Columns that its folders hold, which are added to those of the file.

    Raises:
      ConfigError: it is none, or cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    readable = parquet_of(path)
    try:
        file = pq.ParquetFile(readable)
        groups = map(file.metadata.row_group, range(file.num_row_groups))
        if any(group.total_byte_size > _MOST_READ_BYTES for group in groups):
            file = pq.ParquetFile(readable, memory_map=True, metadata=file.metadata)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise _refused(path) from None
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror or error}; copy or write it again.") from None
    twice = [name for name, count in Counter(file.schema_arrow.names).items() if count > 1]
    if twice:
        raise ConfigError(f"{path} names column {twice[0]!r} more than once; rename one of them and write it again.")
    if not partition:
        return file
    check_names(partition, file.schema_arrow.names, path)
    return PartitionedFile(file, partition)


class PartitionedFile:
    """A Parquet file with the columns that its folders hold, each of one value; read as a ``ParquetFile`` is.

    Args:
      file: As it lies on disk.
      partition: The columns.
    """

    def __init__(self, file: ParquetFile, partition: Partition) -> None:
        import pyarrow as pa

        self.metadata, self.num_row_groups = file.metadata, file.num_row_groups
        self._file = file
        self._values = {name: pa.scalar(value, pa.type_for_alias(kind)) for name, (kind, value) in partition.items()}
        schema = file.schema_arrow
        for name, value in self._values.items():
            schema = schema.append(pa.field(name, value.type))
        self.schema_arrow = schema

    def iter_batches(
        self, batch_size: int, *, row_groups: Sequence[int], columns: Sequence[str]
    ) -> Iterator[RecordBatch]:
        """Yields rows with the columns that are asked for, as ``ParquetFile.iter_batches`` does."""
        import pyarrow as pa

        read = [name for name in columns if name not in self._values]
        for batch in self._file.iter_batches(batch_size, row_groups=row_groups, columns=read):
            arrays = [
                pa.repeat(self._values[name], batch.num_rows) if name in self._values else batch.column(name)
                for name in columns
            ]
            yield pa.RecordBatch.from_arrays(arrays, list(columns))


TypedFile = Union["ParquetFile", PartitionedFile]


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
    return ConfigError(f"{no_table}, nor Feather, Arrow, ORC, JSON or a workbook; name a text table under data.csv.")


def read_batches(file: TypedFile, path: Path, groups: Sequence[int], columns: Sequence[str]) -> Iterator[RecordBatch]:
    """Yields the rows of row groups, some thousand at a time.

    Raises:
      ConfigError: the data is damaged.
    """
    import pyarrow as pa

    try:
        yield from file.iter_batches(_ROWS_PER_BATCH, row_groups=groups, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{path} is damaged ({str(error).splitlines()[0]}); copy or write it again.") from None
