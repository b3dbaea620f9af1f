"""A compiled spec, executed without a cloud, ends in the same model as a run on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.end_to_end.spec_execution import execute_spec

CHANGES = [
    "data.limit=600",
    "training.epochs=3",
    "evaluation.thresholds={accuracy: {min: 0.2}}",
    "validation.duplicates=off",
]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_spec_pushes_the_model_that_a_local_run_pushes(tmp_path: Path) -> None:
    """Every task runs with the command and arguments that the spec holds, each in a process of its own."""
    changes = [part for change in CHANGES for part in ("--set", change)]
    command = [sys.executable, "-m", "pipeline.cli"]
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
        [*command, "compile", "digits_mlp", *changes, *where, "--workspace", str(tmp_path / "ws")], check=True
    )
    spec = yaml.safe_load(spec_file.read_text())
    assert spec["schemaVersion"] == "2.1.0"

    outputs = execute_spec(spec, "gs://bucket/run", mount)

    assert outputs["push"]["pushed_model"]["metadata"]["pushed"] == 1
    models = mount / "bucket" / "root" / "models" / "digits_mlp"
    assert (models / "1" / "saved_model.pb").is_file()
    assert json.loads((models / "current.json").read_text())["version"] == 1
    figures = json.loads(
        (mount / outputs["report"]["report"]["uri"].removeprefix("gs://") / "figures.json").read_text()
    )
    assert figures["blessed"] is True

    outcome = tmp_path / "outcome.json"
    local = [*command, "run", "digits_mlp", *changes, "--workspace", str(tmp_path / "ws"), "--json", str(outcome)]
    subprocess.run(local, check=True)
    result = json.loads(outcome.read_text())
    assert figures["metrics"] == pytest.approx(result["metrics"], abs=1e-4)
    assert figures["test_metrics"] == pytest.approx(result["test_metrics"], abs=1e-4)
    assert {step["id"] for step in result["steps"]} == set(outputs)
