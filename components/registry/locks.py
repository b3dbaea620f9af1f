"""Who may write: one push at a time for a model, and one move of its pointer at a time.

The operating system drops a lock with the process that holds it.
"""

from __future__ import annotations

from pathlib import Path

import filelock

LOCK_SECONDS = 60.0


def push_lock(folder: Path) -> filelock.FileLock:
    """Lets one push at a time write versions of a model."""
    return file_lock(folder, "push", -1)


def registry_lock(folder: Path) -> filelock.FileLock:
    """Lets one process at a time move a model's pointer or change its pins."""
    return file_lock(folder, "registry", LOCK_SECONDS)


def file_lock(folder: Path, purpose: str, timeout_seconds: float) -> filelock.FileLock:
    """Returns the lock for one purpose of a model, or of a file in ``MODELS``."""
    # Beside the model's folder, which holds versions and nothing that TensorFlow Serving would have to pass over.
    folder.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder.parent / f".{folder.name}.{purpose}.lock", timeout=timeout_seconds)
