"""What the tests of the model families share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest

from kerasline.components.models import InputSpec, ModelOptions, OutputSpec, build_model
from kerasline.components.models.parts.heads import make_loss, make_metrics, resolve_loss


@pytest.fixture
def generator() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(7)


@pytest.fixture
def learn() -> Callable[..., float]:
    """Fits a family and returns its accuracy (mean absolute error for regression) on the last quarter of the rows."""

    def fit(
        options: ModelOptions,
        inputs: Sequence[InputSpec],
        output: OutputSpec,
        x: dict[str, np.ndarray],
        y: np.ndarray,
        *,
        epochs: int,
        rate: float = 0.01,
        batch_size: int = 32,
    ) -> float:
        model = build_model(options, inputs, output, seed=3)
        loss, _ = resolve_loss(output.task)
        model.compile(keras.optimizers.Adam(rate), make_loss(loss), metrics=make_metrics(output))
        cut = len(y) * 3 // 4
        train = {name: values[:cut] for name, values in x.items()}
        test = {name: values[cut:] for name, values in x.items()}
        model.fit(train, y[:cut], epochs=epochs, batch_size=batch_size, verbose=0)
        figures = model.evaluate(test, y[cut:], batch_size=256, verbose=0, return_dict=True)
        return figures["mae" if "regression" in output.task else "accuracy"]

    return fit


@pytest.fixture
def batch_of(generator: np.random.Generator) -> Callable[[Sequence[InputSpec], int], dict[str, np.ndarray]]:
    """Makes rows that fit the inputs: floats in [0, 1), ids below the vocabulary's size."""

    def make(inputs: Sequence[InputSpec], rows: int) -> dict[str, np.ndarray]:
        return {
            spec.name: generator.integers(0, spec.vocabulary_size, (rows, *spec.shape))
            if spec.dtype == "int64"
            else generator.random((rows, *spec.shape), dtype=np.float32)
            for spec in inputs
        }

    return make
