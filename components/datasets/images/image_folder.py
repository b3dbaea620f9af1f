"""Folders of images: one sub-folder a class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import Column, Dataset, Found, ImageOptions, LabelFacts, indices_of
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.images.image_check import SUFFIXES, Checked, check_all, path_problem, plain_bytes

_IMAGES_PER_SHARD = 1024
_MAX_LISTED = 100
_EIGHT_BITS, _SIXTEEN_BITS = 255, 65_535
_SPLITS = {"train": None, "training": None, "test": "test", "testing": "test", "eval": "eval", "val": "eval",
           "valid": "eval", "validation": "eval"}  # fmt: skip


@dataclass(frozen=True)
class ClassFolder:
    """The images of one class in one split.

    Attributes:
      folder: of the images.
      label: the folder's name.
      split: that the source assigned, or None.
      names: files that look like images, sorted.
    """

    folder: Path
    label: str
    split: str | None
    names: tuple[str, ...]


def find(options: ImageOptions, places: Places) -> Found:
    """Describes a folder of images.

    Files that are damaged, too large, of another format, or links out of the folder are listed in
    ``skipped``. Names that begin with a dot are passed over. A class folder without a usable image is an
    error, or listed if the options say so.

    Raises:
      ConfigError: no class folders, an empty class, or a class that only the test split has.
    """
    root = places.find(options.path, folder=True)
    skipped: list[str] = []
    folders = _folders(root, None, root, skipped)
    if options.test_path is not None:
        test_root = places.find(options.test_path, folder=True)
        folders = [f for f in folders if f.split != "test"] + _folders(test_root, "test", test_root, skipped)
    counts: dict[str | int | float, int] = {}
    shards: list[dict[str, Any]] = []
    unusable: list[str] = []
    next_row: dict[str | None, int] = {}
    survey = Survey()
    for group in folders:
        paths = [group.folder / name for name in group.names]
        good = []
        inside = root if options.test_path is None else group.folder.parent
        checks = check_all(inside, paths, options.check == "decode", options.max_megapixels * 1e6)
        for path, checked in zip(paths, checks, strict=True):
            survey.add(checked, f"{group.split}/{group.label}/{path.name}")
            if checked.shape is None:
                unusable.append(str(path))
                skipped.append(f"{_shown(path, root)}: {checked.problem}")
            else:
                good.append(path.name)
        if not good:
            if options.empty_classes == "fail":
                raise ConfigError(
                    f"Class folder {group.folder} has no usable image; fill it, remove it, or set "
                    "images.empty_classes: skip."
                )
            skipped.append(f"{_shown(group.folder, root)}: class folder without a usable image")
            continue
        counts[group.label] = counts.get(group.label, 0) + len(good)
        shards += _shards(group, good, next_row.get(group.split, 0))
        next_row[group.split] = next_row.get(group.split, 0) + len(good)
    _check_classes(shards, root)
    return Found(
        kind="image",
        columns=(survey.column(),),
        label=LabelFacts("label", "string", counts, sum(counts.values()), task="classification", origin=str(root)),
        reader="images",
        reader_options={"unusable": unusable},
        shards=shards,
        digest=survey.digest,
        title=root.name,
        skipped=shortened(skipped),
        notes=survey.notes,
    )


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard: encoded bytes and the class.

    Raises:
      ConfigError: files came or went since the dataset was resolved.
    """
    for path in files_of(dataset, shard):
        yield {"image": read_image(path), dataset.label.name: shard["label"]}


