"""The library that a page carries: where it is kept, and what comes of a broken or forbidden place."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasline.components.report.interactive import hash_of, library


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of copies of its own, in a process that has not asked yet."""
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path))
    library.cache_clear()
    yield tmp_path
    library.cache_clear()


def test_the_library_is_put_together_once(cache: Path) -> None:
    packed, digest = library()
    script = gzip.decompress(packed)
    assert b"window.vegaEmbed" in script and digest == hash_of(script) and len(packed) < 400_000
    (kept,) = (cache / "plots").iterdir()
    assert kept.read_bytes() == packed
    kept.write_bytes(gzip.compress(b"kept"))
    library.cache_clear()
    assert gzip.decompress(library()[0]) == b"kept"
    kept.write_bytes(packed[:1000])
    library.cache_clear()
    assert library()[0] == packed == kept.read_bytes(), "what a full disk left is no library"


def test_a_place_that_cannot_be_written_to_keeps_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "file").write_text("")
    monkeypatch.setenv("KERASLINE_CACHE", str(cache / "file"))
    assert b"vegaEmbed" in gzip.decompress(library()[0])
    assert [path.name for path in cache.iterdir()] == ["file"]
