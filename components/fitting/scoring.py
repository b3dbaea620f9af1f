"""What a fitted model answers on the rows that are held out."""

from __future__ import annotations

import keras

from kerasline.components.fitting.batches import validation_batches
from kerasline.components.fitting.compiling import compile_model
from kerasline.components.fitting.rows import FitData
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
    if not model.compiled:
        compile_model(model, settings, steps=1)
    found = model.evaluate(validation_batches(settings, data), verbose=0, return_dict=True)
    return {f"val_{name}": float(value) for name, value in found.items()}
