"""Numbers through a user's function, before they are filled in and scaled: a part of the transform graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasline.components.core import ConfigError
from kerasline.components.features import FeatureStep
from kerasline.components.own_code import call_own, load_function
from kerasline.components.transform.blocks import Slot

SIGNATURE = "(values: float64 tensor [batch], NaN for no value) -> float tensor [batch]"


def apply_functions(steps: Sequence[FeatureStep], slots: Sequence[Slot], matrix: tf.Tensor) -> tf.Tensor:
    """Gives the numbers of columns that name a function to it.

    Args:
      steps: Steps of numbers.
      slots: What stands in each column of the matrix.
      matrix: float64 [batch, values], NaN where there is no value.

    Returns:
      The matrix with what the functions gave; what is not finite counts as no value.

    Raises:
      ConfigError: a function fails, or returns something else than a number for each row.
    """
    named = {step.name: step.options.function for step in steps if step.options.function}
    if not named:
        return matrix
    columns = tf.unstack(matrix, num=len(slots), axis=1)
    for place, (name, _) in enumerate(slots):
        if name in named:
            columns[place] = _applied(name, str(named[name]), columns[place])
    return tf.stack(columns, axis=1)


def _applied(name: str, dotted: str, values: tf.Tensor) -> tf.Tensor:
    key = f"features.{name}.function"
    result: Any = call_own(key, dotted, load_function(key, dotted, SIGNATURE), values)
    is_numbers = tf.is_tensor(result) and (result.dtype.is_floating or result.dtype.is_integer)
    if not is_numbers or not result.shape.is_compatible_with(values.shape):
        got = f"{result.dtype.name} of shape {result.shape}" if tf.is_tensor(result) else type(result).__name__
        raise ConfigError(
            f"{key}: expected {dotted} to return a tensor of numbers, one for each row (shape [batch]), but it "
            f"returned {got}; compute with tf and tft, value by value"
        )
    found = tf.cast(result, tf.float64)
    return tf.where(tf.math.is_finite(found), found, tf.constant(float("nan"), tf.float64))
