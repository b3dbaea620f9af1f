"""The sequence family: every layer on series and tokens, masks, and what order it can learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.models import InputSpec, OutputSpec, build_model
from kerasline.components.models.description.options import MlpOptions, SequenceOptions

SERIES = InputSpec("series", "array", (20, 2))
TOKENS = InputSpec("text", "tokens", (12,), vocabulary_size=50)
SIDE = InputSpec("age", "dense", (3,))
LAYERS = ["simple_rnn", "lstm", "gru", "conv1d"]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("reduce", ["auto", "average", "max"])
@pytest.mark.parametrize("spec", [SERIES, TOKENS, InputSpec("series", "array", (20,))])
def test_every_layer_reads_series_and_tokens(layer: str, reduce: str, spec: InputSpec, batch_of: Callable) -> None:
    options = SequenceOptions(layer=layer, units=[6, 5], reduce=reduce, dropout=0.1, dense=[4])
    inputs = [spec, SIDE]
    model = build_model(options, inputs, OutputSpec("multiclass", 3))
    assert model.get_layer("join").output.shape == (None, 5 + 3)
    scores = model.predict(batch_of(inputs, 4), verbose=0)
    assert scores.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_parameters_of_an_lstm() -> None:
    model = build_model(SequenceOptions(units=8, token_dim=16), [TOKENS], OutputSpec("binary", 1))
    assert model.count_params() == 50 * 16 + 4 * 8 * (16 + 8 + 1) + 8 + 1


def test_both_directions_double_the_width() -> None:
    model = build_model(SequenceOptions(layer="gru", units=8, bidirectional=True), [SERIES], OutputSpec("binary", 1))
    assert model.get_layer("bidirectional1").output.shape == (None, 16)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("reduce", ["auto", "average", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing(layer: str, reduce: str, bidirectional: bool, generator: np.random.Generator) -> None:
    if layer == "conv1d" and bidirectional:
        return
    options = SequenceOptions(layer=layer, units=6, reduce=reduce, bidirectional=bidirectional)
    short = generator.integers(1, 50, (5, 8))
    padded = np.concatenate([short, np.zeros((5, 4), np.int64)], axis=1)
    answers = []
    for tokens in (short, padded):
        spec = InputSpec("text", "tokens", (tokens.shape[1],), vocabulary_size=50)
        model = build_model(options, [spec], OutputSpec("binary", 1), seed=4)
        answers.append(model.predict({"text": tokens}, verbose=0))
    np.testing.assert_allclose(*answers, atol=1e-6)


def test_rows_of_padding_only_stay_finite() -> None:
    for layer in LAYERS:
        for reduce in ("average", "max"):
            model = build_model(SequenceOptions(layer=layer, reduce=reduce), [TOKENS], OutputSpec("binary", 1))
            assert np.isfinite(model.predict({"text": np.zeros((2, 12), np.int64)}, verbose=0)).all()


@pytest.mark.parametrize(
    ("options", "inputs", "message"),
    [
        (SequenceOptions(), [InputSpec("x", "array", (8, 8, 3))], r"'x' has shape \(8, 8, 3\); use family cnn"),
        (SequenceOptions(), [InputSpec("x", "image", (8, 8, 3))], "'x' is of kind image; use family cnn or transfer"),
        (SequenceOptions(), [SIDE], "only dense inputs; use family mlp"),
        (SequenceOptions(layer="conv1d", units=[8] * 6), [SERIES], "has 20 steps, too few for 6 conv1d layers"),
    ],
)
def test_inputs_that_do_not_suit_are_refused(options: SequenceOptions, inputs: list, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_model(options, inputs, OutputSpec("binary", 1))


@pytest.mark.parametrize("layer", ["lstm", "conv1d"])
def test_learns_the_order_of_tokens(layer: str, learn: Callable, generator: np.random.Generator) -> None:
    rows, length = 1000, 8
    tokens = generator.integers(3, 12, (rows, length))
    y = generator.integers(0, 2, rows).astype(np.float32)
    for row, first in zip(tokens, y, strict=True):
        place = generator.integers(0, length - 3)
        row[place : place + 2] = (1, 2) if first else (2, 1)
        row[generator.integers(length - 2, length + 1) :] = 0
    spec, output = InputSpec("text", "tokens", (length,), vocabulary_size=12), OutputSpec("binary", 1)
    counts = np.stack([(tokens == token).sum(axis=1) for token in range(12)], axis=1).astype(np.float32)
    bag = learn(MlpOptions(), [InputSpec("counts", "dense", (12,))], output, {"counts": counts}, y, epochs=5)
    options = SequenceOptions(layer=layer, units=16, token_dim=8, kernel_size=3)
    assert bag < 0.65
    assert learn(options, [spec], output, {"text": tokens}, y, epochs=8, rate=0.02) > 0.95


def test_learns_which_pulse_of_a_series_came_first(learn: Callable, generator: np.random.Generator) -> None:
    rows, steps = 1000, 10
    x = generator.normal(0, 0.1, (rows, steps, 2)).astype(np.float32)
    places = np.stack([generator.permutation(steps)[:2] for _ in range(rows)])
    y = (places[:, 0] < places[:, 1]).astype(np.float32)
    for channel in (0, 1):
        x[np.arange(rows), places[:, channel], channel] += 1
    spec, output = InputSpec("series", "array", (steps, 2)), OutputSpec("binary", 1)
    found = learn(SequenceOptions(layer="gru", units=16), [spec], output, {"series": x}, y, epochs=10, rate=0.02)
    assert found > 0.93
