"""The fitted network as a ``.keras`` file that plain Keras loads: on transformed inputs, and nothing of it is ours."""

from __future__ import annotations

import os
from typing import Any

import keras

from kerasline.components.models.augment import Augmentation

KERAS_FILE = "model.keras"


def save_keras(path: str, model: keras.Model, label_units: tuple[float, float]) -> str:
    """Saves a fitted model.

    What acts in training alone (the optimizer's state, changes to images) is left out, and the units of a regression
    label are put in.

    Args:
      path: ends in ``.keras``.
      model: as it was fitted.
      label_units: (scale, shift) of a regression label.

    Returns:
      Why it could not be saved, empty where it could: a user's own layers may be of any kind.
    """
    try:
        keras.saving.save_model(_bare(model, label_units), path)
    except Exception as error:
        if os.path.exists(path):
            os.remove(path)
        return f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0]}"
    return ""


def _bare(model: keras.Model, label_units: tuple[float, float]) -> keras.Model:
    def call(layer: keras.layers.Layer, *arguments: Any, **named: Any) -> Any:
        return arguments[0] if isinstance(layer, Augmentation) else layer(*arguments, **named)

    shared = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    output, (scale, shift) = shared.output, label_units
    if (scale, shift) != (1.0, 0.0):
        output = keras.layers.Rescaling(scale, shift, name="label_units")(output)
    # The same layers in a model that was never compiled.
    return keras.Model(shared.input, output, name=model.name)
