"""What a model of images looks at: its first filters, its activations, heat maps and saliency over single images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasline.components.models.spec import InputSpec, Task

MOST_FILTERS = 32
MOST_MAPS = 16
_FEW_VALUES = 1e-12


def first_filters(model: keras.Model, image: InputSpec) -> tuple[str, np.ndarray] | None:
    """Returns the first layer that reads pixels and its filters.

    Args:
      model: with one image input.
      image: that input.

    Returns:
      The layer's name, and float32 [filters, height, width, channels] (at most MOST_FILTERS): the kernels of the first
      convolution, or the weights of the first dense layer in the shape of the image; None where there is neither.
    """
    for layer in _every_layer(model):
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.asarray(layer.kernel)
            return layer.name, np.moveaxis(kernel, -1, 0)[:MOST_FILTERS]
        if isinstance(layer, keras.layers.Dense):
            kernel = np.asarray(layer.kernel)
            if kernel.shape[0] != int(np.prod(image.shape)):
                return None
            return layer.name, kernel.T[:MOST_FILTERS].reshape(-1, *image.shape)
    return None


def _every_layer(model: keras.Model) -> list[keras.layers.Layer]:
    found = []
    for layer in model.layers:
        found += _every_layer(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def map_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Lists the model's own layers that give feature maps (height, width above 1), in order, inputs left out."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        shape: tuple[int | None, ...] = tuple(getattr(getattr(layer, "output", None), "shape", ()))
        if len(shape) == 4 and (shape[1] or 0) > 1 and (shape[2] or 0) > 1:
            found.append(layer)
    return found


def activation_maps(
    model: keras.Model, inputs: Mapping[str, np.ndarray], layer: keras.layers.Layer
) -> tuple[list[int], np.ndarray]:
    """Returns what a layer gives for one row, the strongest maps first, at most MOST_MAPS.

    Returns:
      The maps' numbers in the layer, and float32 [maps, height, width].
    """
    inner = keras.Model(model.inputs, layer.output)
    maps = np.asarray(inner([inputs[tensor.name] for tensor in model.inputs], training=False))[0]
    order = np.argsort(-maps.max(axis=(0, 1)), kind="stable")[:MOST_MAPS]
    return order.tolist(), np.moveaxis(maps, -1, 0)[order]


def heat_maps(model: keras.Model, inputs: Mapping[str, np.ndarray], image: str, task: Task) -> tuple[str, np.ndarray]:
    """Shows where in each image the model finds what it answers.

    With feature maps this is Grad-CAM over the last of them, otherwise the saliency of the pixels themselves.

    Args:
      model: the model.
      inputs: name to [rows, ...].
      image: the name of the image input.
      task: decides whose evidence is shown: that of the chosen class, or of the value.

    Returns:
      What was done, in words, and float32 [rows, height, width] in 0..1, zero where nothing speaks for the answer.

    Source: R. R. Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization,
      ICCV 2017.
    """
    layers = map_layers(model)
    if not layers:
        return "the gradient of the answer over the pixels", saliency_maps(model, inputs, image, task)
    layer = layers[-1]
    tensors = {name: tf.convert_to_tensor(values) for name, values in inputs.items()}
    both = keras.Model(model.inputs, [layer.output, model.outputs[0]])
    with tf.GradientTape() as tape:
        # Watching the pixels has every operation recorded, also those behind layers that are not trained.
        tape.watch(tensors[image])
        maps, output = both([tensors[t.name] for t in model.inputs], training=False)
        evidence = _evidence(output, task)
    gradient = tape.gradient(evidence, maps)
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    return f"Grad-CAM over {layer.name}", _to_one(tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1)).numpy())


def saliency_maps(model: keras.Model, inputs: Mapping[str, np.ndarray], image: str, task: Task) -> np.ndarray:
    """Shows the pixels that would change the answer most if they changed a little.

    Args:
      model, inputs, image, task: as in :func:`heat_maps`.

    Returns:
      float32 [rows, height, width] in 0..1: the largest gradient of a pixel's channels, without its sign.

    Source: K. Simonyan, A. Vedaldi, A. Zisserman, Deep Inside Convolutional Networks: Visualising Image
      Classification Models and Saliency Maps, 2013, https://arxiv.org/abs/1312.6034
    """
    tensors = {name: tf.convert_to_tensor(values) for name, values in inputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(tensors[image])
        evidence = _evidence(model(tensors, training=False), task)
    return _to_one(np.abs(tape.gradient(evidence, tensors[image]).numpy()).max(axis=-1))


def _evidence(output: Any, task: Task) -> tf.Tensor:
    """Returns a number for each row whose gradient says what speaks for the answer; logarithms do not saturate."""
    if task == "multiclass":
        return tf.math.log(tf.reduce_max(output, axis=1) + _FEW_VALUES)
    if task in ("binary", "multilabel"):
        chosen = tf.where(output > 0.5, output, 1 - output)
        return tf.reduce_sum(tf.math.log(chosen + _FEW_VALUES), axis=1)
    return output[:, 0]


def _to_one(maps: np.ndarray) -> np.ndarray:
    highest = maps.max(axis=(1, 2), keepdims=True)
    return np.where(highest > _FEW_VALUES, maps / np.maximum(highest, _FEW_VALUES), 0).astype(np.float32)
