"""Which files of a folder are a table, and what data is that no first recipe can be drafted for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from kerasline.components.core import ConfigError, lack_of_file, nearest
from kerasline.components.datasets.files import PACKED, TYPED, files_below, is_litter, name_kind, open_bytes
from kerasline.components.datasets.images import OTHER_SUFFIXES, SUFFIXES

TABLES = (".csv", ".tsv", ".txt", *TYPED, *PACKED)
WANTED = "expected a CSV or Parquet file or a folder of images"
# What a recipe can read, but the draft cannot look into.
_ARRAYS = {
    "npz: {path: FILE}": (".npz",),
    "idx: {path: FOLDER}": ("-ubyte", "-ubyte.gz"),
    "tfrecord: {path: FILES, label: FEATURE}": (".tfrecord", ".tfrecords", ".tfrecord.gz", ".tfrecords.gz"),
}
_MOST_LOOKED_AT = 10_000


def check_source(data: Path) -> None:
    """Refuses what is not there, and files of arrays.

    Raises:
      ConfigError: with the block of a recipe that reads such a file, if there is one.
    """
    try:
        exists = data.exists()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "its link leads in circles"
        raise ConfigError(f"{WANTED}, but {str(data)[:300]} cannot be looked at: {reason}") from error
    if not exists:
        raise ConfigError(f"{WANTED}, but {data} {_what_is_there(data)}")
    source = None if data.is_dir() else _block_of(data.name)
    if source is not None:
        raise ConfigError(
            f"{WANTED}, got {data.name}; for such files write the recipe by hand, with {source} under data"
        )


def _what_is_there(data: Path) -> str:
    """Says of a path that leads nowhere what is there instead, and what was meant."""
    lack = lack_of_file(data)
    if data.is_symlink():
        return lack
    beside = islice(data.parent.glob("*"), _MOST_LOOKED_AT)
    meant = nearest(data.name, (path.name for path in beside), 0.8)
    return f"{lack}.{meant}" if meant else lack


def tables_of(folder: Path) -> list[Path]:
    """Lists the files of one table in a folder, or in its folders such as year=2023: those that end as the first."""
    entries = files_below(folder) or entries_of(folder)
    files = [path for path in entries if path.is_file()]
    tables = list(filter(_is_table, files))
    # Text and JSON beside other tables tell about them.
    found = [path for path in tables if path.suffix.lower() != ".txt"] or tables
    found = found or _with_suffix(files, ".json") or _with_suffix(files, ".geojson")
    return _with_suffix(found, found[0].suffix) if found else []


def glob_of(tables: Sequence[Path]) -> str:
    """Returns the pattern of names that takes all tables which end as the first, in any case of letters."""
    suffix, *others = {path.suffix for path in tables}
    return "*" + (re.sub("[A-Za-z]", _in_any_case, suffix) if others else suffix)


def _in_any_case(letter: re.Match[str]) -> str:
    return f"[{letter[0].lower()}{letter[0].upper()}]"


def _with_suffix(files: Sequence[Path], suffix: str) -> list[Path]:
    return [path for path in files if path.suffix.lower() == suffix.lower()]


def entries_of(folder: Path) -> list[Path]:
    """Lists a folder, sorted.

    Raises:
      ConfigError: it may not be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise ConfigError(f"{folder} cannot be listed ({error.strerror}); check its permissions") from None


def explain_folder(folder: Path) -> ConfigError:
    """Says what is in a folder that has neither images nor tables."""
    entries = [entry for entry in entries_of(folder) if not entry.name.startswith(".")]
    source = next(filter(None, (_block_of(entry.name) for entry in entries)), None)
    if source is not None:
        return ConfigError(
            f"{WANTED}, but {folder} holds {entries[0].name} and the like; for such files write the recipe by hand, "
            f"with {source} under data"
        )
    below = list(islice((path for path in folder.rglob("*") if path.is_file()), _MOST_LOOKED_AT))
    others = sorted({path.suffix.lower() for path in below} & set(OTHER_SUFFIXES))
    if others:
        return ConfigError(
            f"the images in {folder} end in {', '.join(others)}, and only {', '.join(SUFFIXES)} can be decoded; save "
            "them as PNG or JPEG"
        )
    return _explain_files(folder, below)


def _explain_files(folder: Path, files: Sequence[Path]) -> ConfigError:
    shown = [path for path in files if not path.name.startswith(".")]
    if shown:
        with open_bytes(shown[0]) as stream:
            kind = name_kind(stream.read(4096))
        if kind is not None:
            return ConfigError(f"expected images or CSV or Parquet files, but {shown[0]} is {kind.what}; {kind.advice}")
    return ConfigError(f"expected images or CSV or Parquet files in {folder}, but it has neither")


def _block_of(name: str) -> str | None:
    return next((key for key, ends in _ARRAYS.items() if name.endswith(ends)), None)


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in TABLES and not is_litter(path.name) and _block_of(path.name.lower()) is None
