"""Reads a shard of a typed table by the column: the values that ``typed_table.read`` gives, in Arrow's arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.datasets.description import Dataset
from kerasline.components.datasets.files import check_unchanged
from kerasline.components.datasets.tables.typed.opening import TypedFile, open_file, read_batches
from kerasline.components.datasets.values import (
    are_true_and_false,
    missing_words,
    null_where,
    numbers_of,
    plain_booleans,
)

if TYPE_CHECKING:
    from pyarrow import Array, DataType, RecordBatch


def read_columns(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[RecordBatch] | None:
    """Reads the rows of a shard.

    Args:
      dataset: as resolved.
      shard: one of its shards.

    Returns:
      Batches with the inputs, what only the splits need, and the label: int64, double and string, null for no value.
      None where a column has another type than numbers, text and truth, or the label is not what its column says.
    """
    options = dataset.reader_options
    if "sample" in shard or len(options["labels"]) > 1 or options["label_form"] is not None:
        return None
    check_unchanged(shard["path"], shard["bytes"])
    file, wanted = open_file(Path(shard["path"]), shard.get("partition")), _wanted(dataset)
    schema = file.schema_arrow
    kinds = {name: schema.field(name).type for name in wanted}
    if not all(is_plain(kinds[name], dtype) for name, dtype in wanted.items()):
        return None
    label = dataset.label
    if not is_plain(kinds[label.name], label.dtype):
        return None
    return _batches(dataset, shard, file, wanted)


def _wanted(dataset: Dataset) -> dict[str, str]:
    """Returns the columns with the types that the reader of rows makes of them, the label last."""
    options = dataset.reader_options
    names = [*(column.name for column in dataset.columns), *options["extra"], dataset.label.name]
    return {name: options["types"][name] for name in names}


def is_plain(kind: DataType, dtype: str) -> bool:
    """Says whether values of an Arrow type become one of ours without a word of Python."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if dtype == "string":
        return bool(is_text or pa.types.is_boolean(kind) or pa.types.is_integer(kind))
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(dtype in ("int", "float") and is_number and not pa.types.is_float16(kind))


def _batches(
    dataset: Dataset, shard: Mapping[str, Any], file: TypedFile, wanted: Mapping[str, str]
) -> Iterator[RecordBatch]:
    import pyarrow as pa
    import pyarrow.compute as pc

    label, own = dataset.label, dataset.reader_options["missing_in"]
    boolean = _booleans(dataset)
    path, names = Path(shard["path"]), list(wanted)
    for batch in read_batches(file, path, shard["groups"], names):
        arrays = {name: plain_array(batch.column(name), wanted[name], own.get(name)) for name in names}
        said = arrays[label.name]
        if pa.types.is_floating(said.type):
            said = null_where(pc.is_inf(said), said)
        keep = pc.is_valid(said)
        arrays[label.name] = _as_label(said, label.dtype)
        arrays |= {name: plain_booleans(arrays[name]) for name in boolean}
        rows = pa.RecordBatch.from_arrays([arrays[name] for name in names], names)
        yield rows if keep.false_count == 0 else rows.filter(keep)


def _booleans(dataset: Dataset) -> set[str]:
    """Returns the columns of text that says true and false, in whatever letters."""
    label = dataset.label
    found = {column.name for column in dataset.columns if column.boolean and column.dtype == "string"}
    is_said = label.dtype == "string" and are_true_and_false(label.classes)
    return found | {label.name} if is_said else found


def _as_label(values: Array, dtype: str) -> Array:
    import pyarrow as pa

    return values.cast({"int": pa.int64(), "float": pa.float64(), "string": pa.string()}[dtype], safe=False)


def plain_array(values: Array, dtype: str, words: Sequence[str] | None) -> Array:
    """Does for numbers, text and truth what ``plain_values`` does, and makes null of a column's own words.

    Args:
      values: of a column.
      dtype: int, float or string.
      words: for a missing value, or None.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    nothing = None if not words else missing_words({"missing_values": [], "missing_in": {"": words}}, "")
    if dtype == "string":
        values = values.cast(pa.string())
        cells = pc.utf8_trim_whitespace(values)
        return null_where(pc.is_in(cells, pa.array(sorted(nothing or {""}))), values)
    if dtype == "float":
        values = values.cast(pa.float64(), safe=False)
        values = null_where(pc.is_nan(values), values)
    else:
        values = values.cast(pa.int64())
    numbers = sorted(numbers_of(nothing)) if nothing else []
    if not numbers:
        return values
    missing = pc.is_in(values.cast(pa.float64(), safe=False), pa.array(numbers, pa.float64()))
    return null_where(missing, values)
