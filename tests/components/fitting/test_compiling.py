"""What a model is compiled with: the schedule, the optimizer and how far its mean weights reach back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from kerasline.components.fitting.compiling import compile_model, make_optimizer, make_schedule
from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.rows.rows import FitData
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.models import build_model

Make = Callable[..., FitSettings]


def test_schedules_count_in_epochs_or_steps(settings: Make) -> None:
    def rates(steps: int, at: list[int], **schedule: Any) -> list[float]:
        options = settings(epochs=10, learning_rate=1.0, learning_rate_schedule=schedule).training
        made = make_schedule(options, steps)
        return [round(float(made(step)), 4) for step in at]

    assert rates(8, [0, 40, 80], name="CosineDecay") == [1.0, 0.5, 0.0]
    assert rates(8, [0, 16, 32], name="CosineDecay", decay_epochs=4) == [1.0, 0.5, 0.0]
    assert rates(8, [0, 16], name="PolynomialDecay", decay_steps=16, end_learning_rate=0.25) == [1.0, 0.25]
    assert rates(8, [8, 9, 33], name="PiecewiseConstantDecay", boundary_epochs=[1, 4], values=[3, 2, 1]) == [3, 2, 1]
    warmed = rates(8, [0, 16, 80], name="CosineDecay", warmup_epochs=2, warmup_target=2.0)
    assert warmed == [1.0, 2.0, 0.0]


def test_compiling_sets_clipping_loss_and_rate(settings: Make) -> None:
    chosen = settings(
        task="regression", classes=None, loss="huber", loss_arguments={"delta": 2.0}, optimizer="RMSprop",
        optimizer_arguments={"rho": 0.8}, clip_norm=0.5, learning_rate=0.02,
    )  # fmt: skip
    model = build_model(chosen.model, chosen.plan.inputs(), chosen.output())
    compile_model(model, chosen, steps=10)
    optimizer = model.optimizer
    assert isinstance(optimizer, keras.optimizers.RMSprop)
    assert (optimizer.clipnorm, optimizer.rho, round(float(optimizer.learning_rate), 6)) == (0.5, 0.8, 0.02)
    assert float(model.loss(np.zeros(1, "f4"), np.full(1, 10, "f4"))) == 18  # 2 |x| - 2 beyond the delta of 2


def test_mean_weights_of_a_short_fit_do_not_reach_back_to_where_it_knew_nothing(settings: Make, rows: FitData) -> None:
    short = {"epochs": 10, "learning_rate": 0.02}
    plain = fit(settings(**short), rows)[1]["val_loss"][-1]
    mean = fit(settings(**short, optimizer_arguments={"use_ema": True}), rows)[1]["val_loss"][-1]
    far = fit(settings(**short, optimizer_arguments={"use_ema": True, "ema_momentum": 0.99}), rows)[1]["val_loss"][-1]
    assert mean < 1.1 * plain < far


@pytest.mark.parametrize(("epochs", "momentum"), [(1, 0), (20, 0.95), (100, 0.99), (1000, 0.99)])
def test_mean_weights_reach_back_over_a_tenth_of_a_fit(settings: Make, epochs: int, momentum: float) -> None:
    options = settings(epochs=epochs, optimizer_arguments={"use_ema": True}).training
    assert make_optimizer(options, steps=10).ema_momentum == pytest.approx(momentum)
