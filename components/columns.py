"""Raw columns as tensors: values, presence and text of a sparse or dense column, and labels as numbers."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from components.features import FeaturePlan

LABEL = "label"  # class index (int64), scaled number or 0/1 vector (float32)
LABEL_SHIFT, LABEL_SCALE = "label_shift", "label_scale"  # label in its units = label * scale + shift


def scalar_values(column: Any, default: Any) -> tf.Tensor:
    """Makes a [batch] tensor of a column, with a default where a row has no value."""
    if isinstance(column, tf.SparseTensor):
        shape = (column.dense_shape[0], 1)
        column = tf.sparse.to_dense(tf.SparseTensor(column.indices, column.values, shape), default_value=default)
    return tf.reshape(column, (-1,))


def has_value(column: Any) -> tf.Tensor:
    """Says for each row of the batch whether it has a value: bool [batch]."""
    if not isinstance(column, tf.SparseTensor):
        return tf.ones_like(tf.reshape(column, (-1,)), dtype=tf.bool)
    ones = tf.SparseTensor(column.indices, tf.ones_like(column.values, dtype=tf.int32), (column.dense_shape[0], 1))
    return tf.reshape(tf.sparse.to_dense(ones), (-1,)) > 0


def values_dtype(column: Any) -> tf.DType:
    return column.values.dtype if isinstance(column, tf.SparseTensor) else column.dtype


def text_values(column: Any) -> tf.Tensor:
    """Gives any scalar column as trimmed text, string [batch]; empty where missing."""
    if values_dtype(column) == tf.string:
        return tf.strings.strip(scalar_values(column, b""))
    present = has_value(column)
    return tf.where(present, tf.strings.as_string(scalar_values(column, tf.constant(0, values_dtype(column)))), "")


def encode_label(plan: FeaturePlan, column: Any) -> tf.Tensor:
    """Gives raw labels as numbers.

    Args:
      plan: its classes are the order of the model's outputs.
      column: the raw label, sparse or dense [batch, n].

    Returns:
      Class indices, int64 [batch], -1 for a class that the plan does not know; for multilabel 0/1 float32
      [batch, labels]; for regression the value in its own units, float32 [batch].
    """
    if plan.label_dtype == "multi":
        return tf.reshape(tf.cast(column, tf.float32), (-1, len(plan.classes or ())))
    if plan.classes is not None:
        same = tf.equal(text_values(column)[:, tf.newaxis], tf.constant(plan.classes)[tf.newaxis, :])
        return tf.where(tf.reduce_any(same, axis=1), tf.argmax(tf.cast(same, tf.int8), axis=1), -1)
    return tf.cast(scalar_values(column, tf.constant(0, values_dtype(column))), tf.float32)
