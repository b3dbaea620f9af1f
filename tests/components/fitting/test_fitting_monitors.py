"""Whatever a recipe may watch is measured in every epoch, stops the fit and brings its best epoch back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.rows.rows import Arrays, FitData
from kerasline.components.fitting.scoring import score
from kerasline.components.fitting.settings.checks import check_fit
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.models.parts.heads import computable, direction

CLASSES = {"binary": ("no", "yes"), "multiclass": tuple("abcdef"), "multilabel": ("x", "y"), "regression": None}
MONITORS = [
    ("binary", "val_auc_pr"),
    ("binary", "val_f1"),
    ("binary", "val_recall"),
    ("multiclass", "val_crossentropy"),
    ("multiclass", "val_top_5_accuracy"),
    ("multilabel", "val_precision"),
    ("regression", "val_r2"),
]


def noisy_rows(task: str) -> FitData:
    """Labels that have little to do with the numbers, so that the best epoch is an early one."""
    generator = np.random.default_rng(1)
    inputs = {"features": generator.normal(size=(150, 4)).astype(np.float32)}
    shape = (150, 2) if task == "multilabel" else (150,)
    labels = generator.integers(0, 6 if task == "multiclass" else 2, shape)
    everything = Arrays(inputs, labels if task == "multiclass" else labels.astype(np.float32))
    return FitData(everything.take(np.arange(120)), everything.take(np.arange(120, 150)), None, True)


@pytest.mark.parametrize(("task", "monitor"), MONITORS)
def test_a_monitor_stops_and_restores(settings: Callable[..., FitSettings], task: str, monitor: str) -> None:
    chosen = settings(
        task=task,
        classes=CLASSES[task],
        epochs=40,
        learning_rate=0.03,
        early_stopping={"monitor": monitor, "patience": 2},
        model={"units": [64]},
    )
    check_fit(chosen)
    data = noisy_rows(task)
    model, history = fit(chosen, data)
    series = history[monitor]
    best = int(np.argmax(series) if direction(monitor) == "max" else np.argmin(series))
    assert len(series) == best + 3 < 40
    assert score(model, chosen, data)[monitor] == pytest.approx(series[best], abs=1e-6)


def test_every_figure_that_may_be_watched_is_in_this_test_or_usual() -> None:
    from kerasline.components.models import OutputSpec

    assert computable(OutputSpec("multiclass", 6)) == ["loss", "accuracy", "top_5_accuracy", "crossentropy"]
    assert "f1" not in computable(OutputSpec("multilabel", 2))
