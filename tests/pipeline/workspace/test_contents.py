"""What a step left, noted when it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasline.pipeline.workspace.contents import find_loss, note_contents


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An output of two files that was noted."""
    folder = tmp_path / "train" / "model" / "7"
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        (folder / name).write_text(name)
    note_contents(folder)
    return folder


def test_a_lost_file_is_named(place: Path) -> None:
    assert find_loss(place) is None
    (place / "b").unlink()
    assert find_loss(place) == "has lost b"


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "3", '"b"'])
def test_a_note_that_is_none_says_nothing(place: Path, content: str) -> None:
    (note,) = place.parents[1].glob(".contents/*")
    note.write_text(content)
    assert find_loss(place) is None
