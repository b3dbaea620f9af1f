"""NumPy archives (.npz) of arrays with one row an example."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kerasline.components.core import ConfigError, counted, nearest
from kerasline.components.datasets.arrays.arrays import (
    IMAGES_PER_SHARD,
    TABLE_ROWS_PER_SHARD,
    Dtype,
    Part,
    Parts,
    check_lengths,
    columns_of,
    label_facts,
    rows_of,
    shards_of,
)
from kerasline.components.datasets.description import Dataset, Found, NpzOptions, multi_facts
from kerasline.components.datasets.files import Places, digest_file

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Keys:
    """Which arrays of an archive are what.

    Attributes:
      features: Key of each column's array, by the column's name.
      label: Key of the labels.
      test_features: The same columns of the test split, or None.
      test_label: Key of the labels of the test split.
    """

    features: dict[str, str]
    label: str
    test_features: dict[str, str] | None = None
    test_label: str | None = None


def find(options: NpzOptions, places: Places) -> Found:
    """Describes an archive.

    uint8 arrays (rows, height, width[, channels]) are images, (rows,) numbers or text are columns, anything else is an
    array of float32. One-hot labels become class numbers; rows whose label is NaN are skipped.

    Raises:
      ConfigError: a key is not there, row counts differ, or the archive holds pickled objects.
    """
    path = places.find(options.path)
    known = _names(path)
    features = {_bare(key): _key(key, known, path) for key in _listed(options.features)}
    keys = Keys(features, _key(options.label, known, path))
    tests = _listed(options.test_features or [f"{name}_test" for name in features])
    test_label = options.test_label or f"{_bare(keys.label)}_test"
    asked = options.test_features is not None or options.test_label is not None
    if not asked and not {*tests, test_label} <= set(known):
        return describe(path, keys, images=options.images)
    if len(tests) != len(features):
        raise ConfigError(f"npz.test_features has {len(tests)} keys, but npz.features has {len(features)}.")
    test_features = {name: _key(key, known, path) for name, key in zip(features, tests, strict=True)}
    keys = replace(keys, test_features=test_features, test_label=_key(test_label, known, path))
    return describe(path, keys, label_name=_bare(keys.label), images=options.images)


def describe(path: Path, keys: Keys, *, label_name: str | None = None, images: bool | None = None) -> Found:
    """Describes an archive whose keys are known.

    Args:
      path: The archive.
      keys: Which of its arrays are what.
      label_name: Name of the label's feature; by default that of its array, or ``label`` beside images.
      images: Whether arrays of bytes are images; None lets their shape tell.
    """
    options = {"path": str(path), "keys": asdict(keys), "images": images}
    first = _part(options, None)
    parts: dict[str | None, Part] = {None: first}
    if keys.test_features:
        parts["test"] = _part(options, "test")
    dtypes = {column: _dtype(column, values, images, path) for column, values in first.columns.items()}
    _check_shapes(parts, path)
    kind = _kind(dtypes.values())
    name = label_name or ("label" if "image" in keys.features else _bare(keys.label))
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


def _listed(keys: str | list[str]) -> list[str]:
    return [keys] if isinstance(keys, str) else keys


def _check_shapes(parts: Parts, path: Path) -> None:
    """Refuses columns whose values have another shape in the test rows."""
    for column in parts[None].columns:
        shapes = {part.columns[column].shape[1:] for part in parts.values()}
        if len(shapes) > 1:
            raise ConfigError(f"Train and test rows of {column!r} in {path} differ in shape: {sorted(shapes)}.")


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
    columns = {name: _array(options["path"], key) for name, key in features.items()}
    labels = _label(_array(options["path"], label))
    part = check_lengths(Part(columns, labels), f"{options['path']} ({label})")
    usable = _usable(labels)
    if usable.all():
        return part
    return Part({name: values[usable] for name, values in columns.items()}, labels[usable])


def _skipped(options: Mapping[str, Any], split: str | None) -> str:
    label = _keys(options, split)[1]
    count = int((~_usable(_label(_array(options["path"], label)))).sum())
    return (
        f"{Path(options['path']).name}: {counted(count, 'row')} whose {label!r} is not a finite number" if count else ""
    )


def _keys(options: Mapping[str, Any], split: str | None) -> tuple[dict[str, str], str]:
    keys = options["keys"]
    return (keys["test_features"], keys["test_label"]) if split == "test" else (keys["features"], keys["label"])


def _usable(labels: np.ndarray) -> np.ndarray:
    import numpy as np

    if labels.dtype.kind != "f":
        return np.ones(len(labels), bool)
    return np.asarray(np.isfinite(labels).all(axis=tuple(range(1, labels.ndim))))


def _label(labels: np.ndarray) -> np.ndarray:
    """Brings labels to (rows,) or, for several labels a row, (rows, labels)."""
    import numpy as np

    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.size and np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all():
        return np.asarray(labels.argmax(axis=1))
    if labels.dtype.kind == "b":
        return labels.astype(np.int64)
    return labels.astype(str).astype(object) if labels.dtype.kind in "US" else labels


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
    is_image = values.ndim == 3 or (values.ndim == 4 and 1 <= values.shape[3] <= 4)
    if images and not (is_image and values.dtype.name == "uint8"):
        raise ConfigError(
            f"{path}: {name!r} is {values.dtype} {values.shape}, but images must be uint8 (rows, height, "
            "width[, channels]); remove npz.images to read it as an array."
        )
    if is_image and values.dtype.name == "uint8" and images is not False:
        return "image"
    if values.ndim > 1:
        return "array"
    return {"i": "int", "u": "int", "b": "int", "f": "float"}.get(values.dtype.kind, "string")  # type: ignore[return-value]


def _array(path: str, key: str) -> np.ndarray:
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
            return archive[key]
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


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except zipfile.BadZipFile:
        raise ConfigError(f"{path} is not a complete .npz archive; save it with numpy.savez_compressed.") from None


def _key(key: str, known: list[str], path: Path) -> str:
    for spelling in (key, f"{key}_train"):
        if spelling in known:
            return spelling
    raise ConfigError(f"{path} has no array {key!r}; its arrays are {', '.join(known)}.{nearest(key, known)}")


def _bare(key: str) -> str:
    return key.removesuffix("_train")
