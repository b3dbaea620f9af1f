"""Looks into a folder of images: classes, sizes and channels, by the headers of a part of the files."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.images import SUFFIXES, examine

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
    files: dict[str, list[Path]] = {}
    parts = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    given = tuple(entry.name for entry in parts if entry.name.lower() in _SPLIT_FOLDERS)
    roots = parts if parts and len(given) == len(parts) else [folder]
    for root in roots:
        for entry in sorted(root.iterdir()):
            if entry.is_dir() and not entry.name.startswith("."):
                files.setdefault(entry.name, []).extend(sorted(_images(entry, deep=False)))
    empty = [name for name, paths in files.items() if not paths]
    files = {name: paths for name, paths in files.items() if paths}
    if len(files) < 2:
        raise ConfigError(
            f"expected a folder of images for each class in {folder}, such as cat/1.png and dog/1.png, but "
            f"{counted(len(files), 'folder has', 'folders have')} images; sort the images into folders of classes"
        )
    step = max(1, sum(map(len, files.values())) // _FILES_TO_OPEN)
    opened = [path for paths in files.values() for path in paths[::step]]
    shapes, bad = _shapes(opened)
    if not shapes:
        raise ConfigError(f"no image of {folder} can be read ({counted(len(opened), 'image')} opened)")
    heights, widths = sorted(shape[0] for shape in shapes), sorted(shape[1] for shape in shapes)
    height, width = heights[len(heights) // 2], widths[len(widths) // 2]
    different = heights[0] < heights[-1] or widths[0] < widths[-1]
    sizes = f"{heights[0]}×{widths[0]}" + (f" to {heights[-1]}×{widths[-1]} (height × width)" if different else "")
    size = (height, width)
    if different or max(height, width) > _SIDES[-1]:
        side = max((s for s in _SIDES if s <= min(height, width)), default=min(height, width))
        size = (side, side)
    channels = Counter(1 if shape[2] == 1 else 3 for shape in shapes)
    remarks = [f"of {len(opened)} images that were opened, {bad} cannot be read; such are left out"] if bad else []
    remarks += [f"class folders without an image are left out: {', '.join(empty)}"] if empty else []
    if len(channels) > 1:
        remarks.append("grey images among those in colour become RGB")
    counts = {name: len(paths) for name, paths in sorted(files.items(), key=lambda item: -len(item[1]))}
    return ImageSample(
        counts, sum(counts.values()), size, 1 if set(channels) == {1} else 3, sizes, tuple(remarks),
        resized=different or size != (height, width), given=given if roots == parts else (),
    )  # fmt: skip


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
