"""Folders such as ``year=2023``, in which Hive, Spark and pyarrow keep a column that is then in none of the files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from kerasline.components.core import ConfigError

_FOLDER = re.compile(r"([^=]+)=([^=]*)")


def partition_columns(files: Sequence[Path]) -> dict[str, set[str]]:
    """Returns the columns that the folders of files hold, with the values of each."""
    found: dict[str, set[str]] = {}
    for path in files:
        for part in path.parent.parts:
            matched = _FOLDER.fullmatch(part)
            if matched:
                found.setdefault(matched[1], set()).add(matched[2])
    return found


def check_partitions(
    files: Sequence[Path], read_names: Callable[[], Sequence[str]], drop: Sequence[str], key: str
) -> None:
    """Refuses files whose folders hold a column that differs between them, since it would be lost.

    Args:
      files: of the table.
      read_names: gives the columns that are in the files.
      drop: columns that are not wanted.
      key: the block of the recipe, for messages.

    Raises:
      ConfigError: names the column.
    """
    for name, values in partition_columns(files).items():
        if len(values) > 1 and name not in drop and name not in read_names():
            first = sorted(values)[0]
            raise ConfigError(
                f"Column {name!r} is in the names of folders such as {name}={first} and in none of the files; write it "
                f"into them, such as pandas.read_parquet(FOLDER).to_parquet('table.parquet'), or set {key}.drop: "
                f"[{name}] to do without it."
            )


def drop_in_files(files: Sequence[Path], names: Sequence[str], drop: Sequence[str]) -> list[str]:
    """Returns the columns to drop without those that only folders have, which are not read anyway."""
    held = partition_columns(files)
    return [name for name in drop if name in names or name not in held]
