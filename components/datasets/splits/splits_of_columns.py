"""The splits of many rows at once: the same as :func:`assign_split` gives them one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kerasline.components.datasets.description import SplitPlan
from kerasline.components.datasets.splits.splits import assign_split, split_edges, stratum

if TYPE_CHECKING:
    import numpy as np
    from pyarrow import Array, RecordBatch


def assign_splits(plan: SplitPlan, rows: RecordBatch, hashed: RecordBatch) -> np.ndarray:
    """Decides the splits of rows that their source did not assign.

    Args:
      plan: the dataset's plan.
      rows: int64, double and string columns.
      hashed: the columns among them that a row is told by, which are all but a column that only the splits need.

    Returns:
      Names of splits, an object array as long as the batch.
    """
    import numpy as np

    if plan.method in ("group", "time") or (plan.method == "source" and plan.column is not None):
        column = plan.column or ""
        found = rows.column(column).dictionary_encode(null_encoding="encode")
        known = [assign_split(plan, {column: value}) for value in found.dictionary.to_pylist()]
        return np.asarray(np.array(known, object)[found.indices.to_numpy(zero_copy_only=False)])
    places = _places(plan.seed, contents_of(hashed).to_pylist())
    if plan.method != "stratified" or plan.column is None:
        return _at(plan, places, "")
    found = np.full(len(places), None, object)
    label = rows.column(plan.column).dictionary_encode(null_encoding="encode")
    numbers = label.indices.to_numpy(zero_copy_only=False)
    for number, value in enumerate(label.dictionary.to_pylist()):
        found[numbers == number] = _at(plan, places[numbers == number], stratum(plan, {plan.column: value}))
    return found


def _places(seed: int, contents: Iterable[bytes]) -> np.ndarray:
    """Maps the content of each row to a place in [0, 1), as ``position`` does its hash."""
    import numpy as np

    begin, sha256 = seed.to_bytes(8, "big", signed=True), hashlib.sha256
    digests = b"".join([sha256(begin + sha256(content).digest()).digest() for content in contents])
    return (np.frombuffer(digests, ">u8")[::4] >> np.uint64(11)) / float(1 << 53)


def _at(plan: SplitPlan, places: np.ndarray, label: str) -> np.ndarray:
    """Returns the split of each place: the range between two edges in which it lies."""
    import numpy as np

    edges, splits = split_edges(plan, label)
    return np.array(splits, object)[np.searchsorted(edges, places, side="right")]


def contents_of(rows: RecordBatch) -> Array:
    """Returns the bytes that ``row_key`` hashes for each row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pieces = [_piece(name, rows.column(name)) for name in sorted(rows.schema.names)]
    return pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.binary()))


def _piece(name: str, values: Array) -> Array:
    """Returns name and value of each row, with their lengths and the type of the value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    prefix = f"{len(name)}:{name}:".encode()
    if pa.types.is_floating(values.type):
        piece = _float_piece(prefix + b"9:f", values)
    else:
        text = values if pa.types.is_string(values.type) else values.cast(pa.string())
        size = pc.add(pc.binary_length(text), 1).cast(pa.string()).cast(pa.binary())
        sign = b":s" if pa.types.is_string(values.type) else b":i"
        empty = pa.scalar(b"", pa.binary())
        piece = pc.binary_join_element_wise(
            pa.scalar(prefix, pa.binary()), size, pa.scalar(sign, pa.binary()), text.cast(pa.binary()), empty
        )
    if not values.null_count:
        return piece
    return pc.if_else(pc.is_null(values), pa.scalar(prefix + b"1:-", pa.binary()), piece)


def _float_piece(prefix: bytes, values: Array) -> Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False)
    table = np.empty((len(numbers), len(prefix) + 8), np.uint8)
    table[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
    table[:, len(prefix) :] = numbers.astype("<f8").view(np.uint8).reshape(-1, 8)
    fixed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(table.shape[1]), len(numbers), [None, pa.py_buffer(table.tobytes())]
    )
    return fixed.cast(pa.binary())
