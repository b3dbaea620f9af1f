"""What killed predictions leave beside outputs, and who removes it."""

from __future__ import annotations

from pathlib import Path

import filelock

from kerasline.components.prediction.job import remove_abandoned


def leave_parts(folder: Path, output: str) -> Path:
    """What a prediction that was killed leaves."""
    parts = folder / f".{output}.parts"
    parts.mkdir()
    for name in (".lock", "job.txt", "part-00000.csv"):
        (parts / name).write_text("x")
    return parts


def test_parts_that_nobody_goes_on_with_are_removed(tmp_path: Path) -> None:
    """Those of this output are gone on with, those of a running command are its own, and others' folders stay."""
    own, left, busy = (leave_parts(tmp_path, name) for name in ("own.csv", "left.csv", "busy.csv"))
    foreign = tmp_path / ".photos.parts"
    foreign.mkdir()
    with filelock.FileLock(busy / ".lock"):
        remove_abandoned(tmp_path, own)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(p.name for p in (own, busy, foreign))
    assert not left.exists()
