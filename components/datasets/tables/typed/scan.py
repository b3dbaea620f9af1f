"""Types and statistics of Parquet columns."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import Column, LabelFacts, LabelNumbers, facts_of_written
from kerasline.components.datasets.values import NumberEvidence, WrittenNumbers, are_booleans, plain_boolean

_MAX_DISTINCT = 10_000
# What pandas calls an index without a name.
INDEX_NAME = re.compile(r"__index_level_\d+__")
LARGEST_INTEGER = (1 << 63) - 1  # that a tf.Example holds


def index_columns(schema: Any) -> list[str]:
    """Lists the columns that hold the index of the pandas data frame that was written, as the file's metadata says."""
    listed = _noted_by_pandas(schema, "index_columns")
    return [name for name in schema.names if name in listed or INDEX_NAME.fullmatch(name)]


def category_columns(schema: Any) -> set[str]:
    """Names the columns that a pandas data frame had as categories, whatever their values are."""
    noted = [one for one in _noted_by_pandas(schema, "columns") if isinstance(one, dict)]
    return {str(one.get("field_name")) for one in noted if one.get("pandas_type") == "categorical"}


def _noted_by_pandas(schema: Any, key: str) -> list[Any]:
    try:
        noted = schema.pandas_metadata or {}
    except ValueError:  # metadata that is no JSON
        return []
    found = noted.get(key) if isinstance(noted, dict) else None
    return found if isinstance(found, list) else []


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
    if pa.types.is_fixed_size_list(kind) and _is_number(kind.value_type):
        return "array"
    if _is_text(kind):
        return "string"
    raise ConfigError(
        f"Column {field.name!r} of {path} is {field.type}, which cannot be an input; drop it or write it as "
        "numbers, text or a fixed-size list of numbers."
    )


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(kind: Any) -> bool:
    """Says whether an Arrow type is text, or becomes text: truth, dates and times, and columns of nothing but null."""
    import pyarrow as pa

    is_said = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)
    return bool(is_said or pa.types.is_temporal(kind) or pa.types.is_null(kind))


def zone_of(kind: Any) -> str | None:
    """Returns the time zone of an Arrow type by its name; an offset from UTC, which says of no other day, is none."""
    import pyarrow as pa

    zone = kind.tz if pa.types.is_timestamp(kind) else None
    return zone if zone and zone[0] not in "+-" else None


def may_be_numbers(kind: Any) -> bool:
    """Says whether an Arrow type holds numbers, truth, or text that may be numbers: no dates, times or durations."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return not (pa.types.is_temporal(kind) or pa.types.is_nested(kind))


def plain_values(values: Any, dtype: str) -> list[Any]:
    """Returns an Arrow array's values as int, float, str or float32 arrays; NaN and null become None."""
    import pyarrow as pa

    listed: list[Any] = values.to_pylist()
    if dtype == "int":
        return listed
    if dtype == "float":
        return [None if value is None or value != value else float(value) for value in listed]
    if dtype == "array":
        return _arrays(listed)
    if pa.types.is_boolean(values.type):
        return list(map({None: None, True: "true", False: "false"}.__getitem__, listed))
    return list(map(_text, listed))


def _arrays(values: Sequence[Any]) -> list[Any]:
    import numpy as np

    return [None if value is None else np.array(value, np.float32) for value in values]


def _text(value: Any) -> str | None:
    """Writes a value as text; dates and times as ISO does, spaces alone are nothing."""
    if isinstance(value, str):
        return value if value.strip() else None
    if value is None:
        return None
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
        self.zones: set[str | None] = set()
        self.evidence = NumberEvidence()
        self.ranges = LabelNumbers()

    def add(self, values: Sequence[Any]) -> None:
        """Takes in a batch's values."""
        present = [value for value in values if value is not None]
        self.missing += len(values) - len(present)
        if self.dtype == "array":
            self.counts = None
            self.shape = present[0].shape if present else self.shape
            return
        if present and self.dtype == "string":
            self.booleans = self.booleans and are_booleans(present)
            self.evidence.add(present)
            self.ranges.measure(present, self.evidence)
        elif present:
            self._measure(present)
        self.count(Counter(present))

    def _measure(self, numbers: Sequence[float]) -> None:
        finite = [number for number in numbers if math.isfinite(number)]
        self.infinite += len(numbers) - len(finite)
        if finite:
            self.minimum, self.maximum = min(self.minimum, *finite), max(self.maximum, *finite)

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
        return f"column {self.name!r} has {counted(self.infinite, 'infinite value')}"

    def column(self) -> Column:
        """Describes the column as an input."""
        distinct = None if self.counts is None else len(self.counts)
        dtype: Any = self.dtype
        return Column(
            name=self.name, dtype=dtype, shape=self.shape, missing=self.missing, distinct=distinct,
            boolean=dtype == "string" and self.booleans,
            zone=next(iter(self.zones)) if len(self.zones) == 1 else None, numbers=self.numbers,
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
        dtype: Any = self.dtype
        facts = LabelFacts(
            self.name,
            dtype,
            self._label_counts(),
            rows,
            minimum=self.minimum if numbers else None,
            maximum=self.maximum if numbers else None,
            whole=self.counts is not None and numbers and all(float(value).is_integer() for value in self.counts),
            origin=origin,
        )
        written = self.numbers
        return replace(facts, written=written, as_numbers=facts_of_written(facts, written, self.ranges))

    def _label_counts(self) -> dict[str | int | float, int] | None:
        """Returns the rows of each value; true and TRUE are one."""
        if self.dtype != "string" or not self.booleans or self.counts is None:
            return self.counts
        merged: Counter[str | int | float] = Counter()
        for value, rows in self.counts.items():
            merged[plain_boolean(str(value))] += rows
        return dict(merged)
