"""Pieces of the dense input, made in whatever order and put into the plan's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

# The name of a step, and which of its dense values.
Slot = tuple[str, int]


@dataclass(frozen=True)
class Block:
    """Values of the dense input.

    Attributes:
      slots: What stands in each column.
      values: Numbers of any type or booleans, [batch, slots].
    """

    slots: tuple[Slot, ...]
    values: tf.Tensor


def join_blocks(blocks: Sequence[Block], wanted: Sequence[Slot]) -> tf.Tensor:
    """Puts blocks side by side.

    Args:
      blocks: All pieces of the dense input, at least one.
      wanted: The order of the values; each stands in one of the blocks.

    Returns:
      float32 [batch, wanted].
    """
    slots = [slot for block in blocks for slot in block.slots]
    joined = tf.concat([tf.cast(block.values, tf.float32) for block in blocks], axis=1)
    if slots == list(wanted):
        return joined
    places = {slot: place for place, slot in enumerate(slots)}
    return tf.gather(joined, [places[slot] for slot in wanted], axis=1)


def places_of(wanted: object, values: Sequence[object]) -> list[int]:
    """Lists the places at which a value stands."""
    return [place for place, value in enumerate(values) if value == wanted]


def pick(matrix: tf.Tensor, places: Sequence[int]) -> tf.Tensor:
    """Takes columns of a matrix [batch, columns], or the matrix itself where that takes all of them as they are."""
    if list(places) == list(range(matrix.shape[1])):
        return matrix
    return tf.gather(matrix, list(places), axis=1)
