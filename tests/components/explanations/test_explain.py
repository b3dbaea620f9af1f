"""A whole explanation of an exported model of images, and what becomes of one that fails."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.features.plan import FeaturePlan, plan_features

COLUMNS = (Column(name="image", dtype="image", shape=(8, 8, 1)),)
SETTINGS: dict[str, Any] = {"model": {"family": "cnn", "filters": [3, 4], "dense": [6]}, "training": {}, "seed": 3}


def plan() -> FeaturePlan:
    """Images of two classes."""
    data = Dataset(
        name="made", kind="image", columns=COLUMNS, rows=24, reader="x", shards=(), fingerprint="f",
        label=Label(name="label", dtype="string", classes=("dark", "bright")),
        split=SplitPlan(method="hash", fractions={"train": 0.8, "eval": 0.2}),
    )  # fmt: skip
    return plan_features(data, {}, "multiclass")


def rows() -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    made = []
    for number in range(24):
        pixels = random.integers(0, 128, (8, 8)) + 127 * (number % 2)
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
        made.append({"image": buffer.getvalue(), "label": ("dark", "bright")[number % 2]})
    return made


def test_images_are_explained_from_the_exported_model(
    tmp_path: Path, analyse: Callable[..., Path], write_split: Callable[..., list[str]]
) -> None:
    import tensorflow as tf

    from kerasline.components.explanations.explain import Explainer
    from kerasline.components.fitting.settings.settings import FitSettings
    from kerasline.components.models import build_model

    data, settled = rows(), plan()
    graph = analyse(data, settled, tmp_path / "analysis")
    write_split(data, tmp_path / "examples", "eval", files=2)
    write_split(data, tmp_path / "examples", "train")
    fit = FitSettings.model_validate({**SETTINGS, "plan": settled})
    model = build_model(fit.model, settled.inputs(), fit.output(), seed=3)
    module = tf.Module()
    module.variables_of_model = model.variables
    tf.saved_model.save(module, str(tmp_path / "model"))
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(row["image"]))) for row in data])[..., np.newaxis] / 255
    predictions = np.asarray(model({"image": pixels.astype(np.float32)}))
    labels = np.array([0, 1] * 12)

    def explain(folder: Path, known: np.ndarray) -> dict[str, Any]:
        columns = [column.model_dump(mode="json") for column in COLUMNS]
        explainer = Explainer(
            folder, str(tmp_path / "examples"), str(graph), str(tmp_path / "model"), SETTINGS, settled, columns
        )
        explainer.write(labels, known, "accuracy", 6)
        return json.loads((folder / "explanations.json").read_text())

    found = explain(tmp_path / "out", predictions)
    assert found["notes"] == []
    wrong = int((predictions.argmax(axis=1) != labels).sum())
    assert len(found["mistakes"]) == min(wrong, 6) and len(found["hits"]) == min(24 - wrong, 3)
    assert found["filters"]["layer"] == "conv1" and len(found["filters"]["images"]) == 3
    assert [layer["layer"] for layer in found["activations"]] == ["conv1", "conv2_relu"]
    assert found["heat_method"] == "Grad-CAM over conv2_relu"
    entry = (found["mistakes"] + found["hits"])[0]
    assert (tmp_path / "out" / entry["image"]).is_file() and (tmp_path / "out" / entry["heat"]).is_file()

    assert (tmp_path / "out" / entry["saliency"]).is_file()
    assert found["maximising"]["layer"] == "conv2_relu" and len(found["maximising"]["images"]) == 4
    # The train split holds the same rows here, so that each mistake's nearest row is itself.
    assert found["mistakes"] and found["neighbours_of"] == 24
    for mistake in found["mistakes"]:
        assert len(mistake["neighbours"]) == 3
        nearest = mistake["neighbours"][0]
        assert (nearest["row"], nearest["label"]) == (mistake["row"], mistake["label"])
        assert nearest["distance"] == pytest.approx(0, abs=1e-5) and nearest["image"]

    # Predictions of another model: the rows are shown still, and the page says why the rest is not.
    other = explain(tmp_path / "other", predictions[:, ::-1] * 0.5 + 0.25)
    assert "the rebuilt model answers otherwise than the trained one" in other["notes"][0]
    assert other["hits"] or other["mistakes"]
    assert "filters" not in other


def test_what_cannot_be_explained_is_said(tmp_path: Path, write_split: Callable[..., list[str]]) -> None:
    from kerasline.components.explanations.explain import Explainer

    write_split(rows(), tmp_path / "examples", "eval")
    columns = [column.model_dump(mode="json") for column in COLUMNS]
    nowhere = str(tmp_path / "gone")
    explainer = Explainer(tmp_path / "out", str(tmp_path / "examples"), nowhere, nowhere, SETTINGS, plan(), columns)
    explainer.write(np.array([0, 1] * 12), np.eye(2)[[0, 0] * 12], "accuracy", 4)
    found = json.loads((tmp_path / "out" / "explanations.json").read_text())
    assert len(found["notes"]) == 1 and found["notes"][0].startswith("could not explain what happens inside")
    assert [entry["row"] for entry in found["mistakes"]] == [1, 3, 5, 7]
    assert found["mistakes"][0]["label"] == "bright" and found["mistakes"][0]["prediction"] == "dark"
