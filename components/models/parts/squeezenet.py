"""SqueezeNet 1.1 without its top; keras.applications does not have it."""

from __future__ import annotations

import keras

# Filters of the fire modules between the poolings: (squeeze, expand).
STAGES: tuple[tuple[tuple[int, int], ...], ...] = (
    ((16, 64), (16, 64)),
    ((32, 128), (32, 128)),
    ((48, 192), (48, 192), (64, 256), (64, 256)),
)


def squeezenet(input_shape: tuple[int, int, int]) -> keras.Model:
    """Builds SqueezeNet 1.1: (batch, height, width, 3) BGR pixels minus their means -> (batch, h, w, 512).

    Layers are named as in the published weights with ``_`` for ``/``: ``conv1``, ``fire2_squeeze1x1``, ...

    Args:
      input_shape: Height and width, at least 32 each, and 3 channels.

    Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016, version 1.1.
    """
    layers = keras.layers
    image = keras.Input(input_shape, name="base_image")
    value = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(image)
    value = layers.MaxPooling2D(3, strides=2, name="pool1")(value)
    number = 2
    for stage, modules in enumerate(STAGES):
        if stage:
            value = layers.MaxPooling2D(3, strides=2, name=f"pool{number - 1}")(value)
        for squeeze, expand in modules:
            value = fire(value, squeeze, expand, f"fire{number}")
            number += 1
    return keras.Model(image, value, name="squeezenet")


def fire(value: keras.KerasTensor, squeeze: int, expand: int, name: str) -> keras.KerasTensor:
    """Adds a fire module: 1x1 squeeze, then 1x1 and 3x3 side by side.

    Args:
      value: Feature map (batch, height, width, filters).
      squeeze: Filters of the squeeze.
      expand: Filters of each of the two beside each other.
      name: What the names of its layers begin with.

    Returns:
      Feature map (batch, height, width, 2 * expand).
    """
    layers = keras.layers
    value = layers.Conv2D(squeeze, 1, activation="relu", name=f"{name}_squeeze1x1")(value)
    left = layers.Conv2D(expand, 1, activation="relu", name=f"{name}_expand1x1")(value)
    right = layers.Conv2D(expand, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(value)
    return layers.Concatenate(name=f"{name}_concat")([left, right])
