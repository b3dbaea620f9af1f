"""IMDB reviews and Reuters newswires as sequences of word ids, from Keras' files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

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
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.named.keras_files import download, find_file
from kerasline.components.datasets.named.restricted_pickle import load_object_array

OPTIONS: dict[str, Any] = {"num_words": 10_000, "length": 200}
CLASSES = {
    "imdb": ("negative", "positive"),
    "reuters": (
        "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee", "sugar",
        "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp",
        "meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel",
        "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog",
        "lead",
    ),
}  # fmt: skip
# Keras' convention: 0 pads, 1 starts, 2 stands for rarer words, the words' own ids begin after 3.
_START, _RARE, _OFFSET = 1, 2, 3


def find(name: str, places: Places, options: Mapping[str, Any]) -> Found:
    """Describes ``imdb`` or ``reuters``.

    The ids are those of ``keras.datasets``: 0 pads, 1 starts, 2 is any word beyond ``num_words``. Of longer
    texts the last ``length`` ids are kept; shorter ones are filled with 0 at their end.

    Args:
      name: which of the two.
      places: where to look for ``imdb.npz`` or ``reuters.npz``.
      options: ``num_words`` and ``length``.

    Raises:
      ConfigError: not there and no connection, or a damaged file.
    """
    for key, least in (("num_words", 10), ("length", 2)):
        if isinstance(options[key], bool) or not isinstance(options[key], int) or options[key] < least:
            raise ConfigError(f"data.options.{key} must be a whole number of {least} or more, got {options[key]!r}.")
    path = find_file(places, name, (f"{name}.npz",))
    if path is None:
        download(name, places, f"{name}.npz")
        path = find_file(places, name, (f"{name}.npz",))
    if path is None:
        raise ConfigError(f"Keras downloaded {name} but {name}.npz is not in its cache; check KERAS_HOME.")
    reading = {"name": name, "path": str(path), "num_words": options["num_words"], "length": options["length"]}
    splits = (None, "test") if name == "imdb" else (None,)  # Reuters is one pile that Keras only cuts in two
    parts: Parts = {split: _part(*reading.values(), split) for split in splits}
    columns = tuple(
        column.model_copy(update={"vocabulary_size": options["num_words"]})
        for column in columns_of(parts, {"words": "tokens"}, {})
    )
    return Found(
        kind="tokens",
        columns=columns,
        label=label_facts(parts, task="classification", classes=CLASSES[name], origin=str(path)),
        reader="sequences",
        reader_options=reading,
        shards=shards_of(parts, IMAGES_PER_SHARD),
        digest=digest_parts(parts),
    )


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard."""
    options = dataset.reader_options
    part = _part(options["name"], options["path"], options["num_words"], options["length"], shard.get("split"))
    yield from rows_of(part, dataset, shard)


@lru_cache(maxsize=2)
def _part(name: str, path: str, num_words: int, length: int, split: str | None) -> Part:
    import numpy as np

    suffix = "" if name == "reuters" else "_test" if split == "test" else "_train"
    texts = load_object_array(Path(path), f"x{suffix}")
    numbers = load_object_array(Path(path), f"y{suffix}").astype(np.int64)
    classes = np.array(CLASSES[name], dtype=object)
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(classes):
        raise ConfigError(f"{path} has labels outside 0 to {len(classes) - 1}; download it again.")
    ids = np.zeros((len(texts), length), np.int32)
    for row, text in enumerate(texts):
        words = np.asarray(text, np.int64) + _OFFSET
        words[words >= num_words] = _RARE
        kept = np.concatenate([[_START], words])[-length:]
        ids[row, : len(kept)] = kept
    return check_lengths(Part({"words": ids}, classes[numbers]), path)
