"""The fitted network as a ``.keras`` file that plain Keras loads: on transformed inputs, and nothing of it is ours."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import keras

from kerasline.components.core import ConfigError, first_line
from kerasline.components.features import LabelUnits, from_log
from kerasline.components.models import Augmentation, EachMember, MemberScale

KERAS_FILE = "model.keras"


def save_keras(path: str, model: keras.Model, label_units: LabelUnits) -> str:
    """Saves a fitted model.

    What acts in training alone (the optimizer's state, changes to images) is left out, and the units of a regression
    label are put in.

    Args:
      path: File to write, which ends in ``.keras``.
      model: The network as it was fitted.
      label_units: What gives a regression label its own units.

    Returns:
      Why it could not be saved, empty where it could: a user's own layers may be of any kind.
    """
    try:
        keras.saving.save_model(_bare(model, label_units), path)
    except Exception as error:
        if os.path.exists(path):
            os.remove(path)
        return f"{type(error).__name__}: {first_line(error, 'no message')}"
    return ""


def check_savable(model: keras.Model, formats: Sequence[str]) -> None:
    """Refuses a network that Keras cannot save and load again, which further formats need, before it is fitted.

    Args:
      model: The network as it was built.
      formats: Formats of ``push.formats`` beside the SavedModel.

    Raises:
      ConfigError: names the class that is not registered, or what else was wrong.
    """
    if not formats:
        return
    with tempfile.TemporaryDirectory(prefix="kerasline-keras-") as folder:
        path = os.path.join(folder, KERAS_FILE)
        reason = save_keras(path, model, LabelUnits()) or _why_not_loaded(path)
    if not reason:
        return
    print(f"saving the network as Keras does ended with {reason}", file=sys.stderr)  # for the log
    named = ", ".join(_suspects(model)) or "its layers"
    raise ConfigError(
        f"push.formats: expected a network that Keras can save and load again for {', '.join(formats)}, but {named} "
        "cannot be; put @keras.saving.register_keras_serializable() above each class and give it a get_config with the "
        "arguments of its __init__ (a Lambda becomes such a class), or leave push.formats at [saved_model]"
    )


def _suspects(model: keras.Model) -> list[str]:
    """Names the classes of layers that may not load again: those that are not registered, or else all of a user's."""
    kinds = {type(layer) for layer in _layers(model)}
    own = {kind for kind in kinds if _is_foreign(kind) or issubclass(kind, keras.layers.Lambda)}
    unknown = {kind for kind in own if keras.saving.get_registered_name(kind) == kind.__name__}
    return sorted(kind.__name__ for kind in unknown or own)


def _why_not_loaded(path: str) -> str:
    """Says what went wrong when a saved network was loaded; empty where nothing did."""
    try:
        keras.saving.load_model(path, compile=False)
    except Exception as error:  # whatever a user's own class raises
        return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    return ""


def _plain(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns what stands for a layer in a file that others load; a member of an ensemble is a network of such."""
    if isinstance(layer, MemberScale):
        return layer.plain()
    is_member = isinstance(layer, keras.Model) and any(isinstance(one, MemberScale) for one in layer.layers)
    return _bare(layer, LabelUnits()) if is_member else layer


def _layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Lists the layers of a network, and of networks in it."""
    nested = [inner for layer in model.layers if isinstance(layer, keras.Model) for inner in _layers(layer)]
    return [*model.layers, *nested]


def _is_foreign(kind: type) -> bool:
    """Says whether a class is a user's own."""
    return not kind.__module__.startswith(("keras.", "kerasline."))


def _bare(model: keras.Model, label_units: LabelUnits) -> keras.Model:
    """Returns a network of the same layers without what acts in training alone, whose answers are in label units."""

    def call(layer: keras.layers.Layer, *arguments: Any, **named: Any) -> Any:
        if isinstance(layer, Augmentation | EachMember):
            return arguments[0]
        return _plain(layer)(*arguments, **named)

    # Of a model that was compiled, cloning would look for the classes of a user's own loss and metrics by their names.
    layers = keras.Model(model.input, model.output, name=model.name)
    shared = keras.models.clone_model(layers, clone_function=lambda layer: layer, call_function=call)
    output = shared.output
    if label_units != LabelUnits():
        output = keras.layers.Rescaling(label_units.scale, label_units.shift, name="label_units")(output)
    if label_units.is_log:
        output = from_log(output, keras.ops)
    # The same layers in a model that was never compiled.
    return keras.Model(shared.input, output, name=model.name)
