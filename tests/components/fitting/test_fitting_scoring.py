"""What a fitted model answers on the rows that are held out is what its fit said of the weights that it ends with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.rows.rows import FitData
from kerasline.components.fitting.scoring import score
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.models import build_model

Make = Callable[..., FitSettings]


@pytest.mark.parametrize(
    "options",
    [{}, {"mixup": 0.2}, {"class_weights": {"setosa": 3.0}}, {"optimizer_arguments": {"use_ema": True}}],
    ids=str,
)
@pytest.mark.parametrize("streams", [False, True])
def test_a_score_is_that_of_the_weights_that_a_fit_ends_with(
    settings: Make, rows: FitData, options: dict[str, Any], streams: bool
) -> None:
    """With early stopping those of the best epoch, otherwise those of the last."""
    train, validation = rows.train, rows.validation
    assert train is not None and validation is not None
    parts = {
        part: tf.data.Dataset.from_tensor_slices((one.inputs, one.labels))
        for part, one in (("train", train), ("validation", validation))
    }
    streamed = FitData(None, None, lambda part, size, epoch: parts[part].batch(size), True, len(train))
    for stopping in (None, {"patience": 3}):
        chosen = settings(epochs=8, learning_rate=0.1, early_stopping=stopping, **options)
        data = streamed if streams else rows
        model, history = fit(chosen, data)
        best = int(np.argmin(history["val_loss"])) if stopping else -1
        assert score(model, chosen, data) == {
            name: pytest.approx(values[best], rel=1e-5) for name, values in history.items() if name.startswith("val_")
        }
        rebuilt = build_model(chosen.model, chosen.plan.inputs(), chosen.output())
        rebuilt.set_weights(model.get_weights())
        assert score(rebuilt, chosen, data) == pytest.approx(score(model, chosen, data), rel=1e-6)


@pytest.mark.parametrize(
    "options",
    [{}, {"budget": "0.000001s", "validation_fraction": 0.0}, {"precision": "mixed_float16", "device": "cpu"}],
    ids=["to the last epoch", "budget", "mixed precision"],
)
def test_the_mean_of_the_weights_is_measured_and_kept(settings: Make, rows: FitData, options: dict[str, Any]) -> None:
    # With this momentum the mean stays what the weights were after the first step.
    means = {"optimizer_arguments": {"use_ema": True, "ema_momentum": 1.0}}
    chosen = settings(learning_rate=0.05, **means, **options)
    model, history = fit(chosen, rows)
    first = history["val_loss"][0]
    assert history["val_loss"] == pytest.approx([first] * len(history["loss"]), rel=1e-3)
    assert score(model, chosen, rows)["val_loss"] == pytest.approx(first, rel=1e-2)
