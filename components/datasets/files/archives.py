"""Reads the one file that a zip archive holds, as portals of open data and browsers pack a table."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from kerasline.components.core import ConfigError, shown
from kerasline.components.datasets.files.kinds import ARCHIVE, WORKBOOK, FileKind, name_zip
from kerasline.components.datasets.files.partitions import is_litter

ZIP_MAGIC = b"PK\x03\x04"
_MOST_NAMED = 3
_ENCRYPTED = 1  # the bit of a member's flags


def is_workbook_archive(path: str | Path) -> bool:
    """Says whether a zip archive is a workbook; one that is damaged is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return name_zip(archive.namelist()) is WORKBOOK
    except (zipfile.BadZipFile, OSError):
        return False


def member_name(path: str | Path) -> str:
    """Returns the name of the one file that a zip archive holds; empty where that is damaged, or holds several."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive)
    except (zipfile.BadZipFile, OSError):
        return ""
    return PurePosixPath(members[0].filename).name if len(members) == 1 else ""


def open_archive(path: str | Path, plain: IO[bytes]) -> IO[bytes]:
    """Opens the one file that a zip archive holds; a workbook, which is such an archive, as it is.

    Args:
      path: Of the archive.
      plain: Its bytes, closed where others are returned.

    Raises:
      ConfigError: it is damaged, holds several files or none, or arrays of NumPy, or is encrypted.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            kind = name_zip(archive.namelist())
            if kind is WORKBOOK:
                return plain
            plain.close()
            return _open_member(archive, kind, path)
    except (zipfile.BadZipFile, OSError):
        plain.close()
        raise ConfigError(f"The zip archive {path} is damaged or ends too early; copy or download it again.") from None


def _open_member(archive: zipfile.ZipFile, kind: FileKind, path: str | Path) -> IO[bytes]:
    """Opens the only member, whose bytes stay readable when the archive is closed."""
    members = _members(archive)
    if kind is not ARCHIVE or len(members) != 1:
        raise ConfigError(f"{path} is {kind.what}{_listed(members)}; {kind.advice}.")
    if members[0].flag_bits & _ENCRYPTED:
        raise ConfigError(f"{path} needs a password, which kerasline does not ask for; unpack it and name the file.")
    if members[0].filename.lower().endswith(".zip"):
        raise ConfigError(f"{path} holds another zip archive; unpack it and name the file inside.")
    try:
        return archive.open(members[0])
    except NotImplementedError:
        raise ConfigError(f"{path} is packed in a way that is not read here; unpack it and name the file.") from None


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Lists the files in an archive but for those that a program wrote for itself."""
    files = [info for info in archive.infolist() if not info.is_dir()]
    return [info for info in files if not any(map(is_litter, PurePosixPath(info.filename).parts))] or files


def _listed(members: Sequence[zipfile.ZipInfo]) -> str:
    names = ", ".join(shown(info.filename) for info in members[:_MOST_NAMED])
    more = " and others" if len(members) > _MOST_NAMED else ""
    return f" with {names}{more}" if names else ""
