"""How a file is written in one go: beside its place, onto the disk, and then under its name, whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_LEFT_SECONDS = 3600.0  # nobody writes one file for so long


@contextmanager
def written_at_once(path: Path, *, lasting: bool = True) -> Iterator[IO[bytes]]:
    """Gives a file that appears under its name when it is complete, and not at all otherwise.

    A process that is killed meanwhile leaves a hidden file beside it, ``.NAME.`` and eight digits, which nobody reads;
    :func:`remove_left` removes it.

    Args:
      path: Name of the file, in a folder of this machine: buckets know no renaming.
      lasting: Whether it must be on the disk before it appears, so that a power failure leaves all of it or nothing.

    Yields:
      The file, open for bytes.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with open(temporary, "wb") as file:
            yield file
            if lasting and file.tell():
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_at_once(path: Path, content: str | bytes, *, lasting: bool = True) -> None:
    """Writes a file, or replaces it, so that whoever reads it sees all of it; removes what was left of earlier trials.

    Args:
      path: Name of the file.
      content: Text, which is written as UTF-8, or bytes.
      lasting: See :func:`written_at_once`.
    """
    remove_left(path)
    with written_at_once(path, lasting=lasting) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def remove_left(path: Path, after_seconds: float = _LEFT_SECONDS) -> None:
    """Removes what processes that were killed as they wrote a file, or a folder, left of it.

    Args:
      path: Name of the file or folder.
      after_seconds: What was written to more recently may be another process's; 0 where a lock keeps others away.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}"):
        with contextlib.suppress(OSError):  # another process was faster
            # A clock that was set back since makes times of the future.
            if not after_seconds or abs(time.time() - left.stat().st_mtime) > after_seconds:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def copy_folder(
    source: str | Path,
    target: Path,
    *,
    copy: Callable[[str, str], object] = shutil.copyfile,
    left_out: Callable[[str, list[str]], Iterable[str]] | None = None,
    exist_ok: bool = False,
) -> None:
    """Copies a folder; all of the copy is this user's to change, though the original may only be read.

    :func:`shutil.copytree` gives each folder the mode of its original, so that what a failure leaves of it could not be
    removed.

    Args:
      source: The folder.
      target: Its place.
      copy: Copies one file.
      left_out: Names what is not copied, see :func:`shutil.ignore_patterns`.
      exist_ok: Whether the folder may be there; what is in it stays, or is replaced by a file of the same name.

    Raises:
      FileExistsError: the folder is there and may not be.
    """
    target.mkdir(parents=True, exist_ok=exist_ok)
    names = sorted(os.listdir(source))
    omitted = set(left_out(str(source), names)) if left_out else set()
    for name in names:
        original, place = Path(source, name), target / name
        if name in omitted:
            continue
        if original.is_dir():
            copy_folder(original, place, copy=copy, left_out=left_out, exist_ok=exist_ok)
        else:
            copy(str(original), str(place))


def keep_newest(folder: Path, *, most_files: int, most_bytes: int | None = None) -> None:
    """Removes what was written or used longest ago where there is too much, and what a kill left half-written.

    Args:
      folder: Folder of files that can be made again.
      most_files: How many files stay.
      most_bytes: How much stays, the newest file in any case; None for any amount.
    """
    found = sorted(
        ((entry.stat().st_mtime, entry.stat().st_size, Path(entry.path)) for entry in os.scandir(folder)), reverse=True
    )
    total = 0
    for place, (changed, size_bytes, path) in enumerate(found, start=1):
        total += size_bytes
        is_too_much = most_bytes is not None and total > most_bytes and place > 1
        left_over = path.name.startswith(".") and abs(time.time() - changed) > _LEFT_SECONDS
        if left_over or place > most_files or is_too_much:
            path.unlink(missing_ok=True)
