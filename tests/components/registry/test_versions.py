"""The versions on disk: numbering, what a crash leaves, which versions go, and the pointer."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.registry import (
    current_version,
    list_versions,
    move_pointer,
    placing,
    read_history,
    read_pointer,
    read_record,
    versions as versions_module,
    writing,
)
from kerasline.components.registry.keeping import prune
from kerasline.components.registry.versions import add_version


@pytest.fixture
def saved_model(tmp_path: Path) -> Path:
    """A folder such as a SavedModel."""
    model = tmp_path / "exported"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    (model / "variables" / "variables.index").write_bytes(b"weights")
    return model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``MODELS/NAME``, which does not exist yet."""
    return tmp_path / "models" / "digits"


def push(folder: Path, model: Path, times: int = 1) -> None:
    """What the Pusher does."""
    for _ in range(times):
        version = add_version(folder, model, {})
        move_pointer(folder, version, "pushed by a run", previous=current_version(folder))


def test_before_the_first_push_there_is_nothing(folder: Path) -> None:
    assert list_versions(folder) == []
    assert read_pointer(folder) is None
    assert current_version(folder) is None
    assert read_record(folder, 1) == {}


def test_versions_count_up_and_hold_the_model_and_its_record(folder: Path, saved_model: Path) -> None:
    assert add_version(folder, saved_model, {"classes": ["a", "b"]}) == 1
    assert add_version(folder, saved_model, {}) == 2
    assert (folder / "1" / "saved_model.pb").read_bytes() == b"graph"
    assert (folder / "1" / "variables" / "variables.index").read_bytes() == b"weights"
    record = read_record(folder, 1)
    assert (record["version"], record["classes"]) == (1, ["a", "b"])
    assert record["pushed_at"].endswith("+00:00")
    assert sorted(p.name for p in folder.iterdir()) == ["1", "2"]


def test_numbers_are_compared_as_numbers_and_other_names_do_not_count(folder: Path, saved_model: Path) -> None:
    for name in ("9", "10", "notes", ".11.deleted"):
        (folder / name).mkdir(parents=True)
    (folder / "12").write_text("a file is no version")
    assert list_versions(folder) == [9, 10]
    assert add_version(folder, saved_model, {}) == 11
    shutil.rmtree(folder / "9")
    assert list_versions(folder) == [10, 11]


@pytest.mark.parametrize("broken", ["copy_folder", "rename", "write_json"])
def test_a_crash_while_a_version_is_written_leaves_nothing(
    folder: Path, saved_model: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    push(folder, saved_model)
    before = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    def crash(*arguments: Any, **named: Any) -> None:
        if broken == "copy_folder":
            Path(arguments[1]).mkdir()
            (Path(arguments[1]) / "half").write_text("")
        raise KeyboardInterrupt

    owner = {"copy_folder": versions_module, "rename": os, "write_json": versions_module}[broken]
    monkeypatch.setattr(owner, broken, crash)
    with pytest.raises(KeyboardInterrupt):
        add_version(folder, saved_model, {})
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} == before
    assert list_versions(folder) == [1]
    assert add_version(folder, saved_model, {}) == 2


def test_a_version_is_invisible_until_it_is_complete(
    folder: Path, saved_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    rename = os.rename

    def watch(source: Path, target: Path) -> None:
        seen.append([p.name for p in folder.iterdir() if not p.name.startswith(".")])
        assert (Path(source) / "saved_model.pb").is_file()
        assert json.loads((Path(source) / "version.json").read_text())["version"] == 1
        rename(source, target)

    monkeypatch.setattr(placing.os, "rename", watch)
    add_version(folder, saved_model, {})
    assert seen == [[]]


def test_the_pointer_says_what_is_in_production_and_the_history_how_it_came(folder: Path, saved_model: Path) -> None:
    push(folder, saved_model, times=2)
    move_pointer(folder, 1, "rolled back", previous=2)
    pointer = read_pointer(folder)
    assert pointer is not None
    assert (pointer["version"], pointer["previous"], pointer["reason"]) == (1, 2, "rolled back")
    assert current_version(folder) == 1
    moves = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [(move["previous"], move["version"]) for move in moves] == [(None, 1), (1, 2), (2, 1)]
    assert moves[-1] == pointer


def test_a_spoilt_line_of_the_history_hides_no_other(folder: Path, saved_model: Path) -> None:
    push(folder, saved_model, times=2)
    with open(folder / "history.jsonl", "ab") as file:
        file.write(b'{"version": \xff\x00\n')
    push(folder, saved_model)
    assert [move["version"] for move in read_history(folder)] == [1, 2, 3]


def test_a_crash_while_the_pointer_moves_leaves_the_old_one(
    folder: Path, saved_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(folder, saved_model)
    before = (folder / "current.json").read_bytes()
    add_version(folder, saved_model, {})

    def crash(*arguments: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(writing.os, "replace", crash)
    with pytest.raises(OSError, match="full"):
        move_pointer(folder, 2, "pushed by a run", previous=1)
    assert (folder / "current.json").read_bytes() == before
    assert len((folder / "history.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("versions", "current", "previous", "keep", "deleted"),
    [
        (3, 3, 2, 5, []),
        (6, 6, 5, 5, [1]),
        (6, 6, 5, 2, [1, 2, 3, 4]),
        (6, 1, 6, 2, [2, 3, 4]),
        (6, 2, 1, 3, [3]),
        (6, 6, None, 3, [1, 2, 3]),
    ],
)
def test_the_oldest_versions_go_but_never_production_and_its_predecessor(
    folder: Path,
    saved_model: Path,
    versions: int,
    current: int,
    previous: int | None,
    keep: int,
    deleted: list[int],
) -> None:
    for _ in range(versions):
        add_version(folder, saved_model, {})
    move_pointer(folder, current, "test", previous=previous)
    assert prune(folder, keep) == deleted
    assert list_versions(folder) == [v for v in range(1, versions + 1) if v not in deleted]
    left = {p.name for p in folder.iterdir()} - {str(v) for v in range(1, versions + 1)}
    assert left == {"current.json", "history.jsonl"}
