"""Which split a row belongs to: decided by the row alone, so that every worker and every later run agrees."""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import SPLITS, SplitPlan

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "eval": "eval",
    "validation": "eval",
    "valid": "eval",
    "val": "eval",
    "dev": "eval",
    "test": "test",
}


def assign_split(plan: SplitPlan, row: Mapping[str, Any]) -> str:
    """Decides the split of a row that its source did not assign.

    Args:
      plan: the dataset's plan.
      row: column and label values, as ``read_shard`` gives them. Equal rows have one hash, so duplicates never stand on
        two sides.

    Returns:
      ``train``, ``eval`` or ``test``.
    """
    if plan.method == "source" and plan.column is not None:
        return split_named(row.get(plan.column), plan.column)
    if plan.method == "group":
        return _at(plan, position(plan.seed, _encode(row.get(plan.column or ""))))
    if plan.method == "time":
        return _by_time(plan, row.get(plan.column or ""))
    label = stratum(plan, row) if plan.method == "stratified" else ""
    return _at(plan, position(plan.seed, row_key(row)), label)


def split_of_number(plan: SplitPlan, number: int) -> str:
    """Decides the split of a row by its place in the source alone, where the plan says so."""
    return _at(plan, position(plan.seed, b"row %d" % number))


def position(seed: int, key: bytes) -> float:
    """Maps a key to a place in [0, 1): 53 bits of sha256 over seed and key, which JSON keeps exactly."""
    digest = hashlib.sha256(seed.to_bytes(8, "big", signed=True) + key).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def row_key(row: Mapping[str, Any]) -> bytes:
    """Returns bytes that are equal for equal rows only, whatever the order of their columns."""
    digest = hashlib.sha256()
    for name in sorted(row):
        value = _encode(row[name])
        digest.update(f"{len(name)}:{name}:{len(value)}:".encode() + value)
    return digest.digest()


def stratum(plan: SplitPlan, row: Mapping[str, Any]) -> str:
    """Returns the class of a row within which a stratified plan cuts; without classes all rows are one."""
    return "" if plan.column is None else str(row[plan.column])


def split_named(value: object, column: str) -> str:
    """Returns the split that a cell of the split column names.

    Raises:
      ConfigError: for any word but train, eval (validation, val, dev) and test.
    """
    split = _SPLIT_NAMES.get(str(value).strip().lower())
    if split is None:
        raise ConfigError(
            f"split.column {column!r} must say train, eval or test in every row, but one row says {value!r}; "
            "correct the row or choose another split.method."
        )
    return split


def split_edges(plan: SplitPlan, label: str = "") -> tuple[list[float], list[str]]:
    """Divides [0, 1) among the splits.

    Args:
      plan: the dataset's plan.
      label: the class of a row, on which the cuts of a stratified plan depend.

    Returns:
      Where each split but the last ends, and the splits, one more than the edges.
    """
    cuts = plan.cuts.get(label) if plan.method == "stratified" else None
    if cuts is not None:
        return list(cuts), list(SPLITS)
    edges, edge = [], 0.0
    for split in SPLITS:
        edge += plan.fractions.get(split, 0.0)
        edges.append(edge)
    last = next(split for split in reversed(SPLITS) if plan.fractions.get(split, 0.0) > 0)
    return edges, [*SPLITS, last]  # edges sum to 1 - 1e-16


def _at(plan: SplitPlan, place: float, label: str = "") -> str:
    edges, splits = split_edges(plan, label)
    return splits[bisect_right(edges, place)]


def _by_time(plan: SplitPlan, value: Any) -> str:
    if value is None:
        return "train"  # a row without a time says nothing about the newest data
    later = sum(1 for boundary in plan.boundaries if value >= boundary)  # one boundary only where there is no test
    return SPLITS[later]


def _encode(value: Any) -> bytes:
    """Serializes a value with its type, so that 1, 1.0, "1" and a missing value stay different."""
    if value is None:
        return b"-"
    if isinstance(value, bytes):
        return b"b" + value
    if isinstance(value, str):
        return b"s" + value.encode("utf-8", "surrogatepass")
    if isinstance(value, int):
        return b"i%d" % value
    if isinstance(value, float):
        return b"f" + struct.pack("<d", value)
    # A NumPy array; this file does not import NumPy.
    content: bytes = value.tobytes()
    return b"a" + f"{value.dtype}{value.shape}".encode() + content
