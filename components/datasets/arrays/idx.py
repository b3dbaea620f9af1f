"""IDX files, the format of MNIST: a magic number, the dimensions, the bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.arrays.arrays import (
    IMAGE_SHAPE,
    IMAGES_PER_SHARD,
    Part,
    check_lengths,
    columns_of,
    has_image_shape,
    is_channels_first,
    label_facts,
    rows_of,
    shards_of,
)
from kerasline.components.datasets.description import Dataset, Found, IdxOptions
from kerasline.components.datasets.files import Places, digest_file, missing_file, read_bytes

if TYPE_CHECKING:
    import numpy as np

# The names of MNIST's files, without .gz: part of the file name, split, what is in it.
FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
_UNSIGNED_BYTE = 0x08
_KINDS = {0x09: "signed bytes", 0x0B: "16-bit numbers", 0x0C: "32-bit numbers", 0x0D: "floats", 0x0E: "doubles"}


def find(options: IdxOptions, places: Places) -> Found:
    """Describes a folder of IDX files."""
    folder = places.find(options.path, folder=True)
    given = {
        "train_images": options.images,
        "train_labels": options.labels,
        "test_images": options.test_images,
        "test_labels": options.test_labels,
    }
    files = {key: _locate(folder, name or FILES[key], name is not None) for key, name in given.items()}
    for key in ("train_images", "train_labels"):
        if files[key] is None:
            raise ConfigError(missing_file(folder / (given[key] or FILES[key] + ".gz")))
    if (files["test_images"] is None) != (files["test_labels"] is None):
        there, absent = ("images", "labels") if files["test_images"] else ("labels", "images")
        raise ConfigError(
            f"{folder} has test {there} but no test {absent}; add {FILES['test_' + absent]}[.gz] or name "
            "them in data.idx."
        )
    return describe({key: str(path) for key, path in files.items() if path}, options.class_names)


def describe(files: Mapping[str, str], class_names: list[str] | None = None, **about: Any) -> Found:
    """Describes IDX files whose paths are known; ``about`` is title, source and licence.

    Args:
      files: keys of :data:`FILES` to paths.
      class_names: name of class 0, 1, ...
    """
    options = {"files": dict(files), "class_names": class_names}
    parts: dict[str | None, Part] = {None: _part(options, None)}
    if "test_images" in files:
        parts["test"] = _part(options, "test")
    if parts.get("test", parts[None]).columns["image"].shape[1:] != parts[None].columns["image"].shape[1:]:
        raise ConfigError(
            f"Images in {files['train_images']} and {files['test_images']} differ in size; check the files."
        )
    return Found(
        kind="image",
        columns=columns_of(parts, {"image": "image"}, {}),
        label=label_facts(
            parts, task="classification", origin=files["train_labels"],
            classes=tuple(class_names) if class_names else None,
        ),
        reader="idx",
        reader_options=options,
        shards=shards_of(parts, IMAGES_PER_SHARD),
        digest="".join(f"{key}={digest_file(path)};" for key, path in sorted(files.items())),
        **about,
    )  # fmt: skip


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard: images as PNG, labels as numbers or class names."""
    yield from rows_of(_part(dataset.reader_options, shard.get("split")), dataset, shard)


def complete_folder(folder: Path) -> dict[str, str] | None:
    """Returns the four files of a folder in MNIST's form, or None where one is absent."""
    files = {key: _locate(folder, name, exact=False) for key, name in FILES.items()}
    return None if None in files.values() else {key: str(path) for key, path in files.items()}


def read_idx(path: str, dimensions: tuple[int, ...]) -> np.ndarray:
    """Reads one IDX file of unsigned bytes.

    Args:
      path: plain or gzipped.
      dimensions: how many dimensions there may be, such as (3, 4) for images.

    Raises:
      ConfigError: not IDX, another kind of IDX, or too short or too long for its header.
    """
    import numpy as np

    content = read_bytes(path)
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ConfigError(
            f"{path} is not an IDX file: expected two zero bytes first, got {content[:4].hex(' ') or 'nothing'}."
        )
    kind, count = content[2], content[3]
    if kind != _UNSIGNED_BYTE or count not in dimensions:
        raise ConfigError(f"{path} has the IDX magic number {_describe_magic(content, dimensions)}")
    start = 4 + 4 * count
    if len(content) < start:
        raise ConfigError(f"{path} is truncated: it ends within its header; copy or download it again.")
    shape = struct.unpack(f">{count}I", content[4:start])
    expected = math.prod(shape)
    if len(content) - start != expected:
        state = "truncated" if len(content) - start < expected else "too long"
        raise ConfigError(
            f"{path} is {state}: its header promises {expected} bytes of data, it has "
            f"{len(content) - start}; copy or download it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _describe_magic(content: bytes, dimensions: tuple[int, ...]) -> str:
    """Says which magic number a file has, which it needs, and what to do."""
    wanted = " or ".join(f"0x{(_UNSIGNED_BYTE << 8) | number:08x}" for number in dimensions)
    advice = "are images and labels exchanged?"
    if content[2] in _KINDS:
        advice = f"it holds {_KINDS[content[2]]}; write unsigned bytes, or .npz, which holds any numbers."
    return f"0x{int.from_bytes(content[:4], 'big'):08x}, but {wanted} is needed; {advice}"


def _part(options: Mapping[str, Any], split: str | None) -> Part:
    import numpy as np

    prefix = "test" if split == "test" else "train"
    images_path, labels_path = (options["files"][f"{prefix}_{what}"] for what in ("images", "labels"))
    images = _cached(images_path, (3, 4), Path(images_path).stat().st_mtime_ns)
    labels: Any = _cached(labels_path, (1,), Path(labels_path).stat().st_mtime_ns).astype(np.int64)
    if not has_image_shape(images):
        advice = " Their channels come first; write them last." if is_channels_first(images.shape[1:]) else ""
        raise ConfigError(f"{images_path} has the shape {images.shape}, but images must be {IMAGE_SHAPE}.{advice}")
    names = options["class_names"]
    if names:
        if len(labels) and labels.max() >= len(names):
            raise ConfigError(
                f"{labels_path} has label {labels.max()}, but class_names ends at {len(names) - 1}; name every class."
            )
        labels = np.array(names, dtype=object)[labels]
    return check_lengths(Part({"image": images}, labels), f"{images_path} with {Path(labels_path).name}")


@lru_cache(maxsize=4)
def _cached(path: str, dimensions: tuple[int, ...], modified_ns: int) -> np.ndarray:
    """Keeps what was read, so that the shards of one file do not unpack it again and again."""
    del modified_ns  # only makes a changed file a different key
    return read_idx(path, dimensions)


def _locate(folder: Path, name: str, exact: bool) -> Path | None:
    """Finds a file by its name, or by the spellings that copies of MNIST have."""
    dotted = name.replace("-idx", ".idx")
    spellings = [name] if exact else [name, f"{name}.gz", dotted, f"{dotted}.gz"]
    found = next((folder / spelling for spelling in spellings if (folder / spelling).is_file()), None)
    if found is None and exact:
        raise ConfigError(missing_file(folder / name))
    return found
