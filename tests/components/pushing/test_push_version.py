"""A push as a whole: repeated, killed at any moment, beside other processes; and what it leaves for rollbacks."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kerasline.components.core.errors import KeraslineError
from kerasline.components.registry import (
    PushRefused,
    current_version,
    find_predecessor,
    find_problem,
    list_versions,
    move_pointer,
    push_version,
    read_history,
    read_pins,
    read_pointer,
    read_record,
    set_pin,
)
from kerasline.components.registry.versions import add_version, digest_model

ROOT = Path(__file__).resolve().parents[3]
KILLS = 25


def write_model(path: Path, content: str, filler_bytes: int = 0) -> Path:
    """A folder such as a SavedModel."""
    (path / "variables").mkdir(parents=True, exist_ok=True)
    (path / "saved_model.pb").write_text(content)
    (path / "variables" / "variables.index").write_text(content)
    (path / "variables" / "variables.data-00000-of-00001").write_bytes(b"w" * filler_bytes)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``MODELS/NAME``, which does not exist yet."""
    return tmp_path / "models" / "digits"


def push(folder: Path, content: str, keep: int = 5) -> int:
    """Pushes a model that consists of ``content``."""
    return push_version(folder, write_model(folder.parents[1] / f"exported-{content}", content), {"by": content}, keep)


def roll_back(folder: Path) -> int:
    """Moves the pointer as ``kerasline rollback`` does."""
    target, before = find_predecessor(folder), current_version(folder)
    assert target is not None
    previous = find_predecessor(folder, {"version": target, "action": "rollback"})
    move_pointer(folder, target, "it was worse", previous=previous, action="rollback", replaced=before)
    return target


def test_a_push_counts_up_and_moves_production(folder: Path) -> None:
    assert [push(folder, "a"), push(folder, "b")] == [1, 2]
    pointer = read_pointer(folder)
    assert pointer is not None
    assert (pointer["version"], pointer["previous"], pointer["action"]) == (2, 1, "push")
    assert "@" in pointer["who"]
    record = read_record(folder, 2)
    assert record["by"] == "b"
    assert record["digest"] == digest_model(folder / "2")
    assert record["files"]["saved_model.pb"] == 1
    assert find_problem(folder, 2) is None


def test_files_that_are_added_at_the_end_are_there_when_the_version_appears(folder: Path, tmp_path: Path) -> None:
    def finish(staging: Path) -> None:
        assert not (folder / "1").exists()
        (staging / "assets.extra").mkdir()
        (staging / "assets.extra" / "requests").write_text("two")

    model = write_model(tmp_path / "exported", "a")
    assert push_version(folder, model, {}, 5, finish) == 1
    assert (folder / "1" / "assets.extra" / "requests").read_text() == "two"
    assert read_record(folder, 1)["files"]["assets.extra/requests"] == 3
    assert push_version(folder, model, {}, 5, finish) == 1, "they are not part of the model"


def test_a_version_can_be_pushed_into_another_registry(folder: Path) -> None:
    push(folder, "a")
    other = folder.parent / "copy"
    assert push_version(other, folder / "1", {"by": "a copy"}, 5) == 1
    assert read_record(other, 1)["by"] == "a copy"
    assert "version.json" not in read_record(other, 1)["files"]
    assert find_problem(other, 1) is None


def test_pushing_what_is_in_production_again_changes_nothing(folder: Path) -> None:
    push(folder, "a")
    before = (folder / "current.json").read_bytes()
    assert push(folder, "a") == 1
    assert (folder / "current.json").read_bytes() == before
    assert len(read_history(folder)) == 1


def test_a_push_that_was_killed_before_its_pointer_moved_is_completed(folder: Path) -> None:
    push(folder, "a")
    model = write_model(folder.parents[1] / "exported-b", "b")
    assert add_version(folder, model, {"digest": digest_model(model)}) == 2
    assert current_version(folder) == 1
    assert push(folder, "b") == 2
    assert list_versions(folder) == [1, 2]
    assert current_version(folder) == 2


