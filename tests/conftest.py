"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data (MNIST, iris, ...): KERASLINE_DATA, or ``../shared/data`` beside the checkout."""
    root = Path(os.environ.get("KERASLINE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"needs the real data sets; {root} does not exist (set KERASLINE_DATA)")
    return root


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest tests, whole runs of the command, first: of two processes none then waits long for the other."""
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)
