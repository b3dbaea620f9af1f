"""Finds the image that a run stumbled over: with ``images.check: header`` only headers were read before it began."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from kerasline.components.core import KeraslineError
from kerasline.components.datasets.description import Dataset
from kerasline.components.datasets.images import examine, files_of
from kerasline.components.datasets.resolving import read_shard

_SECONDS = 120.0
_CHECKED = {"images": "images", "image_table": "images", "tfrecord": "tfrecord"}  # readers whose sources have 'check'
# What TensorFlow's decoders say; the names of the operations stand in the errors of graphs that were compiled.
_DECODING = re.compile(
    r"DecodeImage|DecodePng|DecodeJpeg|DecodeBmp|DecodeGif|decode_image|Unknown image file format|"
    r"[Ii]nvalid (?:PNG|JPEG|GIF|BMP) data|Input is (?:empty|truncated)"
)


def is_about_images(text: str) -> bool:
    """Says whether an error's text is about decoding an image."""
    return _DECODING.search(text) is not None


def explain_damage(dataset: Dataset) -> str:
    """Names an image of the data that cannot be decoded, and says what to do; looks for two minutes at most."""
    found = next(_damaged(dataset), None)
    what = "an image of the data cannot be decoded" if found is None else f"image {found[0]}: {found[1]}"
    advice = "leave it out"
    if dataset.reader in _CHECKED:
        advice = (
            f"{_CHECKED[dataset.reader]}.check: decode finds such images before the run, leaves them out and lists them"
        )
    return f"{what}; {advice}"


def _damaged(dataset: Dataset) -> Iterator[tuple[str, str]]:
    stop = time.monotonic() + _SECONDS
    for place, content in _contents(dataset):
        if time.monotonic() > stop:
            return
        problem = examine(content, True, float("inf")).problem
        if problem:
            yield place, problem


def _contents(dataset: Dataset) -> Iterator[tuple[str, bytes]]:
    """Yields every image with what it is called."""
    read = _files_of_shard if dataset.reader == "images" else _images_of_shard
    with suppress(OSError, KeraslineError):  # the data is no longer what it was
        for shard in dataset.shards:
            yield from read(dataset, shard)


def _files_of_shard(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    for path in files_of(dataset, shard):
        yield str(path), path.read_bytes()


def _images_of_shard(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yields the images that stand in rows, which have numbers in the place of names."""
    columns = [column.name for column in dataset.columns if column.dtype == "image"]
    origin = shard.get("path") or dataset.reader_options.get("path") or dataset.name
    for number, (_, row) in enumerate(read_shard(dataset, shard), start=int(shard.get("first", 0)) + 1):
        for name in columns:
            if row[name]:
                yield f"{number} of {origin}", row[name]
