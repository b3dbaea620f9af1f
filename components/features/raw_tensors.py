"""Raw columns as tensors: values, presence and text of a sparse or dense column, and labels as numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from kerasline.components.features.plan import FeaturePlan

LABEL = "label"  # class index (int64), scaled number or 0/1 vector (float32)
LABEL_SHIFT, LABEL_SCALE = "label_shift", "label_scale"  # see LabelUnits


def scalar_values(column: Any, default: Any) -> tf.Tensor:
    """Makes a tensor [batch] of a column.

    Args:
      column: Raw column, sparse or dense [batch, n]; at most one value a row.
      default: What stands where a row has no value, of the type of the column.
    """
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
    """Returns the type of a raw column's values."""
    return column.values.dtype if isinstance(column, tf.SparseTensor) else column.dtype


def text_values(column: Any) -> tf.Tensor:
    """Gives any scalar column as trimmed text, string [batch]; empty where missing."""
    if values_dtype(column) == tf.string:
        return tf.strings.strip(scalar_values(column, b""))
    present = has_value(column)
    return tf.where(present, tf.strings.as_string(scalar_values(column, tf.constant(0, values_dtype(column)))), "")


def number_matrix(columns: Sequence[Any]) -> tf.Tensor:
    """Puts columns of numbers side by side: float64 [batch, columns], NaN where a row has no finite value."""
    missing = tf.constant(float("nan"), tf.float64)
    matrix = _matrix(columns, lambda values: tf.cast(values, tf.float64), missing)
    return tf.where(tf.math.is_finite(matrix), matrix, missing)


def text_matrix(columns: Sequence[Any]) -> tf.Tensor:
    """Puts columns side by side as trimmed text: string [batch, columns], empty where missing."""
    return _matrix(columns, _as_text, tf.constant(""))


def presence_matrix(columns: Sequence[Any]) -> tf.Tensor:
    """Says for columns side by side which rows have a value, readable or not: bool [batch, columns]."""
    return _matrix(columns, _is_there, tf.constant(False))


def _is_there(values: tf.Tensor) -> tf.Tensor:
    if values.dtype == tf.string:
        return tf.not_equal(tf.strings.strip(values), "")
    return tf.cast(tf.ones_like(values), tf.bool)


def _as_text(values: tf.Tensor) -> tf.Tensor:
    return tf.strings.strip(values) if values.dtype == tf.string else tf.strings.as_string(values)


def _matrix(columns: Sequence[Any], convert: Callable[[tf.Tensor], tf.Tensor], default: tf.Tensor) -> tf.Tensor:
    """Joins columns with one operation for each type of value, however many columns there are.

    Args:
      columns: Raw columns, sparse or dense [batch, 1]; at least one.
      convert: Turns values of a type, of any shape, into what the matrix holds.
      default: What stands where a sparse column has no value, a scalar.

    Returns:
      [batch, columns], of what ``convert`` gives.
    """
    kinds = [(values_dtype(column).name, isinstance(column, tf.SparseTensor)) for column in columns]
    parts: list[tf.Tensor] = []
    order: list[int] = []
    for kind in sorted(set(kinds)):
        places = [place for place, own in enumerate(kinds) if own == kind]
        group = [columns[place] for place in places]
        order += places
        _, is_sparse = kind
        parts.append(_join_sparse(group, convert, default) if is_sparse else convert(_join_dense(group)))
    matrix = tf.concat(parts, axis=1)
    if order == list(range(len(columns))):
        return matrix
    return tf.gather(matrix, [order.index(i) for i in range(len(columns))], axis=1)


def _join_dense(columns: Sequence[tf.Tensor]) -> tf.Tensor:
    """Puts dense columns of one type side by side: [batch, columns]."""
    return tf.concat([tf.reshape(column, (-1, 1)) for column in columns], axis=1)


def _join_sparse(
    columns: Sequence[tf.SparseTensor], convert: Callable[[tf.Tensor], tf.Tensor], default: tf.Tensor
) -> tf.Tensor:
    """Puts sparse columns of one type side by side, as :func:`_matrix` does: dense [batch, columns]."""
    shape = tf.stack([columns[0].dense_shape[0], 1])
    joined = tf.SparseTensor(columns[0].indices, columns[0].values, shape)
    if len(columns) > 1:
        joined = tf.SparseTensor(
            *tf.raw_ops.SparseConcat(
                indices=[column.indices for column in columns],
                values=[column.values for column in columns],
                shapes=[shape] * len(columns),
                concat_dim=1,
            )
        )
    dense = tf.raw_ops.SparseToDense(
        sparse_indices=joined.indices,
        output_shape=joined.dense_shape,
        sparse_values=convert(joined.values),
        default_value=default,
        validate_indices=False,
    )
    return tf.ensure_shape(dense, (None, len(columns)))


def encode_label(plan: FeaturePlan, column: Any) -> tf.Tensor:
    """Gives raw labels as numbers.

    Args:
      plan: The plan, whose classes are the order of the model's outputs.
      column: The raw label, sparse or dense [batch, n].

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
