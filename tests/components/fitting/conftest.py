"""A small problem that an MLP learns in seconds, and settings for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kerasline.components.fitting.rows.rows import Arrays, FitData
from kerasline.components.fitting.settings.settings import FitSettings

CLASSES = ("setosa", "versicolor", "virginica")


@pytest.fixture
def settings() -> Callable[..., FitSettings]:
    """Makes settings; keywords are training options, ``model``, ``task``, ``classes`` and ``steps`` of the plan."""

    def make(
        model: dict[str, Any] | None = None,
        task: str = "multiclass",
        classes: tuple[str, ...] | None = CLASSES,
        steps: list[dict[str, Any]] | None = None,
        seed: int = 7,
        **training: Any,
    ) -> FitSettings:
        numbers = [{"name": f"x{n}", "kind": "numeric", "dtype": "float", "options": {}} for n in range(4)]
        return FitSettings.model_validate(
            {
                "plan": {
                    "steps": steps or numbers,
                    "label": "species",
                    "label_dtype": "float" if classes is None else "string",
                    "classes": classes,
                    "label_scale": "none",
                    "task": task,
                },
                "model": {"family": "mlp", **({"units": [8]} if model is None else model)},
                "training": {"batch_size": 16, "epochs": 4, **training},
                "seed": seed,
            }
        )

    return make


@pytest.fixture
def rows() -> FitData:
    """Three clouds in four dimensions, 120 rows to train on and 30 held out."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 150)
    inputs = (generator.normal(size=(150, 4)) + 2 * np.eye(4)[labels]).astype(np.float32)
    everything = Arrays({"features": inputs}, labels)
    return FitData(everything.take(np.arange(120)), everything.take(np.arange(120, 150)), None, True)
