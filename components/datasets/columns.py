"""Reads shards of tables by the column: the rows of ``read_shard`` and their splits, many at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kerasline.components.datasets.description import Dataset
from kerasline.components.datasets.remote import as_paths
from kerasline.components.datasets.splits import assign_splits, split_of_number
from kerasline.components.datasets.tables.csv import values as csv_values
from kerasline.components.datasets.tables.typed import values as typed_values

if TYPE_CHECKING:
    import numpy as np
    from pyarrow import RecordBatch

_READERS = {"csv": csv_values.read_columns, "parquet": typed_values.read_columns}


def read_columns(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[tuple[np.ndarray, RecordBatch]] | None:
    """Reads the rows of one shard.

    Args:
      dataset: as resolved.
      shard: one of ``dataset.shards``.

    Returns:
      By batch, the split of every row and the values by column name and label name: int64, double and string, null for
      no value. None where only ``read_shard`` can read this shard.
    """
    read = _READERS.get(dataset.reader)
    batches = None if read is None else read(dataset, as_paths(shard))
    return None if batches is None else _with_splits(dataset, shard, batches)


def _with_splits(
    dataset: Dataset, shard: Mapping[str, Any], batches: Iterator[RecordBatch]
) -> Iterator[tuple[np.ndarray, RecordBatch]]:
    import numpy as np

    known = [*(column.name for column in dataset.columns), dataset.label.name]
    first = int(shard.get("first", 0))
    for rows in batches:
        inputs = rows.select(known)
        numbers = range(first, first + rows.num_rows)
        first += rows.num_rows
        if "split" in shard:
            yield np.full(rows.num_rows, shard["split"], object), inputs
        elif dataset.split.method == "row":
            yield np.array([split_of_number(dataset.split, number) for number in numbers], object), inputs
        else:
            yield assign_splits(dataset.split, rows, inputs), inputs
