"""NumPy archives (.npz) of arrays with one row an example."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.arrays.arrays import (
    IMAGE_SHAPE,
    IMAGES_PER_SHARD,
    TABLE_ROWS_PER_SHARD,
    Dtype,
    Part,
    Parts,
    check_lengths,
    columns_of,
    has_image_shape,
    is_channels_first,
    label_facts,
    rows_of,
    shards_of,
)
from kerasline.components.datasets.arrays.keys import Keys, bare, choose_keys
from kerasline.components.datasets.description import Dataset, Found, NpzOptions, multi_facts
from kerasline.components.datasets.files import Places, digest_file

if TYPE_CHECKING:
    import numpy as np

_NPY = b"\x93NUMPY"  # how a single array begins
_NUMBERS: dict[str, Dtype] = {"i": "int", "u": "int", "b": "int", "f": "float"}  # by NumPy's letter


def find(options: NpzOptions, places: Places, *, takes_eval: bool = True) -> Found:
    """Describes an archive; arrays that it does not read are noted.

    uint8 arrays (rows, height, width[, channels]) are images, (rows,) numbers or text are columns, anything else is an
    array of float32. One-hot labels become class numbers; rows whose label is NaN are skipped.

    Args:
      options: The ``npz:`` block.
      places: Where its path is looked for.
      takes_eval: Whether arrays such as x_val are the eval split; else they are not used.

    Raises:
      ConfigError: a key is not there, row counts differ, or the archive holds pickled objects.
    """
    path = places.find(options.path)
    known = names_of(path)
    keys = choose_keys(options, known, path, takes_eval=takes_eval)
    label_name = bare(keys.label) if len(keys.splits) > 1 else None
    found = describe(path, keys, label_name=label_name, images=options.images)
    return replace(found, notes=(*note_unused(known, keys.used, path), *_channels_first(found)))


def describe(path: Path, keys: Keys, *, label_name: str | None = None, images: bool | None = None) -> Found:
    """Describes an archive whose keys are known.

    Args:
      path: The archive.
      keys: Which of its arrays are what.
      label_name: Name of the label's feature; by default that of its array, or ``label`` beside images.
      images: Whether arrays of bytes are images; None lets their shape tell.
    """
    options = {"path": str(path), "keys": asdict(keys), "images": images}
    parts: dict[str | None, Part] = {split: _part(options, split) for split in keys.splits}
    first = parts[None]
    dtypes = {column: _dtype(column, values, images, path) for column, values in first.columns.items()}
    _check_alike(parts, images, path)
    kind = _kind(dtypes.values())
    name = label_name or ("label" if "image" in keys.features else bare(keys.label))
    facts = _multi(parts, name, path) if first.labels.ndim == 2 else label_facts(parts, name, origin=str(path))
    skipped = (_skipped(options, split) for split in parts)
    return Found(
        kind=kind,
        columns=columns_of(parts, dtypes, {}),
        label=facts,
        reader="npz",
        reader_options=options,
        shards=shards_of(parts, TABLE_ROWS_PER_SHARD if kind == "table" else IMAGES_PER_SHARD),
        digest=digest_file(path),
        title=path.stem,
        skipped=tuple(line for line in skipped if line),
    )


def note_unused(known: Sequence[str], used: Collection[str], path: Path) -> list[str]:
    """Notes the arrays of an archive that are not used, if there are any."""
    unused = [name for name in known if name not in used]
    return [f"arrays of {path.name} that are not used: {', '.join(unused)}"] if unused else []


def _channels_first(found: Found) -> list[str]:
    """Notes arrays that seem to be images whose channels do not come last, as PyTorch has them."""
    return [
        f"the rows of {column.name!r} have the shape {column.shape}; if these are images, put their channels last: "
        "numpy.moveaxis(x, 1, -1)"
        for column in found.columns
        if column.dtype == "array" and len(column.shape) == 3 and is_channels_first(column.shape)
    ]


def _check_alike(parts: Parts, images: bool | None, path: Path) -> None:
    """Refuses columns and labels whose values are of another shape or kind in the rows of another split."""
    train = parts[None]
    for split, part in parts.items():
        for column, values in part.columns.items():
            kinds = {_kind_of(column, found, images, path) for found in (train.columns[column], values)}
            if len(kinds) > 1:
                raise _different(f"rows of {column!r}", split, train.columns[column], values, path)
        if _label_kind(part.labels) != _label_kind(train.labels):
            raise _different("labels", split, train.labels, part.labels, path)


def _kind_of(column: str, values: np.ndarray, images: bool | None, path: Path) -> tuple[str, str, tuple[int, ...]]:
    """Returns how values are read, what they are, and the shape of one."""
    return _dtype(column, values, images, path), _NUMBERS.get(values.dtype.kind, "text"), values.shape[1:]


def _label_kind(labels: np.ndarray) -> tuple[bool, tuple[int, ...]]:
    """Returns whether labels are numbers, of which whole ones may be written as fractions, and the shape of one."""
    return labels.dtype.kind in _NUMBERS, labels.shape[1:]


def _different(what: str, split: str | None, train: np.ndarray, other: np.ndarray, path: Path) -> ConfigError:
    return ConfigError(
        f"Train and {split} {what} in {path} are not alike: {train.dtype} {train.shape} and {other.dtype} "
        f"{other.shape}; save them in one type, scale and shape."
    )


def _kind(dtypes: Collection[Dtype]) -> Literal["image", "array", "table"]:
    """Names what an archive is: one with a column of images is a set of images."""
    if "image" in dtypes:
        return "image"
    return "array" if "array" in dtypes else "table"


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard."""
    yield from rows_of(_part(dataset.reader_options, shard.get("split")), dataset, shard)


