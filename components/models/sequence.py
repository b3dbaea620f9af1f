"""The sequence family: recurrent layers or convolutions along the steps of a series or of token ids."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerasline.components.core import ConfigError
from kerasline.components.models.description import InputSpec, OutputSpec, SequenceOptions, main_input
from kerasline.components.models.parts import (
    activated,
    dense_layers,
    embedding_width,
    join,
    make_inputs,
    output_layer,
    regularizer,
    side_vectors,
)

RECURRENT = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


def build(options: SequenceOptions, inputs: Sequence[InputSpec], output: OutputSpec) -> keras.Model:
    """Builds layers along the steps of one series or token input; side columns join before the dense layers.

    A series (steps,) counts as (steps, 1).

    Raises:
      ConfigError: no or several series or token inputs, an array of higher rank, or too few steps for the
        pooling.
    """
    spec = main_input("sequence", inputs, ("array", "tokens"))
    if len(spec.shape) > 2:
        raise ConfigError(
            f"model.family sequence takes series of shape (steps, channels), but {spec.name!r} has shape "
            f"{spec.shape}; use family cnn."
        )
    tensors = make_inputs(inputs)
    value, mask = steps_of(spec, tensors[spec.name], options)
    value = convolve(value, mask, spec, options) if options.layer == "conv1d" else recur(value, mask, options)
    value = join([value, *side_vectors(inputs, tensors, options)])
    value = dense_layers(value, options.dense, options.dropout if options.dense else 0.0, options)
    return keras.Model(tensors, output_layer(output)(value), name="sequence")


def steps_of(
    spec: InputSpec, tensor: keras.KerasTensor, options: SequenceOptions
) -> tuple[keras.KerasTensor, keras.KerasTensor | None]:
    """Returns the steps (batch, steps, channels) and, for masked tokens, which count (batch, steps)."""
    if spec.kind == "array":
        return (
            tensor if len(spec.shape) == 2 else keras.layers.Reshape((*spec.shape, 1), name="as_series")(tensor)
        ), None
    vocabulary_size = spec.vocabulary_size or 1
    width = embedding_width(vocabulary_size, options.token_dim)
    embedded = keras.layers.Embedding(vocabulary_size, width, name="embed_tokens")(tensor)
    return embedded, keras.ops.not_equal(tensor, 0) if options.mask else None


def recur(value: keras.KerasTensor, mask: keras.KerasTensor | None, options: SequenceOptions) -> keras.KerasTensor:
    """Returns the steps after the recurrent layers, reduced to (batch, width)."""
    last = options.reduce in ("auto", "last")
    for number, units in enumerate(options.units, start=1):
        final = number == len(options.units)
        layer = getattr(keras.layers, RECURRENT[options.layer])(
            units,
            return_sequences=not (final and last),
            recurrent_dropout=options.recurrent_dropout,
            kernel_initializer=options.initializer,
            kernel_regularizer=regularizer(options),
            name=f"{options.layer}{number}",
        )
        if options.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"bidirectional{number}")
        value = layer(value, mask=mask)
        if options.dropout:
            value = keras.layers.Dropout(options.dropout, name=f"{options.layer}{number}_dropout")(value)
    return value if last else reduce_steps(value, mask, options.reduce)


def convolve(
    value: keras.KerasTensor, mask: keras.KerasTensor | None, spec: InputSpec, options: SequenceOptions
) -> keras.KerasTensor:
    """Adds the convolutions over the steps.

    Args:
      value: Steps (batch, steps, width).
      mask: Which steps count, (batch, steps), None for all.
      spec: The input that the steps come from.
      options: The ``model:`` block.

    Returns:
      The steps after the convolutions, reduced to (batch, width).

    Raises:
      ConfigError: pooling leaves no step.
    """
    steps = spec.shape[0] // options.pooling ** (len(options.units) - 1)
    if steps < 1:
        raise ConfigError(
            f"Input {spec.name!r} has {spec.shape[0]} steps, too few for {len(options.units)} conv1d layers "
            f"with pooling {options.pooling} between them; use fewer units or pooling: 1."
        )
    if mask is not None:
        value = value * keras.ops.expand_dims(keras.ops.cast(mask, value.dtype), -1)
    for number, filters in enumerate(options.units, start=1):
        name = f"conv{number}"
        value = keras.layers.Conv1D(
            filters,
            options.kernel_size,
            padding="same",
            use_bias=not options.batch_normalization,
            kernel_initializer=options.initializer,
            kernel_regularizer=regularizer(options),
            name=name,
        )(value)
        value = activated(value, options, name)
        if number < len(options.units) and options.pooling > 1:
            value = keras.layers.MaxPooling1D(options.pooling, name=f"pool{number}")(value)
            if mask is not None:
                pooled = keras.layers.MaxPooling1D(options.pooling, name=f"pool{number}_mask")
                mask = pooled(keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1))[..., 0] > 0
        if options.dropout:
            value = keras.layers.Dropout(options.dropout, name=f"{name}_dropout")(value)
    return reduce_steps(value, mask, "max" if options.reduce == "auto" else options.reduce)


def reduce_steps(value: keras.KerasTensor, mask: keras.KerasTensor | None, how: str) -> keras.KerasTensor:
    """Returns the average or the maximum (batch, width) over the steps (batch, steps, width) that count."""
    if how == "average" and mask is None:
        return keras.layers.GlobalAveragePooling1D(name="average_steps")(value)
    if mask is not None and how == "average":
        # Keras' own layer divides by the number of steps that count, which is 0 for an empty text.
        counts = keras.ops.expand_dims(keras.ops.cast(mask, value.dtype), -1)
        return keras.ops.sum(value * counts, axis=1) / keras.ops.maximum(keras.ops.sum(counts, axis=1), 1)
    if mask is not None:
        # Padding takes the lowest value of its feature, so that it never is the maximum.
        lowest = keras.ops.min(value, axis=1, keepdims=True)
        value = keras.ops.where(keras.ops.expand_dims(mask, -1), value, lowest)
    return keras.layers.GlobalMaxPooling1D(name="max_steps")(value)
