"""One network out of several, and scores that can be read as probabilities: what is put behind a fitted network."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerasline.components.models.description import Task

SMALLEST = 1e-7  # score that is told from 0, as in Keras' own losses


def average(members: Sequence[keras.Model]) -> keras.Model:
    """Returns a network that answers with the mean of what several answer: probabilities, or numbers.

    Args:
      members: Networks of the same inputs and outputs, each fitted alone; one is returned as it is.
    """
    if len(members) == 1:
        return members[0]
    inputs = {
        name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name) for name, tensor in members[0].input.items()
    }
    parts = [keras.Model(one.input, one.output, name=f"{one.name}_{number}") for number, one in enumerate(members)]
    mean = keras.layers.Average(dtype="float32", name="ensemble_mean")([part(inputs) for part in parts])
    return keras.Model(inputs, mean, name=members[0].name)


def with_temperature(model: keras.Model, task: Task, temperature: float) -> keras.Model:
    """Returns a network whose logits are divided by a temperature; which class is likeliest stays.

    Args:
      model: A network that answers with probabilities.
      task: ``binary`` or ``multiclass``.
      temperature: Number that logits are divided by; above 1 scores become less sure.

    Source: C. Guo et al., On Calibration of Modern Neural Networks (ICML 2017).
    """
    ops, scores = keras.ops, model.output
    if task == "binary":
        scores = ops.clip(scores, SMALLEST, 1.0 - SMALLEST)
        logits = ops.log(scores) - ops.log(1.0 - scores)
    else:
        logits = ops.log(ops.maximum(scores, SMALLEST))
    cooled = keras.layers.Rescaling(1.0 / temperature, dtype="float32", name="temperature")(logits)
    activation = "sigmoid" if task == "binary" else "softmax"
    calibrated = keras.layers.Activation(activation, dtype="float32", name="calibrated")(cooled)
    return keras.Model(model.input, calibrated, name=model.name)
