"""The custom family: a model that a user's own function builds.

A tutorial's notebook becomes one by moving its model into a function of a module on the Python path::

    def build_model(config, inputs, output):
        return keras.Sequential([
            keras.layers.Flatten(),
            keras.layers.Dense(config.get("units", 128), activation="relu"),
            keras.layers.Dense(output.units, activation="softmax"),
        ])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from kerasline.components.core import ConfigError
from kerasline.components.models.apart import specs_given, tensors_given
from kerasline.components.models.description import CustomOptions, InputSpec, OutputSpec
from kerasline.components.models.parts import HEADS, make_inputs
from kerasline.components.own_code import load_function

SIGNATURE = "(config: dict, inputs: list[InputSpec], output: OutputSpec) -> keras.Model"


def build(options: CustomOptions, inputs: Sequence[InputSpec], output: OutputSpec) -> keras.Model:
    """Calls the user's function and makes what it returns callable with a dict of inputs.

    The function may return a model that takes that dict, one that takes the inputs in their order, or, where
    there is one input only, one that takes its tensor (a Sequential, for instance).

    Args:
      options: The ``model:`` block, with the name of the function and what it is given.
      inputs: What the model reads.
      output: What its last layer gives.

    Returns:
      A Keras model: dict of tensors keyed by input name -> float32 (batch, units).

    Raises:
      ConfigError: the function cannot be imported, fails, or returns something that does not fit inputs or
        output.
    """
    function = load_function("model.build", options.build, SIGNATURE)
    try:
        made = function(dict(options.config), specs_given(options, inputs), output)
    except Exception as error:
        raise ConfigError(
            f"model.build {options.build} raised {type(error).__name__}: {error}; "
            f"it is called with {SIGNATURE}, mend the function or model.config."
        ) from error
    if not isinstance(made, keras.Model):
        raise ConfigError(
            f"model.build {options.build} must return a keras.Model, but returned {type(made).__name__}; "
            "return the uncompiled model."
        )
    tensors = make_inputs(inputs)
    result = call(made, tensors_given(options, inputs, tensors), options.build)
    check_result(result, made, output, options.build)
    if result.dtype != "float32":
        result = keras.layers.Activation("linear", dtype="float32", name="output")(result)
    return keras.Model(tensors, result, name="custom")


def call(model: keras.Model, tensors: dict[str, keras.KerasTensor], dotted: str) -> Any:
    """Returns what a model gives for the inputs.

    Args:
      model: What the user's function returned.
      tensors: The inputs by name; the model takes them as this dict, in its order, or as the only one.
      dotted: Name of the function, for messages.

    Raises:
      ConfigError: the model takes something else.
    """
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    structure = getattr(model, "_inputs_struct", None)
    if takes_names(model, len(tensors)):
        unknown = sorted(set(structure or tensors) ^ set(tensors))
        if unknown:
            raise ConfigError(
                f"model.build {dotted} returned a model of the inputs {sorted(structure or ())}, but the "
                f"data gives {given}; use the name of each InputSpec as the key."
            )
    try:
        return model(arguments_of(model, tensors))
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ConfigError(
            f"model.build {dotted} returned a model that does not take the inputs {given}: "
            f"{' '.join(str(error).split())}; build it from the InputSpecs that the function is given."
        ) from error


def takes_names(model: keras.Model, inputs: int) -> bool:
    """Says whether a model of so many inputs takes them as a dict."""
    structure = getattr(model, "_inputs_struct", None)
    return isinstance(structure, dict) or (structure is None and inputs > 1)


def arguments_of(model: keras.Model, inputs: dict[str, Any]) -> Any:
    """Returns inputs by name in the form that a user's model takes: as they are, as a list, or the only one."""
    if takes_names(model, len(inputs)):
        return inputs
    values = list(inputs.values())
    return values[0] if len(values) == 1 else values


def check_result(result: Any, model: keras.Model, output: OutputSpec, dotted: str) -> None:
    """Refuses what is not one tensor (batch, units) of probabilities or values.

    Args:
      result: What the user's model gives.
      model: The user's model.
      output: What its last layer should give.
      dotted: Name of the function, for messages.

    Raises:
      ConfigError: the shape or the last activation does not suit the task.
    """
    wanted = (None, output.units)
    shape = tuple(result.shape) if isinstance(result, keras.KerasTensor) else None
    if shape != wanted:
        got = f"shape {shape}" if shape else f"{type(result).__name__} of several outputs"
        raise ConfigError(
            f"model.build {dotted} must return a model with one output of shape {wanted} for task "
            f"{output.task}, but it has {got}; end it with Dense(output.units)."
        )
    last = model.layers[-1] if model.layers else None
    activation = getattr(getattr(last, "activation", None), "__name__", None)
    suited = HEADS[output.task].activation
    logits = activation == "linear" and suited != "linear"
    if logits or (activation == "softmax" and suited != "softmax"):
        raise ConfigError(
            f"model.build {dotted} ends with the activation {activation}, but task {output.task} needs "
            f"{suited}; end it with Dense(output.units, activation={suited!r})."
        )
