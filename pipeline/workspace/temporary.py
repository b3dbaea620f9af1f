"""A temporary folder of a run's own, for all libraries in it, which the next run removes where a kill left it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kerasline.components.beam import end_job_servers

_NEW, _OWN, _LOCK = "kerasline-new-", "kerasline-own-", ".lock"


@contextmanager
def own_temporary_folder() -> Iterator[Path]:
    """Puts this process's temporary files, and its children's, into a folder that goes with it.

    The lock on it is the operating system's, so a folder whose lock is free belongs to a process that is gone.
    """
    place = Path(tempfile.gettempdir())
    _remove_abandoned(place)
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    new = Path(tempfile.mkdtemp(prefix=_NEW))
    handle = os.open(new / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    # Only now does it have a name that others look for.
    folder = new.rename(new.with_name(new.name.replace(_NEW, _OWN)))
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield folder
    finally:
        end_job_servers()
        tempfile.tempdir = before
        os.environ.pop("TMPDIR") if variable is None else os.environ.update(TMPDIR=variable)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _remove_abandoned(place: Path) -> None:
    for folder in place.glob(f"{_OWN}*"):
        with suppress(OSError):  # another user's, or a process that runs
            handle = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
