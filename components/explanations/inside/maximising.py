"""What a layer looks for: images, found by gradient ascent, that excite its maps most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from kerasline.components.explanations.inside.watching import run_and_watch

_STEPS = 30
_STEP = 0.04  # of the range of a pixel
_NOISE = 0.05  # of that range, where the ascent starts: a flat image excites many maps in no direction
_FEW = 1e-8


def maximising_images(
    model: keras.Model, layer: keras.layers.Layer, maps: Sequence[int], inputs: Mapping[str, np.ndarray], image: str
) -> np.ndarray:
    """Finds an image for each map that makes its mean large.

    Args:
      model: the model.
      layer: of it or of a base inside it, with maps [rows, height, width, channels].
      maps: numbers of channels.
      inputs: name to [rows, ...]; the least and the greatest pixel of these rows bound the images, and what else the
        model reads is taken from the first row.
      image: the name of the image input.

    Returns:
      float32 [maps, height, width, channels of the image].

    Source: D. Erhan et al., Visualizing Higher-Layer Features of a Deep Network, 2009; the steps follow
      https://keras.io/examples/vision/visualizing_what_convnets_learn
    """
    low, high = float(inputs[image].min()), float(inputs[image].max())
    spread = max(high - low, _FEW)
    shape = (len(maps), *inputs[image].shape[1:])
    noise = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    pixels = tf.constant((low + high) / 2 + noise * spread * _NOISE)
    others = {name: np.repeat(values[:1], len(maps), axis=0) for name, values in inputs.items() if name != image}
    for _ in range(_STEPS):
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            _, excited = run_and_watch(model, {**others, image: pixels}, layer)
            # Each image belongs to one map, so the sum's gradient is that of each image's own map.
            wanted = tf.gather(tf.reduce_mean(excited, axis=(1, 2)), list(maps), axis=1, batch_dims=0)
            total = tf.linalg.trace(wanted)
        gradient = tape.gradient(total, pixels)
        size = tf.sqrt(tf.reduce_mean(tf.square(gradient), axis=(1, 2, 3), keepdims=True))
        pixels = tf.clip_by_value(pixels + gradient / (size + _FEW) * (spread * _STEP), low, high)
    return np.asarray(pixels.numpy())
