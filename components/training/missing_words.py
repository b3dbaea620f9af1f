"""Words for a missing value, taken out in the exported graph: whoever asks it means by them what training did."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import tensorflow as tf

from kerasline.components.datasets.values import numbers_of

Raw = dict[str, tf.Tensor | tf.SparseTensor]


def drop_missing(raw: Raw, words: Mapping[str, Sequence[str]]) -> Raw:
    """Takes the values of raw columns away that stand for none.

    Args:
      raw: Columns by name, sparse [batch, 1] or dense; these keep their values, since each row has one.
      words: Words by name of the column; see ``missing_words`` in ``components/datasets/values/missing.py``.

    Returns:
      The columns; a word in a text column has become the empty text, which is no value either.
    """
    return {name: _without(column, words.get(name, ())) for name, column in raw.items()}


def _without(column: tf.Tensor | tf.SparseTensor, words: Sequence[str]) -> tf.Tensor | tf.SparseTensor:
    if not isinstance(column, tf.SparseTensor) or not words:
        return column
    if column.dtype == tf.string:
        listed = "|".join(re.escape(word) for word in sorted(words))
        return column.with_values(tf.strings.regex_replace(column.values, rf"^\s*(?:{listed})\s*$", ""))
    numbers = sorted(numbers_of(frozenset(words)))
    if not numbers:
        return column
    same = tf.equal(column.values[:, tf.newaxis], tf.cast(tf.constant(numbers, tf.float64), column.dtype))
    return tf.sparse.retain(column, ~tf.reduce_any(same, axis=1))
