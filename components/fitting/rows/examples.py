"""From raw tf.Examples and the transform graph to what a model is fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from kerasline.components.core import KeraslineError, TrainingFailed, counted, register_operations
from kerasline.components.features import LABEL, LABEL_SCALE, LABEL_SHIFT, FeaturePlan, LabelUnits, encode_label
from kerasline.components.fitting.rows.rows import Arrays, is_in_share

WEIGHT = "sample_weight"
_READ_BATCH = 512
_RECORDS_TOGETHER = 4096


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
          transform_graph: Folder of the transform graph.
          plan: The features and the label.
          weight: Name of the raw column that weighs the rows, None for none.
          alternatives: More plans of the graph, whose inputs are wanted beside those of ``plan``.
        """
        self.plan, self.weight = plan, weight
        # The model inputs, by their names in the graph.
        self.names = list(dict.fromkeys(spec.name for one in (plan, *alternatives) for spec in one.inputs()))
        register_operations(Path(transform_graph, tft.TFTransformOutput.TRANSFORM_FN_DIR))
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
          files: Patterns of GZIP TFRecord files.
          share: Part of the rows to read, from 0 to 1, spread evenly.
        """
        records = self._records(files).batch(_READ_BATCH)
        if share < 1:
            records = records.enumerate().map(lambda number, batch: _evenly(number, batch, share)).rebatch(_READ_BATCH)
        return records.map(self.transform, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def _records(self, files: Sequence[str]) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(sorted(expand(files)), compression_type="GZIP")

    def _read_and_transform(self, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        raw = tf.io.parse_example(serialized, self._spec)
        # TFT gives its own dict class, which Keras refuses.
        everything = dict(self.layer(dict(raw)))
        wanted = (*self.names, LABEL, LABEL_SCALE, LABEL_SHIFT)
        transformed = {name: everything[name] for name in wanted if name in everything}
        if self.weight is not None:
            transformed[WEIGHT] = _dense_weights(raw[self.weight])
        return transformed

    def load(
        self, files: Sequence[str], limit_bytes: int | None = None, share: float = 1.0, *, is_weighed: bool = True
    ) -> Arrays | None:
        """Reads a split into memory.

        Args:
          files: Patterns of GZIP TFRecord files.
          limit_bytes: Size at which reading is given up.
          share: Part of the rows to read, from 0 to 1, spread evenly.
          is_weighed: Whether rows are to learn from, and need their weights.

        Returns:
          The arrays, or None where they do not fit the limit.
        """
        names = self.names
        weights = [WEIGHT] if self.weight is not None and is_weighed else []
        parts = self._parts(files, share, [*names, LABEL, *weights], limit_bytes)
        if parts is None:
            return None
        if not parts[LABEL]:
            return Arrays({}, np.zeros((0,), np.float32))
        labels = np.concatenate(parts[LABEL])
        self._check_labels(labels)
        known = np.concatenate(parts[WEIGHT]) if weights else None
        self._check_weights(known)
        return Arrays({name: np.concatenate(parts[name]) for name in names}, labels, known)

    def _parts(
        self, files: Sequence[str], share: float, names: Sequence[str], limit_bytes: int | None
    ) -> dict[str, list[np.ndarray]] | None:
        """Collects a split batch by batch, or gives up where it has more bytes than the limit."""
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        size = 0
        for batch in self.batches(files, share).prefetch(2).as_numpy_iterator():
            for name, values in parts.items():
                values.append(batch[name])
                size += batch[name].nbytes
            if limit_bytes is not None and size > limit_bytes:
                return None
        return parts

    def records(self, files: Sequence[str]) -> Iterator[np.ndarray]:
        """Yields the serialized rows of a split in the order of the files, bytes [rows], some thousand at a time."""
        yield from self._records(files).batch(_RECORDS_TOGETHER).prefetch(1).as_numpy_iterator()

    def check_records(self, records: np.ndarray) -> None:
        """Looks at what :meth:`load` looks at, of serialized rows that are not kept in memory.

        Args:
          records: Serialized tf.Examples, bytes [rows].

        Raises:
          TrainingFailed: a row weighs less than nothing.
        """
        if self.weight is not None:
            raw = tf.io.parse_example(records, {self.weight: self._spec[self.weight]})
            self._check_weights(_dense_weights(raw[self.weight]).numpy())

    def load_labels(self, files: Sequence[str]) -> np.ndarray:
        """Reads only the labels of a split; the inputs are left alone.

        Args:
          files: Patterns of GZIP TFRecord files.

        Returns:
          Labels as ``encode_label`` gives them, not scaled: [rows], of several labels [rows, labels].
        """
        records = self._records(files).batch(_RECORDS_TOGETHER)
        # Without autograph, which would rewrite code that has nothing for it.
        read = tf.autograph.experimental.do_not_convert(self._label)
        labels = list(records.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).as_numpy_iterator())
        return np.concatenate(labels) if labels else np.zeros((0,), np.float32)

    def _label(self, serialized: tf.Tensor) -> tf.Tensor:
        name = self.plan.label
        return encode_label(self.plan, tf.io.parse_example(serialized, {name: self._spec[name]})[name])

    def label_units(self, files: Sequence[str]) -> LabelUnits:
        """Returns what gives a scaled label its own units."""
        if self.plan.label_scale == "none":
            return LabelUnits()
        batch = self.transform(next(iter(self._records(files).batch(1))))
        scale, shift = float(batch[LABEL_SCALE][0]), float(batch[LABEL_SHIFT][0])
        return LabelUnits(scale, shift, self.plan.label_scale == "log")

    def _check_weights(self, weights: np.ndarray | None) -> None:
        if weights is None or (np.isfinite(weights) & (weights >= 0)).all():
            return
        raise TrainingFailed(
            f"training.sample_weight: expected numbers of 0 and more in {self.weight}, but it holds "
            f"{weights[~(np.isfinite(weights) & (weights >= 0))][0]:g}; mend the column or name another one"
        )

    def _check_labels(self, labels: np.ndarray) -> None:
        if self.plan.classes is not None and labels.ndim == 1 and (labels < 0).any():
            raise KeraslineError(
                f"expected every label to be one of {len(self.plan.classes)} classes, but "
                f"{counted(int((labels < 0).sum()), 'row holds', 'rows hold')} another value; the data changed while "
                "the run was reading it, so run again"
            )


def _evenly(number: tf.Tensor, batch: tf.Tensor, share: float) -> tf.Tensor:
    """Takes a share of the rows of a batch, which is known by its number."""
    positions = number * _READ_BATCH + tf.range(tf.size(batch, tf.int64))
    return tf.boolean_mask(batch, is_in_share(tf.cast(positions, tf.float64), share, 0))


def _dense_weights(column: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    dense = tf.sparse.to_dense(column) if isinstance(column, tf.SparseTensor) else column
    return tf.reshape(tf.cast(dense, tf.float32), (-1,))


def expand(patterns: Sequence[str]) -> Iterator[str]:
    """Lists the files of patterns."""
    for pattern in patterns:
        yield from tf.io.gfile.glob(pattern)
