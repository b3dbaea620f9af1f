"""The mlp family: the tutorials' networks, embeddings, inputs that it flattens, and what it can learn."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.models import InputSpec, MlpOptions, OutputSpec, build_model
from kerasline.components.models.parts.layers import embedding_width

TEN = OutputSpec("multiclass", 10)


@pytest.mark.parametrize(
    ("options", "spec", "output", "parameters"),
    [
        (MlpOptions(units=[256, 128], dropout=[0.4, 0.3]), InputSpec("image", "image", (28, 28, 1)), TEN, 235_146),
        (MlpOptions(units=[256, 128], dropout=[0.4, 0.3]), InputSpec("pixels", "dense", (784,)), TEN, 235_146),
        (MlpOptions(units=[784, 512]), InputSpec("image", "image", (28, 28, 1)), TEN, 1_022_490),
        (
            MlpOptions(units=[512, 512, 512], dropout=[0.4, 0.3, 0.2]),
            InputSpec("image", "image", (28, 28, 1)),
            TEN,
            932_362,
        ),
        (
            MlpOptions(units=16, activation="tanh"),
            InputSpec("columns", "dense", (13,)),
            OutputSpec("regression", 1),
            241,
        ),
        (
            MlpOptions(units=[1000, 500, 70]),
            InputSpec("columns", "dense", (4,)),
            OutputSpec("multiclass", 3),
            5_000 + 500_500 + 35_070 + 213,
        ),
        (MlpOptions(units=[5, 5]), InputSpec("columns", "dense", (2,)), OutputSpec("regression", 1), 51),
        (MlpOptions(units=[]), InputSpec("columns", "dense", (4,)), OutputSpec("binary", 1), 5),
    ],
)
def test_parameters_of_the_tutorials(options: MlpOptions, spec: InputSpec, output: OutputSpec, parameters: int) -> None:
    assert build_model(options, [spec], output).count_params() == parameters


def test_layers_stand_in_order_with_what_was_asked_for() -> None:
    options = MlpOptions(units=[8, 4], dropout=[0.5, 0], batch_normalization=True, l2=0.01, activation="tanh")
    model = build_model(options, [InputSpec("x", "dense", (3,))], TEN)
    assert [layer.name for layer in model.layers] == [
        "x", "dense1", "dense1_norm", "dense1_tanh", "dense1_dropout", "dense2", "dense2_norm", "dense2_tanh", "output",
    ]  # fmt: skip
    assert model.get_layer("dense1").kernel_regularizer.l2 == pytest.approx(0.01)
    assert model.get_layer("dense1_dropout").rate == 0.5


def test_names_with_spaces_reach_the_model(batch_of: Callable) -> None:
    inputs = [InputSpec("body mass (g)", "dense", (2,)), InputSpec("name of island", "ids", (1,), vocabulary_size=5)]
    model = build_model(MlpOptions(), inputs, OutputSpec("binary", 1))
    assert model.predict(batch_of(inputs, 6), verbose=0).shape == (6, 1)


def test_ids_become_embeddings_beside_dense_columns() -> None:
    inputs = [InputSpec("x", "dense", (3,)), InputSpec("city", "ids", (1,), vocabulary_size=100)]
    model = build_model(MlpOptions(units=[]), inputs, OutputSpec("regression", 1))
    width = embedding_width(100, "auto")
    assert model.get_layer("embed_city").embeddings.shape == (100, width)
    assert model.count_params() == 100 * width + (3 + width) + 1
    fixed = build_model(MlpOptions(units=[], embedding_dim=7), inputs, OutputSpec("regression", 1))
    assert fixed.get_layer("embed_city").embeddings.shape == (100, 7)


def test_embedding_width_grows_to_a_limit() -> None:
    assert [embedding_width(size, "auto") for size in (1, 10, 1_000, 1_000_000)] == [2, 6, 64, 64]


def test_tokens_are_sent_to_the_sequence_family() -> None:
    with pytest.raises(ConfigError, match="'text' holds tokens; use family sequence"):
        build_model(MlpOptions(), [InputSpec("text", "tokens", (9,), vocabulary_size=50)], TEN)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "needs at least one input"),
        ([InputSpec("a/b", "dense", (1,))], "without '/'"),
        ([InputSpec("a", "dense", (1,)), InputSpec("a", "dense", (1,))], "must be unique"),
        ([InputSpec("a", "ids", (1,))], "needs a vocabulary_size of at least 1, got None"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(inputs: list[InputSpec], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_model(MlpOptions(), inputs, TEN)


def test_a_seed_gives_the_same_weights() -> None:
    inputs = [InputSpec("x", "dense", (3,)), InputSpec("city", "ids", (1,), vocabulary_size=9)]

    def weights(seed: int) -> list[np.ndarray]:
        return build_model(MlpOptions(), inputs, TEN, seed=seed).get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(5), weights(5), strict=True))
    assert not np.array_equal(weights(5)[0], weights(6)[0])


def test_a_saved_model_answers_the_same(tmp_path, batch_of: Callable) -> None:
    inputs = [InputSpec("x", "dense", (3,)), InputSpec("city", "ids", (1,), vocabulary_size=9)]
    model = build_model(MlpOptions(batch_normalization=True, dropout=0.2), inputs, TEN, seed=1)
    model.save(tmp_path / "model.keras")
    x = batch_of(inputs, 8)
    again = keras.saving.load_model(tmp_path / "model.keras").predict(x, verbose=0)
    np.testing.assert_allclose(again, model.predict(x, verbose=0), rtol=1e-6)


def test_learns_what_a_linear_model_cannot(learn: Callable, generator: np.random.Generator) -> None:
    x = generator.uniform(-1, 1, (1200, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.float32)
    inputs, output = [InputSpec("x", "dense", (2,))], OutputSpec("binary", 1)
    linear = learn(MlpOptions(units=[]), inputs, output, {"x": x}, y, epochs=8)
    deep = learn(MlpOptions(units=[32, 16]), inputs, output, {"x": x}, y, epochs=12)
    assert linear < 0.7
    assert deep > 0.95


def test_embeddings_learn_what_ids_mean_together(learn: Callable, generator: np.random.Generator) -> None:
    left, right = generator.integers(0, 8, (2, 1600, 1))
    y = ((left % 2) == (right % 2)).astype(np.float32)[:, 0]
    inputs = [InputSpec(name, "ids", (1,), vocabulary_size=8) for name in ("left", "right")]
    x = {"left": left, "right": right}
    output = OutputSpec("binary", 1)
    assert learn(MlpOptions(units=[]), inputs, output, x, y, epochs=6) < 0.65
    assert learn(MlpOptions(units=[32]), inputs, output, x, y, epochs=15) > 0.97
