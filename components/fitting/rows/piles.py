"""Rows that are larger than memory, dealt to piles of a nameless temporary file.

Each pile is a sample of all rows, however they were sorted, and small enough to be shuffled in memory. So an epoch that
takes the piles in a drawn order, each in a drawn order, is shuffled as well as one from memory.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np

from kerasline.components.core import TrainingFailed

_PILE_BYTES = 16 * 2**20
_MOST_PILES = 1024
_BUFFER_BYTES = 16 * 2**20  # of all piles together, before they are written


class Piles:
    """Serialized rows in numbered piles.

    The file has no name, so that it is gone when the process is, however that ends.

    Args:
      count: How many piles there are.
    """

    def __init__(self, count: int) -> None:
        self._folder = temporary_folder()
        self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (it lives as long as the rows are read)
        self._waiting: list[list[bytes]] = [[] for _ in range(count)]
        self._waiting_bytes = self._written_bytes = 0
        # Of each pile the blocks that were written: where they begin, and how long each row is.
        self._blocks: list[list[tuple[int, np.ndarray]]] = [[] for _ in range(count)]
        self.rows = [0] * count

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, numbers: np.ndarray, records: np.ndarray) -> None:
        """Deals rows out; a pile keeps its rows in the order in which they came.

        Args:
          numbers: Number of each row's pile, integers [rows].
          records: The rows as bytes [rows].

        Raises:
          TrainingFailed: the disk is full.
        """
        order = np.argsort(numbers, kind="stable")
        dealt = records[order].tolist()
        ends = np.cumsum(np.bincount(numbers, minlength=len(self)))
        for pile, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            self._waiting[pile] += dealt[start:end]
            self.rows[pile] += int(end - start)
        self._waiting_bytes += sum(map(len, dealt))
        if self._waiting_bytes > _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes what waits; after it the piles are complete.

        Raises:
          TrainingFailed: the disk is full.
        """
        try:
            for pile, waiting in enumerate(self._waiting):
                if waiting:
                    self._blocks[pile].append((self._file.tell(), np.fromiter(map(len, waiting), np.int64)))
                    self._file.write(b"".join(waiting))
            self._file.flush()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise TrainingFailed(
                "expected room for the train rows, which are larger than training.memory_limit_mb and are kept in a "
                f"temporary file while they train, but {self._folder} is full after "
                f"{self._written_bytes / 2**20:,.0f} MiB; name a folder with more room in the variable TMPDIR"
            ) from error
        self._written_bytes += self._waiting_bytes
        self._waiting, self._waiting_bytes = [[] for _ in self.rows], 0

    def blocks(self, pile: int) -> Iterator[list[bytes]]:
        """Yields the rows of a pile in their order, some at a time."""
        for offset, lengths in self._blocks[pile]:
            content = os.pread(self._file.fileno(), int(lengths.sum()), offset)
            ends = np.cumsum(lengths).tolist()
            yield [content[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def read(self, pile: int) -> list[bytes]:
        """Returns all rows of a pile in their order."""
        return [record for block in self.blocks(pile) for record in block]


def piles_for(compressed_bytes: int) -> int:
    """Returns how many piles rows need that take so many bytes as GZIP, which makes a table four times smaller."""
    return int(np.clip(4 * compressed_bytes // _PILE_BYTES, 1, _MOST_PILES))


def temporary_folder() -> str:
    """Returns where large temporary files belong: where TMPDIR says, else /var/tmp, as /tmp may lie in memory."""
    if not os.environ.get("TMPDIR") and os.access("/var/tmp", os.W_OK):
        return "/var/tmp"
    return tempfile.gettempdir()


def shuffled(records: Sequence[bytes], draw: Sequence[int]) -> list[bytes]:
    """Returns rows in an order that follows from the numbers alone."""
    return [records[index] for index in np.random.default_rng(draw).permutation(len(records)).tolist()]