def test_a_damaged_version_of_a_killed_push_is_not_taken_up(folder: Path) -> None:
    push(folder, "a")
    model = write_model(folder.parents[1] / "exported-b", "b")
    add_version(folder, model, {"digest": digest_model(model)})
    (folder / "2" / "variables" / "variables.index").unlink()
    assert find_problem(folder, 2) == "variables/variables.index is missing"
    assert push(folder, "b") == 3


def test_a_model_that_was_replaced_comes_back_under_a_new_number(folder: Path) -> None:
    assert [push(folder, "a"), push(folder, "b"), push(folder, "a")] == [1, 2, 3]


def test_other_formats_make_a_version_of_their_own(folder: Path) -> None:
    model = write_model(folder.parents[1] / "exported-a", "a")
    assert push(folder, "a") == 1
    both = {"by": "a", "formats": ["saved_model", "tflite"]}
    assert [push_version(folder, model, both, 5) for _ in range(2)] == [2, 2]
    assert push_version(folder, model, {"by": "a", "formats": ["saved_model"]}, 5) == 3
    assert roll_back(folder) == 2
    other = {"by": "a", "formats": ["saved_model", "keras"]}
    with pytest.raises(PushRefused, match="this model is version 3 of digits again"):
        push_version(folder, model, other, 5)


def test_a_model_that_was_rolled_back_does_not_come_back_by_itself(folder: Path) -> None:
    push(folder, "a")
    push(folder, "b")
    assert roll_back(folder) == 1
    with pytest.raises(PushRefused, match=r"version 2 of digits again.*\(it was worse\).*promote digits 2") as refused:
        push(folder, "b")
    assert refused.value.exit_code == 4
    assert current_version(folder) == 1
    assert list_versions(folder) == [1, 2]
    assert push(folder, "c") == 3


def test_numbers_of_deleted_versions_are_not_used_again(folder: Path) -> None:
    for content in "abcd":
        push(folder, content)
    for _ in range(2):
        roll_back(folder)
    for path in sorted((folder / "4").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / "4").rmdir()
    assert push(folder, "e") == 5


def test_a_copy_that_differs_does_not_go_into_production(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push(folder, "a")

    def copy_badly(source: str, target: str) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:-1])

    monkeypatch.setattr("kerasline.components.registry.versions.copy_to_disk", copy_badly)
    with pytest.raises(KeraslineError, match="differ from those in .*check the disk"):
        push(folder, "bb")
    assert current_version(folder) == 1


def test_rollbacks_go_back_through_what_was_in_production(folder: Path) -> None:
    for content in "abc":
        push(folder, content)
    assert roll_back(folder) == 2
    assert roll_back(folder) == 1
    assert find_predecessor(folder) is None
    assert push(folder, "d") == 4
    assert roll_back(folder) == 1, "2 and 3 were rolled back"
    moves = [(move["action"], move["replaced"], move["version"]) for move in read_history(folder)]
    assert moves[2:] == [("push", 2, 3), ("rollback", 3, 2), ("rollback", 2, 1), ("push", 1, 4), ("rollback", 4, 1)]


def test_a_rollback_passes_over_a_version_that_is_gone(folder: Path) -> None:
    for content in "abc":
        push(folder, content)
    (folder / "2").rename(folder / "moved-away")
    assert find_predecessor(folder) == 1


def test_pinned_versions_and_the_predecessor_are_not_pruned(folder: Path) -> None:
    for content in "abc":
        push(folder, content)
    set_pin(folder, 1, "the customer's acceptance test")
    for content in "defg":
        push(folder, content, keep=2)
    assert list_versions(folder) == [1, 6, 7]
    assert read_pins(folder)[1]["reason"] == "the customer's acceptance test"
    roll_back(folder)
    push(folder, "h", keep=2)
    assert list_versions(folder) == [1, 6, 7, 8], "7 is among the newest two, 6 was in production before 8"
    set_pin(folder, 1, None)
    push(folder, "i", keep=2)
    assert list_versions(folder) == [8, 9]


