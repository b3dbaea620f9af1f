"""From raw tf.Examples and the transform graph to what a model is fitted on: arrays in memory, or a tf.data stream.

The same records come out of both; which one is used follows from the size of the transformed data. Both take every
record's validation or training part from its position, so the parts are the same however the data is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from kerasline.components.core import KeraslineError, TrainingFailed, counted
from kerasline.components.features import LABEL, LABEL_SCALE, LABEL_SHIFT, FeaturePlan, encode_label
from kerasline.components.fitting.rows.rows import Arrays, place_of

WEIGHT = "sample_weight"
_READ_BATCH = 512
_SHUFFLE_RECORDS = 10_000


class ExamplesReader:
    """Reads splits of raw tf.Examples through a transform graph."""

    def __init__(
        self,
        transform_graph: str,
        plan: FeaturePlan,
        weight: str | None = None,
        alternatives: Sequence[FeaturePlan] = (),
    ) -> None:
        """Opens a transform graph.

        Args:
          transform_graph: its folder.
          plan: the features and the label.
          weight: the raw column that weighs the rows, if there is one.
          alternatives: more plans of the graph, whose inputs are wanted beside those of ``plan``.
        """
        self.plan, self.weight = plan, weight
        # The model inputs, by their names in the graph.
        self.names = list(dict.fromkeys(spec.name for one in (plan, *alternatives) for spec in one.inputs()))
        self.graph = tft.TFTransformOutput(transform_graph)
        self.layer = self.graph.transform_features_layer()
        self._spec = self.graph.raw_feature_spec()
        # Serialized tf.Examples [batch] to what the model reads; traced once for all splits, and without autograph,
        # which would rewrite code that has nothing for it.
        self.transform = tf.function(
            self._read_and_transform, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )

    def batches(self, files: Sequence[str], share: float = 1.0) -> tf.data.Dataset:
        """Gives transformed batches (dict of tensors, label among them) in the order of the files.

        Args:
          files: patterns of GZIP TFRecord files.
          share: of the rows, spread evenly.
        """
        records = self._records(files)
        if share < 1:
            chosen = records.enumerate().filter(lambda index, _: _is_validation_tensor(index, share, 0))
            records = chosen.map(lambda _, record: record)
        return records.batch(_READ_BATCH).map(self.transform, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def _records(self, files: Sequence[str]) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(sorted(expand(files)), compression_type="GZIP")

    def _read_and_transform(self, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        raw = tf.io.parse_example(serialized, self._spec)
        # TFT gives its own dict class, which Keras refuses.
        everything = dict(self.layer(dict(raw)))
        wanted = (*self.names, LABEL, LABEL_SCALE, LABEL_SHIFT)
        transformed = {name: everything[name] for name in wanted if name in everything}
        if self.weight is not None:
            column = raw[self.weight]
            dense = tf.sparse.to_dense(column) if isinstance(column, tf.SparseTensor) else column
            transformed[WEIGHT] = tf.reshape(tf.cast(dense, tf.float32), (-1,))
        return transformed

    def load(self, files: Sequence[str], limit_bytes: int | None = None, share: float = 1.0) -> Arrays | None:
        """Reads a split into memory.

        Args:
          files: patterns of GZIP TFRecord files.
          limit_bytes: give up when the arrays grow beyond this.
          share: of the rows, spread evenly.

        Returns:
          The arrays, or None where they do not fit the limit.
        """
        names = self.names
        weights = [] if self.weight is None else [WEIGHT]
        parts: dict[str, list[np.ndarray]] = {name: [] for name in [*names, LABEL, *weights]}
        size = 0
        for batch in self.batches(files, share).prefetch(2).as_numpy_iterator():
            for name, values in parts.items():
                values.append(batch[name])
                size += batch[name].nbytes
            if limit_bytes is not None and size > limit_bytes:
                return None
        if not parts[LABEL]:
            return Arrays({}, np.zeros((0,), np.float32))
        labels = np.concatenate(parts[LABEL])
        self._check_labels(labels)
        known = np.concatenate(parts[WEIGHT]) if weights else None
        if known is not None and not (np.isfinite(known) & (known >= 0)).all():
            raise TrainingFailed(
                f"training.sample_weight: expected numbers of 0 and more in {self.weight}, but it holds "
                f"{known[~(np.isfinite(known) & (known >= 0))][0]:g}; mend the column or name another one"
            )
        return Arrays({name: np.concatenate(parts[name]) for name in names}, labels, known)

    def stream(
        self,
        files: Sequence[str],
        batch_size: int,
        part: str,
        fraction: float,
        seed: int,
        epoch: Callable[[], int] = lambda: 0,
    ) -> tf.data.Dataset:
        """Streams a part of a split as batches of (inputs, label), or (inputs, label, weight) where rows have weights.

        Args:
          files: patterns of GZIP TFRecord files.
          batch_size: rows in a batch.
          part: ``train`` (shuffled anew each epoch), ``validation`` or ``all`` (both in the order of the files).
          fraction: share of the rows that belong to validation.
          seed: of the choice of validation rows and of the shuffle.
          epoch: asked at the start of each pass; the order of the rows follows from it and the seed.
        """
        names = self.names
        weights = [] if self.weight is None else [WEIGHT]
        rows = self.batches(files).unbatch().enumerate()
        if part != "all":
            wanted = part == "validation"
            rows = rows.filter(lambda index, _: tf.equal(_is_validation_tensor(index, fraction, seed), wanted))
        data = rows.map(lambda _, row: ({n: row[n] for n in names}, row[LABEL], *(row[n] for n in weights)))
        if part == "train":
            passes = tf.data.Dataset.from_generator(
                lambda: iter([epoch()]), output_signature=tf.TensorSpec((), tf.int64)
            )
            ordered = data
            data = passes.flat_map(
                lambda number: ordered.shuffle(
                    _SHUFFLE_RECORDS, seed=seed * 1_000_003 + number, reshuffle_each_iteration=False
                )
            )
        return data.batch(batch_size).prefetch(tf.data.AUTOTUNE)

    def count(self, files: Sequence[str]) -> int:
        """Returns how many rows a split has; it reads all records, but parses none."""
        batches = self._records(files).batch(_READ_BATCH)
        return int(batches.reduce(np.int64(0), lambda rows, batch: rows + tf.size(batch, tf.int64)))

    def load_labels(self, files: Sequence[str]) -> np.ndarray:
        """Reads only the labels of a split, encoded but not scaled; the inputs are left alone."""
        labels = [self._label(batch).numpy() for batch in self._records(files).batch(_READ_BATCH)]
        return np.concatenate(labels) if labels else np.zeros((0,), np.float32)

    def _label(self, serialized: tf.Tensor) -> tf.Tensor:
        name = self.plan.label
        return encode_label(self.plan, tf.io.parse_example(serialized, {name: self._spec[name]})[name])

    def label_units(self, files: Sequence[str]) -> tuple[float, float]:
        """Returns (scale, shift) such that a label in its own units is ``scaled * scale + shift``."""
        if self.plan.label_scale == "none":
            return 1.0, 0.0
        batch = self.transform(next(iter(self._records(files).batch(1))))
        return float(batch[LABEL_SCALE][0]), float(batch[LABEL_SHIFT][0])

    def _check_labels(self, labels: np.ndarray) -> None:
        if self.plan.classes is not None and labels.ndim == 1 and (labels < 0).any():
            raise KeraslineError(
                f"expected every label to be one of {len(self.plan.classes)} classes, but "
                f"{counted(int((labels < 0).sum()), 'row holds', 'rows hold')} another value; the data changed while "
                "the run was reading it, so run again"
            )


def _is_validation_tensor(index: tf.Tensor, fraction: float, seed: int) -> tf.Tensor:
    return place_of(tf.cast(index, tf.float64), seed) < fraction


def expand(patterns: Sequence[str]) -> Iterator[str]:
    """Lists the files of patterns."""
    for pattern in patterns:
        yield from tf.io.gfile.glob(pattern)
