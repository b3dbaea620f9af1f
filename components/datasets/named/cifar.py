"""CIFAR-10 and CIFAR-100, from the python archives that their authors publish and Keras downloads."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.arrays import (
    IMAGES_PER_SHARD,
    Part,
    Parts,
    check_lengths,
    columns_of,
    digest_parts,
    label_facts,
    rows_of,
    shards_of,
)
from kerasline.components.datasets.description import Dataset, Found
from kerasline.components.datasets.files import PACKING_ERRORS, Places
from kerasline.components.datasets.named.keras_files import download, find_file
from kerasline.components.datasets.named.restricted_pickle import load_pickle

if TYPE_CHECKING:
    import numpy as np

OPTIONS_100 = {"label_mode": "fine"}
_FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
_ARCHIVES = {"cifar10": "cifar-10-python.tar.gz", "cifar100": "cifar-100-python.tar.gz"}
_TRAIN = {"cifar10": [f"data_batch_{number}" for number in range(1, 6)], "cifar100": ["train"]}
_TEST = {"cifar10": ["test_batch"], "cifar100": ["test"]}
_META = {"cifar10": "batches.meta", "cifar100": "meta"}


def find(name: str, places: Places, options: Mapping[str, Any]) -> Found:
    """Describes ``cifar10`` or ``cifar100``.

    Looked for in the data folder and in Keras' cache: the unpacked folder, or the archive.

    Raises:
      ConfigError: not there and no connection, or a damaged file.
    """
    mode = options.get("label_mode", "fine")
    if mode not in ("fine", "coarse"):
        raise ConfigError(f"data.options.label_mode must be fine (100 classes) or coarse (20), got {mode!r}.")
    path = _locate(name, places)
    if path is None:
        download(name, places, _ARCHIVES[name])
        path = _locate(name, places)
    if path is None:
        raise ConfigError(f"Keras downloaded {name} but {_FOLDERS[name]} is not in its cache; check KERAS_HOME.")
    reading = {"name": name, "path": str(path), "mode": mode}
    parts: Parts = {split: _part(name, str(path), mode, split) for split in (None, "test")}
    return Found(
        kind="image",
        columns=columns_of(parts, {"image": "image"}, {}),
        label=label_facts(parts, task="classification", classes=_class_names(name, str(path), mode), origin=str(path)),
        reader="cifar",
        reader_options=reading,
        shards=shards_of(parts, IMAGES_PER_SHARD),
        digest=digest_parts(parts),
    )


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard."""
    options = dataset.reader_options
    part = _part(options["name"], options["path"], options["mode"], shard.get("split"))
    yield from rows_of(part, dataset, shard)


def _locate(name: str, places: Places) -> Path | None:
    folder, archive = _FOLDERS[name], _ARCHIVES[name]
    # Keras unpacks into a folder of its own around the archive's folder.
    return find_file(places, name, (folder, f"{folder}-target/{folder}", f"{archive}", f"{folder}.tar.gz"))


@lru_cache(maxsize=4)
def _part(name: str, path: str, mode: str, split: str | None) -> Part:
    import numpy as np

    images: list[np.ndarray] = []
    labels: list[int] = []
    key = "labels" if name == "cifar10" else f"{mode}_labels"
    for file in _TEST[name] if split == "test" else _TRAIN[name]:
        batch = _batch(name, path, file)
        try:
            pixels = np.asarray(batch["data"], np.uint8).reshape(-1, 3, 32, 32)
            labels += [int(label) for label in batch[key]]
        except (KeyError, ValueError, TypeError) as error:
            raise ConfigError(f"{file} in {path} is not a CIFAR batch ({error}); download it again.") from None
        images.append(pixels.transpose(0, 2, 3, 1))
    names = np.array(_class_names(name, path, mode), dtype=object)
    if labels and max(labels) >= len(names):
        raise ConfigError(f"{path} has label {max(labels)} but {len(names)} class names; download it again.")
    return check_lengths(Part({"image": np.concatenate(images)}, names[labels]), path)


def _class_names(name: str, path: str, mode: str) -> tuple[str, ...]:
    key = "label_names" if name == "cifar10" else f"{mode}_label_names"
    names = _batch(name, path, _META[name]).get(key)
    if not names:
        raise ConfigError(f"{_META[name]} in {path} lacks {key}; download it again.")
    return tuple(str(n) for n in names)


def _batch(name: str, path: str, file: str) -> dict[str, Any]:
    origin = f"{file} in {path}"
    try:
        if Path(path).is_dir():
            with open(Path(path) / file, "rb") as stream:
                return _load(stream, origin)
        with tarfile.open(path) as archive:
            member = archive.extractfile(f"{_FOLDERS[name]}/{file}")
            if member is None:
                raise ConfigError(f"{origin} is not a file; download the archive again.")
            with member:
                return _load(member, origin)
    except (KeyError, tarfile.TarError, *PACKING_ERRORS) as error:
        raise ConfigError(f"{origin} cannot be read ({error}); download it again.") from None


def _load(stream: IO[bytes], origin: str) -> dict[str, Any]:
    batch = load_pickle(stream, origin, encoding="latin1")  # Python 2 wrote them: keys and names are ASCII
    if not isinstance(batch, dict):
        raise ConfigError(f"{origin} is not a CIFAR batch; download it again.")
    return batch
