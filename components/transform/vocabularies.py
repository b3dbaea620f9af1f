"""The most frequent values of many columns at once: one Beam analysis, and look-ups without tables.

A vocabulary is two vectors of constants in the graph: the sorted hashes of "column, value", and the rank of each within
its column. ``tft.compute_and_apply_vocabulary`` gives the same ranks with an analysis, a file and a table for each
column, which takes seconds a column to build and to load.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

_HASHES = 1 << 62
# Of a column with more different values than this, the rare ones are forgotten now and then: memory stays bounded.
_MOST_VALUES = 1 << 20
_SEPARATOR = "\x1f"

Counts = list[Counter[bytes]]


class Vocabularies:
    """Ranks of values by frequency in several columns; rank 0 is the most frequent."""

    def __init__(self, columns: Sequence[tf.Tensor], sizes: Sequence[int]) -> None:
        """Adds the analysis to the graph.

        Args:
          columns: String tensors, each [values] or [batch, columns]; a matrix counts as its columns. Empty text is no
            value.
          sizes: How many values are kept, one for each column.
        """
        self._sizes = list(sizes)
        total = sum(self._sizes)
        self._hashes, self._ranks = tft.experimental.ptransform_analyzer(
            inputs=list(columns),
            ptransform=_CountValues(tuple(self._sizes)),
            output_dtypes=[tf.int64, tf.int64],
            output_shapes=[[total], [total]],
        )

    def look_up(self, values: tf.Tensor, columns: Sequence[int], oov_buckets: Sequence[int]) -> tf.Tensor:
        """Returns the rank of each value, or a place behind the last rank where it has none.

        Args:
          values: String tensor whose last axis is one for each of ``columns``, or any [values] for a single column.
          columns: Numbers of the columns in the analysis.
          oov_buckets: Places for values without a rank, for each column; the value's hash decides between them.

        Returns:
          int64, of the shape of ``values``: from 0 to size + oov_buckets - 1.
        """
        prefixes = tf.constant([_prefix(column) for column in columns])
        hashes = tf.strings.to_hash_bucket_fast(prefixes + values, _HASHES)
        sizes = tf.constant([self._sizes[column] for column in columns], tf.int64)
        outside = sizes + hashes % tf.constant(list(oov_buckets), tf.int64)
        flat = tf.reshape(hashes, (-1,))
        places = tf.minimum(tf.searchsorted(self._hashes, flat), sum(self._sizes) - 1)
        known = tf.reshape(tf.equal(tf.gather(self._hashes, places), flat), tf.shape(values))
        ranks = tf.reshape(tf.gather(self._ranks, places), tf.shape(values))
        return tf.where(known, ranks, outside)


class _CountValues(beam.PTransform):
    """From batches of columns to sorted hashes and ranks."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self._sizes = sizes

    def expand(self, batches: Any) -> tuple[Any, Any]:
        counted = batches | "Count" >> beam.CombineGlobally(_Count(len(self._sizes)))
        ranked = counted | "Rank" >> beam.Map(rank_values, self._sizes)
        return ranked | "Hashes" >> beam.Map(lambda pair: pair[0]), ranked | "Ranks" >> beam.Map(lambda pair: pair[1])


class _Count(beam.CombineFn):
    """Counts the values of each column."""

    def __init__(self, columns: int) -> None:
        self._columns = columns

    def create_accumulator(self) -> Counts:
        return [Counter() for _ in range(self._columns)]

    def add_input(self, counts: Counts, batch: Sequence[np.ndarray]) -> Counts:
        flat = (column for array in batch for column in (array.T if array.ndim == 2 else [array]))
        for counter, column in zip(counts, flat, strict=True):
            counter.update(column.tolist())
            _forget_rare(counter)
        return counts

    def merge_accumulators(self, accumulators: Iterable[Counts]) -> Counts:
        merged = self.create_accumulator()
        for counts in accumulators:
            for counter, more in zip(merged, counts, strict=True):
                counter.update(more)
                _forget_rare(counter)
        return merged

    def extract_output(self, counts: Counts) -> Counts:
        return counts


def rank_values(counts: Counts, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Ranks the most frequent values of each column; equally frequent ones by their bytes.

    Args:
      counts: Rows of each value, by column.
      sizes: How many values of each column are kept.

    Returns:
      Sorted hashes and the rank of each, int64 [sum of sizes]; where a column has fewer values, the rest are hashes
      that no value has.
    """
    texts: list[bytes] = []
    ranks: list[int] = []
    for column, (counter, size) in enumerate(zip(counts, sizes, strict=True)):
        kept = sorted((item for item in counter.items() if item[0]), key=lambda item: (-item[1], item[0]))[:size]
        texts += [_prefix(column).encode() + value for value, _ in kept]
        ranks += range(len(kept))
    unused = sum(sizes) - len(texts)
    hashes = tf.strings.to_hash_bucket_fast(texts, _HASHES).numpy() if texts else np.zeros((0,), np.int64)
    hashes = np.concatenate([hashes, np.full(unused, _HASHES, np.int64)])
    order = np.argsort(hashes, kind="stable")
    return hashes[order], np.array(ranks + [0] * unused, np.int64)[order]


def _prefix(column: int) -> str:
    return f"{column}{_SEPARATOR}"


def _forget_rare(counter: Counter[bytes]) -> None:
    """Takes the rarest values out, in place, until no more than are kept in memory are left."""
    least = 1
    while len(counter) > _MOST_VALUES:
        for value in [value for value, count in counter.items() if count <= least]:
            del counter[value]
        least *= 2
