"""Making a version's folder appear and disappear at once: by a rename, and where there is none, behind a mark.

A bucket that is mounted renames files and no folders. There a folder is filled in its place, and a mark beside it,
``.VERSION.XXXXXXXX.unfinished``, keeps it from counting until it is complete. The operating system's locks reach as far
as one machine there; that a folder can be made once holds for all, so of two pushes at the same moment one fails.

Source: GoogleCloudPlatform/gcsfuse docs/semantics.md ("Missing features"), internal/fs/fs.go (MkDir, Rename).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
import uuid
from pathlib import Path

from kerasline.components.core import KeraslineError, copy_folder
from kerasline.components.registry.writing import copy_to_disk

_NO_RENAME = {errno.EMFILE, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV, errno.EINVAL}
_MARK = re.compile(r"\.(\d+)\.[0-9a-f]{8}\.unfinished$")
_ABANDONED_SECONDS = 6 * 3600  # no push takes as long; on a bucket another machine may be writing


def place_folder(staging: Path, target: Path) -> None:
    """Makes a complete folder appear in its place.

    Args:
      staging: The folder, which is gone afterwards.
      target: Its place, ``MODELS/NAME/VERSION``.

    Raises:
      KeraslineError: somebody else took the place at the same moment.
    """
    try:
        os.rename(staging, target)
        return
    except OSError as error:
        if error.errno not in _NO_RENAME:
            raise
    mark = _mark(target)
    try:
        target.mkdir()
    except FileExistsError as error:
        mark.unlink()
        raise KeraslineError(
            f"expected to make {target}, but another push took that version at the same moment; run again"
        ) from error
    try:
        copy_folder(staging, target, copy=copy_to_disk, exist_ok=True)
    except BaseException:
        _delete_behind(mark, target)
        raise
    mark.unlink()
    shutil.rmtree(staging, ignore_errors=True)


def delete_folder(target: Path) -> None:
    """Deletes a version's folder; however that ends, what is left of it does not count as a version."""
    doomed = target.with_name(f".{target.name}.deleted")
    try:
        os.rename(target, doomed)
    except OSError as error:
        if error.errno not in _NO_RENAME:
            raise
        _delete_behind(_mark(target), target)
        return
    shutil.rmtree(doomed, ignore_errors=True)


def unfinished_versions(folder: Path) -> dict[int, list[Path]]:
    """Returns the versions whose folders are not complete, with their marks."""
    found: dict[int, list[Path]] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _MARK.match(path.name):
            found.setdefault(int(match[1]), []).append(path)
    return found


def delete_abandoned(folder: Path) -> None:
    """Deletes versions that a killed process left incomplete hours ago, with their marks."""
    for version, marks in unfinished_versions(folder).items():
        # A clock that was set back since makes times of the future.
        if all(abs(time.time() - mark.stat().st_mtime) > _ABANDONED_SECONDS for mark in marks):
            shutil.rmtree(folder / str(version), ignore_errors=True)
            for mark in marks:
                mark.unlink(missing_ok=True)


def _mark(target: Path) -> Path:
    mark = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.unfinished")
    mark.touch()
    return mark


def _delete_behind(mark: Path, target: Path) -> None:
    """Deletes a folder; the mark stays while it has something to hide."""
    shutil.rmtree(target, ignore_errors=True)
    if not target.exists():
        mark.unlink()
