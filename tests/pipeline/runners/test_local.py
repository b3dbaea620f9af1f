"""The runner of this machine: parts of a run, and what kill -9 leaves."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kerasline.pipeline.workspace import Workspace, repeat_run, run_artifacts

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
# Imported and not run as a script, since the cache tells steps apart by their modules' names.
PROGRAM = """
import pathlib, sys
from tests.pipeline.runners.three_steps import run_steps
run_steps(pathlib.Path(sys.argv[1]), "r1")
"""


@pytest.fixture(scope="module")
def steps() -> Any:
    """The script as a module, in this process."""
    from tests.pipeline.runners import three_steps

    return three_steps


@pytest.fixture
def run(steps: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[list[Any]]]:
    """Runs the three steps in the test's own folder; returns each step with whether it was cached."""

    def call(*arguments: str) -> list[list[Any]]:
        steps.run_steps(tmp_path, *arguments)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("[")]

    return call


def states(workspace: Path) -> list[tuple[str, str]]:
    """Reads every execution with its state, oldest first."""
    from ml_metadata.metadata_store import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(workspace / "metadata.sqlite")
    store = metadata_store.MetadataStore(config)
    found = []
    for execution in sorted(store.get_executions(), key=lambda e: e.id):
        if execution.type == "kerasline.passed_over":  # stands for a number alone
            continue
        (node,) = (c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "node")
        found.append((node.split(".")[1], metadata_store_pb2.Execution.State.Name(execution.last_known_state)))
    return found


def texts(workspace: Path, step: str) -> list[str]:
    """Reads what a step wrote, run by run."""
    return [path.read_text() for path in sorted(workspace.glob(f"pipelines/steps/{step}/out/*/text"))]


def test_until_stops_and_the_next_run_goes_on(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("r1", "b", "", "second") == [["first", False], ["second", False]]
    assert texts(tmp_path, "third") == []
    assert run("r2") == [["first", True], ["second", True], ["third", False]]
    assert texts(tmp_path, "third") == ["abc"]


def test_from_runs_anew_what_is_cached_and_takes_what_is_before(run: Callable[..., Any], tmp_path: Path) -> None:
    run("r1")
    assert run("r2", "b", "second") == [["first", True], ["second", False], ["third", False]]
    assert run("r3", "b", "second", "second") == [["first", True], ["second", False]]
    assert texts(tmp_path, "first") == ["a"] and texts(tmp_path, "second") == ["ab"] * 3


def test_what_is_before_is_never_executed(run: Callable[..., Any], tmp_path: Path) -> None:
    run("r1")
    assert run("r2", "x", "third") == [["first", True], ["unfinished", "second"]]
    assert texts(tmp_path, "second") == ["ab"], "the changed step did not run"
    assert run("r3", "x") == [["first", True], ["second", False], ["third", False]]
    assert texts(tmp_path, "third") == ["abc", "axc"]


def lose_the_text(place: Path) -> str:
    """As a disk that failed, or someone who tidied up within a folder."""
    (place / "text").unlink()
    return "has lost text"


def cut_the_text(place: Path) -> str:
    """As a power failure, or a copy that was broken off."""
    (place / "text").write_text("")
    return "has text with 0 bytes instead of 2"


@pytest.mark.parametrize("spoil", [lose_the_text, cut_the_text])
def test_a_step_that_has_lost_a_file_is_made_anew(
    steps: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], str]
) -> None:
    """Nothing after it is taken or made from the half, neither in a part of a run nor where all is taken at once."""
    steps.run_steps(tmp_path, "r1")
    (place,) = tmp_path.glob("pipelines/steps/second/out/*")
    said = f"{place} {spoil(place)}: it is not used"
    capsys.readouterr()
    assert repeat_run(Workspace(tmp_path), "steps", "r1", "r2", ["first", "second", "third"]) is None
    steps.run_steps(tmp_path, "r3", "b", "third")
    assert capsys.readouterr().out.splitlines() == [said, '["first", true]', '["unfinished", "second"]']
    steps.run_steps(tmp_path, "r4")
    assert capsys.readouterr().out.splitlines() == ['["first", true]', '["second", false]', '["third", false]']
    assert texts(tmp_path, "third") == ["abc"] * 2
    steps.run_steps(tmp_path, "r5")
    assert capsys.readouterr().out.splitlines() == [f'["{step}", true]' for step in ("first", "second", "third")]


@pytest.mark.long
@pytest.mark.parametrize(("killed", "finished"), [("second", ["first"]), ("third", ["first", "second"])])
def test_after_kill_9_the_next_run_continues_with_what_was_finished(
    run: Callable[..., Any], tmp_path: Path, killed: str, finished: list[str]
) -> None:
    """The store is whole, the step that was killed has failed, and what it had begun to write is gone."""
    (tmp_path / "kill").write_text(killed)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert child.returncode == -signal.SIGKILL, child.stderr
    with sqlite3.connect(f"file:{tmp_path}/metadata.sqlite?mode=ro", uri=True) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert states(tmp_path)[-1] == (killed, "RUNNING")
    (begun,) = tmp_path.glob(f"pipelines/steps/{killed}/out/*")

    (tmp_path / "kill").unlink()
    assert run("r2") == [[step, step in finished] for step in ("first", "second", "third")]
    assert texts(tmp_path, "third") == ["abc"]
    assert not begun.exists()
    assert states(tmp_path)[len(finished)] == (killed, "FAILED")
    assert "RUNNING" not in dict(states(tmp_path)).values()


