"""The registry on a bucket that is mounted: no rename of folders, no locks, no append.

``tests/end_to_end/bucket_mount.c`` refuses what Cloud Storage FUSE does not give, in a child process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from kerasline.components.core.errors import KeraslineError
from kerasline.components.registry import list_versions, placing
from kerasline.components.registry.keeping import prune, remove_leftovers
from kerasline.components.registry.versions import add_version
from tests.end_to_end.vertex_backend import build_library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes a folder a bucket."""
    found = build_library(tmp_path_factory.mktemp("library"))
    if found is None:
        pytest.skip("needs a C compiler")
    return found


def write_model(path: Path, content: str) -> Path:
    """A folder such as a SavedModel."""
    (path / "variables").mkdir(parents=True)
    (path / "saved_model.pb").write_text(content)
    (path / "variables" / "variables.index").write_text(content)
    return path


def test_pushes_promotions_and_pruning(tmp_path: Path, library: Path) -> None:
    """As on a disk: three are kept, the pointer and its history agree, nothing stays beside them."""
    for content in "abcde":
        write_model(tmp_path / content, content)
    bucket = tmp_path / "gcs" / "bucket"
    bucket.mkdir(parents=True)
    code = f"""
        import os
        from pathlib import Path
        from kerasline.components.registry import push_version
        from kerasline.pipeline.models import commands as registry
        folder = Path({str(bucket)!r}, "models", "digits")
        for content in "abcde":
            push_version(folder, Path({str(tmp_path)!r}, content), {{}}, 3)
        registry.try_version = lambda *_: registry.Trial(load_seconds=0.1, requests=1, rows=1)
        registry.roll_back(folder.parent, "digits", "it was worse")
        try:
            os.rename(folder, folder.with_name("other"))
        except OSError as error:
            print("refused", error.errno)
    """
    environment = {**os.environ, "LD_PRELOAD": str(library), "KERASLINE_BUCKET_MOUNT": str(tmp_path / "gcs")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["refused", "24"], "the folder is no bucket"
    folder = bucket / "models" / "digits"
    assert list_versions(folder) == [3, 4, 5]
    assert (folder / "5" / "variables" / "variables.index").read_text() == "e"
    assert json.loads((folder / "current.json").read_text())["version"] == 4
    moves = [json.loads(line)["version"] for line in (folder / "history.jsonl").read_text().splitlines()]
    assert moves == [1, 2, 3, 4, 5, 4]
    hidden = [p.name for p in (*folder.iterdir(), *folder.parent.iterdir()) if p.name[0] == "." and p.suffix != ".lock"]
    assert hidden == []


@pytest.fixture
def no_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders cannot be renamed."""

    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(placing.os, "rename", refuse)


@pytest.mark.usefixtures("no_rename")
@pytest.mark.parametrize("age_seconds", [86400, -86400], ids=["past", "future"])
def test_a_copy_in_its_place_counts_when_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_seconds: int
) -> None:
    """Whoever looks meanwhile sees the versions before it; what a kill leaves goes hours later, by whichever clock."""
    folder, model = tmp_path / "digits", write_model(tmp_path / "m", "a")
    add_version(folder, model, {})
    copy, seen = placing.copy_to_disk, []

    def watch(source: str, target: str) -> None:
        seen.append(list_versions(folder))
        copy(source, target)

    monkeypatch.setattr(placing, "copy_to_disk", watch)
    add_version(folder, model, {})
    assert seen == [[1]] * 3
    assert list_versions(folder) == [1, 2]

    mark = folder / ".2.0123abcd.unfinished"
    mark.touch()  # as if the process had been killed before the end
    assert list_versions(folder) == [1]
    assert add_version(folder, model, {}) == 3, "the number is taken"
    remove_leftovers(folder)
    assert (folder / "2").is_dir(), "another machine may be writing it"
    os.utime(mark, (time.time() - age_seconds,) * 2)
    remove_leftovers(folder)
    assert not (folder / "2").exists()
    assert not mark.exists()
    assert prune(folder, 1) == [1]
    assert sorted(path.name for path in folder.iterdir()) == ["3"]


@pytest.mark.usefixtures("no_rename")
def test_of_two_pushes_at_once_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From two machines, whose locks do not reach each other; the other's version stays as it is."""
    folder, model = tmp_path / "digits", write_model(tmp_path / "m", "a")
    make = Path.mkdir

    def too_late(path: Path, *arguments: object, **options: object) -> None:
        if path == folder / "1":
            make(path)
            (path / "saved_model.pb").write_text("theirs")
        make(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", too_late)
    with pytest.raises(KeraslineError, match="another push took that version at the same moment; run again"):
        add_version(folder, model, {})
    assert list_versions(folder) == [1]
    assert (folder / "1" / "saved_model.pb").read_text() == "theirs"
