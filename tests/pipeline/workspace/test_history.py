"""The list of a workspace's runs."""

from __future__ import annotations

import json
from pathlib import Path

from kerasline.pipeline.workspace.history import list_runs


def leave_run(workspace: Path, recipe: str, run_id: str) -> None:
    """What a run leaves beside its report."""
    folder = workspace / "reports" / recipe / run_id
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"run_id": run_id, "recipe": recipe}))


def test_runs_of_all_recipes_in_the_order_of_time(tmp_path: Path) -> None:
    leave_run(tmp_path, "iris", "20260102-101500")
    leave_run(tmp_path, "digits", "20260103-090000")
    leave_run(tmp_path, "digits", "20260102-101500-2")
    leave_run(tmp_path, "iris", "20251231-235959")
    assert [(run["recipe"], run["run_id"]) for run in list_runs(tmp_path)] == [
        ("iris", "20251231-235959"),
        ("iris", "20260102-101500"),
        ("digits", "20260102-101500-2"),
        ("digits", "20260103-090000"),
    ]


def test_a_run_that_was_killed_is_not_listed(tmp_path: Path) -> None:
    leave_run(tmp_path, "iris", "20260102-101500")
    (tmp_path / "reports" / "iris" / "20260103-000000").mkdir()
    assert [run["run_id"] for run in list_runs(tmp_path)] == ["20260102-101500"]


def test_a_workspace_that_does_not_exist_has_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "nowhere") == []
    assert not (tmp_path / "nowhere").exists()
