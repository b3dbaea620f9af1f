"""A compiled spec, executed without a cloud, ends in the same model as a run on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.spec_execution import execute_spec, execute_task

CHANGES = [
    "data.limit=600",
    "evaluation.thresholds={accuracy: {min: 0.2}}",
    "validation.duplicates=off",
]
# The spec is compiled with the first and submitted with the second, which the local run has in its config.
COMPILED = ["training.epochs=1", "training.learning_rate=0.0001"]
SUBMITTED = {"epochs": 3, "learning_rate": 0.002, "pipeline_root": "gs://bucket/elsewhere"}
LOCAL = ["training.epochs=3", "training.learning_rate=0.002"]


def drift_of(gate: dict[str, Any], mount: Path) -> list[dict[str, Any]]:
    """What a step of the gate said about drift."""
    folder = mount / gate["verdict"]["uri"].removeprefix("gs://")
    checks = json.loads((folder / "verdict.json").read_text())["checks"]
    return [line for line in checks if line["check"] == "drift"]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1500)
def test_the_spec_pushes_the_model_that_a_local_run_pushes(tmp_path: Path) -> None:
    """Every task runs with the command and arguments that the spec holds, each in a process of its own."""
    compiled, changes = (
        [part for change in [*CHANGES, *more] for part in ("--set", change)] for more in (COMPILED, LOCAL)
    )
    command = [sys.executable, "-m", "kerasline"]
    spec_file, mount = tmp_path / "digits.yaml", tmp_path / "gcs"
    where = [
        "--target",
        "kubeflow",
        "--image",
        "kerasline:1",
        "--pipeline-root",
        "gs://bucket/root",
        "-o",
        str(spec_file),
    ]
    subprocess.run(
        [*command, "compile", "digits_mlp", *compiled, *where, "--workspace", str(tmp_path / "ws")], check=True
    )
    spec = yaml.safe_load(spec_file.read_text())
    assert spec["schemaVersion"] == "2.1.0"

    outputs = execute_spec(spec, "gs://bucket/run", mount, SUBMITTED)

    assert outputs["push"]["pushed_model"]["metadata"]["pushed"] == 1
    models = mount / "bucket" / "elsewhere" / "models" / "digits_mlp"
    assert not (mount / "bucket" / "root").exists(), "everything follows the root of the submission"
    assert (models / "1" / "saved_model.pb").is_file()
    assert json.loads((models / "current.json").read_text())["version"] == 1
    drift = drift_of(outputs["validate"], mount)
    assert [(line["status"], line["column"]) for line in drift] == [("skipped", "")], "nothing was in production yet"
    again = execute_task(spec, "validate", outputs, "gs://bucket/again/validate", mount, SUBMITTED)
    assert "version 1, in production" in drift_of(again, mount)[0]["text"], "the gate looks production up when it runs"

    figures = json.loads(
        (mount / outputs["report"]["report"]["uri"].removeprefix("gs://") / "figures.json").read_text()
    )
    assert figures["blessed"] is True
    training = figures["experiment"]["training"]
    assert (training["epochs"], training["learning_rate"]) == (3, 0.002), "the report says what was submitted"
    assert len(figures["history"]["loss"]) == 3

    outcome = tmp_path / "outcome.json"
    local = [*command, "run", "digits_mlp", *changes, "--workspace", str(tmp_path / "ws"), "--json", str(outcome)]
    subprocess.run(local, check=True)
    result = json.loads(outcome.read_text())
    assert figures["metrics"] == pytest.approx(result["metrics"], abs=1e-4)
    assert figures["test_metrics"] == pytest.approx(result["test_metrics"], abs=1e-4)
    assert {step["id"] for step in result["steps"]} == set(outputs)
