"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

import pytest

from kerasline.components.core import copy_folder, write_at_once, write_output, written_at_once


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("before")
    with pytest.raises(KeyError), written_at_once(tmp_path / "out.csv") as file:
        file.write(b"half")
        raise KeyError
    assert (tmp_path / "out.csv").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("content", ["ä\n", "ä\n".encode(), ""])
def test_text_and_bytes_take_the_place_of_what_was_there(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / "out.txt").write_text("before, and longer")
    write_at_once(tmp_path / "out.txt", content)
    assert (tmp_path / "out.txt").read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("lasting", [True, False])
def test_a_lasting_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (sync(number), done.append("fsync")))
    monkeypatch.setattr(os, "replace", lambda one, other: (replace(one, other), done.append("replace")))
    write_at_once(tmp_path / "out.txt", "text", lasting=lasting)
    assert done == (["fsync", "replace"] if lasting else ["replace"])


@pytest.mark.parametrize(("age_seconds", "stays"), [(10, True), (7200, False), (-7200, False)])
def test_what_a_killed_process_left_goes_with_the_next_writing(tmp_path: Path, age_seconds: float, stays: bool) -> None:
    left, other = tmp_path / ".look.json.0123abcd", tmp_path / ".book.json.0123abcd"
    folder = tmp_path / ".look.json.4567cdef"
    folder.mkdir()
    (folder / "part").write_text("half")
    for path in (left, other):
        path.write_text("half")
    for path in (left, other, folder):
        os.utime(path, (time.time() - age_seconds,) * 2)
    write_at_once(tmp_path / "look.json", "{}")
    assert left.exists() is stays, "a recent one may be another process's; a clock may have been set back"
    assert folder.exists() is stays
    assert other.exists()


def test_a_copy_of_what_may_only_be_read_can_be_changed(tmp_path: Path) -> None:
    """As a step's inputs are where a backend mounts them for reading."""
    inner = tmp_path / "model" / "assets"
    inner.mkdir(parents=True)
    (inner / "words.txt").write_text("a")
    for path in (inner / "words.txt", inner, inner.parent):
        path.chmod(0o444 if path.is_file() else 0o555)
    copy_folder(tmp_path / "model", tmp_path / "copy")
    copies = [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]
    assert [path.name for path in copies] == ["copy", "assets", "words.txt"]
    assert all(path.stat().st_mode & stat.S_IWUSR for path in copies)
    with pytest.raises(FileExistsError):
        copy_folder(tmp_path / "model", tmp_path / "copy")
    copy_folder(tmp_path / "model", tmp_path / "copy", exist_ok=True)


def test_what_a_copy_that_fails_leaves_can_be_removed(tmp_path: Path) -> None:
    assets, variables = tmp_path / "model" / "assets", tmp_path / "model" / "variables"
    for folder in (assets, variables):
        folder.mkdir(parents=True)
        (folder / "data").write_text("a")
        folder.chmod(0o555)

    def copy_to_small_disk(source: str, target: str) -> None:
        if Path(source).parent == variables:
            raise OSError(errno.ENOSPC, "No space left on device")
        Path(target).write_text("a")

    with pytest.raises(OSError, match="No space left"):
        copy_folder(tmp_path / "model", tmp_path / "copy", copy=copy_to_small_disk)
    assert (tmp_path / "copy" / "assets").stat().st_mode & stat.S_IWUSR


def test_what_a_user_has_named_is_replaced_whole_and_links_and_pipes_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real.json").write_text("before")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    for name in ("link.json", "pipe"):
        write_output(tmp_path / name, "after")
    assert (os.read(reader, 99), (tmp_path / "real.json").read_text()) == (b"after", "after")
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "pipe").is_fifo()
    os.close(reader)
    (tmp_path / "real.json").chmod(0o600)
    write_output(tmp_path / "real.json", "again")
    assert (tmp_path / "real.json").stat().st_mode & 0o777 == 0o600
    os.link(tmp_path / "real.json", tmp_path / "other.json")
    write_output(tmp_path / "real.json", "after")
    assert (tmp_path / "other.json").read_text() == "after"
    (tmp_path / "other.json").unlink()
    with monkeypatch.context() as mounted:
        mounted.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EBUSY, "busy")))
        write_output(tmp_path / "real.json", "of a mount")
    assert (tmp_path / "real.json").read_text() == "of a mount"
    write_output(tmp_path / "real.json", "after")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_output(tmp_path / "real.json", "half")
    assert (tmp_path / "real.json").read_text() == "after"
