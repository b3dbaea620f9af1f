"""The transfer family: a pretrained base under a new head, for photographs."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from pathlib import Path

import keras

from kerasline.components.core import ConfigError, nearest
from kerasline.components.models.augment import augmented
from kerasline.components.models.description import (
    BASES,
    Base,
    InputSpec,
    OutputSpec,
    TransferOptions,
    check_same_weights,
    keras_models,
    main_input,
    squeezenet_weights,
)
from kerasline.components.models.parts import (
    dense_layers,
    join,
    load_weights,
    make_inputs,
    output_layer,
    side_vectors,
    squeezenet,
    to_rgb,
)

SMALLEST_AUTO = 96  # pixels; below it the features of ImageNet networks lose most of their worth
MEANS = (0.485, 0.456, 0.406)  # of ImageNet's red, green and blue, in [0, 1]
DEVIATIONS = (0.229, 0.224, 0.225)
CAFFE_MEANS = (103.939, 116.779, 123.68)  # of its blue, green and red, in [0, 255]


def build(options: TransferOptions, inputs: Sequence[InputSpec], output: OutputSpec) -> keras.Model:
    """Builds augmentation, grey to RGB, resizing, the base's own preprocessing, the base, and a head.

    Images come as float32 (height, width, 1 or 3) in [0, 1]. Batch normalisation in a pretrained base stays in
    inference mode even when the base is fine-tuned: small batches would spoil its statistics.

    Args:
      options: The ``model:`` block.
      inputs: What the model reads.
      output: What its last layer gives.

    Returns:
      A Keras model: dict of tensors keyed by input name -> float32 (batch, units).

    Raises:
      ConfigError: no or several images, 2 or more than 3 channels, images too small for the base, an unknown
        layer in ``freeze``, or weights that are missing or do not fit.
    """
    spec = main_input("transfer", inputs, ("image",))
    base = BASES[options.base]
    height, width = base_size(options, spec)
    tensors = make_inputs(inputs)
    value = augmented(tensors[spec.name], options.augmentation)
    value = to_rgb(value, spec, "transfer")
    if (height, width) != spec.shape[:2]:
        value = keras.layers.Resizing(height, width, name="resize")(value)
    network = build_base(options, (height, width, 3))
    freeze(network, options)
    value = network(preprocess(value, base))
    value = to_vector(value, options.pooling)
    value = join([value, *side_vectors(inputs, tensors, options)])
    value = dense_layers(value, options.dense, options.dropout, options)
    return keras.Model(tensors, output_layer(output)(value), name="transfer")


def base_size(options: TransferOptions, spec: InputSpec) -> tuple[int, int]:
    """Returns the height and width at which the base reads images, in pixels.

    Raises:
      ConfigError: ``input_size`` is below what the base can read, or another than the only one that it reads.
    """
    base = BASES[options.base]
    height, width = spec.shape[:2]
    if options.input_size == "auto":
        if base.minimum == base.size:
            return base.size, base.size
        shorter, lowest = min(height, width), max(base.minimum, SMALLEST_AUTO)
        factor = min(max(shorter, lowest), max(base.size, lowest)) / shorter
        return round(height * factor), round(width * factor)
    size = options.input_size
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < base.minimum < base.size:
        raise ConfigError(
            f"model.base {options.base} reads images of at least {base.minimum}x{base.minimum}, but "
            f"model.input_size is {height}x{width}; use {base.minimum} or more, or input_size: auto."
        )
    if base.minimum == base.size and (height, width) != (base.size, base.size):
        raise ConfigError(
            f"model.base {options.base} reads {base.size}x{base.size} only, but model.input_size is "
            f"{height}x{width}; use input_size: auto."
        )
    return height, width


def preprocess(value: keras.KerasTensor, base: Base) -> keras.KerasTensor:
    """Returns RGB in [0, 1] as the pixels that the base expects, see :class:`Base`."""
    rescale = keras.layers.Rescaling
    if base.scale == "caffe":
        value = keras.ops.flip(value, axis=-1)
        return rescale(255.0, [-mean for mean in CAFFE_MEANS], name="preprocess")(value)
    if base.scale == "torch":
        scale = [1 / deviation for deviation in DEVIATIONS]
        offset = [-mean / deviation for mean, deviation in zip(MEANS, DEVIATIONS, strict=True)]
        return rescale(scale, offset, name="preprocess")(value)
    if base.scale == "tf":
        return rescale(2.0, -1.0, name="preprocess")(value)
    return rescale(255.0, name="preprocess")(value)


def to_vector(value: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    """Returns the base's feature map (batch, h, w, filters) as (batch, width)."""
    if pooling == "flatten":
        return keras.layers.Flatten(name="flat")(value)
    kind = "Max" if pooling == "max" else "Average"
    return getattr(keras.layers, f"Global{kind}Pooling2D")(name="global_pool")(value)


