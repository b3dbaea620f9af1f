"""Finds the files that are to be predicted, and tells of what kind they are."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.files import (
    PACKED,
    PACKING_ERRORS,
    TYPED,
    Places,
    damaged_packing,
    files_below,
    is_litter,
    member_name,
    name_kind,
    open_bytes,
)
from kerasline.components.datasets.images import SUFFIXES
from kerasline.components.datasets.remote import fetch_input

_UNSURE = re.compile(r"\.(?:geo)?json\b|\.zip$", re.IGNORECASE)  # in names that may be those of tables
_ARCHIVE = re.compile(r"\.zip$", re.IGNORECASE)
KINDS = ("csv", "parquet", "images", "tfrecord", "npz")
Source = str | Sequence[Path]  # a file, a folder or a glob, or its address; or files that were found


def find_files(source: Source, record: Mapping[str, Any], kind: str | None) -> tuple[list[Path], str]:
    """Finds the files of an input, and of what kind they are.

    Args:
      source: A file, a folder or a glob, or its address; or files that were found.
      record: What was recorded of the version: a model of images alone takes a folder as one of images.
      kind: Kind of the input as the user told it, or None.

    Returns:
      The files, sorted, or the folder of images alone; and one of KINDS.

    Raises:
      ConfigError: there are none, or their kind cannot be told.
    """
    if not isinstance(source, str):
        return _told_files(list(source), kind)
    source = fetch_input(source)
    path = Path(os.path.expanduser(source))
    if not glob.has_magic(source) and not os.path.isdir(path):
        path = Places(Path.cwd(), None, "correct the path").find(str(path))
    if not path.is_dir():
        return _files_by_name(path, source, kind)
    reads_images = [column["dtype"] for column in record["columns"]] == ["image"]
    if kind == "images" or (kind is None and reads_images):
        return [path], "images"
    return _files_of_folder(path, kind)


def roots_of(source: Source) -> list[str]:
    """Lists how an input was named, from the root: a file, a folder, a glob, or the copy of an address."""
    return Places(Path.cwd(), None).roots(source if isinstance(source, str) else map(str, source))


def _files_of_folder(folder: Path, kind: str | None) -> tuple[list[Path], str]:
    """Lists the files of a folder that are of one kind, which is asked for or the only one there.

    Those in folders such as ``year=2023`` are files of the table, too.
    """
    kind_of = _kinds_of(files_below(folder) or _visible_files(folder), kind)
    kinds = {*kind_of.values()} - {None, "images"}
    only = next(iter(kinds)) if len(kinds) == 1 else None
    found = kind or only
    files = [path for path, each in kind_of.items() if each == found]
    if found is None or not files:
        seen = ", ".join(sorted(map(str, kinds))) or "none"
        raise ConfigError(
            f"expected files of one kind (CSV, Parquet, TFRecord or NumPy) in the folder {folder}, and found {seen}; "
            "name a file or a glob"
        )
    return files, found


def _kinds_of(files: Sequence[Path], kind: str | None) -> dict[Path, str | None]:
    """Tells files by their names, and by their content those that may be tables.

    JSON may be one where no file is a table by its name, since beside tables it tells about them; a zip archive, too,
    where others of the folder are tables.

    Raises:
      ConfigError: one of these is damaged, or no table.
    """
    named = {path: _kind_of(path) for path in files}
    wanted = {*KINDS} - {"images"} if kind is None else {kind}
    tables = [path.name for path, each in named.items() if each in wanted]
    look = _look_within(tables, kind)
    return {path: each or look(path) for path, each in named.items()}


def _look_within(tables: Sequence[str], kind: str | None) -> Callable[[Path], str | None]:
    """Chooses how a file is told that its name does not tell, given the names of tables beside it."""
    if any(map(_ARCHIVE.search, tables)):
        return lambda path: _kind_of_archive(path) if _ARCHIVE.search(path.name) else None
    if tables or kind not in (None, "parquet"):
        return lambda path: None
    return lambda path: _kind_within(path) if _UNSURE.search(path.name) else None


def _visible_files(folder: Path) -> list[Path]:
    """Lists files in order, without hidden ones and those that a program wrote for itself, as Excel does."""
    return sorted(p for p in folder.iterdir() if p.is_file() and not is_litter(p.name))


def _files_by_name(path: Path, source: str, kind: str | None) -> tuple[list[Path], str]:
    """Lists a file or those of a glob; the name of the first tells of what kind all are."""
    files = [path] if path.is_file() else sorted(Path(p) for p in glob.glob(str(path), recursive=True))
    files = [p for p in files if p.is_file()]
    if not files:
        raise ConfigError(f"no file matches {source}")
    return _told_files(files, kind)


def _told_files(files: list[Path], kind: str | None) -> tuple[list[Path], str]:
    """Tells of what kind files are, by the name of the first, or by what is in it."""
    found = kind or _kind_of(files[0]) or _kind_within(files[0])
    if found is None:
        raise ConfigError(
            f"expected a name that tells what {files[0]} is (.csv, .tsv, .parquet, .feather, .orc, .jsonl, .xlsx, "
            f".tfrecord, .npz, an image, or one of them with .gz); say it with --format {'|'.join(KINDS)}"
        )
    return files, found


def _kind_within(path: Path) -> str | None:
    """Tells by its content that a file is a table of typed columns; text, and what is not known, gives None.

    Raises:
      ConfigError: it is of a format that is not read by name; what it is, and what to do with it.
    """
    with open_bytes(path) as file:
        try:
            kind = name_kind(file.read(4096))
        except PACKING_ERRORS as error:
            raise damaged_packing(path, error) from None
    if kind is not None and not kind.source:
        raise ConfigError(f"{path} is {kind.what}; {kind.advice}.")
    return None if kind is None else kind.source


def _kind_of_archive(path: Path) -> str:
    """Tells by its content what a zip archive is that lies beside others which are tables.

    Raises:
      ConfigError: it is none.
    """
    found = _kind_within(path)
    if found is None:
        raise ConfigError(
            f"expected a table in {path}, as in other archives of the folder, and found "
            f"{member_name(path) or 'none'}; move it elsewhere, or name the files with a glob"
        )
    return found


def _kind_of(path: Path) -> str | None:
    """Tells a file by its name; a zip archive by that of the table that it holds."""
    name = path.name.lower()
    if name.endswith(".zip"):
        return _kind_of_table(name) or _kind_of_table(member_name(path).lower())
    if (table := _kind_of_table(name)) is not None:
        return table
    if "tfrecord" in name:
        return "tfrecord"
    if name.endswith(".npz"):
        return "npz"
    return "images" if name.endswith(SUFFIXES) else None


def _kind_of_table(name: str) -> str | None:
    for packing in PACKED:
        name = name.removesuffix(packing)
    if name.endswith((".csv", ".tsv", ".txt")):
        return "csv"
    return "parquet" if name.endswith(TYPED) else None
