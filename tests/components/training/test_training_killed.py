"""A real run is killed in the middle of its training; the next one continues and ends with the same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.fitting.watching.checkpoints import CheckpointFile

ROOT = Path(__file__).resolve().parents[3]
EPOCHS = 12
RECIPE = f"""
name: killed
data: {{dataset: digits}}
model: {{family: mlp, units: [64], dropout: 0.3}}
training:
  batch_size: 4
  epochs: {EPOCHS}
  early_stopping: {{monitor: val_loss, patience: 20}}
  reduce_on_plateau: {{monitor: val_loss, patience: 1}}
evaluation:
  thresholds: {{accuracy: {{min: 0.5}}}}
"""


def start(folder: Path, workspace: str) -> subprocess.Popen[bytes]:
    """Starts ``kerasline run --deterministic`` in a workspace."""
    recipe = folder / "killed.yaml"
    recipe.write_text(RECIPE)
    command = [sys.executable, "-m", "kerasline", "run", str(recipe), "--deterministic"]
    options = ["--workspace", str(folder / workspace), "--json", str(folder / f"{workspace}.json")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([*command, *options], cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def result(folder: Path, workspace: str) -> dict[str, Any]:
    """Reads what a run told."""
    return json.loads((folder / f"{workspace}.json").read_text())


def wait_for_epoch(folder: Path, process: subprocess.Popen[bytes], epoch: int) -> CheckpointFile:
    """Waits until a run has finished an epoch; returns its checkpoint."""
    deadline = time.monotonic() + 400
    while True:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        for path in folder.glob("*.npz"):
            file = CheckpointFile(str(folder), path.stem)
            state = file.load()
            if state is not None and state.epoch >= epoch:
                return file
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.long
def test_a_killed_run_continues_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    folder = tmp_path / "interrupted" / "pipelines" / "killed" / "checkpoints"
    first = start(tmp_path, "interrupted")
    file = wait_for_epoch(folder, first, 6)
    first.send_signal(signal.SIGKILL)
    first.wait()
    state = file.load()
    assert state is not None and 6 <= state.epoch < EPOCHS

    assert start(tmp_path, "interrupted").wait(timeout=600) == 0
    assert start(tmp_path, "whole").wait(timeout=600) == 0
    interrupted, whole = result(tmp_path, "interrupted"), result(tmp_path, "whole")
    assert interrupted["status"] == whole["status"] == "pushed"
    assert interrupted["metrics"] == whole["metrics"]
    assert interrupted["test_metrics"] == whole["test_metrics"]
    # Two processes in two workspaces: what --deterministic promises, to the last bit.
    assert interrupted["training"]["weights_sha256"] == whole["training"]["weights_sha256"]
    assert interrupted["training"]["epochs"] == whole["training"]["epochs"] == EPOCHS
    cached = {step["id"] for step in interrupted["steps"] if step["cached"]}
    assert {"ingest", "statistics", "transform"} <= cached and "train" not in cached
    log = Path(interrupted["log"]).read_text()
    assert f"continuing in epoch {state.epoch + 1} of {EPOCHS}" in log
    assert list(folder.iterdir()) == []
