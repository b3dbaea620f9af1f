"""A run that is killed, taken up again until the gate, and measured anew to the end: each stage a real command."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

NAME = "iris_mlp"
SETTINGS = ("--set", "training.epochs=15", "--set", "evaluation.thresholds={accuracy: {min: 0.3}}")


def finished_steps(workspace: Path) -> dict[str, Any]:
    """Reads what the only run so far has finished."""
    found = list(workspace.glob(f"reports/{NAME}/*/steps.json"))
    return json.loads(found[0].read_text()) if found else {}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of all stages."""
    return tmp_path_factory.mktemp("parts") / "workspace"


@pytest.fixture(scope="module")
def killed(start: Any, workspace: Path) -> list[str]:
    """Kills the first run when it has finished transform; returns the steps that it finished."""
    process, _ = start(workspace, NAME, *SETTINGS)
    deadline = time.monotonic() + 300
    while "transform" not in finished_steps(workspace):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "transform did not finish"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return list(finished_steps(workspace))


@pytest.fixture(scope="module")
def until_gate(kerasline: Callable[..., Any], workspace: Path, killed: list[str]) -> Any:
    """The same run, until the gate."""
    return kerasline(workspace, NAME, *SETTINGS, "--until", "gate")


@pytest.fixture(scope="module")
def impossible(kerasline: Callable[..., Any], workspace: Path, until_gate: Any) -> Any:
    """The measuring of a model that was never trained."""
    return kerasline(workspace, NAME, *SETTINGS, "--set", "training.epochs=9", "--from", "evaluate")


@pytest.fixture(scope="module")
def measured_anew(kerasline: Callable[..., Any], workspace: Path, impossible: Any) -> Any:
    """The measuring of the one that was, and what follows."""
    return kerasline(workspace, NAME, *SETTINGS, "--from", "evaluate")


def test_what_the_killed_run_had_finished_is_not_done_again(
    killed: list[str], until_gate: Any, workspace: Path, executions: Any
) -> None:
    cached = until_gate.cached()
    assert [step for step in killed if not cached[step]] == []
    assert not any(cached[step] for step in ("train", "evaluate", "gate"))
    assert executions(workspace, until_gate.result["run_id"])["train"] == "COMPLETE"


def test_until_the_gate_nothing_is_pushed(until_gate: Any, workspace: Path) -> None:
    assert until_gate.code == 0, until_gate.err
    assert until_gate.result["status"] == "partial"
    assert until_gate.result["part"] == {"from": None, "until": "gate"}
    assert until_gate.result["metrics"]["accuracy"] >= 0.3 and until_gate.result["model"] is None
    assert not {"push", "explain", "report"} & set(until_gate.cached())
    assert "stopped after gate, as asked: nothing was pushed" in until_gate.out
    assert not (workspace / "models" / NAME).exists()
    page = Path(until_gate.result["report"]).read_text()
    assert "Stopped after gate, as asked; nothing was pushed." in page and "--until gate" in page


def test_without_what_is_before_it_says_what_is_missing_and_why(impossible: Any, workspace: Path) -> None:
    assert impossible.code == 2
    assert impossible.result == {}
    (sentence,) = impossible.err.splitlines()
    assert "--from: expected the outputs of train from an earlier run" in sentence
    assert "training.epochs changed from 15 to 9" in sentence
    assert sentence.endswith("--set training.epochs=9 --until train")


def test_from_a_step_it_runs_anew_though_it_was_cached_and_to_the_end(
    until_gate: Any, measured_anew: Any, workspace: Path, is_intact: Callable[[Path], bool]
) -> None:
    assert measured_anew.code == 0, measured_anew.err
    cached = measured_anew.cached()
    new = {"evaluate", "parity", "gate", "push", "explain", "report"}
    assert {step for step in cached if not cached[step]} == new
    assert set(until_gate.cached()) | new == set(cached)
    # Beam makes batches by the time that they take, and with the batch a float32 answer changes in its last digit.
    assert measured_anew.result["metrics"] == pytest.approx(until_gate.result["metrics"], rel=1e-6)
    assert (measured_anew.result["status"], measured_anew.result["model"]["version"]) == ("pushed", 1)
    assert is_intact(workspace)
    from kerasline.pipeline.workspace.history import list_runs

    statuses = [run["status"] for run in list_runs(workspace)]
    assert [status for status in statuses if status != "failed"] == ["killed", "partial", "pushed"]
