"""Marks values that training has never shown: the model answers them all the same, and somebody should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from kerasline.components.features import (
    FAR,
    MISSING,
    NUMBER_KINDS,
    UNKNOWN,
    UNREADABLE,
    FeatureStep,
    presence_matrix,
    text_matrix,
)
from kerasline.components.transform.blocks import Slot, pick

_INFINITY = float("inf")


def mark_categories(steps: Sequence[FeatureStep], inputs: Mapping[str, Any], ranks: tf.Tensor) -> tf.Tensor:
    """Marks values outside the vocabularies.

    Args:
      steps: Categories that have a vocabulary.
      inputs: Raw columns by name.
      ranks: Place of each value in its vocabulary or behind it, int64 [batch, steps].

    Returns:
      int64 [batch, steps]: UNKNOWN, MISSING or 0.
    """
    present = tf.not_equal(text_matrix([inputs[step.name] for step in steps]), "")
    sizes = tf.constant([step.size for step in steps], tf.int64)
    return _numbered({UNKNOWN: present & (ranks >= sizes), MISSING: ~present})


def mark_numbers(
    steps: Sequence[FeatureStep], inputs: Mapping[str, Any], slots: Sequence[Slot], matrix: tf.Tensor
) -> tf.Tensor:
    """Marks what is there but cannot be read, and numbers that lie a whole range of training outside of it.

    Args:
      steps: Numbers, booleans and dates.
      inputs: Raw columns by name.
      slots: What stands in each column of ``matrix``.
      matrix: Values of all steps, float64 [batch, values], NaN where there is no value.

    Returns:
      int64 [batch, steps]: UNREADABLE, FAR, MISSING or 0.
    """
    first = {name: place for place, (name, number) in enumerate(slots) if number == 0}
    last = {name: place for place, (name, _) in enumerate(slots)}
    values = pick(matrix, [first[step.name] for step in steps])
    # A time of day has no year, which comes first, but an hour, which comes last.
    hours = pick(matrix, [last[step.name] for step in steps])
    readable = ~(tf.math.is_nan(values) & tf.math.is_nan(hours))
    present = presence_matrix([inputs[step.name] for step in steps])
    low, high = _range_of_training(values)
    has_range = tf.constant([step.kind != "date" for step in steps])
    far = has_range & readable & ((values < 2 * low - high) | (values > 2 * high - low))
    return _numbered({UNREADABLE: present & ~readable, FAR: far, MISSING: ~present})


def _numbered(found: Mapping[int, tf.Tensor]) -> tf.Tensor:
    """Puts marks, bool [batch, steps] of which at most one holds, into one matrix of their numbers, int64."""
    return tf.add_n([tf.cast(values, tf.int64) * mark for mark, values in found.items()])


def watched_numbers(steps: Sequence[FeatureStep]) -> list[FeatureStep]:
    """Lists the steps that :func:`mark_numbers` is for."""
    return [step for step in steps if step.kind in NUMBER_KINDS]


def _range_of_training(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the smallest and the largest value of each column; without values a range that holds all."""
    both = tf.concat([-values, values], axis=1)
    known = tf.where(tf.math.is_nan(both), tf.constant(-_INFINITY, tf.float64), both)
    negative_low, high = tf.split(tft.max(known, reduce_instance_dims=False), 2)
    empty = tf.math.is_inf(high)
    largest = tf.constant(1e300, tf.float64)
    return tf.where(empty, -largest, -negative_low), tf.where(empty, largest, high)