def test_a_moved_workspace_takes_nothing_from_the_one_that_lies_where_it_was(
    steps: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both have executions with the same numbers, and so outputs of the same names."""
    place, moved = tmp_path / "workspace", tmp_path / "moved"
    for text, folder in (("b", moved), ("x", place)):
        place.mkdir(exist_ok=True)
        steps.run_steps(place, "r1", text)
        if folder is moved:
            place.rename(moved)
    capsys.readouterr()
    steps.run_steps(moved, "r2", "b", root=str(place))
    assert '["second", true]' not in capsys.readouterr().out
    assert sorted(texts(moved, "third")) == ["abc", "abc"] and texts(place, "third") == ["axc"]
    steps.run_steps(moved, "r3", "b", root=str(place))
    assert '["third", true]' in capsys.readouterr().out, "what was made since lies where it belongs"
    # What the first run left is read from where it is now.
    found = run_artifacts(Workspace(moved), "r1")
    assert Path(found["third"]["out"].uri, "text").read_text() == "abc"


def test_two_places_of_one_workspace_leave_each_other_their_caches(
    steps: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a machine and in a container in turn: one folder, and one file of ML Metadata."""
    machine, container = tmp_path / "machine", tmp_path / "container"
    machine.mkdir()
    steps.run_steps(machine, "r1", root=str(tmp_path))
    machine.rename(container)
    capsys.readouterr()
    steps.run_steps(container, "r2", root=str(tmp_path))
    assert '["first", false]' in capsys.readouterr().out
    container.rename(machine)
    steps.run_steps(machine, "r3", root=str(tmp_path))
    assert capsys.readouterr().out.splitlines() == [f'["{step}", true]' for step in ("first", "second", "third")]


def test_what_another_store_knows_stays_and_no_step_writes_to_it(run: Callable[..., Any], tmp_path: Path) -> None:
    """A recipe that ran with a server, or whose file of ML Metadata was away and comes back."""
    file, kept = tmp_path / "metadata.sqlite", tmp_path / "kept.sqlite"
    everything = [["first", True], ["second", True], ["third", True]]
    run("r1")
    left = list(tmp_path.glob("pipelines/steps/*/out/*/text"))
    file.rename(kept)
    assert run("r2", "x") == [["first", False], ["second", False], ["third", False]]
    assert len(left) == 3 and all(path.is_file() for path in left)
    assert texts(tmp_path, "third") == ["abc", "axc"]
    assert run("r3", "x") == everything, "the new one goes on"
    file.unlink()
    kept.rename(file)
    assert run("r4") == everything, "and the earlier one, too"
    assert run("r5", "y") == [["first", True], ["second", False], ["third", False]]
    assert sorted(texts(tmp_path, "third")) == ["abc", "axc", "ayc"]


def test_without_its_store_a_workspace_begins_anew(run: Callable[..., Any], tmp_path: Path) -> None:
    """Numbers of executions go on behind those of what lies there, and no step writes between the files of others."""
    run("r1")
    left = [path for path in tmp_path.glob("pipelines/steps/*/out/*")]
    assert len(left) == 3
    for path in left:
        (path / "of-another-run").touch()
    (tmp_path / "metadata.sqlite").unlink()
    assert run("r2", "x") == [["first", False], ["second", False], ["third", False]]
    assert sorted(tmp_path.glob("pipelines/steps/*/out/*/of-another-run")) == sorted(p / "of-another-run" for p in left)
    assert texts(tmp_path, "third") == ["abc", "axc"]


def test_large_data_moves_its_steps_into_processes_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Beam reads last counts, so the step's own options have to stand behind the pipeline's."""
    from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
    from tfx.orchestration.local import runner_utils

    from kerasline.pipeline.config import parse_experiment
    from kerasline.pipeline.plan import plan_run, planning
    from kerasline.pipeline.runners import local
    from kerasline.pipeline.workspace import open_workspace

    monkeypatch.setattr(planning, "room_for_processes", lambda: 2)
    home = open_workspace(tmp_path / "workspace")

    keyed = set()

    def modes(rows: int, beam: Any) -> dict[str, tuple[str, int]]:
        told = {"name": "flowers", "data": {"dataset": "iris"}, "run": {"beam": beam}}
        planned = plan_run(parse_experiment(told), tmp_path, None, home.models("flowers"))
        dataset = planned.dataset.model_copy(update={"rows": rows, "shards": planned.dataset.shards * 8})
        ir = local.compile_plan(replace(planned, dataset=dataset), home, cache=True)
        deployment = runner_utils.extract_local_deployment_config(ir)
        found = {}
        for step in ("ingest", "statistics", "transform", "evaluate"):
            spec = runner_utils.extract_executor_spec(deployment, step)
            given = [argument.value.string_value for argument in spec.beam_pipeline_args_placeholders]
            options = PipelineOptions(given).view_as(DirectOptions)
            keyed.add((step, local._wherever_it_runs(spec).SerializeToString(deterministic=True)))
            if not beam:  # as the caches of all runs so far have it
                assert local._wherever_it_runs(spec) == spec
            found[step] = (options.direct_running_mode, options.direct_num_workers)
        return found

    one, two = ("in_memory", 1), ("multi_processing", 2)
    assert modes(12_000_000, "auto") == {"ingest": one, "statistics": one, "transform": one, "evaluate": two}
    assert set(modes(12_000_000, []).values()) == {one}
    assert len(keyed) == 4, "what has finished in one process is not run again in two"