def files_of(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[Path]:
    """Yields the files of a shard's rows."""
    unusable = set(dataset.reader_options["unusable"])
    folder = Path(shard["folder"])
    try:
        names = [name for name in _image_names(folder) if str(folder / name) not in unusable]
    except OSError:
        names = []
    if digest_names(names) != shard["names"]:
        raise ConfigError(f"The images in {folder} changed while the run was reading them; run again.")
    for index in indices_of(shard):
        yield folder / names[shard["start"] + index - shard["first"]]


def _shards(group: ClassFolder, names: Sequence[str], first: int) -> list[dict[str, Any]]:
    """Cuts a class folder into ranges of its usable files; ``first`` is its first row among those of its split."""
    digest = digest_names(names)
    shards = []
    for start in range(0, len(names), _IMAGES_PER_SHARD):
        shard: dict[str, Any] = {"folder": str(group.folder), "label": group.label, "names": digest, "start": start}
        shard |= {"first": first + start, "rows": min(_IMAGES_PER_SHARD, len(names) - start)}
        shards.append(shard if group.split is None else {**shard, "split": group.split})
    return shards


class Survey:
    """Collects sizes, channels and content of the images that are looked at."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._first: tuple[int, int, int] | None = None
        self._channels: set[int] = set()
        self._heights: set[int] = set()
        self._widths: set[int] = set()
        self._levels, self._deep, self._turned = _EIGHT_BITS, 0, 0

    def add(self, checked: Checked, name: str) -> None:
        """Takes in one image; ``name`` is part of the fingerprint."""
        self._digest.update(f"{name}\0{checked.digest}\0{checked.problem}\n".encode("utf-8", "surrogateescape"))
        if checked.shape is not None:
            self._first = self._first or checked.shape
            self._heights.add(checked.shape[0])
            self._widths.add(checked.shape[1])
            self._channels.add(checked.shape[2])
            self._levels = max(self._levels, checked.levels)
            self._deep += checked.levels > _EIGHT_BITS
            self._turned += checked.turned

    @property
    def digest(self) -> str:
        """The sha256 over names and contents."""
        return self._digest.hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """Says so where images differ."""
        found = []
        if len(self._heights) > 1 or len(self._widths) > 1:
            low, high = (f"{pick(self._heights)}×{pick(self._widths)}" for pick in (min, max))
            found.append(f"images differ in size (height × width): from {low} to {high}")
        if len(self._channels) > 1:
            kinds = {1: "grey", 3: "colour", 4: "colour with alpha"}
            found.append(f"images differ in channels: {', '.join(kinds[c] for c in sorted(self._channels))}")
        if self._deep and self._levels < _SIXTEEN_BITS:
            found.append(
                f"{counted(self._deep, 'image has', 'images have')} 16 bits a channel; their pixels are divided by "
                f"{self._levels:,}, the largest value of as many bits as they need"
            )
        if self._turned:
            found.append(
                f"{counted(self._turned, 'image is', 'images are')} turned as EXIF data says, here and by 'kerasline "
                "predict'; whoever sends images to the exported model turns them before"
            )
        return tuple(found)

    def column(self) -> Column:
        """Describes the column: size of the first image, and channels that suit all of them."""
        if self._first is None:
            raise ConfigError("None of the images can be used; see the reasons by setting images.empty_classes: skip.")
        channels = 4 if self._channels == {4} else 1 if self._channels == {1} else 3
        levels = self._levels if self._levels > _EIGHT_BITS else None
        return Column(name="image", dtype="image", shape=(*self._first[:2], channels), levels=levels)


def read_image(path: Path) -> bytes:
    """Reads one image for the graph.

    Raises:
      ConfigError: it is gone or no longer an image.
    """
    try:
        return plain_bytes(path)
    except (OSError, ValueError, SyntaxError):
        raise ConfigError(
            f"Image {path} cannot be decoded, or changed while the run was reading it; run again, with images.check: "
            "decode, which leaves such images out and lists them."
        ) from None


def shortened(lines: Sequence[str]) -> tuple[str, ...]:
    """Keeps the first hundred lines and counts the others."""
    if len(lines) <= _MAX_LISTED:
        return tuple(lines)
    return (*lines[:_MAX_LISTED], f"... and {len(lines) - _MAX_LISTED} more")


def digest_names(names: Sequence[str]) -> str:
    """Returns a short hash of file names, by which a worker sees that a folder changed."""
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _folders(root: Path, split: str | None, inside: Path, skipped: list[str]) -> list[ClassFolder]:
    """Lists the class folders below ``root``, or below its train, test and eval folders."""
    entries = sorted(entry for entry in root.iterdir() if not entry.name.startswith("."))
    below = [entry for entry in entries if entry.is_dir()]
    if split is None and below and {e.name.lower() for e in below} <= set(_SPLITS):
        if not any(_SPLITS[entry.name.lower()] is None for entry in below):
            raise ConfigError(f"{root} has {', '.join(e.name for e in below)} but no train folder; add one.")
        return [group for e in below for group in _class_folders(e, _SPLITS[e.name.lower()], inside, skipped)]
    return _class_folders(root, split, inside, skipped)


def _class_folders(parent: Path, split: str | None, inside: Path, skipped: list[str]) -> list[ClassFolder]:
    groups = []
    entries = sorted(entry for entry in parent.iterdir() if not entry.name.startswith("."))
    for entry in entries:
        if not entry.is_dir():
            skipped.append(f"{_shown(entry, inside)}: not in a class folder")
        elif entry.is_symlink() and not entry.resolve().is_relative_to(inside.resolve()):
            skipped.append(f"{_shown(entry, inside)}: {path_problem(entry, inside.resolve())}")
        else:
            names = _image_names(entry)
            for other in sorted(os.listdir(entry)):
                if other not in names and not other.startswith("."):
                    what = "a folder within a class folder" if (entry / other).is_dir() else "not an image by its name"
                    skipped.append(f"{_shown(entry / other, inside)}: {what}")
            groups.append(ClassFolder(entry, entry.name, split, tuple(names)))
    if not groups:
        hint = " It has images, but not in folders of classes." if any(_is_image(e.name) for e in entries) else ""
        raise ConfigError(
            f"{parent} has no class folders; put the images into one folder a class or give images.labels_csv.{hint}"
        )
    return groups


def _image_names(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if _is_image(name) and not (folder / name).is_dir())


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _check_classes(shards: Sequence[Mapping[str, Any]], root: Path) -> None:
    trained = {shard["label"] for shard in shards if "split" not in shard}
    other = sorted({shard["label"] for shard in shards} - trained)
    if other:
        raise ConfigError(
            f"Class {other[0]!r} is in the test or eval images of {root} but not in those for training; add "
            "some or remove it."
        )
