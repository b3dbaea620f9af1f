"""Looks into a folder of images: classes, sizes and channels, by the headers of a part of the files."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.images import OTHER_SUFFIXES, SUFFIXES, examine

_FILES_TO_OPEN = 400
_SIDES = (8, 16, 24, 28, 32, 48, 64, 96, 128)  # what images are resized to where their sizes differ, or are larger
_SPLIT_FOLDERS = frozenset({"train", "training", "test", "eval", "validation", "valid", "val", "dev"})
_MOST_MEGAPIXELS = 50e6


@dataclass(frozen=True)
class ImageSample:
    """What was seen of a folder of images.

    Attributes:
      counts: images of each class.
      rows: images in all.
      size: height and width that suit them.
      channels: 1 grey, 3 colour.
      sizes: in words, for the reader of the recipe.
      remarks: what else was seen.
      resized: whether the recipe must give the size.
      given: splits that the folder brings.
    """

    counts: dict[str, int]
    rows: int
    size: tuple[int, int]
    channels: int
    sizes: str
    remarks: tuple[str, ...]
    resized: bool
    given: tuple[str, ...]


def is_image_folder(folder: Path) -> bool:
    """Says whether some folder within holds images."""
    return next(_images(folder), None) is not None


def sample_images(folder: Path) -> ImageSample:
    """Looks into a folder with one sub-folder a class, perhaps below train and test.

    Raises:
      ConfigError: it has images but no class folders, or fewer than two classes.
    """
    roots, given = _roots(folder)
    files, empty = _files_of_classes(roots)
    if len(files) < 2:
        raise ConfigError(
            f"expected a folder of images for each class in {folder}, such as cat/1.png and dog/1.png, but "
            f"{counted(len(files), 'folder has', 'folders have')} images; sort the images into folders of classes"
        )
    rows = sum(map(len, files.values()))
    step = max(1, rows // _FILES_TO_OPEN)
    opened = [path for paths in files.values() for path in paths[::step]]
    shapes, bad = _shapes(opened)
    if not shapes:
        raise ConfigError(f"no image of {folder} can be read ({counted(len(opened), 'image')} opened)")
    size, sizes, resized = _choose_size(shapes)
    depths = {1 if shape[2] == 1 else 3 for shape in shapes}
    left_out = f"of {len(opened)} images that were opened, {bad} cannot be read; such are left out" if bad else ""
    return ImageSample(
        counts={name: len(paths) for name, paths in sorted(files.items(), key=lambda item: -len(item[1]))},
        rows=rows,
        size=size,
        channels=max(depths),
        sizes=sizes,
        remarks=tuple(filter(None, [left_out, _unread(roots), *_remarks(empty, depths)])),
        resized=resized,
        given=given,
    )


def _unread(roots: Sequence[Path]) -> str:
    """Says how many images in the folders of classes have formats that are not read."""
    entries = (entry for root in roots for folder in _folders(root) for entry in folder.iterdir())
    endings = Counter(entry.suffix.lower() for entry in entries if entry.suffix.lower() in OTHER_SUFFIXES)
    if not endings:
        return ""
    files = counted(endings.total(), "file is", "files are")
    return f"{files} left out, for what ends in {', '.join(sorted(endings))} is not read; save them as PNG or JPEG"


def _remarks(empty: Sequence[str], depths: Collection[int]) -> list[str]:
    """Says which folders are left out, and what becomes of grey images among others."""
    remarks = [f"class folders without an image are left out: {', '.join(empty)}"] if empty else []
    return remarks + (["grey images among those in colour become RGB"] if len(depths) > 1 else [])


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]


def _roots(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Finds the folders that hold folders of classes: those of the splits, where there is nothing else, or the whole.

    Returns:
      The folders, and the names of the splits.
    """
    parts = _folders(folder)
    if parts and all(entry.name.lower() in _SPLIT_FOLDERS for entry in parts):
        return parts, tuple(entry.name for entry in parts)
    return [folder], ()


def _files_of_classes(roots: Sequence[Path]) -> tuple[dict[str, list[Path]], list[str]]:
    """Lists the images of each class, and the names of class folders that have none."""
    files: dict[str, list[Path]] = {}
    for root in roots:
        for entry in _folders(root):
            files.setdefault(entry.name, []).extend(sorted(_images(entry, deep=False)))
    empty = [name for name, paths in files.items() if not paths]
    return {name: paths for name, paths in files.items() if paths}, empty


def _choose_size(shapes: Sequence[tuple[int, int, int]]) -> tuple[tuple[int, int], str, bool]:
    """Chooses the height and width that suit images.

    Args:
      shapes: Height, width and channels of each image that was opened.

    Returns:
      The size; the sizes that were seen, in words; and whether images must be resized.
    """
    heights, widths = sorted(shape[0] for shape in shapes), sorted(shape[1] for shape in shapes)
    height, width = heights[len(heights) // 2], widths[len(widths) // 2]
    sizes = f"{heights[0]}×{widths[0]}"
    different = heights[0] < heights[-1] or widths[0] < widths[-1]
    if different:
        sizes += f" to {heights[-1]}×{widths[-1]} (height × width)"
    elif max(height, width) <= _SIDES[-1]:
        return (height, width), sizes, False
    side = max((s for s in _SIDES if s <= min(height, width)), default=min(height, width))
    return (side, side), sizes, different or (side, side) != (height, width)


def choose_model(sample: ImageSample) -> tuple[dict[str, Any], str]:
    """Chooses a CNN by the size of the images: its stages end at a side of 4 to 8 pixels."""
    side, filters = min(sample.size), [32]
    while side >= 12 and len(filters) < 5:
        side, filters = side // 2, [*filters, min(128, 2 * filters[-1])]
    model: dict[str, Any] = {"family": "cnn", "filters": filters}
    if min(sample.size) >= 64:
        model["global_pooling"] = "average"
    model |= {"dense": [64], "dropout": 0.3}
    if min(sample.size) >= 16 and sample.rows < 20_000:
        model["augmentation"] = {"translate": 0.1, "zoom": 0.1}
    return model, f"images of {sample.size[0]}×{sample.size[1]} pixels"


def _shapes(paths: list[Path]) -> tuple[list[tuple[int, int, int]], int]:
    shapes, bad = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths:
            try:
                found = examine(path.read_bytes(), False, _MOST_MEGAPIXELS).shape
            except OSError:
                found = None
            if found is None:
                bad += 1
            else:
                shapes.append(found)
    return shapes, bad


def _images(folder: Path, deep: bool = True) -> Any:
    entries = folder.rglob("*") if deep else folder.iterdir()
    return (p for p in entries if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file())
