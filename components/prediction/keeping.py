"""What is told of predicted rows beside the output: who watches a version keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from kerasline.components.prediction.reading import Block


class Keeping(Protocol):
    """What keeps the rows of a shard; it never raises."""

    problem: str

    def add(self, block: Block, answer: Mapping[str, np.ndarray]) -> None:
        """Takes in the predicted rows of a block, those that it rejected, and the answers."""

    def close(self) -> None:
        """Completes the file."""


class Keeper(Protocol):
    """What keeps rows for those who watch the version; it goes to every worker, and never raises."""

    def begin(self, path: Path) -> Keeping:
        """Begins the file of a shard."""

    def settle(self, paths: Sequence[Path], job: str) -> tuple[int, str]:
        """Brings the shards' files to where they are kept: how many rows, and why no more."""
