"""The transfer family: bases, their preprocessing and sizes, freezing, and what pretrained weights are worth."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import keras
import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.models import InputSpec, OutputSpec, TransferOptions, build_model
from kerasline.components.models.description.bases import BASES, Base
from kerasline.components.models.parts.squeezenet import squeezenet
from kerasline.components.models.transfer import base_of, base_size, preprocess, unfreeze

PHOTO = InputSpec("image", "image", (32, 32, 3))
TEN = OutputSpec("multiclass", 10)
RANDOM = {"base": "squeezenet", "weights": "none", "input_size": 32}


def trainable_layers(network: keras.Model) -> list[str]:
    """Returns the names of the layers whose weights would be trained."""
    return [layer.name for layer in network.layers if layer.trainable_weights]


def test_squeezenet_has_the_published_shape() -> None:
    network = squeezenet((224, 224, 3))
    assert network.count_params() == 722_496
    assert network.output_shape == (None, 13, 13, 512)
    assert [layer.name for layer in network.layers if layer.name.startswith("pool")] == ["pool1", "pool3", "pool5"]
    assert network.get_layer("fire9_concat").output.shape[-1] == 512


def test_every_base_exists_in_keras() -> None:
    names = [base.constructor for name, base in BASES.items() if name != "squeezenet"]
    assert [name for name in names if not hasattr(keras.applications, name)] == []
    known = [name for name in dir(keras.applications) if name[0].isupper()]
    assert sorted(known) == sorted(names)


@pytest.mark.parametrize(
    ("name", "module"),
    [("vgg16", "vgg16"), ("mobilenet_v2", "mobilenet_v2"), ("densenet121", "densenet"), ("convnext_tiny", "convnext")],
)
def test_preprocessing_is_that_of_keras(name: str, module: str, generator: np.random.Generator) -> None:
    pixels = generator.integers(0, 256, (2, 5, 5, 3)).astype(np.float32)
    image = keras.Input((5, 5, 3))
    ours = keras.Model(image, preprocess(image, BASES[name])).predict(pixels / 255, verbose=0)
    theirs = getattr(keras.applications, module).preprocess_input(pixels.copy())
    np.testing.assert_allclose(ours, theirs, atol=2e-5 * np.abs(theirs).max())


@pytest.mark.parametrize(
    ("base", "shape", "size"),
    [
        ("mobilenet_v2", (28, 28, 1), (96, 96)),
        ("mobilenet_v2", (48, 96, 3), (96, 192)),
        ("mobilenet_v2", (128, 160, 3), (128, 160)),
        ("mobilenet_v2", (448, 896, 3), (224, 448)),
        ("inception_v3", (299, 299, 3), (299, 299)),
        ("nasnet_mobile", (64, 32, 3), (224, 224)),
    ],
)
def test_auto_size_lies_between_96_and_what_the_base_was_trained_at(
    base: str, shape: tuple[int, ...], size: tuple[int, int]
) -> None:
    assert base_size(TransferOptions(base=base), InputSpec("image", "image", shape)) == size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TransferOptions(base="xception", input_size=64), "at least 71x71, but model.input_size is 64x64"),
        (TransferOptions(base="nasnet_mobile", input_size=(224, 96)), "reads 224x224 only"),
        (TransferOptions(**RANDOM, freeze="fir8"), "squeezenet has no layer 'fir8'. Did you mean 'fire8_concat'?"),
        (TransferOptions(base="squeezenet", weights="/"), "'/' is a folder; name a file in it"),
        (TransferOptions(base="squeezenet", weights="nowhere.h5"), "'nowhere.h5' does not exist"),
    ],
)
def test_options_that_do_not_fit_the_base_are_refused(options: TransferOptions, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        build_model(options, [PHOTO], TEN)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([InputSpec("image", "image", (32, 32, 4))], "'image' has 4 channels"),
        ([InputSpec("x", "dense", (3,))], "only dense inputs; use family mlp"),
        ([InputSpec("x", "array", (32, 32, 3))], "'x' is of kind array; use family cnn or sequence"),
    ],
)
def test_inputs_of_other_families_are_refused(inputs: list[InputSpec], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_model(TransferOptions(**RANDOM), inputs, TEN)


def test_grey_images_are_repeated_enlarged_and_joined_with_columns(batch_of: Callable) -> None:
    inputs = [InputSpec("image", "image", (28, 28, 1)), InputSpec("age", "dense", (2,))]
    model = build_model(TransferOptions(base="squeezenet", weights="none", dense=[16]), inputs, TEN)
    assert base_of(model).input_shape == (None, 96, 96, 3)
    assert model.get_layer("join").output.shape == (None, 512 + 2)
    assert model.predict(batch_of(inputs, 2), verbose=0).shape == (2, 10)


def test_freeze_and_unfreeze() -> None:
    def base(freeze: str) -> keras.Model:
        return base_of(build_model(TransferOptions(**RANDOM, freeze=freeze), [PHOTO], TEN))

    assert trainable_layers(base("all")) == []
    assert trainable_layers(base("auto")) == trainable_layers(base("none"))
    assert len(trainable_layers(base("none"))) == 1 + 8 * 3
    assert trainable_layers(base("fire8")) == ["fire9_squeeze1x1", "fire9_expand1x1", "fire9_expand3x3"]
    assert trainable_layers(base("fire9_squeeze1x1")) == ["fire9_expand1x1", "fire9_expand3x3"]
    model = build_model(TransferOptions(**RANDOM, freeze="all"), [PHOTO], TEN)
    head = 512 * 10 + 10
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == head
    assert unfreeze(model, "fire9") == head + (512 * 64 + 64) + (64 * 256 + 256) + (9 * 64 * 256 + 256)
    assert trainable_layers(base_of(model)) == ["fire9_squeeze1x1", "fire9_expand1x1", "fire9_expand3x3"]
    assert unfreeze(model) == head + 722_496


def test_unfreeze_needs_a_base() -> None:
    with pytest.raises(ConfigError, match="has no base"):
        unfreeze(keras.Sequential([keras.layers.Dense(1)]))


def test_frozen_weights_stay_and_the_head_moves(batch_of: Callable, generator: np.random.Generator) -> None:
    model = build_model(TransferOptions(**RANDOM, freeze="fire8"), [PHOTO], TEN, seed=1)
    network = base_of(model)
    before = {layer.name: layer.get_weights() for layer in network.layers}
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(batch_of([PHOTO], 8), generator.integers(0, 10, 8), epochs=2, verbose=0)
    assert np.array_equal(network.get_layer("fire8_expand3x3").get_weights()[0], before["fire8_expand3x3"][0])
    assert not np.array_equal(network.get_layer("fire9_expand3x3").get_weights()[0], before["fire9_expand3x3"][0])


@pytest.mark.slow
def test_batch_statistics_of_a_pretrained_base_stay_when_it_is_fine_tuned(
    tmp_path: Path, batch_of: Callable, generator: np.random.Generator
) -> None:
    random = {"base": "mobilenet_v2", "alpha": 0.35, "input_size": 32}
    first = build_model(TransferOptions(**random, weights="none"), [PHOTO], TEN, seed=1)
    base_of(first).save(tmp_path / "base.keras")
    for weights, moves in (("none", True), (str(tmp_path / "base.keras"), False)):
        model = build_model(TransferOptions(**random, weights=weights, freeze="none"), [PHOTO], TEN, seed=1)
        mean = base_of(model).get_layer("bn_Conv1").moving_mean
        before = keras.ops.convert_to_numpy(mean)
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
        model.fit(batch_of([PHOTO], 8), generator.integers(0, 10, 8), verbose=0)
        assert np.array_equal(keras.ops.convert_to_numpy(mean), before) is not moves
        unfreeze(model)
        assert base_of(model).get_layer("bn_Conv1").trainable is moves


def test_a_saved_model_answers_the_same(tmp_path: Path, batch_of: Callable) -> None:
    model = build_model(TransferOptions(**RANDOM), [PHOTO], TEN, seed=1)
    model.save(tmp_path / "model.keras")
    x = batch_of([PHOTO], 3)
    again = keras.saving.load_model(tmp_path / "model.keras").predict(x, verbose=0)
    np.testing.assert_allclose(again, model.predict(x, verbose=0), atol=1e-6)


def test_missing_imagenet_weights_name_file_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        build_model(TransferOptions(base="squeezenet"), [PHOTO], TEN)
    assert f"put the file squeezenet_imagenet_notop.h5 into {tmp_path / 'models'}" in str(caught.value)


@pytest.mark.parametrize(
    ("base", "file"),
    [
        ("vgg16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("nasnet_mobile", "nasnet_mobile_no_top.h5"),  # its address ends in another name
    ],
)
def test_offline_names_file_and_folder(base: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if base == "nasnet_mobile" and keras.backend.backend() == "torch":
        pytest.skip("Keras does not build NASNet under torch")

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", refuse)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        build_model(TransferOptions(base=base), [PHOTO], TEN)
    message = str(caught.value)
    assert f"could not be fetched from {'https://storage.googleapis.com/tensorflow/keras-applications/'}" in message
    assert f"put that file as {file} into {tmp_path / 'models'}" in message
    assert "no route to host" in message


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xception", "mobilenet", "densenet121", "efficientnet_b0", "mobilenet_v3_small"])
def test_bases_of_keras_read_their_smallest_images(name: str, batch_of: Callable) -> None:
    base: Base = BASES[name]
    options = TransferOptions(base=name, weights="none", input_size=base.minimum)
    model = build_model(options, [PHOTO], OutputSpec("binary", 1))
    assert base_of(model).input_shape == (None, base.minimum, base.minimum, 3)
    assert model.predict(batch_of([PHOTO], 2), verbose=0).shape == (2, 1)


@pytest.mark.slow
@pytest.mark.long
def test_pretrained_weights_beat_random_ones_on_photographs(shared_data: Path) -> None:
    def split(name: str, each: int) -> tuple[np.ndarray, np.ndarray]:
        folders = sorted((shared_data / "photos10" / name).iterdir())
        files = [(file, label) for label, folder in enumerate(folders) for file in sorted(folder.iterdir())[:each]]
        images = [keras.utils.img_to_array(keras.utils.load_img(file)) / 255 for file, _ in files]
        return np.stack(images), np.array([label for _, label in files])

    (x, y), (x_test, y_test) = split("train", 150), split("test", 50)
    accuracy = {}
    for weights in (str(shared_data / "weights" / "squeezenet_imagenet_notop.h5"), "none"):
        options = TransferOptions(base="squeezenet", weights=weights, freeze="all")
        model = build_model(options, [PHOTO], TEN, seed=1)
        model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit({"image": x}, y, epochs=5, batch_size=32, verbose=0)
        accuracy[weights == "none"] = model.evaluate({"image": x_test}, y_test, verbose=0)[1]
    assert accuracy[False] > 0.6
    assert accuracy[False] > accuracy[True] + 0.15
