"""A network that starts from a version of the workspace: pushed once, then the base of another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

MODEL = "model: {family: transfer, base: squeezenet, input_size: 32, weights: %s}"
RECIPE = """
name: %s
data: {images: {path: %s}}
training: {epochs: 2, batch_size: 32, learning_rate: 0.001}
evaluation: {metrics: [accuracy], thresholds: {accuracy: {min: 0}}, beat_trivial: false}
report: {explanations: "off"}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of digits, 0 to 4 and all of them, and a recipe for each."""
    import PIL.Image
    from sklearn.datasets import load_digits

    root, digits = tmp_path_factory.mktemp("digits"), load_digits()
    for name, classes, weights in (("low", range(5), "none"), ("all", range(10), "low@1")):
        for digit in classes:
            folder = root / name / f"digit {digit}"
            folder.mkdir(parents=True)
            for number, image in enumerate(digits.images[digits.target == digit][:24]):
                PIL.Image.fromarray((image * 15).astype(np.uint8)).save(folder / f"{number}.png")
        (root / f"{name}.yaml").write_text(RECIPE % (name, name) + MODEL % weights)
    return root


def base_weights(workspace: Path, name: str) -> dict[str, np.ndarray]:
    """The values of the base that the last Trainer of a recipe left."""
    import keras

    (path,) = (workspace / "pipelines" / name).glob("train/model_run/*/model.keras")
    (base,) = [layer for layer in keras.saving.load_model(path).layers if layer.name == "squeezenet"]
    return {weight.path: np.asarray(weight) for weight in base.weights}


def test_the_base_is_that_of_the_version(kerasline: Callable[..., Any], home: Path) -> None:
    first = kerasline(home / "w", str(home / "low.yaml"))
    assert first.code == 0, first.err
    assert first.result["model"]["version"] == 1

    second = kerasline(home / "w", str(home / "all.yaml"), "--until", "train")
    assert second.code == 0, second.err
    assert second.result["status"] == "partial"
    learnt, started = base_weights(home / "w", "low"), base_weights(home / "w", "all")
    assert list(started) == list(learnt) and len(learnt) == 50
    # With weights to start from the base is frozen by default, so they are what training left there.
    for path, values in learnt.items():
        np.testing.assert_array_equal(started[path], values)
    assert second.result["training"]["settings"]["model"]["weights"].startswith(str(home / "w"))

    for reference, text in (
        ("low@2", "model.weights: low has no version 2; it has 1"),
        ("lo@1", "model.weights: expected the name of a pushed model in"),
    ):
        refused = kerasline(home / "w", str(home / "all.yaml"), "--set", f"model.weights={reference}")
        assert refused.code == 2
        assert text in refused.err
