"""Looks at where a command is to write before it works for minutes, and writes there."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from kerasline.components.core.errors import ConfigError
from kerasline.components.core.machine import write_at_once


def check_output(path: Path | None, option: str) -> None:
    """Refuses a file that cannot be written; None is nothing to write.

    The folder is tried and not asked: a read-only file system, a full disk and a folder such as /proc answer the
    question for permissions with yes.

    Args:
      path: The file, None where nothing is to be written.
      option: What the user named it with, for messages.

    Raises:
      ConfigError: its folder is not there or takes no files, or it is something else than a file.
    """
    if path is None:
        return
    shown = str(path) if len(str(path)) <= 200 else f"{str(path)[:200]}…"
    try:
        folder = path.resolve().parent
        if not folder.is_dir():
            raise ConfigError(f"{option}: expected a file in a folder that exists, but {folder} does not")
        if path.exists() and not path.is_file() and not path.is_dir():
            return  # /dev/stdout and its like take what is written
        _check_file(path, option)
        descriptor, probe = tempfile.mkstemp(prefix=".kerasline-", dir=folder)
        os.close(descriptor)
        os.unlink(probe)
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
        reason = getattr(error, "strerror", None) or "a link leads in circles"
        raise ConfigError(
            f"{option}: expected a file that can be written, but {shown} cannot be ({reason}); name another one"
        ) from None


def write_output(path: Path, text: str) -> None:
    """Writes a file that :func:`check_output` has passed, whole or not at all.

    Args:
      path: The file, whose permissions stay; a device, a mount, and what links lead to take the text as it comes.
      text: The text, which is written as UTF-8.
    """
    there = path.lstat() if os.path.lexists(path) else None
    if there is None:
        write_at_once(path, text)
        return
    # No other file may take the place of a device, of a link, or of a file with further names.
    if not stat.S_ISREG(there.st_mode) or there.st_nlink > 1:
        path.write_text(text, encoding="utf-8")
        return
    try:
        write_at_once(path, text)
        path.chmod(stat.S_IMODE(there.st_mode))
    except OSError as error:
        if error.errno != errno.EBUSY:  # a file that is a mount of its own, as containers have it
            raise
        path.write_text(text, encoding="utf-8")


def _check_file(path: Path, option: str) -> None:
    if path.is_dir():
        raise ConfigError(f"{option}: expected a file, but {path} is a folder; name a file in it")
    if path.is_file() and not os.access(path, os.W_OK):
        raise ConfigError(f"{option}: expected a file that can be written, but {path} is read-only; name another one")
