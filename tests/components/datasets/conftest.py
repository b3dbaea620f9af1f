"""Short ways to resolve a data block and to look at what came out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.datasets import DataOptions, assign_split, read_shard, resolve as resolve_dataset
from kerasline.components.datasets.description.spec import Dataset


@pytest.fixture
def resolve(tmp_path: Path) -> Callable[..., Dataset]:
    """Resolves a data block whose relative paths lie in the test's own folder."""

    def call(
        data_dir: Path | None = None, task: str = "auto", seed: int = 0, named: Any = None, **block: Any
    ) -> Dataset:
        options = DataOptions.model_validate(block)
        return resolve_dataset(
            options, name="test", base_dir=tmp_path, data_dir=data_dir, task=task, seed=seed, named=named
        )

    return call


@pytest.fixture
def no_split_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets tables of a few different rows pass, which a hash may well put on one side."""
    monkeypatch.setattr("kerasline.components.datasets.planning._ROWS_TO_COUNT", 0)


@pytest.fixture
def rows() -> Callable[[Dataset], list[dict[str, Any]]]:
    """Reads all rows of a dataset through its JSON, as a worker does."""

    def call(dataset: Dataset) -> list[dict[str, Any]]:
        received = Dataset.from_json(dataset.to_json())
        assert received == dataset
        found = [row for shard in received.shards for _, row in read_shard(received, shard)]
        assert len(found) == dataset.rows
        return found

    return call


@pytest.fixture
def split_rows() -> Callable[[Dataset], dict[str, list[dict[str, Any]]]]:
    """Reads all rows of a dataset by split."""

    def call(dataset: Dataset) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {"train": [], "eval": [], "test": []}
        for shard in dataset.shards:
            for given, row in read_shard(dataset, shard):
                found[given or assign_split(dataset.split, row)].append(row)
        return found

    return call


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file into the test's own folder."""

    def call(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return call