def _part(options: Mapping[str, Any], split: str | None) -> Part:
    features, label = _keys(options, split)
    columns = {name: load_array(options["path"], key) for name, key in features.items()}
    labels = as_labels(load_array(options["path"], label))
    part = check_lengths(Part(columns, labels), f"{options['path']} ({label})")
    if labels.ndim > 2:
        raise ConfigError(
            f"Labels {label!r} of {options['path']} have the shape {labels.shape}; save one value a row, or a row of 0 "
            "and 1."
        )
    usable = _usable(labels)
    if usable.all():
        return part
    return Part({name: values[usable] for name, values in columns.items()}, labels[usable])


def _skipped(options: Mapping[str, Any], split: str | None) -> str:
    label = _keys(options, split)[1]
    count = int((~_usable(as_labels(load_array(options["path"], label)))).sum())
    return (
        f"{Path(options['path']).name}: {counted(count, 'row')} whose {label!r} is not a finite number" if count else ""
    )


def _keys(options: Mapping[str, Any], split: str | None) -> tuple[dict[str, str], str]:
    keys, prefix = options["keys"], f"{split}_" if split else ""
    return keys[f"{prefix}features"], keys[f"{prefix}label"]


def _usable(labels: np.ndarray) -> np.ndarray:
    import numpy as np

    if labels.dtype.kind != "f":
        return np.ones(len(labels), bool)
    return np.asarray(np.isfinite(labels).all(axis=tuple(range(1, labels.ndim))))


def as_labels(labels: np.ndarray) -> np.ndarray:
    """Brings labels to (rows,) or, for several labels a row, (rows, labels)."""
    import numpy as np

    if labels.ndim > 1 and math.prod(labels.shape[1:]) == 1:
        labels = labels.reshape(-1)
    if labels.ndim == 2 and labels.size and np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all():
        return np.asarray(labels.argmax(axis=1))
    if labels.dtype.kind == "b":
        return labels.astype(np.int64)
    return labels.astype(object) if labels.dtype.kind == "U" else labels


