"""How a file is written in one go: beside its place, onto the disk, and then under its name, whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def written_at_once(path: Path, *, lasting: bool = True) -> Iterator[IO[bytes]]:
    """Gives a file that appears under its name when it is complete, and not at all otherwise.

    A process that is killed meanwhile leaves a hidden file beside it, ``.NAME.`` and eight digits, which nobody reads.

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
    """Writes a file, or replaces it, so that whoever reads it sees all of it.

    Args:
      path: Name of the file.
      content: Text, which is written as UTF-8, or bytes.
      lasting: See :func:`written_at_once`.
    """
    with written_at_once(path, lasting=lasting) as file:
        file.write(content.encode() if isinstance(content, str) else content)
