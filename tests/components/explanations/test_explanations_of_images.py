"""Filters, activations and heat maps of small Keras models whose weights are set by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.models.description.spec import InputSpec

IMAGE = InputSpec("image", "image", (8, 8, 1))


def bright_corner_model(trainable: bool = True) -> Any:
    """A convolution that passes pixels on and a dense layer that adds up the upper left quarter."""
    import keras

    inputs = {"image": keras.Input((8, 8, 1), name="image")}
    kernel = np.zeros((3, 3, 1, 2), np.float32)
    kernel[1, 1, 0, 0] = 1.0  # the pixel itself; the second filter is empty
    conv = keras.layers.Conv2D(2, 3, padding="same", name="conv", trainable=trainable)
    maps = conv(inputs["image"])
    head = np.zeros((8, 8, 2, 2), np.float32)
    head[:4, :4, 0, 1] = 1.0
    dense = keras.layers.Dense(2, activation="softmax", name="output")
    output = dense(keras.layers.Flatten()(maps))
    model = keras.Model(inputs, output)
    conv.set_weights([kernel, np.zeros(2, np.float32)])
    dense.set_weights([head.reshape(128, 2), np.array([0.1, 0.0], np.float32)])
    return model


@pytest.fixture
def pixels() -> dict[str, np.ndarray]:
    """An image with one bright pixel above left and one below right."""
    image = np.zeros((1, 8, 8, 1), np.float32)
    image[0, 1, 2, 0] = image[0, 6, 5, 0] = 1.0
    return {"image": image}


@pytest.mark.parametrize("trainable", [True, False])
def test_grad_cam_shows_what_speaks_for_the_answer(pixels: dict[str, np.ndarray], trainable: bool) -> None:
    from kerasline.components.explanations.inside.images import heat_maps

    method, heat = heat_maps(bright_corner_model(trainable), pixels, "image", "multiclass")
    assert method == "Grad-CAM over conv"
    assert heat.shape == (1, 8, 8)
    # Grad-CAM weighs whole maps, so both bright pixels of the useful map are warm, and nothing else is.
    assert heat[0, 1, 2] == heat[0, 6, 5] == 1.0
    assert heat.sum() == pytest.approx(2.0)


def test_without_convolutions_the_gradient_shows_the_pixels(pixels: dict[str, np.ndarray]) -> None:
    import keras

    from kerasline.components.explanations.inside.images import heat_maps
    from kerasline.components.explanations.inside.watching import map_layers

    inputs = {"image": keras.Input((8, 8, 1), name="image")}
    dense = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs["image"])))
    weights = np.zeros((8, 8), np.float32)
    weights[3, 4], weights[0, 0] = 2.0, -1.0
    dense.set_weights([weights.reshape(64, 1), np.zeros(1, np.float32)])
    assert map_layers(model, pixels) == []
    method, heat = heat_maps(model, pixels, "image", "binary")
    assert "gradient" in method
    assert heat[0, 3, 4] == 1.0 and heat[0, 0, 0] == pytest.approx(0.5)
    assert heat.sum() == pytest.approx(1.5)


def test_saliency_shows_the_pixels_that_the_answer_hangs_on(pixels: dict[str, np.ndarray]) -> None:
    from kerasline.components.explanations.inside.images import saliency_maps

    salient = saliency_maps(bright_corner_model(), pixels, "image", "multiclass")[0]
    # The answer adds up the upper left quarter with equal weights, and reads nothing else.
    assert salient[:4, :4] == pytest.approx(1.0)
    assert salient[4:].max() == salient[:, 4:].max() == 0.0


def test_gradient_ascent_finds_what_excites_a_map() -> None:
    import keras

    from kerasline.components.explanations.inside.maximising import maximising_images

    inputs = {"image": keras.Input((8, 8, 1), name="image")}
    kernel = np.zeros((3, 3, 1, 3), np.float32)
    kernel[1, 1, 0, 0], kernel[1, 1, 0, 1] = 1.0, -1.0
    kernel[:, 0, 0, 2], kernel[:, 2, 0, 2] = -1.0, 1.0
    conv = keras.layers.Conv2D(3, 3, activation="relu", name="conv")
    model = keras.Model(inputs, keras.layers.Flatten()(conv(inputs["image"])))
    conv.set_weights([kernel, np.zeros(3, np.float32)])
    seen = {"image": np.array([0.0, 1.0], np.float32).reshape(2, 1, 1, 1) * np.ones((2, 8, 8, 1), np.float32)}
    bright, dark, edge = maximising_images(model, conv, [0, 1, 2], seen, "image")
    assert bright[1:-1, 1:-1].min() > 0.95  # grows to the brightest pixel that was seen
    assert dark[1:-1, 1:-1].max() < 0.6  # the ReLU is silent for every image: nothing to climb
    # Every other pair of columns rises: more bright beside dark than any smooth image has.
    kernel_excitement = np.maximum(edge[:, 2:, 0] - edge[:, :-2, 0], 0).mean()
    assert kernel_excitement > 0.3


def test_neighbours_are_those_of_the_last_hidden_layer() -> None:
    import keras

    from kerasline.components.explanations.neighbours import last_features, nearest_rows

    inputs = {"x": keras.Input((2,), name="x")}
    hidden = keras.layers.Dense(1, use_bias=False)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden(inputs["x"])))
    hidden.set_weights([np.array([[1.0], [0.0]], np.float32)])  # the second column counts for nothing
    features = last_features(model)
    assert features is not None
    known = {"x": np.array([[0, 0], [5, 0], [1, 900], [2, 1]], np.float32)}
    asked = {"x": np.array([[1.2, 0]], np.float32)}
    places, distances = nearest_rows(np.asarray(features(asked)), np.asarray(features(known)), 3)
    assert places.tolist() == [[2, 3, 0]]
    assert distances[0] == pytest.approx([0.2, 0.8, 1.2], abs=1e-6)


def test_the_first_filters_are_the_kernels() -> None:
    from kerasline.components.explanations.inside.images import first_filters

    found = first_filters(bright_corner_model(), IMAGE)
    assert found is not None
    name, filters = found
    assert name == "conv" and filters.shape == (2, 3, 3, 1)
    assert filters[0, 1, 1, 0] == 1.0 and filters[1].max() == 0.0


def test_the_first_weights_of_an_mlp_have_the_shape_of_the_image() -> None:
    import keras

    from kerasline.components.explanations.inside.images import first_filters

    inputs = keras.Input((8, 8, 1), name="image")
    model = keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(inputs)))
    found = first_filters(model, IMAGE)
    assert found is not None and found[1].shape == (5, 8, 8, 1)
    assert found[1][2, 3, 4, 0] == pytest.approx(np.asarray(model.layers[-1].kernel)[3 * 8 + 4, 2])


def test_activations_are_what_the_layer_gives(pixels: dict[str, np.ndarray]) -> None:
    from kerasline.components.explanations.inside.images import activation_maps

    model = bright_corner_model()
    numbers, maps = activation_maps(model, pixels, model.get_layer("conv"))
    assert numbers == [0, 1] and maps.shape == (2, 8, 8)
    assert maps[0] == pytest.approx(pixels["image"][0, :, :, 0])
    assert maps[1].max() == 0.0


def test_a_model_is_built_anew_with_the_exported_weights(tmp_path: Path) -> None:
    import tensorflow as tf

    from kerasline.components.core.errors import KeraslineError
    from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
    from kerasline.components.explanations.loading import rebuild_model
    from kerasline.components.features.plan import plan_features
    from kerasline.components.fitting.settings.settings import FitSettings
    from kerasline.components.models import build_model

    data = Dataset(
        name="made", kind="image", columns=(Column(name="image", dtype="image", shape=(8, 8, 1)),), rows=10,
        label=Label(name="label", dtype="int", classes=("a", "b", "c")), reader="x", shards=(), fingerprint="f",
        split=SplitPlan(method="hash", fractions={"train": 0.8, "eval": 0.2}),
    )  # fmt: skip
    plan = plan_features(data, {}, "multiclass")
    settings = {"model": {"family": "cnn", "filters": [4], "dense": [5], "batch_normalization": True},
                "training": {}, "seed": 3}  # fmt: skip
    fit = FitSettings.model_validate({**settings, "plan": plan})
    trained = build_model(fit.model, plan.inputs(), fit.output(), seed=11)
    module = tf.Module()
    module.variables_of_model = trained.variables
    tf.saved_model.save(module, str(tmp_path / "model"))
    rebuilt = rebuild_model(tmp_path / "model", settings, plan)
    pixels = {"image": np.random.default_rng(0).random((4, 8, 8, 1), np.float32)}
    assert np.asarray(rebuilt(pixels)) == pytest.approx(np.asarray(trained(pixels)), abs=1e-6)

    wider = {**settings, "model": {**settings["model"], "filters": [6]}}
    with pytest.raises(KeraslineError, match="is not built by the code that trained it"):
        rebuild_model(tmp_path / "model", wider, plan)