def _multi(parts: Parts, name: str, path: Path) -> Any:
    import numpy as np

    labels = np.concatenate([part.labels for part in parts.values()])
    names = [f"{name}_{number}" for number in range(labels.shape[1])]
    counts: list[Any] = []
    for column in labels.T:
        values, occurrences = np.unique(column, return_counts=True)
        counts.append(dict(zip(values.tolist(), occurrences.tolist(), strict=True)))
    return multi_facts(names, counts, len(labels), name, str(path))


def _dtype(name: str, values: np.ndarray, images: bool | None, path: Path) -> Dtype:
    is_image = has_image_shape(values) and values.dtype.name == "uint8"
    if images and not is_image:
        raise ConfigError(
            f"{path}: {name!r} is {values.dtype} {values.shape}, but images must be uint8 {IMAGE_SHAPE}; remove "
            "npz.images to read it as an array."
        )
    if is_image and images is not False:
        return "image"
    return "array" if values.ndim > 1 else _NUMBERS.get(values.dtype.kind, "string")


def load_array(path: str, key: str) -> np.ndarray:
    """Returns an array of an archive: numbers, or text with one value a row."""
    return _cached(path, key, Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _cached(path: str, key: str, modified_ns: int) -> np.ndarray:
    """Unpacks an array once for all shards of a process."""
    import numpy as np

    del modified_ns  # only makes a changed file a different key
    values = _load(path, key)
    if not values.ndim:
        raise ConfigError(f"Array {key!r} of {path} is a single value; save an array with one value or row an example.")
    is_scalar = values.ndim == 1
    if values.dtype.kind == "S":
        values = _decoded(values, key, path)
    if values.dtype.kind not in ("biufUS" if is_scalar else "biuf"):
        raise ConfigError(
            f"Array {key!r} of {path} is {values.dtype} {values.shape}; save it as numbers, or as text with one value "
            "a row."
        )
    if is_scalar and values.dtype.kind in "bu":
        fits = not values.size or values.max() <= np.iinfo(np.int64).max
        return np.asarray(values.astype(np.int64 if fits else np.float64))
    return np.asarray(values)


def _load(path: str, key: str) -> Any:
    """Unpacks an array of an archive.

    Raises:
      ConfigError: It is damaged, holds Python objects, or does not fit into memory.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            found = archive[key]
    except ValueError as error:
        if "pickle" not in str(error):
            raise ConfigError(f"Array {key!r} of {path} is damaged ({error}); copy or save it again.") from None
        raise ConfigError(
            f"Array {key!r} of {path} holds pickled objects, which could run code; save it as numbers or text."
        ) from None
    except MemoryError as error:
        raise ConfigError(f"Array {key!r} of {path} does not fit into memory ({error}); save less in a file.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ConfigError(f"Array {key!r} of {path} is damaged ({error}); copy or save it again.") from None
    if not isinstance(found, np.ndarray):
        raise ConfigError(f"{key!r} of {path} is no array of NumPy; save the archive with numpy.savez.")
    return found


def _decoded(values: np.ndarray, key: str, path: str) -> np.ndarray:
    """Reads bytes as the text that they are."""
    import numpy as np

    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError:
        raise ConfigError(
            f"Array {key!r} of {path} holds bytes that are no UTF-8; save it as text or numbers."
        ) from None


def names_of(path: Path) -> list[str]:
    """Lists the arrays of an archive.

    Raises:
      ConfigError: It is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except zipfile.BadZipFile:
        with open(path, "rb") as file:
            is_single = file.read(len(_NPY)) == _NPY
        if is_single:
            raise ConfigError(
                f"{path} is a single array (.npy), which has no labels; save inputs and labels in one file with "
                "numpy.savez('data.npz', x=..., y=...)."
            ) from None
        raise ConfigError(f"{path} is not a complete .npz archive; save it with numpy.savez_compressed.") from None
