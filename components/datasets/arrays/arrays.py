"""Rows that lie in memory as arrays: what IDX, NPZ, bundled and generated data have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import (
    Column,
    Dataset,
    LabelFacts,
    facts_of_values,
    indices_of,
    only_in_tests,
)
from kerasline.components.datasets.images import encode_png

if TYPE_CHECKING:
    import numpy as np

IMAGES_PER_SHARD = 4096
TABLE_ROWS_PER_SHARD = 100_000
_MAX_DISTINCT = 10_000
_ROWS_AT_ONCE = 1024
CHANNELS = (1, 3, 4)  # of images: grey, colour, colour with alpha
IMAGE_SHAPE = "(rows, height, width), or with 1, 3 or 4 channels as a last axis"
_SHAPED = ("image", "array", "tokens")  # types whose values have a shape; the others are scalars

Dtype = Literal["float", "int", "string", "image", "array", "tokens"]


@dataclass(frozen=True)
class Part:
    """The rows of one split, or all of them.

    Attributes:
      columns: Values by the column's name: (rows,) numbers, uint8 (rows, height, width[, channels]) images,
        (rows, ...) arrays, or (rows, length) token ids.
      labels: (rows,) numbers or text; (rows, labels) of 0 and 1 for multilabel.
    """

    columns: dict[str, np.ndarray]
    labels: np.ndarray

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.labels)


Parts = Mapping[str | None, Part]  # None: rows that the source did not assign to a split


def check_lengths(part: Part, origin: str) -> Part:
    """Refuses columns and labels of different length, and data without rows or values.

    Raises:
      ConfigError: they differ, or there is no row, or a row has no value.
    """
    for name, values in part.columns.items():
        if 0 in values.shape[1:]:
            raise ConfigError(f"{origin}: the rows of {name!r} are empty, of the shape {values.shape[1:]}.")
        if len(values) != part.rows:
            raise ConfigError(
                f"{origin} has {counted(len(values), 'row')} of {name!r} but {counted(part.rows, 'label')}; they must "
                "belong to the same rows."
            )
    if part.rows == 0:
        raise ConfigError(f"{origin} has no rows; check that the right file was named.")
    return part


def has_image_shape(values: np.ndarray) -> bool:
    """Says whether an array has one image a row: height and width, and channels last."""
    return values.ndim == 3 or (values.ndim == 4 and values.shape[3] in CHANNELS)


def is_channels_first(shape: Sequence[int]) -> bool:
    """Says whether the shape of one row seems to be that of an image whose channels come first."""
    return len(shape) == 3 and shape[0] in CHANNELS and shape[2] not in CHANNELS


def columns_of(parts: Parts, dtypes: Mapping[str, Dtype], units: Mapping[str, str | None]) -> tuple[Column, ...]:
    """Describes the columns, counting over all parts.

    Args:
      parts: Rows of each split.
      dtypes: Type of each column by its name, in the order of the columns.
      units: What the numbers of a column count, by its name.
    """
    described = []
    for name, dtype in dtypes.items():
        pieces = [part.columns[name] for part in parts.values()]
        described.append(Column(name=name, dtype=dtype, unit=units.get(name), **_counted(dtype, pieces)))
    return tuple(described)


def _counted(dtype: Dtype, pieces: Sequence[np.ndarray]) -> dict[str, Any]:
    """Counts what the description of one column says of its values.

    Args:
      dtype: Type of the column.
      pieces: Its values, (rows, ...), one array for each part.

    Returns:
      Fields of :class:`Column`.
    """
    import numpy as np

    if dtype == "image":
        return {"shape": (*pieces[0].shape[1:], 1)[:3]}
    if dtype == "array":
        return {"shape": pieces[0].shape[1:]}
    if dtype == "tokens":
        largest = max(piece.max() for piece in pieces)
        return {"shape": pieces[0].shape[1:], "vocabulary_size": int(largest) + 1}
    values = np.concatenate(pieces)
    missing = 0
    if dtype == "float":
        missing = int(np.isnan(values).sum())
        values = values[~np.isnan(values)]
    distinct = len(np.unique(values))
    return {"missing": missing, "distinct": distinct if distinct <= _MAX_DISTINCT else None}


def label_facts(parts: Parts, name: str = "label", **known: Any) -> LabelFacts:
    """Collects the facts of the labels of all parts; ``known`` goes to :func:`facts_of_values`."""
    facts = facts_of_values(name, (value for part in parts.values() for value in part.labels.tolist()), **known)
    values = facts.counts or {}
    trained = parts[None].labels.tolist() if None in parts else values
    return replace(facts, untrained=only_in_tests(values, set(trained)))


def shards_of(parts: Parts, rows_per_shard: int) -> list[dict[str, Any]]:
    """Cuts the parts into row ranges for workers."""
    shards = []
    for split, part in parts.items():
        for first in range(0, part.rows, rows_per_shard):
            shard: dict[str, Any] = {"first": first, "rows": min(rows_per_shard, part.rows - first)}
            shards.append(shard if split is None else {**shard, "split": split})
    return shards


def digest_parts(parts: Parts) -> str:
    """Returns the sha256 over names, types, shapes and values."""
    import numpy as np

    digest = hashlib.sha256()
    for split, part in parts.items():
        for name, values in [*part.columns.items(), ("", part.labels)]:
            digest.update(f"{split}/{name}/{values.dtype}/{values.shape}/".encode())
            if values.dtype == object:
                digest.update("\0".join(map(str, values.tolist())).encode())
            else:
                digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def rows_of(part: Part, dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields a shard's rows as plain values: numbers, text, PNG bytes, float32 arrays, int64 token ids."""
    indices = indices_of(shard)
    for begin in range(0, len(indices), _ROWS_AT_ONCE):
        yield from _rows_at(part, dataset, indices[begin : begin + _ROWS_AT_ONCE])


def _rows_at(part: Part, dataset: Dataset, indices: range | list[int]) -> Iterator[dict[str, Any]]:
    """Yields the rows of some indices: scalars are converted a column at a time, which is many times faster."""
    scalars = [column for column in dataset.columns if column.dtype not in _SHAPED]
    shaped = [column for column in dataset.columns if column.dtype in _SHAPED]
    block = slice(indices.start, indices.stop) if isinstance(indices, range) else indices
    lists = [_scalars(part.columns[column.name][block], column) for column in scalars]
    lists.append(_labels(part.labels[block]))
    names = [*(column.name for column in scalars), dataset.label.name]
    for index, values in zip(indices, zip(*lists, strict=True), strict=True):
        row = dict(zip(names, values, strict=True))
        for column in shaped:
            row[column.name] = _value(part.columns[column.name][index], column.dtype)
        yield row


def _scalars(values: np.ndarray, column: Column) -> list[Any]:
    listed: list[Any] = values.tolist()
    return [None if value != value else value for value in listed] if column.missing else listed


def _labels(labels: np.ndarray) -> list[Any]:
    import numpy as np

    return labels.tolist() if labels.ndim == 1 else list(labels.astype(np.float32))


def _value(value: np.ndarray, dtype: str) -> Any:
    import numpy as np

    if dtype == "image":
        return encode_png(value)
    with np.errstate(over="ignore"):  # too large a number is infinite, which the data gate counts
        return value.astype(np.int64 if dtype == "tokens" else np.float32)
