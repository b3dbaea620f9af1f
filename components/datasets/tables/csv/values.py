"""Reads a shard of a text table by the column: the values that ``rows.read`` gives, in Arrow's arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import Dataset
from kerasline.components.datasets.files import check_unchanged
from kerasline.components.datasets.tables.csv.blocks import OddFile, read_blocks
from kerasline.components.datasets.tables.csv.text import header_of
from kerasline.components.datasets.values import are_true_and_false, missing_words, null_where, plain_booleans

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch


def read_columns(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[RecordBatch] | None:
    """Reads the rows of a shard.

    Args:
      dataset: as resolved.
      shard: one of its shards.

    Returns:
      Batches with the inputs, what only the splits need, and the label: int64, double and string, null for no value.
      None where the file is not simple enough, or its label is not as the cells of one column say.
    """
    options = dataset.reader_options
    special = ("class_names", "label_form", "label_decimal", "whole_label")
    if not shard.get("by_columns") or "sample" in shard or len(options["labels"]) > 1 or any(map(options.get, special)):
        return None
    check_unchanged(shard["path"], shard["bytes"])
    return _batches(dataset, shard)


def _batches(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[RecordBatch]:
    import pyarrow as pa
    import pyarrow.compute as pc

    options, label, path = dataset.reader_options, dataset.label, shard["path"]
    wanted, partition = _wanted(dataset), shard.get("partition")
    unusable = pa.array(sorted(missing_words(options, label.name).union(options["no_label"])))
    try:
        names = header_of(path, options, shard["delimiter"], partition)
        for block in read_blocks(path, options, shard["delimiter"], names, shard.get("part"), partition):
            bad = pc.is_in(block.cells.column(label.name), unusable)
            cells = block.cells.filter(pc.invert(bad)) if bad.true_count else block.cells
            arrays = [_values(cells.column(name), dtype, missing, said) for name, dtype, missing, said in wanted]
            yield pa.RecordBatch.from_arrays(arrays, [name for name, *_ in wanted])
    except OddFile:
        raise ConfigError(f"{path} changed while the run was reading it; run again.") from None


def _wanted(dataset: Dataset) -> list[tuple[str, str, frozenset[str] | None, bool]]:
    """Lists the columns, the label last: name, type, cells without a value or None for no such, whether it is truth."""
    options, label = dataset.reader_options, dataset.label
    wanted: list[tuple[str, str, frozenset[str] | None, bool]] = []
    for column in dataset.columns:
        missing = missing_words(options, column.name) if column.missing else None
        wanted.append((column.name, column.dtype, missing, column.boolean))
    for name, dtype in options["extra"].items():
        wanted.append((name, dtype or "string", missing_words(options, name), False))
    is_truth = label.dtype == "string" and are_true_and_false(label.classes)
    return [*wanted, (label.name, label.dtype, None, is_truth)]


def _values(cells: Array, dtype: str, missing: frozenset[str] | None, is_boolean: bool) -> Array:
    """Turns cells into values; ``missing`` None promises that every cell has one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if missing is not None:
        cells = null_where(pc.is_in(cells, pa.array(sorted(missing))), cells)
    if dtype == "string":
        return plain_booleans(cells) if is_boolean else cells
    values = _whole(cells) if dtype == "int" else _fractions(cells)
    if dtype == "float" and pc.any(pc.is_nan(values)).as_py():
        values = null_where(pc.is_nan(values), values)
    return values


def _whole(cells: Array) -> Array:
    import pyarrow as pa

    try:
        return cells.cast(pa.int64())
    except pa.ArrowInvalid:  # a plus sign, digits of other scripts, classes 1.0 and 2.0
        read = [None if cell is None else _integer(cell) for cell in cells.to_pylist()]
        return pa.array(read).cast(pa.int64())


def _fractions(cells: Array) -> Array:
    import pyarrow as pa

    try:
        return cells.cast(pa.float64())
    except pa.ArrowInvalid:  # as Python alone reads them
        read = [None if cell is None else float(cell) for cell in cells.to_pylist()]
        return pa.array(read).cast(pa.float64())


def _integer(cell: str) -> int:
    try:
        return int(cell)
    except ValueError:
        return int(float(cell))
