"""A challenger beside production: the pointer stays, the history tells how it began and ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kerasline.components.registry import (
    Challenger,
    PushRefused,
    current_version,
    drop_challenger,
    list_versions,
    move_pointer,
    push_version,
    read_challenger,
    read_events,
    read_history,
    set_challenger,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of three versions; the first one is in production."""
    for content in "abc":
        push(tmp_path, content)
    move_pointer(tmp_path / "models" / "flats", 1, "by hand", previous=3, action="promote")
    return tmp_path / "models" / "flats"


def push(root: Path, content: str, keep: int = 5, challenge: Any = None) -> int:
    """Pushes a folder such as a SavedModel."""
    model = root / content
    (model / "variables").mkdir(parents=True, exist_ok=True)
    (model / "saved_model.pb").write_text(content)
    (model / "variables" / "variables.index").write_text(content)
    return push_version(root / "models" / "flats", model, {}, keep, challenge=challenge)


def told(folder: Path) -> list[tuple[str, int]]:
    """What the history tells of challengers."""
    moves = read_history(folder)
    return [(event["action"], event["version"]) for event in read_events(folder) if event not in moves]


def test_it_begins_is_replaced_and_ends_without_a_move(folder: Path) -> None:
    moves = read_history(folder)
    set_challenger(folder, Challenger(2, "shadow"), "pushed by a run")
    begun = read_challenger(folder)
    assert begun is not None and (begun.version, begun.kind, begun.since > "2026") == (2, "shadow", True)
    set_challenger(folder, Challenger(2, "shadow"), "pushed by a run")
    assert (read_challenger(folder), told(folder)) == (begun, [("challenge", 2)]), "it began once"
    set_challenger(folder, Challenger(3, "canary", 0.1, {"error_rate": 0.01}), "pushed by a run")
    assert told(folder) == [("challenge", 2), ("drop", 2), ("challenge", 3)]
    line = drop_challenger(folder, "it is worse", {"rows": 500})
    assert line is not None and (line["evidence"], line["reason"]) == ({"rows": 500}, "it is worse")
    assert read_challenger(folder) is None and drop_challenger(folder, "again") is None
    assert (read_history(folder), current_version(folder)) == (moves, 1)
    assert push(folder.parents[1], "d") == 4, "its lines are no versions in production"
    assert read_history(folder)[-1]["replaced"] == 1


def test_what_a_killed_process_left_is_completed(folder: Path) -> None:
    set_challenger(folder, Challenger(2, "shadow"), "pushed by a run")
    history = folder / "history.jsonl"
    lines = history.read_text().splitlines(keepends=True)
    history.write_text("".join(lines[:-1]))
    set_challenger(folder, Challenger(2, "shadow"), "pushed by a run")
    assert told(folder) == [("challenge", 2)]
    kept = (folder / "challenger.json").read_text()
    drop_challenger(folder, "it is worse")
    (folder / "challenger.json").write_text(kept)  # as if it were killed before the file was gone
    drop_challenger(folder, "it is worse")
    assert told(folder) == [("challenge", 2), ("drop", 2)]


@pytest.mark.parametrize("action", ["promote", "push"])
def test_one_that_is_in_production_challenges_nobody(folder: Path, action: str) -> None:
    set_challenger(folder, Challenger(2, "shadow"), "pushed by a run")
    kept = (folder / "challenger.json").read_text()
    move_pointer(folder, 2, "it is better", previous=1, action=action, evidence={"rows": 9})
    assert read_history(folder)[-1]["evidence"] == {"rows": 9}
    assert not (folder / "challenger.json").exists()
    (folder / "challenger.json").write_text(kept)  # as if it were killed before that
    assert read_challenger(folder) is None
    move_pointer(folder, 1, "it was worse", previous=None, action="rollback", replaced=2)
    assert read_challenger(folder) is None, "it does not begin again by itself"


def test_it_is_not_pruned(folder: Path) -> None:
    set_challenger(folder, Challenger(2, "shadow"), "pushed by a run")
    for content in "defg":
        push(folder.parents[1], content, keep=2)
    assert 2 in list_versions(folder) and 3 not in list_versions(folder)


def test_a_push_that_challenges_leaves_production_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "flats"
    shadow = {"kind": "shadow", "share": 0.0, "rollback_on": {"error_rate": 0.01}}
    assert push(tmp_path, "a", challenge=shadow) == 1
    assert current_version(folder) == 1, "the first one challenges nobody"
    assert push(tmp_path, "b", challenge=shadow) == push(tmp_path, "b", challenge=shadow) == 2
    begun = read_challenger(folder)
    assert begun is not None and (begun.version, begun.rollback_on) == (2, {"error_rate": 0.01})
    assert (current_version(folder), told(folder)) == (1, [("challenge", 2)])
    assert push(tmp_path, "a", challenge=shadow) == 1 and read_challenger(folder) == begun
    assert push(tmp_path, "c", challenge={**shadow, "kind": "manual"}) == 3
    assert told(folder) == [("challenge", 2), ("drop", 2), ("challenge", 3)]
    assert push(tmp_path, "b", challenge=shadow) == 2, "it was not judged"
    drop_challenger(folder, "verdict: worse", {"rows": 500})
    with pytest.raises(PushRefused, match=r"version 2 of flats again, which challenged .* dropped \(verdict: worse\)"):
        push(tmp_path, "b", challenge=shadow)
    assert push(tmp_path, "b") == 2 and current_version(folder) == 2, "whoever wants it in production gets it"
