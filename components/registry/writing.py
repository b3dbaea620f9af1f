"""How files of the registry are written: on the disk before they appear, whole or not at all."""

from __future__ import annotations

import errno
import getpass
import json
import os
import shutil
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kerasline.components.core import remove_left, written_at_once


def append_line(path: Path, move: Mapping[str, Any]) -> None:
    """Appends a line of JSON, and ends one that was left half-written; it is on the disk when this returns.

    Where nothing can be appended, as on some buckets that are mounted, the file is replaced.
    """
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    line = ("\n" if before and not before.endswith("\n") else "") + json.dumps(move) + "\n"
    try:
        with open(path, "a", encoding="utf-8") as history:
            history.write(line)
            history.flush()
            os.fsync(history.fileno())
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENOSYS):
            raise
        replace_file(path, before + line)


def copy_to_disk(source: str, target: str) -> None:
    """Copies a file; its content is on the disk when this returns."""
    shutil.copyfile(source, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Replaces a file by a value as JSON; see :func:`replace_file`."""
    replace_file(path, json.dumps(value, indent=1))


def replace_file(path: Path, text: str) -> None:
    """Replaces a file at once, and removes what processes that were killed meanwhile left of the same attempt.

    Hold the lock under which this file is written.
    """
    remove_left(path, 0)
    with written_at_once(path) as file:
        file.write(text.encode())


def who_text() -> str:
    """Names the user and the machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def now_text() -> str:
    """Returns the time as ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
