"""The Trainer's run_fn: rows weigh as their column says, and everything that later steps read is written."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kerasline.components.core.errors import TrainingFailed
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, FeatureStep
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.fitting.watching.checkpoints import CheckpointFile, FitState
from kerasline.components.training.trainer import run_fn

pytestmark = pytest.mark.slow

CLASSES = ("small", "large")


def row(number: int) -> dict[str, Any]:
    """Every third row has the wrong label and no weight."""
    is_large, is_wrong = number % 2, number % 3 == 0
    return {
        "length": is_large * 2.0 - 1 + (number % 7) / 10,
        "trust": 0.0 if is_wrong else 1.0,
        "size": CLASSES[is_large ^ is_wrong],
    }


def plan(weight: bool) -> FeaturePlan:
    """Plans the length as the only input; Transform knows of the weight too, as of every column that is left out."""
    left_out = FeatureStep(name="trust", kind="drop", dtype="float", options=ColumnOptions(kind="drop"))
    length = FeatureStep(name="length", kind="numeric", dtype="float", options=ColumnOptions())
    return FeaturePlan(
        steps=(length, left_out) if weight else (length,),
        label="size", label_dtype="string", classes=CLASSES, label_scale="none", task="binary",
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(analyse: Any, write_split: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a transform graph and two splits; the eval split has right labels only."""
    folder = tmp_path_factory.mktemp("training")
    rows = [row(number) for number in range(300)]
    analyse(rows, plan(weight=True), folder)
    write_split(rows, folder / "examples", "train")
    write_split([row(number) for number in range(60) if number % 3], folder / "examples", "eval")
    return folder


def arguments(place: Path, folder: Path, **training: Any) -> SimpleNamespace:
    """Makes what TFX gives a run_fn."""
    settings = FitSettings.model_validate({
        "plan": plan(weight=False).model_dump(), "model": {"family": "mlp", "units": []}, "seed": 7,
        "training": {"batch_size": 16, "epochs": 8, "learning_rate": 0.1, **training},
    })  # fmt: skip
    return SimpleNamespace(
        custom_config={
            "settings": settings.model_dump_json(), "code_version": "1", "checkpoints": str(folder / "checkpoints"),
        },
        hyperparameters={"values": {"training.epochs": 6, "tuner/epochs": 3}},
        transform_output=str(place / "graph"),
        train_files=[str(place / "examples" / "Split-train" / "*")],
        eval_files=[str(place / "examples" / "Split-eval" / "*")],
        serving_model_dir=str(folder / "model"),
        model_run_dir=str(folder / "run"),
    )  # fmt: skip


def test_weights_history_predictions_and_logs_are_written(place: Path, tmp_path: Path) -> None:
    run_fn(arguments(place, tmp_path, sample_weight="trust", tensorboard=True))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert summary["epochs"] == len(history["loss"]) == 6  # the Tuner's value
    assert summary["parameters"] == 2 and summary["rows"] == {"train": 270, "validation": 30}
    assert summary["place"]["backend"] == "tensorflow" and len(summary["weights_sha256"]) == 64
    assert sorted(path.name for path in (tmp_path / "run" / "tensorboard").iterdir()) == ["train", "validation"]
    assert list((tmp_path / "checkpoints").iterdir()) == []
    with np.load(tmp_path / "run" / "predictions-eval.npz") as stored:
        assert stored["labels"].shape == (40,)
        right = (stored["predictions"][:, 0] > 0.5) == stored["labels"]
    assert right.all()
    model = tf.saved_model.load(str(tmp_path / "model"))
    answer = model.signatures["serving_raw"](length=tf.constant([-1.0, 1.0]))
    assert answer["class"].numpy().tolist() == [b"small", b"large"]


def test_without_weights_the_wrong_rows_blur_the_answer(place: Path, tmp_path: Path) -> None:
    sure, unsure = tmp_path / "sure", tmp_path / "unsure"
    run_fn(arguments(place, sure, sample_weight="trust", validation_fraction=0))
    run_fn(arguments(place, unsure, validation_fraction=0))
    losses = [json.loads((folder / "run" / "history.json").read_text())["loss"][-1] for folder in (sure, unsure)]
    # A third of the labels is wrong, so nobody can lose less than the entropy of 1/3.
    assert losses[0] < 0.3 and losses[1] > 0.6


def test_weights_below_zero_are_refused(place: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="training.sample_weight: expected numbers of 0 and more in length"):
        run_fn(arguments(place, tmp_path, sample_weight="length"))


def test_a_checkpoint_of_other_settings_is_not_continued(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []

    def note(self: CheckpointFile) -> FitState | None:
        keys.append(self.key)
        return None

    monkeypatch.setattr(CheckpointFile, "load", note)
    for folder, options in [("a", {}), ("b", {}), ("c", {"learning_rate": 0.2})]:
        run_fn(arguments(place, tmp_path / folder, **options))
    assert keys[0] == keys[1] != keys[2]
