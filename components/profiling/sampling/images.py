"""Looks into a folder of images: classes, sizes and channels, by the headers of a part of the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.images import (
    OTHER_SUFFIXES,
    SUFFIXES,
    ClassFolder,
    check_all,
    count_images,
    find_class_folders,
    mask_notes,
    told_from,
    visible_folders,
    why_no_image,
)

_FILES_TO_OPEN = 400
_SIDES = (8, 16, 24, 28, 32, 48, 64, 96, 128)  # what images are resized to where their sizes differ, or are larger
_MOST_PIXELS = 50e6


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
    """Says whether some folder within holds images, or a link to a folder does."""
    linked = (entry for entry in folder.iterdir() if entry.is_symlink() and entry.is_dir())
    return any(_holds_images(place) for place in chain([folder], linked))


def sample_images(folder: Path) -> ImageSample:
    """Looks into a folder with one sub-folder a class, perhaps below train and test.

    Raises:
      ConfigError: it has images but no class folders, or fewer than two classes.
    """
    groups = find_class_folders(folder, None, folder, [])
    files = _files_of_classes(groups)
    empty = [group.folder for group in groups if not group.names]
    if len(files) < 2:
        raise _too_few_classes(folder, len(files), empty)
    rows = sum(map(len, files.values()))
    shapes, bad = _shapes(folder, files, max(1, rows // _FILES_TO_OPEN))
    size, sizes, resized = _choose_size(shapes)
    depths = {1 if shape[2] == 1 else 3 for shape in shapes}
    table = _table_beside(folder)
    untold = f"{table} beside the folders is not read; if it has the labels, name it under images.labels_csv"
    remarks = [bad, _unread(groups), _too_deep(groups), *_remarks([told_from(path, folder) for path in empty], depths)]
    remarks += [untold] * bool(table)
    return ImageSample(
        counts={name: len(paths) for name, paths in sorted(files.items(), key=lambda item: -len(item[1]))},
        rows=rows,
        size=size,
        channels=max(depths),
        sizes=sizes,
        remarks=tuple(filter(None, [*remarks, *mask_notes(groups)])),
        resized=resized,
        given=_given(groups),
    )


def _too_few_classes(folder: Path, count: int, empty: Sequence[Path]) -> ConfigError:
    advice = "sort the images into folders of classes"
    table = _table_beside(folder)
    if table:
        advice += f"; or, if {table} has a label for each, name it under images.labels_csv"
    if empty:
        advice = f"of {told_from(empty[0], folder)}: {why_no_image(empty[0])}"
    return ConfigError(
        f"expected a folder of images for each class in {folder}, such as cat/1.png and dog/1.png, but "
        f"{counted(count, 'folder has', 'folders have')} images; {advice}"
    )


def _table_beside(folder: Path) -> str:
    """Names a table in a folder of images; empty where there is none."""
    return min((path.name for path in folder.iterdir() if path.suffix.lower() == ".csv"), default="")


def _shapes(folder: Path, files: Mapping[str, Sequence[Path]], step: int) -> tuple[list[tuple[int, int, int]], str]:
    """Opens some images of each class.

    Returns:
      The shapes of those that can be read; and in words how many cannot, if any.

    Raises:
      ConfigError: None can be read.
    """
    opened = [path for paths in files.values() for path in paths[::step]]
    checks = list(check_all(folder, opened, False, _MOST_PIXELS))
    shapes = [checked.shape for checked in checks if checked.shape is not None]
    if not shapes:
        raise ConfigError(
            f"no image of {folder} can be read ({counted(len(opened), 'image')} opened). The first, "
            f"{told_from(opened[0], folder)}: {checks[0].problem}"
        )
    bad = len(checks) - len(shapes)
    return shapes, f"of {len(opened)} images that were opened, {bad} cannot be read; such are left out" if bad else ""


def _given(groups: Sequence[ClassFolder]) -> tuple[str, ...]:
    """Names the splits that a folder brings, if it brings any."""
    found = {group.split or "train" for group in groups}
    return tuple(name for name in ("train", "eval", "test") if name in found) if len(found) > 1 else ()


def _files_of_classes(groups: Sequence[ClassFolder]) -> dict[str, list[Path]]:
    """Lists the images of each class that has any."""
    files: dict[str, list[Path]] = {}
    for group in filter(lambda group: group.names, groups):
        files.setdefault(group.label, []).extend(group.folder / name for name in group.names)
    return files


def _unread(groups: Sequence[ClassFolder]) -> str:
    """Says how many images in the folders of classes have formats that are not read."""
    entries = (entry for group in groups for entry in group.folder.iterdir())
    endings = Counter(entry.suffix.lower() for entry in entries if entry.suffix.lower() in OTHER_SUFFIXES)
    if not endings:
        return ""
    files = counted(endings.total(), "file is", "files are")
    return f"{files} left out, for what ends in {', '.join(sorted(endings))} is not read; save them as PNG or JPEG"


def _too_deep(groups: Sequence[ClassFolder]) -> str:
    """Says how many images lie in folders within those of classes."""
    count = sum(count_images(entry) for group in groups for entry in visible_folders(group.folder))
    if not count:
        return ""
    images = counted(count, "image in a folder", "images in folders")
    return f"{images} within those of classes {'is' if count == 1 else 'are'} not read; put them into the class's own"


def _remarks(empty: Sequence[str], depths: Collection[int]) -> list[str]:
    """Says which folders are left out, and what becomes of grey images among others."""
    remarks = [f"class folders without an image are left out: {', '.join(empty)}"] if empty else []
    return remarks + (["grey images among those in colour become RGB"] if len(depths) > 1 else [])


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
    if min(height, width) < _SIDES[0]:  # a strip, of which a square would leave nothing
        return (min(height, _SIDES[-1]), min(width, _SIDES[-1])), sizes, True
    side = max(side for side in _SIDES if side <= min(height, width))
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


def _holds_images(folder: Path) -> bool:
    return any(
        path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        for path in folder.rglob("*")
    )
