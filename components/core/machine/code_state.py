"""What all our code and all libraries are at the moment, as one hash that is taken at once.

Whatever follows from code alone may be kept under it: any edit and any other library, used or not, gives another hash.
"""

from __future__ import annotations

import hashlib
import os
import site
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
_FOLDERS = ("components", "pipeline")
_INSTALLED = (".dist-info", ".egg-info")


@lru_cache
def code_state(root: Path = _ROOT) -> str:
    """Returns 64 hexadecimal digits of every file of ours, of Python, and of the packages that are installed.

    A process keeps to what it found first: the code that it has loaded is no other because a file is.

    Args:
      root: Folder that has ``components`` and ``pipeline``.
    """
    return take_code_state(root)


def take_code_state(root: Path = _ROOT) -> str:
    """Returns what :func:`code_state` would in a process that begins now.

    Args:
      root: Folder that has ``components`` and ``pipeline``.
    """
    digest = hashlib.sha256(f"{sys.version}\n".encode())
    for name in sorted(set(_installed())):
        digest.update(f"{name}\n".encode())
    for path in sorted(path for folder in _FOLDERS for path in _files(str(root / folder))):
        with suppress(OSError):  # a link that leads nowhere, or a file that has gone since
            content = Path(path).read_bytes()
            digest.update(f"{os.path.relpath(path, root)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _installed() -> Iterator[str]:
    """Gives the folders that packages leave of themselves; their names have names and versions."""
    # Of all of sys.path these alone are the same for every command, whatever it has loaded.
    for place in (*site.getsitepackages(), site.getusersitepackages()):
        with suppress(OSError):  # few users have packages of their own
            yield from (name for name in os.listdir(place) if name.endswith(_INSTALLED))


def _files(folder: str) -> Iterator[str]:
    """Gives sources, and not what Python and editors put beside them, which comes and goes as they please."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.join(place, name) for name in names if not name.startswith(".") and not name.endswith("~"))
