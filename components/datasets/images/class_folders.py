"""Finds the folders of classes: directly below a folder, or below its folders of splits."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.images.image_check import SUFFIXES, path_problem

_SPLITS = {"train": None, "training": None, "test": "test", "testing": "test", "eval": "eval", "val": "eval",
           "valid": "eval", "validation": "eval", "dev": "eval"}  # fmt: skip
_SPLIT_NAME = re.compile(rf"({'|'.join(_SPLITS)})(?:[ _-]?(?:set|data|images))?", re.IGNORECASE)
_MASK_NAME = re.compile(r"(.+)[ _-](?:mask|masks|seg|segmentation)(\.\w+)", re.IGNORECASE)
_MASK_FOLDERS = frozenset({"mask", "masks", "segmentation", "segmentations", "annotations", "ground_truth"})
# What systems and programs leave among data, in lower case; so is what begins with a dot.
_LITTER = frozenset(
    {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information", "lost+found",
     "__pycache__"}
)  # fmt: skip
_SHOWN = 5  # names in a message


@dataclass(frozen=True)
class ClassFolder:
    """The images of one class in one split.

    Attributes:
      folder: Where the images lie.
      label: The folder's name; a name has one spelling, whichever way a system composes its letters.
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
      ConfigError: There are no class folders; or there are folders of splits but none for training, or folders of
        images beside them.
    """
    root = _without_wrappers(root, inside, skipped, within_split=split is not None)
    splits = _split_folders(root, inside, skipped) if split is None else {}
    if not splits:
        return _class_folders(root, split, inside, skipped)
    if all(splits.values()):
        raise ConfigError(f"{root} has {', '.join(entry.name for entry in splits)} but no train folder; add one.")
    unwrapped = {entry: _without_wrappers(entry, inside, skipped, within_split=True) for entry in splits}
    return [group for entry in splits for group in _class_folders(unwrapped[entry], splits[entry], inside, skipped)]


def mask_notes(groups: Sequence[ClassFolder]) -> list[str]:
    """Notes images that seem to be masks of others, and folders of masks among those of classes."""
    masks = [group.folder / name for group in groups for name in _masks(group.names)]
    folders = sorted({group.label for group in groups if group.label.lower() in _MASK_FOLDERS})
    notes = [f"the folder {name} seems to hold masks of the images, not images of a class" for name in folders]
    if masks:
        seem = counted(len(masks), "image seems to be a mask", "images seem to be masks")
        notes.append(f"{seem} of one beside it, such as {masks[0].name}; move them elsewhere, or they are learned, too")
    return notes


def _masks(names: Sequence[str]) -> list[str]:
    stems = {Path(name).stem for name in names}
    return [name for name in names if (mask := _MASK_NAME.fullmatch(name)) and mask[1] in stems]


def _without_wrappers(folder: Path, inside: Path, skipped: list[str], *, within_split: bool) -> Path:
    """Returns the folder within folders that hold one folder and no images, as packed files leave them.

    Args:
      folder: The outermost.
      inside: Folder that paths are told from.
      skipped: Takes in words what lies beside the folders.
      within_split: Whether the split is known, so that the name of one means nothing any more.
    """
    while True:
        within = visible_folders(folder)
        if len(within) != 1 or image_names(folder) or not _has_folders_alone(within[0]):
            return folder
        if not within_split and _SPLIT_NAME.fullmatch(within[0].name):
            return folder
        skipped += _files_beside(within, folder, inside)
        folder = within[0]


def image_names(folder: Path) -> list[str]:
    """Lists the files of a folder that are images by their names, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is_image(entry.name) and not _is_folder(entry))