def test_a_history_line_that_was_cut_short_is_left_out_and_then_completed(folder: Path) -> None:
    push(folder, "a")
    push(folder, "b")
    lines = (folder / "history.jsonl").read_text().splitlines(keepends=True)
    (folder / "history.jsonl").write_text(lines[0] + lines[1][:20])
    assert [move["version"] for move in read_history(folder)] == [1, 2], "the pointer knows the last move"
    push(folder, "c")
    assert [move["version"] for move in read_history(folder)] == [1, 2, 3]


def test_tensorflow_serving_is_told_what_is_in_production(folder: Path) -> None:
    push(folder, "a")
    push(folder.parent / "iris", "b")
    push(folder, "c")
    roll_back(folder)
    config = (folder.parent / "tensorflow_serving.config").read_text()
    assert [line.strip() for line in config.splitlines() if "name" in line or "versions" in line] == [
        'name: "digits"',
        "model_version_policy { specific { versions: 1 } }",
        'name: "iris"',
        "model_version_policy { specific { versions: 1 } }",
    ]
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    parsed = text_format.Parse(config, model_server_config_pb2.ModelServerConfig())
    assert [c.base_path for c in parsed.model_config_list.config] == ["/models/digits", "/models/iris"]


PUSHER = """
import sys
from pathlib import Path
from kerasline.components.registry import push_version
folder, model, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
while True:
    number += 1
    (model / "saved_model.pb").write_text(str(number))
    push_version(folder, model, {"number": number}, 2)
"""


def test_kill_at_random_moments_leaves_a_servable_registry(folder: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    model = write_model(tmp_path / "exported", "0", filler_bytes=200_000)
    seen_versions, found_leftovers = [0], 0
    for kill in range(KILLS):
        command = [sys.executable, "-c", PUSHER, str(folder), str(model), str(1000 * kill)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.12))
        child.send_signal(signal.SIGKILL)
        child.wait()
        current = current_version(folder)
        if current is None:
            assert seen_versions == [0], "what was in production stays there"
            continue
        assert find_problem(folder, current) is None, f"kill {kill}"
        assert digest_model(folder / str(current)) == read_record(folder, current)["digest"]
        assert [v for v in list_versions(folder) if find_problem(folder, v)] == []
        seen_versions.append(current)
        found_leftovers += len([p for p in folder.iterdir() if p.name.startswith(".")])
    assert seen_versions == sorted(seen_versions)
    assert seen_versions[-1] > 5
    assert found_leftovers > 0, "no kill hit the middle of a push, so this test showed nothing"
    write_model(tmp_path / "exported", "at last", filler_bytes=200_000)
    version = push_version(folder, model, {}, 2)
    assert current_version(folder) == version
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []
    moved = [move["version"] for move in read_history(folder)]
    assert moved == sorted(moved) and moved[-1] == version
    assert json.loads((folder / "history.jsonl").read_text().splitlines()[-1]) == read_pointer(folder)


def test_processes_that_push_at_once_each_get_a_version(folder: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from kerasline.components.registry import push_version;"
        "print(push_version(Path(sys.argv[1]), Path(sys.argv[2]), {}, 10))"
    )
    children = []
    for number in range(4):
        model = write_model(tmp_path / f"exported-{number}", str(number), filler_bytes=1_000_000)
        command = [sys.executable, "-c", script, str(folder), str(model)]
        children.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    printed = sorted(int(child.communicate()[0]) for child in children)
    assert printed == list_versions(folder) == [1, 2, 3, 4]
    assert [(m["replaced"], m["version"]) for m in read_history(folder)] == [(None, 1), (1, 2), (2, 3), (3, 4)]
