"""Folders such as ``year=2023``, in which Hive, Spark and pyarrow keep a column that is then in none of the files."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError

if TYPE_CHECKING:
    from pyarrow import Array

_LITTER = (".", "_", "~$")  # how names begin of hidden files, and of those that Spark or Excel keep for themselves
_FOLDER = re.compile(r"([^=]+)=([^=]*)")

# The columns that the folders of one file hold: of each, its Arrow type by name, and its value or None.
Partition = Mapping[str, Sequence[Any]]


def partitions_of(
    files: Sequence[Path], patterns: Iterable[str], drop: Collection[str], asked: Collection[str] = ()
) -> dict[Path, Partition]:
    """Reads the columns that the folders of a table's files hold.

    A folder that the recipe names itself, and that all files have, is no column: ``year=2023/*.csv`` is a table of one
    year. Columns are whole numbers where all values are, and text otherwise, as pyarrow decides it.

    Args:
      files: of the table.
      patterns: how they were named: paths, folders and globs from the root.
      drop: columns that are not wanted.
      asked: columns that are wanted whoever named the folder.

    Returns:
      The partition of each file, empty where folders hold nothing.

    Raises:
      ConfigError: some files are in a folder of a column, and others are not.
    """
    folders = {path: dict(_parts(path)) for path in files}
    names = [name for name in _columns(folders, patterns, asked) if name not in drop]
    if not names:
        return {path: {} for path in files}
    _check_levels(folders, names)
    return _typed(folders, names)


def _columns(
    folders: Mapping[Path, Mapping[str, str]], patterns: Iterable[str], asked: Collection[str]
) -> Iterator[str]:
    """Names the columns that folders hold."""
    literal = {part for pattern in patterns for part in PurePath(pattern).parts}
    values: dict[str, set[str]] = {}
    for parts in folders.values():
        for name, value in parts.items():
            values.setdefault(name, set()).add(value)
    for name, found in values.items():
        if name in asked or _is_column(name, found, literal):
            yield name


def _parts(path: Path) -> Iterator[tuple[str, str]]:
    for part in path.parent.parts:
        matched = _FOLDER.fullmatch(part)
        if matched:
            yield matched[1], matched[2]


def _is_column(name: str, values: Collection[str], literal: Collection[str]) -> bool:
    return len(values) > 1 or not all(f"{name}={value}" in literal for value in values)


def _check_levels(folders: Mapping[Path, Mapping[str, str]], names: Sequence[str]) -> None:
    """Refuses a table of which some files have fewer such folders above them than others."""
    for name in names:
        inside = next(path for path, parts in folders.items() if name in parts)
        outside = next((path for path, parts in folders.items() if name not in parts), None)
        if outside is not None:
            raise ConfigError(
                f"{inside} is in a folder {name}={folders[inside][name]}, and {outside} is in no folder {name}=...; "
                "keep the files of one table in folders of the same columns, or name those that belong together."
            )


def _typed(folders: Mapping[Path, Mapping[str, str]], names: Sequence[str]) -> dict[Path, Partition]:
    import pyarrow as pa
    import pyarrow.dataset as ds

    reader = ds.HivePartitioning(pa.schema([(name, pa.string()) for name in names]))
    read = {}
    for path, parts in folders.items():
        folder = "/".join(f"{name}={parts[name]}" for name in names)
        read[path] = ds.get_partition_keys(reader.parse(f"{folder}/"))
    columns = {name: _column([keys.get(name) or None for keys in read.values()]) for name in names}
    listed = {name: (str(column.type), column.to_pylist()) for name, column in columns.items()}
    return {
        path: {name: [kind, values[place]] for name, (kind, values) in listed.items()}
        for place, path in enumerate(folders)
    }


def _column(texts: Sequence[str | None]) -> Array:
    """Turns the values of a column into whole numbers where all of them are."""
    import pyarrow as pa

    column = pa.array(texts, pa.string())
    try:
        return column if column.null_count == len(column) else column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column


def digest_with(digest: str, partitions: Iterable[Partition]) -> str:
    """Returns the digest of a table's files, to which what their folders hold is added, if they hold anything."""
    held = [{name: value for name, (_, value) in partition.items()} for partition in partitions]
    if not any(held):
        return digest
    return f"{digest},{hashlib.sha256(json.dumps(held).encode()).hexdigest()}"


def check_names(partition: Partition, names: Collection[str], path: str | Path) -> None:
    """Refuses a file that has a column which its folders hold, too.

    Args:
      partition: of the file.
      names: the columns that are in it.
      path: the file.

    Raises:
      ConfigError: names the column.
    """
    twice = next((name for name in partition if name in names), None)
    if twice is not None:
        raise ConfigError(
            f"Column {twice!r} is in {path} and in the name of a folder that it is in, {twice}=...; write the files "
            "without it, or name the folders otherwise."
        )


def drop_in_files(files: Sequence[Path], names: Collection[str], drop: Sequence[str]) -> list[str]:
    """Returns the columns to drop without those that only folders have, which are not read then."""
    held = {name for path in files for name, _ in _parts(path)}
    return [name for name in drop if name in names or name not in held]


def files_below(folder: Path) -> list[Path]:
    """Lists the files of a table in folders such as ``year=2023``, however deep; none where it has no such folders."""
    found: list[Path] = []
    has_columns = False
    for place, below, names in os.walk(folder, followlinks=True):
        below[:] = sorted(name for name in below if not is_litter(name))
        has_columns = has_columns or any(map(_FOLDER.fullmatch, below))
        found += [Path(place, name) for name in sorted(names) if not is_litter(name)]
    return found if has_columns else []


def is_litter(name: str) -> bool:
    """Tells files of a folder that belong to no table: hidden ones, and those that a program wrote for itself."""
    return name.startswith(_LITTER)
