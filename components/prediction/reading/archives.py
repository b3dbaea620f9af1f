"""NumPy archives (.npz) that are to be predicted: arrays with one row an example, named as those of training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kerasline.components.core import ConfigError, counted, nearest, new_name
from kerasline.components.datasets.arrays import (
    IMAGE_SHAPE,
    IMAGES_PER_SHARD,
    TABLE_ROWS_PER_SHARD,
    has_image_shape,
    named_alike,
    npz,
)
from kerasline.components.datasets.images import encode_png
from kerasline.components.prediction.reading.blocks import ROW, Block
from kerasline.components.prediction.reading.tables import block_of_arrow

if TYPE_CHECKING:
    import numpy as np

    from kerasline.components.prediction.reading.planning import PredictionPlan

_ROWS_PER_BLOCK = 512


def plan_archives(
    files: Iterable[Path], record: Mapping[str, Any], keys: list[str], suffix: str
) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Checks archives before anything is loaded.

    Args:
      files: The archives.
      record: What was recorded when the version was pushed.
      keys: Arrays to repeat beside the number of the row.
      suffix: Of the output.

    Returns:
      What one worker reads, the keys, and notes.

    Raises:
      ConfigError: an array is not there, has other rows than the others, cannot be what the model reads, or cannot be
        repeated in the output.
    """
    has_images = any(column["dtype"] == "image" for column in record["columns"])
    at_once = IMAGES_PER_SHARD if has_images else TABLE_ROWS_PER_SHARD
    shards: list[dict[str, Any]] = []
    notes: list[str] = []
    for path in files:
        known = npz.names_of(path)
        wanted = {column["name"]: _array_of(column["name"], known, path) for column in record["columns"]}
        arrays = wanted | {key: _label_array_of(key, record, known, path) for key in keys}
        for column in record["columns"]:
            _check_shape(column, npz.load_array(str(path), wanted[column["name"]]), path)
        for key in keys:
            _check_key(key, arrays[key], record, path, suffix)
        rows = _rows_of(arrays, path)
        shards += [
            {"path": str(path), "arrays": arrays, "first": first, "rows": min(at_once, rows - first)}
            for first in range(0, rows, at_once)
        ]
        notes += npz.note_unused(sorted(known), {*arrays.values(), *record["label"]["columns"]}, path)
    columns = [column["name"] for column in record["columns"]]
    return shards, [new_name(ROW, {*columns, *keys}), *dict.fromkeys(keys)], notes


def read_archive(plan: PredictionPlan, shard: Mapping[str, Any]) -> Iterator[Block]:
    """Yields the rows of a part of an archive."""
    dtypes = {column["name"]: column["dtype"] for column in plan.record["columns"]}
    arrays = {name: npz.load_array(shard["path"], key) for name, key in shard["arrays"].items()}
    labels = {name: _labels(arrays[name], name, plan.record) for name in arrays if name not in dtypes}
    for first in range(shard["first"], shard["first"] + shard["rows"], _ROWS_PER_BLOCK):
        stop = min(first + _ROWS_PER_BLOCK, shard["first"] + shard["rows"])
        columns = {name: _arrow(arrays[name][first:stop], dtype) for name, dtype in dtypes.items()}
        columns |= {name: pa.array(values[first:stop].tolist(), from_pandas=True) for name, values in labels.items()}
        yield block_of_arrow(plan, pa.table(columns), shard["path"], range(first + 1, stop + 1))


def _array_of(name: str, known: Sequence[str], path: Path) -> str:
    found = named_alike(name, known)
    if found is None:
        raise ConfigError(
            f"{path} has no array {name!r}, which is wanted; its arrays are {', '.join(known)}.{nearest(name, known)}"
        )
    return found


def _label_array_of(key: str, record: Mapping[str, Any], known: Sequence[str], path: Path) -> str:
    """Finds the array of a label; several labels of 0 and 1 are the columns of one array."""
    return _array_of(record["label"]["name"] if _is_one_of_several(key, record) else key, known, path)


def _is_one_of_several(name: str, record: Mapping[str, Any]) -> bool:
    labels = record["label"]["columns"]
    return len(labels) > 1 and name in labels


def _labels(values: np.ndarray, name: str, record: Mapping[str, Any]) -> np.ndarray:
    """Reads labels as training did: numbers of classes where they are one-hot, and one of several by its name.

    Of several, rows that happen to have a single 1 each are no classes; and other keys are what they are.
    """
    if _is_one_of_several(name, record):
        return values[:, record["label"]["columns"].index(name)] if values.ndim == 2 else values
    return npz.as_labels(values) if name == record["label"]["name"] else values


def _check_key(key: str, array: str, record: Mapping[str, Any], path: Path, suffix: str) -> None:
    """Refuses an array whose rows the output cannot repeat: only Parquet holds lists, and none of them images."""
    values = _labels(npz.load_array(str(path), array), key, record)
    is_image = any(column["name"] == key and column["dtype"] == "image" for column in record["columns"])
    if is_image or (values.ndim > 1 and suffix != ".parquet"):
        what = "images" if is_image else f"rows of the shape {values.shape[1:]}"
        raise ConfigError(f"--key: array {key!r} of {path} has {what}, which {suffix} cannot hold")


def _check_shape(column: Mapping[str, Any], values: np.ndarray, path: Path) -> None:
    """Refuses an array that is none of images, or whose rows have another shape than in training."""
    what = f"{path}: {column['name']!r} is {values.dtype} {values.shape}, but the model reads"
    if column["dtype"] == "image":
        if values.dtype.name != "uint8" or not has_image_shape(values):
            raise ConfigError(f"{what} images, which are uint8 {IMAGE_SHAPE}")
    elif values.shape[1:] != tuple(column["shape"]):
        raise ConfigError(f"{what} rows of the shape {tuple(column['shape'])}; save it as in training")


def _rows_of(arrays: Mapping[str, str], path: Path) -> int:
    lengths = {key: len(npz.load_array(str(path), key)) for key in arrays.values()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key!r} has {counted(rows, 'row')}" for key, rows in lengths.items())
        raise ConfigError(f"expected arrays of the same rows in {path}, but {told}")
    rows = next(iter(lengths.values()))
    if not rows:
        raise ConfigError(f"{path} has no rows; check that the right file was named")
    return rows


def _arrow(values: np.ndarray, dtype: str) -> Any:
    if dtype == "image":
        return pa.array([encode_png(image) for image in values], pa.binary())
    return pa.array(values.reshape(len(values), -1).tolist() if values.ndim > 1 else values.tolist(), from_pandas=True)