def build_base(options: TransferOptions, input_shape: tuple[int, int, int]) -> keras.Model:
    """Builds the base without its top and loads its weights.

    Raises:
      ConfigError: the weights are missing, cannot be fetched, or do not fit.
    """
    if options.base == "squeezenet":
        network = squeezenet(input_shape)
        if options.weights == "imagenet":
            load_weights(network, squeezenet_weights())
    else:
        arguments = {"alpha": options.alpha} if options.alpha != 1.0 else {}
        constructor = getattr(keras.applications, BASES[options.base].constructor)
        weights = "imagenet" if options.weights == "imagenet" else None
        try:
            network = constructor(include_top=False, weights=weights, input_shape=input_shape, **arguments)
        except ValueError as error:
            raise ConfigError(f"model.base {options.base} cannot be built: {error}") from error
        except Exception as error:
            if weights is None or "URL fetch failure" not in str(error):
                raise
            raise ConfigError(offline(options.base, error)) from error
    if options.weights not in ("imagenet", "none"):
        check_same_weights(Path(options.weights).expanduser(), options.weights_digest)
        load_weights(network, options.weights)
    return network


def offline(base: str, error: Exception) -> str:
    """Returns what to tell a user whose weights could not be fetched: which file, and where to put it."""
    found = re.search(r"URL fetch failure on (\S+): (?:None -- )?(.*)", " ".join(str(error).split()))
    address, reason = found.groups() if found else ("storage.googleapis.com", str(error))
    target = keras_models() / address.rsplit("/", 1)[-1]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        names = frame.f_locals
        if frame.f_code.co_name == "get_file" and names.get("datadir") and names.get("fname"):
            target = Path(names["datadir"]) / names["fname"]  # may differ from the last part of the address
    return (
        f"ImageNet weights of {base} could not be fetched from {address} ({reason}); put that file as "
        f"{target.name} into {target.parent}, or give its path as model.weights, or use weights: none."
    )


def layer_position(network: keras.Model, name: str) -> int:
    """Returns the position of the last layer called ``name``, or of the last of a block ``name`` (``fire5``).

    Raises:
      ConfigError: the network has no such layer.
    """
    names = [layer.name for layer in network.layers]
    found = _positions(network, name)
    return names.index(name) if name in names else found[-1]


def _positions(network: keras.Model, name: str) -> list[int]:
    """Lists the positions of the layer called ``name`` and of those of a block ``name``, at least one.

    Raises:
      ConfigError: the network has no such layer.
    """
    names = [layer.name for layer in network.layers]
    found = [n for n, known in enumerate(names) if known == name or known.startswith(f"{name}_")]
    if not found:
        raise ConfigError(
            f"{network.name} has no layer {name!r}.{nearest(name, names)} "
            f"Its {len(names) - 1} layers run from {names[1]!r} to {names[-1]!r}."
        )
    return found


def freeze(network: keras.Model, options: TransferOptions) -> None:
    """Makes the layers of the base trainable or not, as ``freeze`` says.

    Raises:
      ConfigError: ``freeze`` names a layer that the base does not have.
    """
    how = options.freeze
    if how == "auto":
        how = "none" if options.weights == "none" else "all"
    if how in ("all", "none"):
        network.trainable = how == "none"
    else:
        last = layer_position(network, how)
        for number, layer in enumerate(network.layers):
            layer.trainable = number > last
    if options.weights != "none":
        # Keras runs a frozen norm in inference mode; `training=False` in the call would not survive `fit`.
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def base_of(model: keras.Model) -> keras.Model:
    """Returns the base inside a model of this family.

    Raises:
      ConfigError: the model has no base.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            return layer
    raise ConfigError(f"Fine-tuning needs a model of family transfer, but {model.name} has no base; leave it out.")


def unfreeze(model: keras.Model, from_layer: str | None = None) -> int:
    """Makes the base trainable for a second phase at a lower learning rate; then compile the model again.

    Frozen batch normalisation stays frozen.

    Args:
      model: A model of this family.
      from_layer: The first layer, or block of layers (``fire8``), to train; all of the base where None.

    Returns:
      How many parameters of the whole model are trainable now.

    Raises:
      ConfigError: the base has no such layer.
    """
    network = base_of(model)
    first = 0 if from_layer is None else _positions(network, from_layer)[0]
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    frozen = [layer for layer in norms if not layer.trainable]
    network.trainable = True
    for number, layer in enumerate(network.layers):
        layer.trainable = number >= first and layer not in frozen
    return sum(int(keras.ops.size(weight)) for weight in model.trainable_weights)
