"""The list of a workspace's runs."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from kerasline.components.core import progress
from kerasline.pipeline.workspace import Workspace, read_epochs, under_way
from kerasline.pipeline.workspace.history import list_runs, write_outcome


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


def test_a_folder_of_a_report_alone_is_no_run(tmp_path: Path) -> None:
    leave_run(tmp_path, "iris", "20260102-101500")
    (tmp_path / "reports" / "iris" / "20260103-000000").mkdir()
    assert [run["run_id"] for run in list_runs(tmp_path)] == ["20260102-101500"]


RUN = """
import sys, time
from pathlib import Path
from kerasline.pipeline.workspace import Workspace, under_way

home = Workspace(Path(sys.argv[1]))
with under_way(home, "iris", "20260103-090000") as run:
    for step in sys.argv[2:]:
        run.begin(step)
    print("begun", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize(("steps", "where"), [(["ingest", "train"], "in step train"), ([], "before its first step")])
def test_a_run_is_listed_while_it_lasts_and_after_a_kill(tmp_path: Path, steps: list[str], where: str) -> None:
    (tmp_path / "logs").mkdir()
    leave_run(tmp_path, "iris", "20260102-101500")
    with subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path), *steps], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"begun\n"
        earlier, run = list_runs(tmp_path)
        assert (run["recipe"], run["status"], run["failed_step"]) == ("iris", "running", None)
        assert run["message"] == f"process {process.pid} is {where}"
        process.kill()
    earlier, run = list_runs(tmp_path)
    assert earlier["run_id"] == "20260102-101500"
    assert (run["status"], run["failed_step"], run["report"]) == ("killed", steps[-1] if steps else None, "")
    assert run["message"] == f"it was ended from outside {where}; what had finished is kept: run it again"
    assert run["seconds"]["total"] >= 0


def test_a_run_that_ended_has_its_outcome_alone(tmp_path: Path) -> None:
    home = Workspace(tmp_path)
    home.log("20260103-090000").parent.mkdir()
    with pytest.raises(RuntimeError), under_way(home, "iris", "20260103-090000"):
        leave_run(tmp_path, "iris", "20260103-090000")
        assert len(list_runs(tmp_path)) == 1
        raise RuntimeError
    assert len(list_runs(tmp_path)) == 1 and list((tmp_path / "logs").iterdir()) == []


def test_the_epochs_of_the_newest_fit_are_read_while_the_run_lasts(tmp_path: Path) -> None:
    home, run_id = Workspace(tmp_path), "20260103-090000"
    home.log(run_id).parent.mkdir()
    assert read_epochs(tmp_path, run_id) == (1, {})
    with under_way(home, "iris", run_id) as run:
        run.begin("train")
        for epoch, loss in ((1, 0.9), (2, 0.8), (1, 0.7), (2, float("nan")), (3, 0.5)):
            progress.report("epoch", epoch, 5, f"loss {loss}", figures={"loss": loss, "val_loss": 2 * loss})
        progress.report("epoch", 3, 5, "step 7/90")
        progress.report("epoch", 3, 5, "the time is over", permanent=True)
        (listed,) = list_runs(tmp_path)
        assert (listed["step"], listed["doing"]) == ("train", "epoch 3/5  step 7/90")
        with (tmp_path / "logs" / f"{run_id}.epochs").open("a") as file:
            file.write('{"epoch": 4, "fig')  # as it is while a line is being written, or on a full disk
        first, history = read_epochs(tmp_path, run_id)
        assert first == 1 and history["loss"][::2] == [0.7, 0.5] and history["val_loss"][::2] == [1.4, 1.0]
        assert math.isnan(history["loss"][1])
        for epoch in (4, 5):  # the first of them ends the broken line
            progress.report("epoch", epoch, 5, figures={"loss": 0.1 * epoch})
        assert read_epochs(tmp_path, run_id) == (5, {"loss": [0.5]})
        run.begin("evaluate")
        assert list_runs(tmp_path)[0]["doing"] == ""
    progress.report("epoch", 4, 5, figures={"loss": 0.1})  # nobody listens any more
    assert list((tmp_path / "logs").iterdir()) == []


def test_a_fit_that_goes_on_begins_with_its_own_first_epoch(tmp_path: Path) -> None:
    home, run_id = Workspace(tmp_path), "20260103-090000"
    home.log(run_id).parent.mkdir()
    with under_way(home, "iris", run_id):
        for epoch in (5, 6):
            progress.report("epoch", epoch, 9, figures={"loss": 1 / epoch})
        assert read_epochs(tmp_path, run_id) == (5, {"loss": [1 / 5, 1 / 6]})


def test_a_full_disk_ends_no_run(tmp_path: Path) -> None:
    home = Workspace(tmp_path)
    home.log("20260103-090000").parent.mkdir()
    (tmp_path / "logs" / "20260103-090000.epochs").symlink_to("/dev/full")
    with under_way(home, "iris", "20260103-090000"):
        progress.report("epoch", 1, 9, figures={"loss": 1.0})
        assert len(list_runs(tmp_path)) == 1


def test_a_workspace_that_does_not_exist_has_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "nowhere") == []
    assert not (tmp_path / "nowhere").exists()


def test_report_and_log_are_those_of_a_workspace_that_was_moved(tmp_path: Path) -> None:
    before, after = (tmp_path / name for name in ("before", "after"))
    folder = before / "reports" / "flats" / "20260102-030405"
    folder.mkdir(parents=True)
    log = before / "logs" / f"{folder.name}.log"
    outcome = {"run_id": folder.name, "recipe": "flats", "report": str(folder / "index.html"), "log": str(log)}
    write_outcome(folder / "run.json", outcome)
    assert list_runs(before) == [outcome]
    before.rename(after)
    (run,) = list_runs(after)
    assert run == {key: value.replace(str(before), str(after)) for key, value in outcome.items()}
