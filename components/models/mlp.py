"""The mlp family: dense layers over a table's columns, or over anything flattened."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerasline.components.models.augment import augmented
from kerasline.components.models.description import InputSpec, MlpOptions, OutputSpec, check_augmentation, refuse_tokens
from kerasline.components.models.parts import dense_layers, join, layer_name, make_inputs, output_layer, side_vectors


def build(options: MlpOptions, inputs: Sequence[InputSpec], output: OutputSpec) -> keras.Model:
    """Builds dense layers; images and arrays are flattened, ids embedded, and all of it joined.

    Raises:
      ConfigError: an input holds tokens, whose order a flat vector would lose, or no input is an image though
        augmentation is asked for.
    """
    check_augmentation(options.augmentation, inputs)
    refuse_tokens(inputs)
    tensors = make_inputs(inputs)
    vectors = side_vectors(inputs, tensors, options)
    for spec in inputs:
        if spec.kind in ("image", "array"):
            value = augmented(tensors[spec.name], options.augmentation) if spec.kind == "image" else tensors[spec.name]
            vectors.append(keras.layers.Flatten(name=f"flat_{layer_name(spec.name)}")(value))
    hidden = dense_layers(join(vectors), options.units, options.dropout, options)
    return keras.Model(tensors, output_layer(output)(hidden), name="mlp")
