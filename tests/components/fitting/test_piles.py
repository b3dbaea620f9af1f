"""Rows in piles on disk: what comes back, how much memory waits, and a disk that is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.core import TrainingFailed
from kerasline.components.fitting.rows.piles import Piles, piles_for, shuffled


def records(first: int, count: int) -> np.ndarray:
    """Makes rows of several lengths, among them one of none."""
    return np.array([b"x" * (number % 5) + str(number).encode() for number in range(first, first + count)], object)


def test_a_pile_gives_its_rows_in_the_order_in_which_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kerasline.components.fitting.rows.piles._BUFFER_BYTES", 500)
    piles, expected = Piles(4), [[] for _ in range(4)]  # type: tuple[Piles, list[list[bytes]]]
    for first in range(0, 600, 100):
        rows, numbers = records(first, 100), np.arange(first, first + 100) % 3
        piles.add(numbers, rows)
        for number, row in zip(numbers, rows, strict=True):
            expected[number].append(row)
    piles.flush()
    assert [piles.read(number) for number in range(4)] == expected
    assert piles.rows == [200, 200, 200, 0]
    assert len(list(piles.blocks(0))) > 2, "written whenever the buffer is full"


def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    piles = Piles(1)
    piles.add(np.zeros(9, np.int64), records(0, 9))
    piles.flush()
    assert list(tmp_path.iterdir()) == []
    assert piles.read(0) == records(0, 9).tolist()


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    piles = Piles(1)
    piles.add(np.zeros(9, np.int64), records(0, 9))

    class Full:
        def tell(self) -> int:
            return 0

        def write(self, content: bytes) -> Any:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(piles, "_file", Full())
    with pytest.raises(TrainingFailed, match=r"is full after 0 MiB; name a folder with more room in .* TMPDIR$"):
        piles.flush()


def test_piles_are_small_and_not_too_many() -> None:
    assert [piles_for(size) for size in (0, 2**20, 2**30, 2**60)] == [1, 1, 256, 1024]


def test_an_order_follows_from_its_numbers() -> None:
    rows = records(0, 50).tolist()
    assert shuffled(rows, [1, 2]) == shuffled(rows, [1, 2]) != shuffled(rows, [1, 3])
    assert sorted(shuffled(rows, [1, 2])) == sorted(rows)
