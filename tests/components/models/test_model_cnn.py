"""The cnn family: the tutorials' networks, one to three axes, sizes that do not fit, and what it can learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.models import InputSpec, OutputSpec, build_model, check_inputs
from kerasline.components.models.description.options import CnnOptions, MlpOptions

MNIST = InputSpec("image", "image", (28, 28, 1))
TEN = OutputSpec("multiclass", 10)


def test_the_tutorials_cnn_has_93322_parameters() -> None:
    options = CnnOptions(filters=[32, 64, 64], kernel_size=3, padding="valid", dense=[64])
    model = build_model(options, [MNIST], TEN)
    assert model.count_params() == 93_322
    assert [layer.name for layer in model.layers if "relu" not in layer.name] == [
        "image", "conv1", "pool1", "conv2", "pool2", "conv3", "flat", "dense1", "output",
    ]  # fmt: skip


def test_the_tutorials_cnn_with_batch_normalisation() -> None:
    options = CnnOptions(
        filters=[4, 16], kernel_size=5, pooling=[2, 2], batch_normalization=True, dense=100, dropout=0.4
    )
    model = build_model(options, [MNIST], TEN)
    convolutions = 5 * 5 * 4 + 4 * 4 + 5 * 5 * 4 * 16 + 4 * 16  # kernels, and four numbers a filter of each norm
    assert model.count_params() == convolutions + 7 * 7 * 16 * 100 + 4 * 100 + 100 * 10 + 10
    assert model.get_layer("dense1_dropout").rate == 0.4


@pytest.mark.parametrize(
    ("spec", "layer"),
    [
        (InputSpec("x", "array", (40,)), "Conv1D"),
        (InputSpec("x", "array", (40, 3)), "Conv1D"),
        (InputSpec("x", "array", (12, 12, 2)), "Conv2D"),
        (InputSpec("x", "image", (12, 12, 3)), "Conv2D"),
        (InputSpec("x", "array", (8, 8, 8, 1)), "Conv3D"),
    ],
)
@pytest.mark.parametrize("global_pooling", ["none", "average", "max"])
def test_the_rank_of_the_input_decides_the_axes(
    spec: InputSpec, layer: str, global_pooling: str, batch_of: Callable
) -> None:
    options = CnnOptions(filters=[4, 8], convolutions=2, convolution_dropout=0.1, global_pooling=global_pooling)
    model = build_model(options, [spec], TEN)
    assert type(model.get_layer("conv2_1")).__name__ == layer
    assert model.predict(batch_of([spec], 3), verbose=0).shape == (3, 10)


def test_side_columns_join_after_the_convolutions(batch_of: Callable) -> None:
    inputs = [MNIST, InputSpec("age", "dense", (2,)), InputSpec("ward", "ids", (1,), vocabulary_size=6)]
    model = build_model(CnnOptions(filters=[4], dense=[8]), inputs, OutputSpec("binary", 1))
    assert model.get_layer("join").output.shape == (None, 28 * 28 * 4 + 2 + 4)
    assert model.predict(batch_of(inputs, 2), verbose=0).shape == (2, 1)


def test_pooling_is_left_out_where_it_is_1() -> None:
    names = [layer.name for layer in build_model(CnnOptions(pooling=[1, 2, 2]), [MNIST], TEN).layers]
    assert [name for name in names if name.startswith("pool")] == ["pool2", "pool3"]


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        (
            CnnOptions(padding="valid"),
            (8, 8, 1),
            "of 8x8 is too small for model.family cnn: stage 2 of 3 is left with 3x3",
        ),
        (CnnOptions(), (3, 28, 1), "stage 2 of 3 is left with 1x14"),
        (CnnOptions(kernel_size=[9, 3, 3], padding="valid"), (8, 8, 1), "kernel of 9"),
    ],
)
def test_a_small_image_is_refused_with_the_stage(options: CnnOptions, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_model(options, [InputSpec("image", "image", shape)], TEN)
    with pytest.raises(ConfigError, match=message):  # as a plan asks, without Keras
        check_inputs(options, [InputSpec("image", "image", shape)])


def test_the_smallest_image_that_fits_is_taken() -> None:
    options = CnnOptions(padding="valid")  # 18 -> 16 -> 8 -> 6 -> 3 -> 1
    assert build_model(options, [InputSpec("image", "image", (18, 18, 1))], TEN).get_layer("flat").output.shape[1] == 64


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            [InputSpec("x", "dense", (3,))],
            "takes one image or array input, but the data has only dense inputs; use family mlp",
        ),
        ([InputSpec("t", "tokens", (3,), vocabulary_size=9)], "'t' is of kind tokens; use family sequence"),
        ([MNIST, InputSpec("b", "image", (8, 8, 1))], "has 2 \\('image', 'b'\\)"),
    ],
)
def test_inputs_of_other_families_are_refused(inputs: list[InputSpec], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_model(CnnOptions(), inputs, TEN)


def bars(generator: np.random.Generator, rows: int, axes: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Short bars at random places in noise; the label is the axis along which they lie."""
    x = generator.normal(0, 0.1, (rows, *[side] * axes, 1)).astype(np.float32)
    y = generator.integers(0, axes, rows)
    for image, axis in zip(x, y, strict=True):
        place = [slice(p, p + 1) for p in generator.integers(0, side, axes)]
        start = generator.integers(0, side - 4)
        place[axis] = slice(start, start + 4)
        image[tuple(place)] += 1
    return x, y


def test_learns_shapes_wherever_they_are(learn: Callable, generator: np.random.Generator) -> None:
    x, y = bars(generator, 1200, axes=2, side=10)
    spec, output = InputSpec("image", "image", (10, 10, 1)), OutputSpec("multiclass", 2)
    linear = learn(MlpOptions(units=[]), [spec], output, {"image": x}, y, epochs=5)
    found = learn(
        CnnOptions(filters=[8, 16], dense=[], global_pooling="max"), [spec], output, {"image": x}, y, epochs=5
    )
    assert linear < 0.7
    assert found > 0.95


def test_learns_shapes_in_a_volume(learn: Callable, generator: np.random.Generator) -> None:
    x, y = bars(generator, 800, axes=3, side=6)
    options = CnnOptions(filters=[8], dense=[], global_pooling="max")
    output = OutputSpec("multiclass", 3)
    assert learn(options, [InputSpec("x", "array", (6, 6, 6, 1))], output, {"x": x}, y, epochs=8, rate=0.02) > 0.9


def test_learns_the_direction_of_a_ramp_in_a_series(learn: Callable, generator: np.random.Generator) -> None:
    rows, steps = 800, 40
    x = generator.normal(0, 0.1, (rows, steps)).astype(np.float32)
    y = generator.integers(0, 2, rows).astype(np.float32)
    ramp = np.linspace(0, 1, 6)
    for series, up in zip(x, y, strict=True):
        start = generator.integers(0, steps - 6)
        series[start : start + 6] += ramp if up else ramp[::-1]
    options = CnnOptions(filters=[8, 8], kernel_size=5, dense=[], global_pooling="max")
    output = OutputSpec("binary", 1)
    inputs = [InputSpec("x", "array", (steps,))]
    assert learn(MlpOptions(units=[]), inputs, output, {"x": x}, y, epochs=5) < 0.7
    assert learn(options, inputs, output, {"x": x}, y, epochs=8) > 0.93
