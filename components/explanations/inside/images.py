"""What a model of images looks at: its first filters, its activations, heat maps and saliency over single images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasline.components.explanations.inside.watching import every_layer, map_layers, run_and_watch
from kerasline.components.models import InputSpec, Task

MOST_FILTERS = 32
MOST_MAPS = 16
_FEW_VALUES = 1e-12
_LEAST = float(np.finfo(np.float32).tiny)


def first_filters(model: keras.Model, image: InputSpec) -> tuple[str, np.ndarray] | None:
    """Returns the first layer that reads pixels and its filters.

    Args:
      model: with one image input.
      image: that input.

    Returns:
      The layer's name, and float32 [filters, height, width, channels] (at most MOST_FILTERS): the kernels of the first
      convolution, or the weights of the first dense layer in the shape of the image; None where there is neither.
    """
    for layer in every_layer(model):
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.asarray(layer.kernel)
            return layer.name, np.moveaxis(kernel, -1, 0)[:MOST_FILTERS]
        if isinstance(layer, keras.layers.Dense):
            kernel = np.asarray(layer.kernel)
            if kernel.shape[0] != int(np.prod(image.shape)):
                return None
            return layer.name, kernel.T[:MOST_FILTERS].reshape(-1, *image.shape)
    return None


def activation_maps(
    model: keras.Model, inputs: Mapping[str, np.ndarray], layer: keras.layers.Layer
) -> tuple[list[int], np.ndarray]:
    """Returns what a layer gives for one row, the strongest maps first, at most MOST_MAPS.

    Returns:
      The maps' numbers in the layer, and float32 [maps, height, width].
    """
    _, given = run_and_watch(model, inputs, layer)
    maps = np.asarray(given)[0]
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
    layers = map_layers(model, inputs)
    if not layers:
        return "the gradient of the answer over the pixels", saliency_maps(model, inputs, image, task)
    layer = layers[-1]
    tensors = {name: tf.convert_to_tensor(values) for name, values in inputs.items()}
    with tf.GradientTape() as tape:
        # Watching the pixels has every operation recorded, also those behind layers that are not trained.
        tape.watch(tensors[image])
        output, maps = run_and_watch(model, tensors, layer)
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
    """Stretches each map to 1; gradients of deep bases may be tiny all over, and still say where."""
    highest = maps.max(axis=(1, 2), keepdims=True)
    return np.where(highest > _LEAST, maps / np.maximum(highest, _LEAST), 0).astype(np.float32)
