"""What a fitted model answers on the rows that are held out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from kerasline.components.fitting.batches import validation_batches
from kerasline.components.fitting.compiling import compile_model
from kerasline.components.fitting.own_training import arguments_for, reform, trainee_of
from kerasline.components.fitting.rows import FitData
from kerasline.components.fitting.settings import FitSettings

_MOST_ROWS = 2_000  # tell a share to a hundredth


def score(model: keras.Model, settings: FitSettings, data: FitData) -> dict[str, float]:
    """Returns loss and metrics of the rows that are held out.

    Args:
      model: A network as ``fit`` returns it; where it was fitted elsewhere it is compiled here.
      settings: Settings that it was fitted with.
      data: Data whose validation part is read.

    Returns:
      By their names in a history, such as ``val_loss``.
    """
    return {
        f"val_{name}": value for name, value in _measure(model, settings, validation_batches(settings, data)).items()
    }


def score_training_rows(model: keras.Model, settings: FitSettings, data: FitData) -> dict[str, float]:
    """Returns loss and metrics of rows that a model was fitted on, as it answers them now.

    Those in its history are means over epochs in which it changed, with dropout and augmentation at work.

    Args:
      model: A network as ``fit`` returns it; where it was fitted elsewhere it is compiled here.
      settings: Settings that it was fitted with.
      data: Data of whose rows some, evenly spread, are read; none where they stream.
    """
    if data.train is None:
        return {}
    some = np.linspace(0, len(data.train) - 1, min(len(data.train), _MOST_ROWS)).astype(int)
    return _measure(
        model,
        settings,
        validation_batches(settings, replace(data, validation=data.train.take(some), has_validation=True)),
    )


def _measure(model: keras.Model, settings: FitSettings, batches: Any) -> dict[str, float]:
    trainee = trainee_of(model)
    if not trainee.compiled:
        compile_model(trainee, settings, steps=1)
    if trainee is not model:
        batches = reform(batches, lambda inputs: arguments_for(trainee, settings, inputs))
    found = trainee.evaluate(batches, verbose=0, return_dict=True)
    return {name: float(value) for name, value in found.items()}
