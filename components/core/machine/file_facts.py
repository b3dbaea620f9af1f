"""What is known of a file without reading it: what changes with its content, and what stands in its place."""

from __future__ import annotations

import os
from pathlib import Path


def file_facts(path: str | Path) -> tuple[int, ...]:
    """Returns size, inode and the times of change of a file, in nanoseconds.

    Another file may have the size and the time of the one before it, as archives and copies set it. The time at which
    the file system noted a change is set by nobody.
    """
    found = os.stat(path)
    return found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def lack_of_file(path: str | Path) -> str:
    """Says, behind its path, why there is no file to read: ``does not exist``, or what stands there instead."""
    if os.path.isdir(path):
        return "is a folder; name a file in it"
    if os.path.lexists(path):
        return "is no file, or a link that leads to none"
    return "does not exist"
