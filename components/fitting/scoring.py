"""What a fitted model answers on the rows that are held out."""

from __future__ import annotations

import keras

from kerasline.components.fitting.batches import validation_batches
from kerasline.components.fitting.compiling import compile_model
from kerasline.components.fitting.own_training import reform, trainee_of
from kerasline.components.fitting.rows import FitData
from kerasline.components.models.custom import arguments_of
from kerasline.components.settings import FitSettings


def score(model: keras.Model, settings: FitSettings, data: FitData) -> dict[str, float]:
    """Returns loss and metrics of the rows that are held out.

    Args:
      model: as ``fit`` returns it; where it was fitted elsewhere it is compiled here.
      settings: that it was fitted with.
      data: whose validation part is read.

    Returns:
      By their names in a history, such as ``val_loss``.
    """
    trainee = trainee_of(model)
    if not trainee.compiled:
        compile_model(trainee, settings, steps=1)
    batches = validation_batches(settings, data)
    if trainee is not model:
        batches = reform(batches, lambda inputs: arguments_of(trainee, inputs))
    found = trainee.evaluate(batches, verbose=0, return_dict=True)
    return {f"val_{name}": float(value) for name, value in found.items()}
