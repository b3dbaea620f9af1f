"""Folders of images: one sub-folder a class."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, nearest
from kerasline.components.datasets.description import Dataset, Found, ImageOptions, LabelFacts, indices_of
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.images.class_folders import (
    ClassFolder,
    find_class_folders,
    image_names,
    mask_notes,
    told_from,
    why_no_image,
)
from kerasline.components.datasets.images.image_check import check_all, plain_bytes
from kerasline.components.datasets.images.survey import Survey

_IMAGES_PER_SHARD = 1024
_MAX_LISTED = 100


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
    counts: Counter[str | int | float] = Counter()
    shards: list[dict[str, Any]] = []
    unusable: list[str] = []
    next_row: Counter[str | None] = Counter()
    survey = Survey()
    groups = _all_folders(options, places, root, skipped)
    for group in groups:
        names, problems = _examine(group, options, root, survey)
        unusable += map(str, problems)
        skipped += [f"{told_from(path, root)}: {problem}" for path, problem in problems.items()]
        if names:
            counts[group.label] += len(names)
            shards += _shards(group, names, next_row[group.split])
            next_row[group.split] += len(names)
        elif options.empty_classes == "fail":
            raise ConfigError(
                f"Class folder {group.folder} has no usable image; fill it, remove it, or set "
                f"images.empty_classes: skip. {_reason(group, problems)}."
            )
        else:
            skipped.append(f"{told_from(group.folder, root)}: class folder without a usable image")
    _check_classes(counts, shards, root)
    return Found(
        kind="image",
        columns=(survey.column(),),
        label=LabelFacts("label", "string", counts, counts.total(), task="classification", origin=str(root)),
        reader="images",
        reader_options={"unusable": unusable},
        shards=shards,
        digest=survey.digest,
        title=root.name,
        skipped=shortened(skipped),
        notes=(*survey.notes, *alike_notes(counts), *mask_notes(groups)),
    )


def _reason(group: ClassFolder, problems: Mapping[Path, str]) -> str:
    """Says why a class folder has no image that can be used."""
    path, problem = next(iter(problems.items()), (group.folder, ""))
    reason = f"the first of its images, {path.name}: {problem}"
    reason = reason if problems else why_no_image(group.folder)
    return reason[0].upper() + reason[1:]


def alike_notes(classes: Iterable[object]) -> list[str]:
    """Notes the classes whose names differ in capitals or in spaces around them alone, as by mistake."""
    spellings: dict[str, list[str]] = {}
    for name in map(str, classes):
        spellings.setdefault(name.strip().casefold(), []).append(name)
    return [
        f"classes {' and '.join(map(repr, names))} differ in capitals or spaces alone; name them alike if they are one "
        "class"
        for names in spellings.values()
        if len(names) > 1
    ]


def _all_folders(options: ImageOptions, places: Places, root: Path, skipped: list[str]) -> list[ClassFolder]:
    """Lists the class folders of all splits; a folder that the recipe names for testing takes the place of others."""
    folders = find_class_folders(root, None, root, skipped)
    if options.test_path is None:
        return folders
    test_root = places.find(options.test_path, folder=True)
    return [f for f in folders if f.split != "test"] + find_class_folders(test_root, "test", test_root, skipped)


def _examine(
    group: ClassFolder, options: ImageOptions, root: Path, survey: Survey
) -> tuple[list[str], dict[Path, str]]:
    """Looks at the images of a class folder.

    Args:
      group: The folder.
      options: How thorough to be, and which images are too large.
      root: Folder of the data, which links may not lead out of.
      survey: Takes in every image.

    Returns:
      The names of those that can be used; and the paths of the others, with the reason.
    """
    paths = [group.folder / name for name in group.names]
    inside = root if options.test_path is None else group.folder.parent
    usable: list[str] = []
    problems: dict[Path, str] = {}
    checks = check_all(inside, paths, options.check == "decode", options.max_megapixels * 1e6)
    for path, checked in zip(paths, checks, strict=True):
        survey.add(checked, f"{group.split}/{group.label}/{path.name}")
        if checked.shape is None:
            problems[path] = checked.problem
        else:
            usable.append(path.name)
    return usable, problems


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
        names = [name for name in image_names(folder) if str(folder / name) not in unusable]
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


def _check_classes(classes: Collection[object], shards: Sequence[Mapping[str, Any]], root: Path) -> None:
    """Refuses a single class, and classes that are not trained."""
    if len(classes) == 1:
        raise ConfigError(
            f"{root} has images of only one class, {next(iter(classes))!r}, so there is nothing to learn; add a "
            "folder of another class, or name the folder above it under images.path."
        )
    trained = {shard["label"] for shard in shards if "split" not in shard}
    other = sorted({shard["label"] for shard in shards} - trained)
    if other:
        raise ConfigError(
            f"Class {other[0]!r} is in the test or eval images of {root} but not in those for training; add "
            f"some or remove it.{nearest(other[0], sorted(trained))}"
        )
