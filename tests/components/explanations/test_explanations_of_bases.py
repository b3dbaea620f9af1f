"""Models with a base inside: their layers are looked at like those of any other model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.models.description.spec import InputSpec, OutputSpec

IMAGE = InputSpec("image", "image", (48, 48, 3))


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    """Three noisy images."""
    return {"image": np.random.default_rng(0).random((3, 48, 48, 3), np.float32)}


def transfer_model(base: str) -> Any:
    """A base with random weights under a head, behind augmentation and the base's own preprocessing."""
    from kerasline.components.models import build_model
    from kerasline.components.models.description.options import TransferOptions

    options = TransferOptions.model_validate(
        {
            "family": "transfer",
            "base": base,
            "weights": "none",
            "input_size": 64,
            "augmentation": {"flip": "horizontal"},
        }
    )
    return build_model(options, (IMAGE,), OutputSpec(task="multiclass", units=3), seed=1)


@pytest.mark.parametrize(
    ("base", "first", "last"), [("squeezenet", "conv1", "fire9_concat"), ("mobilenet_v2", "Conv1", "out_relu")]
)
def test_a_base_is_looked_into(base: str, first: str, last: str, rows: dict[str, np.ndarray]) -> None:
    from kerasline.components.explanations.inside.images import activation_maps, first_filters, heat_maps
    from kerasline.components.explanations.inside.maximising import maximising_images
    from kerasline.components.explanations.inside.watching import map_layers

    model = transfer_model(base)
    layers = map_layers(model, rows)
    # Neither flipping nor resizing nor preprocessing is taken for something that was learnt.
    assert (layers[0].name, layers[-1].name) == (first, last)
    filters = first_filters(model, IMAGE)
    assert filters is not None and filters[0] == first and filters[1].shape[1:] == (3, 3, 3)
    method, heat = heat_maps(model, rows, "image", "multiclass")
    assert method == f"Grad-CAM over {last}" and heat.shape[0] == 3 and heat.max() <= 1.0
    strongest, maps = activation_maps(model, {"image": rows["image"][:1]}, layers[-1])
    assert len(strongest) == 16 and maps.shape[0] == 16 and maps.max() > 0
    excited = maximising_images(model, layers[-1], strongest[:2], rows, "image")
    _, before = activation_maps(model, {"image": np.full((1, 48, 48, 3), 0.5, np.float32)}, layers[-1])
    assert excited.shape == (2, 48, 48, 3) and np.isfinite(excited).all() and before.shape == maps.shape


def test_grad_cam_in_a_base_is_that_of_the_same_layers_without_one() -> None:
    import keras

    from kerasline.components.explanations.inside.images import heat_maps

    layers = keras.layers
    pixels = {"image": np.random.default_rng(1).random((2, 8, 8, 1), np.float32)}
    outer = keras.Input((8, 8, 1), name="image")
    conv = layers.Conv2D(4, 3, activation="relu", padding="same", name="conv")
    head = layers.Dense(3, activation="softmax")
    plain = keras.Model({"image": outer}, head(layers.Flatten()(conv(outer))))
    inner = keras.Sequential([keras.Input((8, 8, 1)), conv], name="base")
    nested = keras.Model({"image": outer}, head(layers.Flatten()(keras.Sequential([inner], name="deeper")(outer))))
    assert np.asarray(nested(pixels)) == pytest.approx(np.asarray(plain(pixels)))
    method, heat = heat_maps(nested, pixels, "image", "multiclass")
    assert method == "Grad-CAM over conv"
    assert heat == pytest.approx(heat_maps(plain, pixels, "image", "multiclass")[1], abs=1e-6)
    assert heat.max(axis=(1, 2)) == pytest.approx(1.0)


def test_layers_are_as_before_when_nobody_listens() -> None:
    import keras

    from kerasline.components.explanations.inside.watching import watch

    layer = keras.layers.Dense(2, name="dense")
    model = keras.Sequential([keras.Input((3,)), layer])
    with pytest.raises(ZeroDivisionError), watch([layer]) as seen:
        model(np.ones((1, 3), np.float32))
        assert list(seen) == [id(layer)]
        _ = 1 / 0
    assert "call" not in vars(layer)
    model(np.zeros((1, 3), np.float32))
    assert np.asarray(seen[id(layer)]).any(), "what ran after the block is not noted"


def test_every_picture_of_a_base_is_drawn(tmp_path: Path, rows: dict[str, np.ndarray]) -> None:
    from kerasline.components.explanations.inside import inside
    from kerasline.components.explanations.inside.images import saliency_maps
    from kerasline.components.explanations.inside.watching import map_layers

    def save(name: str, png: bytes) -> str:
        (tmp_path / name).write_bytes(png)
        return name

    model = transfer_model("squeezenet")
    layers = map_layers(model, rows)
    filters = inside.draw_filters(model, IMAGE, save)
    assert filters is not None and filters["layer"] == "conv1" and len(filters["images"]) == 32
    first, last = inside.draw_activations(model, layers, rows, "image", 7, save)
    assert (first["layer"], last["layer"], last["row"]) == ("conv1", "fire9_concat", 7)
    assert first["seen"] == "seen.png" and (tmp_path / "seen.png").stat().st_size > 1000
    exciting = inside.draw_exciting(model, layers[-1], last["maps"], rows, "image", save)
    assert exciting["layer"] == "fire9_concat" and len(exciting["images"]) == 12
    assert saliency_maps(model, rows, "image", "multiclass").max(axis=(1, 2)) == pytest.approx(1.0)
    entries: list[dict[str, Any]] = [{"row": 7}, {"row": 9}]
    method = inside.draw_heats(model, layers, rows, "image", "multiclass", entries, save)
    assert method == "Grad-CAM over fire9_concat"
    assert [entry["heat"] for entry in entries] == ["heat-7.png", "heat-9.png"]
    assert all((tmp_path / entry["saliency"]).is_file() for entry in entries)
