"""Encoded images to pixels."""

from __future__ import annotations

import tensorflow as tf

from kerasline.components.features import FeatureStep

_LEVELS = 255  # of a pixel of eight bits, besides 0
_WITH_ALPHA = 4  # channels
_DEPTH_AT = 24  # the byte of a PNG that holds the bits of a channel


def decode_images(encoded: tf.Tensor, step: FeatureStep) -> tf.Tensor:
    """Decodes, resizes and rescales encoded images.

    Args:
      encoded: Bytes of PNG or JPEG; of GIF (its first frame) and BMP, what TensorFlow can read; string [batch].
      step: Step of kind ``image``; its shape is (height, width, channels), and its levels the largest value of a pixel
        where some images of the training data have 16 bits a channel.

    Returns:
      float32 [batch, height, width, channels], 0..1 (or standardised per image where the plan says so).
    """
    height, width, channels = step.shape

    def fit(pixels: tf.Tensor) -> tf.Tensor:
        # Images that have the size already are left as they are: resizing would only cost time.
        pixels.set_shape((None, None, channels))
        return tf.cond(
            tf.reduce_all(tf.equal(tf.shape(pixels)[:2], (height, width))),
            lambda: pixels,
            lambda: _resize(pixels, height, width),
        )

    def decode(image: tf.Tensor) -> tf.Tensor:
        pixels = _decode(image, channels)
        return tf.ensure_shape(fit(pixels), (height, width, channels))

    def decode_deep(image: tf.Tensor) -> tf.Tensor:
        pixels = tf.cond(
            _is_deep(image),
            lambda: tf.cast(tf.io.decode_png(image, channels, tf.uint16), tf.float32) / step.levels,
            lambda: tf.cast(_decode(image, channels), tf.float32) / _LEVELS,
        )
        return tf.ensure_shape(tf.minimum(fit(pixels), 1.0), (height, width, channels))

    if step.levels is None:
        pixels = tf.map_fn(decode, encoded, fn_output_signature=tf.TensorSpec((height, width, channels), tf.uint8))
        pixels = tf.cast(pixels, tf.float32) / _LEVELS
    else:
        spec = tf.TensorSpec((height, width, channels), tf.float32)
        pixels = tf.map_fn(decode_deep, encoded, fn_output_signature=spec)
    return tf.image.per_image_standardization(pixels) if step.options.normalise == "standard" else pixels


def _decode(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes one image to eight bits; a JPEG, for which TensorFlow knows no alpha, is opaque."""
    if channels != _WITH_ALPHA:
        return tf.io.decode_image(image, channels=channels, expand_animations=False)
    return tf.cond(
        tf.io.is_jpeg(image),
        lambda: tf.pad(tf.io.decode_jpeg(image, channels=3), [[0, 0], [0, 0], [0, 1]], constant_values=_LEVELS),
        lambda: tf.io.decode_image(image, channels=channels, expand_animations=False),
    )


def _resize(pixels: tf.Tensor, height: int, width: int) -> tf.Tensor:
    resized = tf.image.resize(pixels, (height, width), antialias=True)
    return tf.cast(tf.round(resized), pixels.dtype) if pixels.dtype.is_integer else resized


def _is_deep(image: tf.Tensor) -> tf.Tensor:
    """Says whether bytes are a PNG of 16 bits a channel."""
    long_enough = tf.strings.join([image, "\0" * (_DEPTH_AT + 1)])
    is_png = tf.equal(tf.strings.substr(long_enough, 0, 4), b"\x89PNG")
    return tf.logical_and(is_png, tf.equal(tf.strings.substr(long_enough, _DEPTH_AT, 1), b"\x10"))
