"""Encoded images to pixels."""

from __future__ import annotations

import tensorflow as tf

from kerasline.components.features import FeatureStep


def decode_images(encoded: tf.Tensor, step: FeatureStep) -> tf.Tensor:
    """Decodes, resizes and rescales encoded images.

    Args:
      encoded: string [batch], PNG, JPEG, GIF (first frame) or BMP.
      step: of kind ``image``; its shape is (height, width, channels).

    Returns:
      float32 [batch, height, width, channels], 0..1 (or standardised per image where the plan says so).
    """
    height, width, channels = step.shape

    def decode(image: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_image(image, channels=channels, expand_animations=False)
        pixels.set_shape((None, None, channels))
        # Images that have the size already are left as they are: resizing would only cost time.
        pixels = tf.cond(
            tf.reduce_all(tf.equal(tf.shape(pixels)[:2], (height, width))),
            lambda: pixels,
            lambda: tf.cast(tf.round(tf.image.resize(pixels, (height, width), antialias=True)), tf.uint8),
        )
        return tf.ensure_shape(pixels, (height, width, channels))

    pixels = tf.map_fn(decode, encoded, fn_output_signature=tf.TensorSpec((height, width, channels), tf.uint8))
    pixels = tf.cast(pixels, tf.float32) / 255.0
    return tf.image.per_image_standardization(pixels) if step.options.normalise == "standard" else pixels
