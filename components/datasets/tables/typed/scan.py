"""Types and statistics of Parquet columns."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import Column, LabelFacts, LabelNumbers, facts_of_written
from kerasline.components.datasets.values import NumberEvidence, WrittenNumbers, are_booleans

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

_MAX_DISTINCT = 10_000
# Of a column, as it is read; without a limit all of a row group is, and one row group may be the whole file.
_BUFFER_BYTES = 1 << 16
_ROWS_PER_BATCH = 8192
# What pandas calls an index without a name.
INDEX_NAME = re.compile(r"__index_level_\d+__")
LARGEST_INTEGER = (1 << 63) - 1  # that a tf.Example holds


def open_file(path: Path) -> ParquetFile:
    """Opens a Parquet file whose batches are read piece by piece.

    Raises:
      ConfigError: it is none, or cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, buffer_size=_BUFFER_BYTES)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(f"{path} is not a Parquet file that can be read ({str(error).splitlines()[0]}).") from None
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror or error}; copy or write it again.") from None
    twice = [name for name, count in Counter(file.schema_arrow.names).items() if count > 1]
    if twice:
        raise ConfigError(f"{path} names column {twice[0]!r} more than once; rename one of them and write it again.")
    return file


def index_columns(schema: Any) -> list[str]:
    """Lists the columns that hold the index of the pandas data frame that was written, as the file's metadata says."""
    try:
        listed = (schema.pandas_metadata or {}).get("index_columns", [])
    except ValueError:  # metadata that is no JSON
        listed = []
    return [name for name in schema.names if name in listed or INDEX_NAME.fullmatch(name)]


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


def column_type(field: Any, path: Path) -> str:
    """Returns our type of an Arrow field: int, float, string or array.

    Raises:
      ConfigError: a nested type that is no fixed-size list of numbers.
    """
    import pyarrow as pa

    kind = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "float"
    if pa.types.is_fixed_size_list(kind) and (
        pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)
    ):
        return "array"
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)
    if is_text or pa.types.is_temporal(kind) or pa.types.is_null(kind):
        return "string"
    raise ConfigError(
        f"Column {field.name!r} of {path} is {field.type}, which cannot be an input; drop it or write it as "
        "numbers, text or a fixed-size list of numbers."
    )


def may_be_numbers(kind: Any) -> bool:
    """Says whether an Arrow type holds numbers, truth, or text that may be numbers: no dates, times or durations."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return not (pa.types.is_temporal(kind) or pa.types.is_nested(kind))


def plain_values(values: Any, dtype: str) -> list[Any]:
    """Returns an Arrow array's values as int, float, str or float32 arrays; NaN and null become None."""
    import numpy as np
    import pyarrow as pa

    listed: list[Any] = values.to_pylist()
    if dtype == "int":
        return listed
    if dtype == "float":
        return [None if value is None or value != value else float(value) for value in listed]
    if dtype == "array":
        return [None if value is None else np.array(value, np.float32) for value in listed]
    if pa.types.is_boolean(values.type):
        return [None if value is None else "true" if value else "false" for value in listed]
    return [
        None if value is None or (isinstance(value, str) and not value.strip()) else _text(value) for value in listed
    ]


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


class TypedScan:
    """What is known of one column after the batches so far."""

    def __init__(self, name: str) -> None:
        self.name, self.dtype = name, ""
        self.missing = self.infinite = 0
        self.minimum, self.maximum = math.inf, -math.inf
        self.counts: dict[str | int | float, int] | None = {}
        self.shape: tuple[int, ...] = ()
        self.booleans = True
        self.evidence = NumberEvidence()
        self.ranges = LabelNumbers()

    def add(self, values: Sequence[Any]) -> None:
        """Takes in a batch's values."""
        present = [value for value in values if value is not None]
        self.missing += len(values) - len(present)
        if self.dtype == "array":
            self.counts = None
            if present:
                self.shape = present[0].shape
            return
        if self.dtype in ("int", "float") and present:
            finite = [value for value in present if math.isfinite(value)]
            self.infinite += len(present) - len(finite)
            if finite:
                self.minimum, self.maximum = min(self.minimum, *finite), max(self.maximum, *finite)
        if self.dtype == "string" and present:
            self.booleans = self.booleans and are_booleans(present)
            self.evidence.add(present)
            self.ranges.measure(present, self.evidence)
        self.count(Counter(present))

    def count(self, values: Mapping[Any, int]) -> None:
        """Takes in the rows of values, for as long as values are counted."""
        if self.counts is None:
            return
        for value, rows in values.items():
            self.counts[value] = self.counts.get(value, 0) + rows
        if len(self.counts) > _MAX_DISTINCT:
            self.counts = None

    @property
    def infinite_note(self) -> str:
        """Says how many values are infinite."""
        return f"column {self.name!r} has {self.infinite} infinite values"

    def column(self) -> Column:
        """Describes the column as an input."""
        distinct = None if self.counts is None else len(self.counts)
        dtype: Any = self.dtype
        return Column(
            name=self.name, dtype=dtype, shape=self.shape, missing=self.missing, distinct=distinct,
            boolean=dtype == "string" and self.booleans,
            numbers=self.numbers,
        )  # fmt: skip

    @property
    def numbers(self) -> WrittenNumbers | None:
        """The numbers that text holds, None for any other column."""
        return self.evidence.settle() if self.dtype == "string" else None

    def label(self, rows: int, origin: str) -> LabelFacts:
        """Describes the column as the label."""
        if self.dtype == "array":
            raise ConfigError(f"Label {self.name!r} of {origin} is a list; give several 0/1 columns as 'label'.")
        numbers = self.dtype != "string"
        whole = self.counts is not None and numbers and all(float(value).is_integer() for value in self.counts)
        dtype: Any = self.dtype
        counts = self.counts
        if dtype == "string" and self.booleans and counts is not None:
            counts = {}
            for value, count in (self.counts or {}).items():
                counts[str(value).lower()] = counts.get(str(value).lower(), 0) + count
        facts = LabelFacts(
            self.name,
            dtype,
            counts,
            rows,
            minimum=self.minimum if numbers else None,
            maximum=self.maximum if numbers else None,
            whole=whole,
            origin=origin,
        )
        written = self.numbers
        return replace(facts, written=written, as_numbers=facts_of_written(facts, written, self.ranges))
