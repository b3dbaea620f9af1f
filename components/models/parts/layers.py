"""The pieces that families build from: input tensors, dense layers, embeddings of side columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

import keras

from kerasline.components.core import ConfigError
from kerasline.components.models.description import DenseOptions, InputSpec, per_layer


def layer_name(text: str) -> str:
    """Returns ``text`` with what a layer's name may not hold replaced by ``_``."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def make_inputs(inputs: Sequence[InputSpec]) -> dict[str, keras.KerasTensor]:
    """Returns one symbolic input for each spec, keyed and named by it.

    Raises:
      ConfigError: two inputs have one name, a name holds ``/``, or a vocabulary is missing.
    """
    tensors: dict[str, keras.KerasTensor] = {}
    for spec in inputs:
        if spec.name in tensors or "/" in spec.name:
            raise ConfigError(f"Input names must be unique and without '/', got {spec.name!r}; rename that column.")
        if spec.kind in ("ids", "tokens") and not spec.vocabulary_size:
            raise ConfigError(
                f"Input {spec.name!r} holds ids and needs a vocabulary_size of at least 1, "
                f"got {spec.vocabulary_size}; give the number of different ids."
            )
        dtype = spec.dtype
        if dtype == "int64" and keras.backend.backend() == "jax":
            dtype = "int32"  # JAX has no int64 unless it is switched on for everything
        tensors[spec.name] = keras.Input(shape=spec.shape, dtype=dtype, name=spec.name)
    return tensors


def to_rgb(value: keras.KerasTensor, spec: InputSpec, family: str) -> keras.KerasTensor:
    """Returns images with three channels; grey is repeated.

    Args:
      value: Images, (batch, height, width, channels).
      spec: Of the input.
      family: For the message.

    Raises:
      ConfigError: 2 or more than 3 channels.
    """
    channels = spec.shape[-1]
    if channels == 3:
        return value
    if channels == 1:
        return keras.layers.Concatenate(name="grey_to_rgb")([value, value, value])
    raise ConfigError(
        f"model.family {family} takes grey or RGB images, but {spec.name!r} has {channels} channels; "
        "read the images with 1 or 3 channels, or use family cnn."
    )


def embedding_width(vocabulary_size: int, chosen: int | str) -> int:
    """Returns the width of an embedding; ``auto`` grows with the vocabulary, up to 64.

    Source: the rule of thumb of fastai's tabular models, 1.6 * n ** 0.56.
    """
    return min(64, round(1.6 * vocabulary_size**0.56)) if chosen == "auto" else int(chosen)


def side_vectors(
    inputs: Sequence[InputSpec], tensors: dict[str, keras.KerasTensor], options: DenseOptions
) -> list[keras.KerasTensor]:
    """Returns the dense inputs as they are and each ids input as its embedding, every one (batch, width)."""
    vectors = []
    for spec in inputs:
        if spec.kind == "dense":
            vectors.append(tensors[spec.name])
        elif spec.kind == "ids":
            width = embedding_width(spec.vocabulary_size or 1, options.embedding_dim)
            embedded = keras.layers.Embedding(spec.vocabulary_size, width, name=f"embed_{layer_name(spec.name)}")(
                tensors[spec.name]
            )
            vectors.append(keras.layers.Flatten(name=f"flat_{layer_name(spec.name)}")(embedded))
    return vectors


def join(vectors: list[keras.KerasTensor]) -> keras.KerasTensor:
    """Returns the vectors side by side."""
    return vectors[0] if len(vectors) == 1 else keras.layers.Concatenate(name="join")(vectors)


def regularizer(options: DenseOptions) -> keras.regularizers.Regularizer | None:
    """Returns the penalty that the options ask for."""
    return keras.regularizers.L1L2(l1=options.l1, l2=options.l2) if options.l1 or options.l2 else None


def activated(value: keras.KerasTensor, options: DenseOptions, name: str) -> keras.KerasTensor:
    """Returns ``value`` normalised where the options say so, then activated."""
    if options.batch_normalization:
        value = keras.layers.BatchNormalization(name=f"{name}_norm")(value)
    return keras.layers.Activation(options.activation, name=f"{name}_{options.activation}")(value)


def dense_layers(
    value: keras.KerasTensor, units: tuple[int, ...], dropout: float | tuple[float, ...], options: DenseOptions
) -> keras.KerasTensor:
    """Adds dense layers, each followed by its dropout.

    Args:
      value: Tensor (batch, width).
      units: Width of each layer; without any, the dropout alone is added.
      dropout: Rate of every layer, or of each.
      options: Activation, initializer, regularisation and normalisation of the layers.

    Returns:
      Tensor (batch, last width).
    """
    rates = per_layer(dropout, max(1, len(units)))
    if not units and rates[0]:
        return keras.layers.Dropout(rates[0], name="dropout")(value)
    for number, (width, rate) in enumerate(zip(units, rates, strict=False), start=1):
        name = f"dense{number}"
        value = keras.layers.Dense(
            width,
            use_bias=not options.batch_normalization,
            kernel_initializer=options.initializer,
            kernel_regularizer=regularizer(options),
            name=name,
        )(value)
        value = activated(value, options, name)
        if rate:
            value = keras.layers.Dropout(rate, name=f"{name}_dropout")(value)
    return value
