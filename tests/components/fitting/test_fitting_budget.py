"""A fit in a budget of time."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from kerasline.components.core.progress import Progress, listen
from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.rows.rows import Arrays, FitData
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.fitting.watching import callbacks

Make = Callable[..., FitSettings]


def test_a_fit_whose_time_is_over_ends_with_its_best_epoch_so_far(
    settings: Make, rows: FitData, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        """A second passes with every look."""

        now = 0.0

        def monotonic(self) -> float:
            self.now += 1.0
            return self.now

    monkeypatch.setattr(callbacks, "time", Clock())
    said: list[Progress] = []
    stop = listen(said.append)
    model, history = fit(settings(epochs=500, learning_rate=0.5, budget="60s"), rows)
    stop()
    assert 1 < len(history["val_loss"]) < 100
    assert rows.validation is not None
    answers = model.predict(rows.validation.inputs, verbose=0)
    losses = keras.losses.sparse_categorical_crossentropy(rows.validation.labels, answers)
    assert float(np.mean(losses)) == pytest.approx(min(history["val_loss"]), rel=1e-4)
    (text,) = [one.text for one in said if one.permanent]
    assert text == f"training.budget 60s ended the fit in epoch {len(history['loss'])} of 500"


def test_a_time_shorter_than_an_epoch_is_said(settings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.tile([0, 1, 2], 50)
    everything = Arrays({"features": np.ones((150, 4), np.float32)}, labels)
    streamed = FitData(everything, None, None, False)
    monkeypatch.setattr("kerasline.components.fitting.batches.steps_together", lambda *_: 1)
    said: list[Progress] = []
    stop = listen(said.append)
    _, history = fit(settings(epochs=5, budget="0.000001s", validation_fraction=0.0), streamed)
    stop()
    assert len(history["loss"]) == 1
    (text,) = [one.text for one in said if one.permanent]
    assert text == (
        "training.budget 0.000001s ended the fit in epoch 1 of 5, after 1 of its 10 steps: shorter than an epoch, so "
        "raise it"
    )
