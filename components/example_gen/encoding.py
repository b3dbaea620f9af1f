"""Encodes rows as serialized tf.Examples, one by one or by the column, to the same bytes.

Equal rows give equal bytes, which is how duplicates are found. tfx_bsl's encoder writes the features of a row in an
order that differs from row to row, so the columns are put together here: Arrow joins pieces of bytes, and each piece is
one entry of the map of features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

_NOTHING = pa.scalar(b"", pa.binary())
_LONGEST_NUMBER = 10  # bytes of a 64-bit number, seven bits in each


def encode_row(row: Mapping[str, Any]) -> bytes:
    """Encodes a row as a serialized tf.Example; equal rows give equal bytes.

    Numbers become float_list or int64_list, text (UTF-8) and images bytes_list, arrays float_list, token ids
    int64_list; a column without a value is left out.
    """
    example = tf.train.Example()
    features = example.features.feature
    for name, value in row.items():
        if value is None:
            continue
        feature = features[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, float):
            feature.float_list.value.append(value)
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            feature.float_list.value.extend(value.ravel().tolist())
        else:
            feature.int64_list.value.extend(np.asarray(value, np.int64).ravel().tolist())
    encoded: bytes = example.SerializeToString(deterministic=True)
    return encoded


def encode_rows(rows: pa.RecordBatch) -> pa.Array:
    """Encodes a batch as :func:`encode_row` does each of its rows.

    Args:
      rows: Columns of type int64, double and string, of which at least one has a value in every row.

    Returns:
      The serialized tf.Examples.
    """
    entries = [_entries(name, rows.column(name)) for name in sorted(rows.schema.names, key=_place_in_map)]
    features = pc.binary_join_element_wise(*entries, _NOTHING)
    return _after(lambda size: b"\x0a" + _varint(size), features)


def _place_in_map(name: str) -> list[int]:
    """Orders names as protocol buffers order the keys of a map: by their bytes, and ``ab`` before ``a``.

    Source: upb/message/map_sorter.c (_upb_mapsorter_cmpstr) of protocolbuffers/protobuf, which writes backwards.
    """
    behind_all_bytes = 256
    return [*name.encode(), behind_all_bytes]


def _entries(name: str, values: pa.Array) -> pa.Array:
    """Returns the entry of a column in the map of each row, nothing where there is no value."""
    if pa.types.is_string(values.type):
        entries = _after(lambda size: _entry_before(name, 1, size), values.cast(pa.binary()))
    elif pa.types.is_integer(values.type):
        numbers = _varints(pc.fill_null(values, 0).to_numpy(zero_copy_only=False))
        entries = _after(lambda size: _entry_before(name, 3, size), numbers)
    else:
        before = np.frombuffer(_entry_before(name, 2, 4), np.uint8)
        with np.errstate(over="ignore"):
            numbers = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False).astype("<f4")
        table = np.empty((len(numbers), len(before) + 4), np.uint8)
        table[:, : len(before)], table[:, len(before) :] = before, numbers.view(np.uint8).reshape(-1, 4)
        buffers = [None, pa.py_buffer(table.tobytes())]
        entries = pa.FixedSizeBinaryArray.from_buffers(pa.binary(table.shape[1]), len(table), buffers)
        entries = entries.cast(pa.binary())
    return pc.if_else(pc.is_null(values), _NOTHING, entries) if values.null_count else entries


def _entry_before(name: str, kind: int, size: int) -> bytes:
    """Returns what stands in an entry before the ``size`` bytes of its value; kinds are those of tf.train.Feature."""
    listed = b"\x0a" + _varint(size)
    feature = bytes([kind << 3 | 2]) + _varint(len(listed) + size) + listed
    key = name.encode()
    entry = b"\x0a" + _varint(len(key)) + key + b"\x12" + _varint(len(feature) + size) + feature
    return b"\x0a" + _varint(len(entry) + size) + entry


def _after(before: Any, values: pa.Array) -> pa.Array:
    """Puts before each value what a function makes of its length."""
    sizes = pc.binary_length(values).dictionary_encode()
    known = [None if size is None else before(size) for size in sizes.dictionary.to_pylist()]
    return pc.binary_join_element_wise(pa.array(known, pa.binary()).take(sizes.indices), values, _NOTHING)


def _varint(number: int) -> bytes:
    """Returns a number as protocol buffers write it, seven bits in a byte."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _varints(numbers: np.ndarray) -> pa.Array:
    """Returns what :func:`_varint` makes of each number, negative ones as 64 bits without a sign."""
    rest = numbers.astype(np.int64).view(np.uint64)
    table = np.empty((len(rest), _LONGEST_NUMBER), np.uint8)
    sizes = np.ones(len(rest), np.int64)
    for place in range(_LONGEST_NUMBER):
        table[:, place] = (rest & np.uint64(0x7F)).astype(np.uint8)
        rest = rest >> np.uint64(7)
        more = rest > 0
        table[more, place] |= 0x80
        sizes += more
    used = np.arange(_LONGEST_NUMBER) < sizes[:, None]
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(table[used].tobytes())]
    return pa.BinaryArray.from_buffers(pa.binary(), len(numbers), buffers)
