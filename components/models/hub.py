"""The hub family: a pretrained network of KerasHub under a new head, for texts and photographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from kerasline.components.core import ConfigError, first_line
from kerasline.components.models.augment import augmented
from kerasline.components.models.description import (
    HubOptions,
    InputSpec,
    OutputSpec,
    Preset,
    check_digest,
    check_packages,
    main_input,
    read_preset,
)
from kerasline.components.models.parts import dense_layers, join, make_inputs, output_layer, side_vectors, to_rgb


def build(options: HubOptions, inputs: Sequence[InputSpec], output: OutputSpec) -> keras.Model:
    """Builds the preset's network with its weights, its own way of preparing images, and a head.

    Texts come as the ids of word pieces that the transform graph has cut them into, images as float32 (height, width,
    1 or 3) in [0, 1].

    Args:
      options: The ``model:`` block, whose preset is a folder.
      inputs: What the model reads.
      output: What its last layer gives.

    Returns:
      A Keras model: dict of tensors keyed by input name -> float32 (batch, units).

    Raises:
      ConfigError: KerasHub is missing, the preset cannot be loaded or is another than was planned, or the data has no
        such input.
    """
    check_packages()
    folder = Path(options.preset)
    check_digest(folder, options.digest)
    preset = read_preset(folder)
    spec = main_input("hub", inputs, (preset.kind,))
    tensors = make_inputs(inputs)
    network = load_backbone(preset)
    network.trainable = options.trainable
    if preset.kind == "image":
        value = augmented(tensors[spec.name], options.augmentation)
        value = image_vector(network, preset, value, spec, options.pooling)
    else:
        value = text_vector(network, tensors[spec.name], options.pooling)
    value = keras.layers.Activation("linear", dtype="float32", name="represented")(value)
    value = join([value, *side_vectors(inputs, tensors, options)])
    value = dense_layers(value, options.dense, options.dropout, options)
    return keras.Model(tensors, output_layer(output)(value), name="hub")


def load_backbone(preset: Preset) -> keras.Model:
    """Loads a network with its weights.

    Raises:
      ConfigError: the files are damaged, or of another version of KerasHub.
    """
    import keras_hub

    try:
        return keras_hub.models.Backbone.from_preset(str(preset.folder), dtype=keras.config.dtype_policy())
    except Exception as error:
        reason = first_line(error)
        raise ConfigError(
            f"model.preset: {preset.folder} cannot be loaded by KerasHub {keras_hub.__version__} ({reason}); save it "
            "again with this version, or fetch it again"
        ) from error


def text_vector(network: keras.Model, pieces: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    """Returns what a network makes of texts, (batch, width).

    Args:
      network: It reads ids of word pieces.
      pieces: Ids raised by one, (batch, length); 0 is padding.
      pooling: ``auto`` is the network's own vector of the whole text, where it has one, else the first piece's.
    """
    present = keras.ops.cast(keras.ops.not_equal(pieces, 0), "int32")
    ids = keras.ops.maximum(keras.ops.cast(pieces, "int32") - 1, 0)
    given = {"token_ids": ids, "padding_mask": present, "segment_ids": keras.ops.zeros_like(ids)}
    found: Any = network({tensor.name: given[tensor.name] for tensor in network.inputs})
    if isinstance(found, dict):
        if pooling == "auto" and "pooled_output" in found:
            return found["pooled_output"]
        found = found["sequence_output"]
    if pooling != "average":
        return found[:, 0]
    weights = keras.ops.expand_dims(keras.ops.cast(present, found.dtype), -1)
    return keras.ops.sum(found * weights, axis=1) / keras.ops.maximum(keras.ops.sum(weights, axis=1), 1)


def image_vector(
    network: keras.Model, preset: Preset, value: keras.KerasTensor, spec: InputSpec, pooling: str
) -> keras.KerasTensor:
    """Returns what a network makes of images, (batch, width), of which it gets the pixels that it was trained on.

    Args:
      network: It reads images.
      preset: Says how pixels are scaled, and the size of images.
      value: Images, (batch, height, width, 1 or 3) in [0, 1].
      spec: Of the input.
      pooling: ``auto`` is the class token, where the network has one, else the average over all places.
    """
    found = network(_pixels(network, preset, to_rgb(value, spec, "hub"), spec))
    if isinstance(found, dict):
        raise ConfigError(
            f"model.preset: expected a network that gives one tensor, but {preset.backbone} gives {', '.join(found)}; "
            "use the backbone of a classifier"
        )
    if len(found.shape) == 4:
        return keras.layers.GlobalAveragePooling2D(name="global_pool", data_format="channels_last")(found)
    has_token = getattr(network, "use_class_token", False)
    if pooling == "first" or (pooling == "auto" and has_token):
        return found[:, 0]
    return keras.layers.GlobalAveragePooling1D(name="global_pool", data_format="channels_last")(found)


def _pixels(network: keras.Model, preset: Preset, value: keras.KerasTensor, spec: InputSpec) -> keras.KerasTensor:
    """Returns RGB in [0, 1] as the pixels, and of the size, that a network was trained on."""
    fixed = tuple(network.inputs[0].shape[1:3])
    size = fixed if None not in fixed else preset.image_size or spec.shape[:2]
    if size != spec.shape[:2]:
        value = keras.layers.Resizing(*size, **preset.resizing, name="resize")(value)
    scale, offset = [255.0 * one for one in preset.scale], list(preset.offset)
    return keras.layers.Rescaling(
        scale if len(scale) > 1 else scale[0], offset if len(offset) > 1 else offset[0], name="preprocess"
    )(value)
