"""What tests of the hash of code share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasline.components.core.machine import code_hash as module
from kerasline.components.core.machine.code_state import code_state


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which this test's processes keep what they found; no hash of its tree is left behind."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("KERASLINE_CACHE", str(folder))
    yield folder
    module._version_of_ours.cache_clear()
    module._KNOWN_LIBRARIES.clear()
    code_state.cache_clear()
