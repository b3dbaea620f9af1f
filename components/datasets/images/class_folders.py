"""Finds the folders of classes: directly below a folder, or below its folders of splits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from kerasline.components.core import ConfigError
from kerasline.components.datasets.images.image_check import SUFFIXES, path_problem

_SPLITS = {"train": None, "training": None, "test": "test", "testing": "test", "eval": "eval", "val": "eval",
           "valid": "eval", "validation": "eval"}  # fmt: skip


@dataclass(frozen=True)
class ClassFolder:
    """The images of one class in one split.

    Attributes:
      folder: Where the images lie.
      label: The folder's name.
      split: The one that the source assigned, or None.
      names: Files that look like images, sorted.
    """

    folder: Path
    label: str
    split: str | None
    names: tuple[str, ...]


def find_class_folders(root: Path, split: str | None, inside: Path, skipped: list[str]) -> list[ClassFolder]:
    """Lists the class folders below a folder, or below its train, test and eval folders.

    Args:
      root: The folder.
      split: The one that all of its images belong to; None lets the names of its folders tell.
      inside: Folder that links may not lead out of, and that paths are told from.
      skipped: Takes in words what lies there and is no image of a class.

    Raises:
      ConfigError: There are no class folders, or there are folders of splits but none for training.
    """
    below = _split_folders(root) if split is None else {}
    if not below:
        return _class_folders(root, split, inside, skipped)
    if all(below.values()):
        raise ConfigError(f"{root} has {', '.join(entry.name for entry in below)} but no train folder; add one.")
    return [group for entry in below for group in _class_folders(entry, below[entry], inside, skipped)]


def image_names(folder: Path) -> list[str]:
    """Lists the files of a folder that are images by their names, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is_image(entry.name) and not _is_folder(entry))


def told_from(path: Path, root: Path) -> str:
    """Writes a path as it is seen from a folder, for messages."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _split_folders(root: Path) -> dict[Path, str | None]:
    """Returns the folders of splits with the split of each, None for training; nothing where others are beside them."""
    below = [entry for entry in _visible(root) if entry.is_dir()]
    if any(entry.name.lower() not in _SPLITS for entry in below):
        return {}
    return {entry: _SPLITS[entry.name.lower()] for entry in below}


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _class_folders(parent: Path, split: str | None, inside: Path, skipped: list[str]) -> list[ClassFolder]:
    groups = []
    entries = _visible(parent)
    for entry in entries:
        if not entry.is_dir():
            skipped.append(f"{told_from(entry, inside)}: not in a class folder")
        elif entry.is_symlink() and not entry.resolve().is_relative_to(inside.resolve()):
            skipped.append(f"{told_from(entry, inside)}: {path_problem(entry, inside.resolve())}")
        else:
            names = image_names(entry)
            skipped += _left_out(entry, names, inside)
            groups.append(ClassFolder(entry, entry.name, split, tuple(names)))
    if not groups:
        hint = " It has images, but not in folders of classes." if any(_is_image(e.name) for e in entries) else ""
        raise ConfigError(
            f"{parent} has no class folders; put the images into one folder a class or give images.labels_csv.{hint}"
        )
    return groups


def _left_out(folder: Path, names: list[str], inside: Path) -> list[str]:
    """Says what lies in a class folder beside its images."""
    others = {name for name in os.listdir(folder) if not name.startswith(".")} - set(names)
    lines = []
    for entry in (folder / name for name in sorted(others)):
        what = "a folder within a class folder" if entry.is_dir() else "not an image by its name"
        lines.append(f"{told_from(entry, inside)}: {what}")
    return lines


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in circles, which is told where files are looked at
        return False


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")
