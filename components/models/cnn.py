"""The cnn family: convolutions along one, two or three axes, then dense layers."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerasline.components.models.augment import augmented
from kerasline.components.models.description import (
    CnnOptions,
    InputSpec,
    OutputSpec,
    check_augmentation,
    check_size,
    main_input,
    per_layer,
    pooling_sizes,
)
from kerasline.components.models.parts import (
    activated,
    dense_layers,
    join,
    make_inputs,
    output_layer,
    regularizer,
    side_vectors,
)


def build(options: CnnOptions, inputs: Sequence[InputSpec], output: OutputSpec) -> keras.Model:
    """Builds convolution stages over the one image or array; side columns join before the dense layers.

    A series (steps,) counts as (steps, 1).

    Args:
      options: The ``model:`` block.
      inputs: What the model reads.
      output: What its last layer gives.

    Returns:
      A Keras model: dict of tensors keyed by input name -> float32 (batch, units).

    Raises:
      ConfigError: no or several images or arrays, an input of another kind, one too small for the stages, or
        augmentation of what is no image.
    """
    spec = main_input("cnn", inputs, ("image", "array"))
    check_augmentation(options.augmentation, inputs)
    tensors = make_inputs(inputs)
    value = tensors[spec.name]
    if spec.kind == "image":
        value = augmented(value, options.augmentation)
    if len(spec.shape) == 1:
        value = keras.layers.Reshape((*spec.shape, 1), name="as_series")(value)
    check_size(options, spec)
    for stage in range(len(options.filters)):
        value = _stage(value, stage, options)
    value = _flat(value, options.global_pooling)
    value = join([value, *side_vectors(inputs, tensors, options)])
    value = dense_layers(value, options.dense, options.dropout, options)
    return keras.Model(tensors, output_layer(output)(value), name="cnn")


def _stage(value: keras.KerasTensor, stage: int, options: CnnOptions) -> keras.KerasTensor:
    """Adds the convolutions, the pooling and the dropout of one stage, counted from 0."""
    stages, axes = len(options.filters), len(value.shape) - 2
    repeats = per_layer(options.convolutions, stages)[stage]
    for repeat in range(repeats):
        name = f"conv{stage + 1}" if repeats == 1 else f"conv{stage + 1}_{repeat + 1}"
        value = getattr(keras.layers, f"Conv{axes}D")(
            options.filters[stage],
            per_layer(options.kernel_size, stages)[stage],
            padding=options.padding,
            use_bias=not options.batch_normalization,
            kernel_initializer=options.initializer,
            kernel_regularizer=regularizer(options),
            name=name,
        )(value)
        value = activated(value, options, name)
    size, dropout = pooling_sizes(options)[stage], per_layer(options.convolution_dropout, stages)[stage]
    if size > 1:
        kind = "MaxPooling" if options.pooling_kind == "max" else "AveragePooling"
        value = getattr(keras.layers, f"{kind}{axes}D")(size, name=f"pool{stage + 1}")(value)
    if dropout:
        value = keras.layers.Dropout(dropout, name=f"conv{stage + 1}_dropout")(value)
    return value


def _flat(value: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    """Makes a vector of a feature map (batch, positions..., filters), by pooling its positions or as it is."""
    if pooling == "none":
        return keras.layers.Flatten(name="flat")(value)
    kind = "Max" if pooling == "max" else "Average"
    return getattr(keras.layers, f"Global{kind}Pooling{len(value.shape) - 2}D")(name="global_pool")(value)
