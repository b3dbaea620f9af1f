"""What a kill leaves, tried at every line of a push, a promotion, a rollback and a pin: repeated, each ends well."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.registry import (
    current_version,
    find_problem,
    list_versions,
    push_version,
    read_history,
    read_pins,
    read_pointer,
    versions as room,
)
from kerasline.pipeline.models import commands as registry

ROOM, REGISTRY = str(Path(room.__file__).parent), str(Path(registry.__file__))
WRITING = str(Path(ROOM).parent / "core" / "writing.py")
NAMES = ("digits", "iris")
WRITERS = ("replace_file", "append_line", "write_json", "write_at_once", "written_at_once")


def write_model(path: Path, content: str) -> Path:
    """A folder such as a SavedModel."""
    (path / "variables").mkdir(parents=True, exist_ok=True)
    (path / "saved_model.pb").write_text(content)
    (path / "variables" / "variables.index").write_text(content)
    return path


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of two models of three versions each, and a fourth model that waits for its push."""
    trial = registry.Trial(load_seconds=0.1, requests=1, rows=1)
    # Whether a version answers is another process's affair and leaves nothing in the registry.
    monkeypatch.setattr(registry, "try_version", lambda *_: trial)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # what a killed process has written stays; power failures differ
    folder = tmp_path / "before" / "models"
    for name in NAMES:
        for content in "abc":
            push_version(folder / name, write_model(tmp_path / content, content), {}, 3)
    write_model(tmp_path / "d", "d")
    return folder


def line_of_caller(frame: FrameType) -> int:
    """The line of the registry that runs a function; nothing of what a context manager or the writing does between."""
    back = frame.f_back
    while back is not None and not back.f_code.co_filename.startswith((ROOM, REGISTRY)):
        back = back.f_back
    return back.f_lineno if back else 0


def killed_after(lines: int, act: Callable[[], Any]) -> bool:
    """Lets a process act and kills it after so many lines of the registry; returns whether it came that far."""
    child = os.fork()
    if child == 0:
        seen = set()

        def count(frame: FrameType, event: str, _: Any) -> Any:
            if not frame.f_code.co_filename.startswith((ROOM, REGISTRY, WRITING)):
                return None
            # Of a line that runs often the first time counts, and who calls it: most of a push reads, over and over.
            caller = line_of_caller(frame)
            seen.add(
                (frame.f_code.co_filename, frame.f_lineno, caller)
                if frame.f_code.co_name in WRITERS
                else (frame.f_code.co_filename, frame.f_lineno, 0)
            )
            if len(seen) > lines:
                os.kill(os.getpid(), signal.SIGKILL)
            return count

        sys.settrace(count)
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def served(models: Path) -> list[int]:
    """The versions that TensorFlow Serving is told, by the order of names."""
    lines = (models / "tensorflow_serving.config").read_text().splitlines()
    return [int(line.split("versions: ")[1].split()[0]) for line in lines if "versions: " in line]


def push(models: Path) -> None:
    push_version(models / "digits", models.parents[1] / "d", {}, 3)


def promote(models: Path) -> None:
    registry.promote(models, "digits", 1, "it was better")


def roll_back(models: Path) -> None:
    registry.roll_back(models, "digits", "it was worse")


def pin(models: Path) -> None:
    registry.pin(models, "digits", 1, "the customer's test")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("act", "becomes"),
    [(push, {4}), (promote, {1}), (roll_back, {2}), (pin, {3})],
    ids=["push", "promote", "rollback", "pin"],
)
def test_repeating_what_was_killed_ends_well(
    models: Path, tmp_path: Path, act: Callable[[Path], None], becomes: set[int]
) -> None:
    """One kill for each line that runs in the registry."""
    stale, lines = 0, 0
    while True:
        trial = tmp_path / f"trial-{lines}" / "models"
        shutil.copytree(models, trial)
        killed = killed_after(lines, lambda here=trial: act(here))  # type: ignore[misc]
        folder = trial / "digits"
        now = current_version(folder)
        assert now is not None and find_problem(folder, now) is None, f"after line {lines}"
        stale += served(trial) != [now, 3]
        try:
            act(trial)
        except ConfigError as error:
            assert "in production already" in str(error)
        now = current_version(folder)
        # One that came to its end is done twice.
        assert now in (becomes if killed or act is not roll_back else {1}), f"after line {lines}"
        assert served(trial) == [now, 3], f"after line {lines}"
        assert [v for v in list_versions(folder) if find_problem(folder, v)] == []
        assert read_history(folder)[-1] == read_pointer(folder)
        hidden = [p.name for p in (*trial.iterdir(), *folder.iterdir()) if p.name[0] == "." and p.suffix != ".lock"]
        assert hidden == [], f"after line {lines}"
        shutil.rmtree(trial.parent)
        if not killed:
            break
        lines += 1
    assert lines > 20
    assert (stale > 0) is (act is not pin), "no kill hit the moment between the pointer and the file"
    if act is pin:
        assert list(read_pins(models / "digits")) == []


def test_a_rollback_that_was_cut_off_is_told_and_the_next_one_goes_on(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(move: Any, trial: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        registry.roll_back(models, "digits", "it was worse", cut_off)
    with pytest.raises(KeyboardInterrupt):  # of the repetition, too
        registry.roll_back(models, "digits", "it was worse", cut_off)
    move, trial = registry.roll_back(models, "digits", "it was worse")
    assert (move["version"], move["replaced"], trial) == (2, 3, None)
    assert registry.roll_back(models, "digits", "still worse")[0]["version"] == 1


def test_a_rollback_that_was_cut_off_is_none_of_a_later_production(models: Path) -> None:
    with pytest.raises(SystemExit):
        registry.roll_back(models, "digits", "it was worse", lambda *_: sys.exit())
    registry.promote(models, "digits", 3, "repaired")
    assert registry.roll_back(models, "digits", "not repaired")[0]["replaced"] == 3


def test_what_looks_at_a_workspace_mends_the_file(models: Path) -> None:
    from kerasline.pipeline.workspace.workspace import open_workspace

    config = models / "tensorflow_serving.config"
    right = config.read_text()
    for wrong in (right.replace("versions: 3", "versions: 2"), "", None):
        config.write_text(wrong) if wrong is not None else config.unlink()
        open_workspace(models.parent)
        assert config.read_text() == right


def test_a_pointer_that_cannot_be_read_stops_no_command_that_does_not_need_it(models: Path) -> None:
    from kerasline.pipeline.workspace.workspace import open_workspace

    for content in ("", "[]", '{"version": null}', "{}"):
        (models / "digits" / "current.json").write_text(content)
        assert open_workspace(models.parent).root == models.parent.resolve()
