"""What is known of a plan: kept under its key, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasline.pipeline.workspace.memory import Remembered, recall_plan, remember_plan
from kerasline.pipeline.workspace.steps import StepInputs
from kerasline.pipeline.workspace.workspace import Workspace

KEY, OTHER = "0" * 64, "1" * 64
PLAN = Remembered(
    {"second": StepInputs({"b": "ü", "a": '{"x": 1}'}, ()), "first": StepInputs({}, ("second",), ("second",))},
    "20260102-030405",
)


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    """A workspace in which one plan is known."""
    found = Workspace(tmp_path / "workspace")
    remember_plan(found, "flowers", KEY, PLAN)
    return found


def kept(home: Workspace) -> Path:
    """The one file of it."""
    (file,) = (home.root / "planned" / "flowers").iterdir()
    return file


def test_what_is_known_comes_back_with_its_order(home: Workspace) -> None:
    found = recall_plan(home, "flowers", KEY)
    assert found == PLAN
    assert found is not None and list(found.steps) == ["second", "first"]


def test_nothing_is_known_of_another_plan_recipe_or_workspace(home: Workspace, tmp_path: Path) -> None:
    assert recall_plan(home, "flowers", OTHER) is None
    assert recall_plan(home, "weeds", KEY) is None
    assert recall_plan(Workspace(tmp_path), "flowers", KEY) is None
    # Of a file under another name it is seen that it is about something else.
    shutil.copy(kept(home), kept(home).with_name(f"{OTHER[:32]}.json"))
    assert recall_plan(home, "flowers", OTHER) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"\xff\xfe{}"),
        lambda file: file.write_text("[]"),
        lambda file: file.write_text("{}"),
        lambda file: file.write_text(json.dumps({"digest": "", "content": {}})),
        lambda file: file.write_text(file.read_text().replace('\\"x\\": 1', '\\"x\\": 2')),
        lambda file: file.write_text(file.read_text().replace("20260102", "20260103")),
        lambda file: (file.unlink(), file.mkdir()),
    ],
    ids=["cut", "empty", "bytes", "list", "object", "no steps", "parameter", "run", "folder"],
)
def test_what_is_not_whole_is_not_known(home: Workspace, damage: Callable[[Path], object]) -> None:
    before = kept(home).read_bytes()
    damage(kept(home))
    assert kept(home).is_dir() or kept(home).read_bytes() != before
    assert recall_plan(home, "flowers", KEY) is None


def test_what_another_user_wrote_is_known(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr("os.utime", refuse)  # which takes the owner, and tests may run as one who may all
    assert recall_plan(home, "flowers", KEY) == PLAN


def test_it_is_known_again_once_it_is_written_again(home: Workspace) -> None:
    kept(home).write_text("{")
    remember_plan(home, "flowers", KEY, PLAN)
    assert recall_plan(home, "flowers", KEY) == PLAN


def test_a_kill_while_it_is_written_leaves_what_was_known(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "replace", killed)
        remember_plan(home, "flowers", KEY, Remembered({}))
    assert recall_plan(home, "flowers", KEY) == PLAN


def test_the_newest_plans_stay(home: Workspace) -> None:
    for number in range(1, 30):
        remember_plan(home, "flowers", f"{number:064}"[::-1], Remembered({}))
        os.utime(home.root / "planned" / "flowers" / f"{f'{number:064}'[::-1][:32]}.json", (number, number))
    found = [n for n in range(1, 30) if recall_plan(home, "flowers", f"{n:064}"[::-1]) is not None]
    assert 19 <= len(found) <= 20 and found[-1] == 29 and 1 not in found


def test_a_workspace_that_cannot_be_written_is_done_without(home: Workspace) -> None:
    shutil.rmtree(home.root / "planned")
    (home.root / "planned").write_text("no folder")
    remember_plan(home, "flowers", KEY, PLAN)
    assert recall_plan(home, "flowers", KEY) is None
