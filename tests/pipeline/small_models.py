"""Models to serve: small ones made by hand, and one that a real run trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.registry import push_version
from tests.pipeline.serving.serving_process import Running

ROOT = Path(__file__).resolve().parents[2]

RECORD: dict[str, Any] = {
    "recipe": "doubler",
    "task": "regression",
    "classes": None,
    "arguments": {"area (m²)": "area__m__", "district": "district"},
    "columns": [
        {"name": "area (m²)", "dtype": "float", "shape": [], "missing": 0, "unit": None, "vocabulary_size": None},
        {"name": "district", "dtype": "string", "shape": [], "missing": 3, "unit": None, "vocabulary_size": None},
    ],
    "label": {"name": "rent", "columns": ["rent"]},
    "reading": {},
    "main_metric": "mae",
    "data_fingerprint": "0123456789abcdef",
}


def save_doubler(path: Path, factor: float) -> Path:
    """Saves a model whose ``value`` is factor times the area plus the length of the district's name.

    It fails for a district named ``bad``, as a graph fails on an image that is none.
    """
    import tensorflow as tf

    class Doubler(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = tf.Variable(factor)

        def answer(self, area: tf.Tensor, district: tf.Tensor) -> dict[str, tf.Tensor]:
            check = tf.debugging.Assert(tf.reduce_all(tf.not_equal(district, "bad")), ["a bad district"])
            with tf.control_dependencies([check]):
                return {"value": self.factor * area + tf.cast(tf.strings.length(district), tf.float32)}

        @tf.function(
            input_signature=[
                {
                    "area__m__": tf.TensorSpec([None], tf.float32, name="area__m__"),
                    "district": tf.TensorSpec([None], tf.string, name="district"),
                }
            ]
        )
        def serving_raw(self, columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return self.answer(columns["area__m__"], columns["district"])

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serving_default(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            spec = {
                "area (m²)": tf.io.FixedLenFeature([], tf.float32, float("nan")),
                "district": tf.io.FixedLenFeature([], tf.string, ""),
            }
            raw = tf.io.parse_example(examples, spec)
            return self.answer(raw["area (m²)"], raw["district"])

    module = Doubler()
    signatures = {"serving_raw": module.serving_raw, "serving_default": module.serving_default}
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


@pytest.fixture(scope="session")
def doublers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """SavedModels with the factors 1, 2 and 3."""
    folder = tmp_path_factory.mktemp("doublers")
    return [save_doubler(folder / str(factor), float(factor)) for factor in (1, 2, 3)]


@pytest.fixture
def workspace(tmp_path: Path, doublers: list[Path]) -> Path:
    """A workspace with the model ``doubler`` in three versions, the last one in production."""
    root = tmp_path / "workspace"
    for number, model in enumerate(doublers, start=1):
        run_id = f"20261121-00000{number}"
        push_version(root / "models" / "doubler", model, {**RECORD, "run_id": run_id}, keep=5)
        write_run(root, "doubler", run_id, number, {"mae": 3.5 / number})
    return root


def write_run(root: Path, name: str, run_id: str, version: int, metrics: dict[str, float]) -> None:
    """Leaves what a run leaves beside its report."""
    folder = root / "reports" / name / run_id
    folder.mkdir(parents=True)
    outcome = {
        "run_id": run_id,
        "recipe": name,
        "status": "pushed",
        "metrics": metrics,
        "test_metrics": {key: value + 1 for key, value in metrics.items()},
        "model": {"version": version},
    }
    (folder / "run.json").write_text(json.dumps(outcome))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, doublers: list[Path]) -> Iterator[tuple[Running, Path]]:
    """A server of the doubler, which other tests of this module use too: move production and move it back."""
    from kerasline.components.registry import push_version

    root = tmp_path_factory.mktemp("served") / "workspace"
    folder = root / "models" / "doubler"
    for model in doublers:
        push_version(folder, model, {}, keep=5)
    server = Running(root, "--poll-seconds", "0.1", "--max-request-mb", "0.1")
    yield server, folder
    assert server.stop() == 0


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def kerasline() -> Command:
    """Runs the command in a process of its own."""

    def run(*arguments: str | Path, cwd: Path = ROOT, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kerasline", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=timeout
        )

    return run


@pytest.fixture(scope="session")
def trained_workspace(tmp_path_factory: pytest.TempPathFactory, kerasline: Command) -> Path:
    """A workspace in which a run trained, evaluated and pushed ``iris_mlp``; copy it before changing it."""
    root = tmp_path_factory.mktemp("trained") / "workspace"
    changes = ["training.epochs=6", "training.batch_size=16", "evaluation.thresholds={accuracy: {min: 0.3}}"]
    arguments = [argument for change in changes for argument in ("--set", change)]
    result = kerasline("run", "iris_mlp", "--workspace", root, *arguments)
    assert result.returncode == 0, result.stderr
    return root
