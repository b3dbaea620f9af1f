"""Reads the files of a day row by row, each row once, while a server writes more of them and joins small ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerasline.components.core import KeraslineError, first_line
from kerasline.components.monitoring.records import parts_of

_BATCH = 1 << 16


def open_parts(folder: Path) -> Iterator[tuple[Any, int]]:
    """Opens the files of a day one after the other.

    Where a server has joined files since they were listed, the list is made again. A server numbers its files and joins
    them in that order, so what was read of them are the first rows of the one in their place.

    Args:
      folder: of the day.

    Returns:
      Each Parquet file, and how many of its first rows were in one before.

    Raises:
      KeraslineError: a file is damaged.
    """
    import pyarrow.parquet as pq

    read: dict[str, list[tuple[int, int, int]]] = {}  # by server: the first and last number of a file, and its new rows
    missed: Path | None = None
    while True:
        for path in parts_of(folder):
            server, first, last = path.stem.split("-")
            before = read.setdefault(server, [])
            if before and int(last) <= before[-1][1]:
                continue
            try:
                with telling_damage(path):
                    file = pq.ParquetFile(path)
            except FileNotFoundError:
                if path == missed:
                    raise
                missed = path
                break
            known = sum(rows for earlier, _, rows in before if earlier >= int(first))
            yield file, known
            before.append((int(first), int(last), file.metadata.num_rows - known))
        else:
            return


def read_parts(folder: Path, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Reads a day piece by piece, as Arrow batches that have some rows.

    Args:
      folder: of the day.
      columns: to read, as far as a file has them; None for all.

    Raises:
      KeraslineError: a file is damaged.
    """
    for file, known in open_parts(folder):
        names = None if columns is None else [name for name in columns if name in file.schema_arrow.names]
        with telling_damage(folder):
            for batch in file.iter_batches(_BATCH, columns=names):
                if known < len(batch):
                    yield batch.slice(known)
                known = max(0, known - len(batch))


@contextmanager
def telling_damage(path: Path) -> Iterator[None]:
    """Says what cannot be read, where a disk or a copy has spoiled it.

    Raises:
      KeraslineError: instead of what pyarrow raises.
    """
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        reason = first_line(error)
        raise KeraslineError(
            f"expected captured answers in {path}, but they cannot be read ({reason[:200]}); move the damaged file "
            "away, and all others are read without it"
        ) from error
