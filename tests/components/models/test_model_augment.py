"""Augmentation: what each change does in training, and that nothing happens outside it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.models import InputSpec, MlpOptions, OutputSpec, build_model
from kerasline.components.models.augment import RandomCutout, build_augmentation
from kerasline.components.models.description.options import AugmentationOptions, CnnOptions

EVERYTHING = AugmentationOptions(flip="both", rotate=30, zoom=0.2, translate=0.1, contrast=0.3, cutout=0.3)


def test_only_what_is_asked_for_is_built() -> None:
    assert build_augmentation(AugmentationOptions()) == []
    assert [layer.name for layer in build_augmentation(EVERYTHING)] == [
        "augment_flip", "augment_rotate", "augment_zoom", "augment_translate", "augment_contrast", "augment_cutout",
    ]  # fmt: skip


@pytest.mark.parametrize("layer", build_augmentation(EVERYTHING), ids=lambda layer: layer.name)
def test_each_layer_changes_training_images_only(layer: keras.layers.Layer, generator: np.random.Generator) -> None:
    images = generator.random((16, 12, 10, 3), dtype=np.float32)
    outside = keras.ops.convert_to_numpy(layer(images, training=False))
    np.testing.assert_allclose(outside, images, atol=1e-6)
    inside = keras.ops.convert_to_numpy(layer(images, training=True))
    assert inside.shape == images.shape
    assert not np.allclose(inside, images)
    assert inside.min() >= 0
    assert inside.max() <= 1.0001


@pytest.mark.parametrize(
    ("options", "spec"),
    [(MlpOptions, InputSpec("x", "dense", (3,))), (CnnOptions, InputSpec("x", "array", (9, 9, 1)))],
)
def test_augmentation_without_an_image_is_refused(options: type, spec: InputSpec) -> None:
    with pytest.raises(ConfigError, match=f"changes images, but the data has only {spec.kind} inputs; leave"):
        build_model(options(augmentation=EVERYTHING), [spec], OutputSpec("binary", 1))


def test_a_flip_mirrors(generator: np.random.Generator) -> None:
    images = generator.random((32, 6, 6, 1), dtype=np.float32)
    (flip,) = build_augmentation(AugmentationOptions(flip="horizontal"))
    flipped = keras.ops.convert_to_numpy(flip(images, training=True))
    mirrored = [np.allclose(a, b[:, ::-1]) for a, b in zip(flipped, images, strict=True)]
    same = [np.allclose(a, b) for a, b in zip(flipped, images, strict=True)]
    assert sum(mirrored) + sum(same) == 32
    assert 4 < sum(mirrored) < 28


def test_cutout_blanks_one_square_a_picture_at_different_places() -> None:
    layer = RandomCutout(0.25, seed=1)
    images = np.ones((64, 20, 24, 3), np.float32)
    holes = keras.ops.convert_to_numpy(layer(images, training=True))[..., 0] == 0
    sizes = holes.sum(axis=(1, 2))
    assert sizes.max() == 5 * 5  # a quarter of 20, whole squares only where none crosses the border
    assert sizes.min() >= 4
    assert len({tuple(np.argwhere(hole)[0]) for hole in holes}) > 20


def test_cutout_survives_saving_and_refuses_nonsense() -> None:
    layer = RandomCutout.from_config(RandomCutout(0.4, seed=3, name="cut").get_config())
    assert (layer.size, layer.seed, layer.name) == (0.4, 3, "cut")
    with pytest.raises(ValueError, match=r"size must be a fraction in \[0, 1\), not 2"):
        RandomCutout(2)


def test_inside_a_model_it_trains_changed_and_serves_unchanged(tmp_path, generator: np.random.Generator) -> None:
    inputs, output = [InputSpec("image", "image", (12, 12, 1))], OutputSpec("multiclass", 3)
    options = CnnOptions(filters=[4], dense=[])
    plain = build_model(options, inputs, output, seed=1)
    model = build_model(options.model_copy(update={"augmentation": EVERYTHING}), inputs, output, seed=1)
    model.set_weights([*model.get_weights()[: -len(plain.get_weights())], *plain.get_weights()])
    x = {"image": generator.random((8, 12, 12, 1), dtype=np.float32)}
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    expected = plain.predict(x, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), expected, atol=1e-6)
    assert not np.allclose(keras.ops.convert_to_numpy(model(x, training=True)), expected, atol=1e-3)


def test_the_same_seed_gives_the_same_changes(generator: np.random.Generator) -> None:
    inputs, output = [InputSpec("image", "image", (12, 12, 1))], OutputSpec("multiclass", 3)
    x = {"image": generator.random((32, 12, 12, 1), dtype=np.float32)}
    y = generator.integers(0, 3, 32)
    losses = []
    for _ in range(2):
        model = build_model(CnnOptions(filters=[4], dense=[], augmentation=EVERYTHING), inputs, output, seed=2)
        model.compile("sgd", "sparse_categorical_crossentropy")
        losses.append(model.fit(x, y, epochs=2, verbose=0).history["loss"])
    assert losses[0] == losses[1]