def told_from(path: Path, root: Path) -> str:
    """Writes a path as it is seen from a folder, for messages."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def why_no_image(folder: Path) -> str:
    """Says what a folder holds in the place of images."""
    entries, within = _visible(folder), visible_folders(folder)
    if within:
        return (
            f"it has folders ({_listed(within)}), not images; put the images of a class directly into its folder, or "
            f"name under images.path the folder whose folders are the classes, such as {folder}"
        )
    endings = Counter(entry.suffix.lower() for entry in entries)
    if not endings:
        return "it is empty"
    ((ending, count),) = endings.most_common(1)
    what = f"end in {ending}" if ending else "have no ending such as .png"
    return f"{count} of its files {what}, but only {', '.join(SUFFIXES)} are read; convert or rename them"


def _split_folders(root: Path, inside: Path, skipped: list[str]) -> dict[Path, str | None]:
    """Returns the folders of splits with the split of each, None for training; nothing where there are none.

    A class may be called train, too: beside other folders, one of a split has no images but folders of them.

    Raises:
      ConfigError: Other folders have images, too, so that it is open what the classes are.
    """
    below = visible_folders(root)
    named = {entry: _SPLIT_NAME.fullmatch(entry.name) for entry in below}
    splits = {entry: _SPLITS[name[1].lower()] for entry, name in named.items() if name}
    others = sorted(set(below) - set(splits))
    if not splits or (others and not all(map(_has_folders_alone, splits))):
        return {}
    classes = list(filter(_has_images, others))
    if classes:
        raise ConfigError(
            f"{root} has folders of splits ({_listed(list(splits))}) and folders of images beside "
            f"them ({_listed(classes)}), so it is open which folders are the classes; move one kind elsewhere."
        )
    skipped += [f"{told_from(entry, inside)}: neither train, test nor eval, and without images" for entry in others]
    skipped += _files_beside(below, root, inside)
    return splits


def _has_folders_alone(folder: Path) -> bool:
    if not folder.is_dir() or folder.is_symlink():
        return False
    return not image_names(folder) and bool(visible_folders(folder))


def _has_images(folder: Path) -> bool:
    """Says whether images lie in a folder or in the folders of it."""
    return any(map(image_names, [folder, *visible_folders(folder)]))


def _visible(folder: Path) -> list[Path]:
    return sorted(folder / name for name in os.listdir(folder) if not is_left_behind(name))


def visible_folders(folder: Path) -> list[Path]:
    """Lists the folders in a folder but for those that systems and programs leave there, sorted."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry) for entry in entries if not is_left_behind(entry.name) and _is_folder(entry))


def is_left_behind(name: str) -> bool:
    """Says whether a file or folder is one that systems and programs leave among data."""
    return name.startswith(".") or name.lower() in _LITTER


def _class_folders(parent: Path, split: str | None, inside: Path, skipped: list[str]) -> list[ClassFolder]:
    groups, links = [], []
    folders = visible_folders(parent)
    skipped += _files_beside(folders, parent, inside)
    for entry in folders:
        if entry.is_symlink() and not entry.resolve().is_relative_to(inside.resolve()):
            links.append(f"{told_from(entry, inside)}: {path_problem(entry, inside.resolve())}")
        else:
            names = image_names(entry)
            skipped += _left_out(entry, names, inside)
            groups.append(ClassFolder(entry, unicodedata.normalize("NFC", entry.name), split, tuple(names)))
    if not groups:
        reason = f"{links[0]}; copy it" if links else _no_classes(parent, split)
        raise ConfigError(f"{parent} has no class folders; {reason}")
    skipped += links
    return groups


def _files_beside(folders: Sequence[Path], parent: Path, inside: Path) -> list[str]:
    """Says what lies beside folders of a folder."""
    others = sorted({*_visible(parent)} - {*folders})
    return [f"{told_from(entry, inside)}: not in a class folder" for entry in others]


def _no_classes(parent: Path, split: str | None) -> str:
    """Says what to do about a folder without class folders."""
    advice = "put the images into one folder a class or give images.labels_csv."
    if not image_names(parent):
        return advice
    if split is None:
        return f"{advice} It has images, but not in folders of classes."
    return f"{advice} It has images, but without labels none can be used: move {parent.name} elsewhere for now."


def _left_out(folder: Path, names: list[str], inside: Path) -> list[str]:
    """Says what lies in a class folder beside its images."""
    others = {name for name in os.listdir(folder) if not is_left_behind(name)} - set(names)
    lines = []
    for entry in (folder / name for name in sorted(others)):
        what = _told_within(entry) if entry.is_dir() else "not an image by its name"
        lines.append(f"{told_from(entry, inside)}: {what}")
    return lines


def _told_within(folder: Path) -> str:
    count = count_images(folder)
    more = f"; {counted(count, 'image')} in it {'is' if count == 1 else 'are'} not read" if count else ""
    return f"a folder within a class folder{more}"


def count_images(folder: Path) -> int:
    """Counts the images, by their names, in a folder and in those within it; a link to a folder has none."""
    count = 0
    for _, within, names in () if folder.is_symlink() else os.walk(folder):
        within[:] = [name for name in within if not is_left_behind(name)]
        count += sum(map(_is_image, names))
    return count


def _listed(folders: Sequence[Path]) -> str:
    more = f" and {len(folders) - _SHOWN} more" if len(folders) > _SHOWN else ""
    return ", ".join(folder.name for folder in folders[:_SHOWN]) + more


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in circles, which is told where files are looked at
        return False


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")
