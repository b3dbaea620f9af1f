"""A run in which nothing has changed: it says, leaves and records what it always did, and loads no TensorFlow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

PROGRAM = """
import sys
from kerasline.pipeline.cli.entry import main

try:
    main()
finally:
    loaded = {name.partition(".")[0] for name in sys.modules} & {"tensorflow", "tfx", "keras", "apache_beam"}
    print("loaded", sorted(loaded), file=sys.stderr)
"""
# What tells one run from another.
OF_ITS_OWN = {"run_id", "report", "log", "seconds", "started_at", "steps", "status"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which a small recipe has run once."""
    folder = tmp_path_factory.mktemp("unchanged")
    done = run(folder)
    assert done["result"]["status"] == "pushed" and "tensorflow" in done["loaded"]
    return folder


def run(workspace: Path, *words: str) -> dict[str, Any]:
    """Runs the recipe; returns the JSON, what was on the screen, and which heavy libraries it loaded."""
    outcome = workspace / "outcome.json"
    done = call("run", workspace, *words, "--json", str(outcome))
    return {"result": json.loads(outcome.read_text()), "out": done.stdout, "loaded": done.stderr.splitlines()[-1]}


def call(command: str, workspace: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Calls a command for the recipe."""
    changes = ["data.limit=300", "training.epochs=2", "evaluation.thresholds={accuracy: {min: 0.0}}"]
    told = [word for change in changes for word in ("--set", change)]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, command, "digits_mlp", *told, *words, "--workspace", str(workspace)],
        capture_output=True, text=True, cwd=workspace, check=True, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def test_it_leaves_what_a_run_through_tfx_leaves(workspace: Path, executions: Callable[..., dict[str, str]]) -> None:
    short = run(workspace)
    assert short["loaded"] == "loaded []"
    # Nobody remembers: every step is looked up.
    shutil.rmtree(workspace / "planned")
    long = run(workspace)
    assert "tfx" in long["loaded"]
    assert {k: v for k, v in short["result"].items() if k not in OF_ITS_OWN} == {
        k: v for k, v in long["result"].items() if k not in OF_ITS_OWN
    }
    assert short["result"].keys() == long["result"].keys()
    assert short["result"]["status"] == long["result"]["status"] == "up_to_date"
    cached = [(step["id"], True) for step in long["result"]["steps"]]
    assert [(step["id"], step["cached"]) for step in short["result"]["steps"]] == cached
    assert executions(workspace, short["result"]["run_id"]) == executions(workspace, long["result"]["run_id"])
    places = [Path(done["result"]["report"]).parent for done in (short, long)]
    assert [sorted(file.name for file in place.iterdir()) for place in places][0] == sorted(
        file.name for file in places[1].iterdir()
    )
    assert (places[0] / "steps.json").read_text() == (places[1] / "steps.json").read_text()
    lines = [line for line in short["out"].splitlines() if line.endswith(" cached")]
    assert lines == [line for line in long["out"].splitlines() if line.endswith(" cached")] and len(lines) == len(
        cached
    )


def test_a_lost_output_is_made_again(workspace: Path) -> None:
    assert run(workspace)["loaded"] == "loaded []"
    shutil.rmtree(workspace / "pipelines" / "digits_mlp" / "validate")
    planned = json.loads(call("plan", workspace, "--json", "-").stdout)
    again = run(workspace)
    assert "tfx" in again["loaded"]
    made = [step["id"] for step in again["result"]["steps"] if not step["cached"]]
    assert made == [step["id"] for step in planned if not step["cached"]] == ["validate", "push", "report"]
    assert run(workspace)["loaded"] == "loaded []"


def test_what_is_asked_for_is_run(workspace: Path) -> None:
    assert "tfx" in run(workspace, "--from", "report")["loaded"]
    anew = run(workspace, "--no-cache")
    assert "tfx" in anew["loaded"] and not any(step["cached"] for step in anew["result"]["steps"])
    assert anew["result"]["baseline"], "it was compared with the version in production, of the same recipe"
    again = run(workspace)
    assert again["loaded"] == "loaded []" and again["result"]["baseline"] == anew["result"]["baseline"]
