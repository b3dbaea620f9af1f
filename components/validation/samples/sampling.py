"""One pass over the Examples of a split: a hash of every row, and a sample of the rows by column.

A row is in the sample when its hash is small, so the same rows give the same sample on every machine, and memory
stays bounded however many rows there are.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerasline.components.datasets.values import NumberForm, read_number
from kerasline.components.features import FeaturePlan, FeatureStep
from kerasline.components.leaks import Column

_HASHES = 1 << 62
_BATCH = 1024
_SAMPLE_BYTES = 64 << 20
# Begins the kind of a column whose numbers are text; their decimal sign and unit follow.
_WRITTEN = "numeric with "


@dataclass(frozen=True)
class SplitSample:
    """What the gate keeps of a split.

    Attributes:
      rows: Rows in the whole split.
      hashes: Hashes of every row, int64, or, in data too large for that, of a part chosen by the hash itself.
      columns: Columns of the sampled rows.
    """

    rows: int
    hashes: np.ndarray
    columns: Mapping[str, Column]


def kinds_of(plan: FeaturePlan) -> dict[str, str]:
    """Says for every input column and the label what kind of values it is read as, and then compared as."""
    kinds = {step.name: _kind_of(step) for step in plan.steps if step.kind != "cross"}
    kinds[plan.label] = "categorical" if plan.classes else "numeric"
    if plan.label_dtype == "multi":
        kinds[plan.label] = "labels"
    return kinds


def _kind_of(step: FeatureStep) -> str:
    """Says what kind of values a column has; of numbers in writing, how they are written, too."""
    if step.dtype in ("image", "array", "tokens"):
        return step.dtype
    if step.kind == "date":
        return "date"
    if step.kind != "numeric":
        return "categorical"
    if step.dtype != "string":
        return "numeric"
    form = step.number_form
    return _WRITTEN + form.decimal + ("" if form.unit is None else f" {form.unit}")


def read_split(
    examples: str, split: str, kinds: Mapping[str, str], rows: int, *, sample_rows: int, hash_share: float = 1.0
) -> SplitSample:
    """Reads a split once.

    Args:
      examples: URI of the Examples artifact.
      split: Name of the split.
      kinds: Columns to keep, see :func:`kinds_of`.
      rows: Rows in the whole split.
      sample_rows: About how many rows to keep.
      hash_share: Part of the hashes to keep.
    """
    files = sorted(tf.io.gfile.glob(os.path.join(examples, f"Split-{split}", "*")))
    batches = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_BATCH)
    limit = _sample_limit(batches, rows, sample_rows)

    def sift(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Hashes some rows and keeps those of the sample, so that no others become Python's."""
        numbers = tf.strings.to_hash_bucket_fast(records, _HASHES)
        return numbers, tf.boolean_mask(records, numbers < limit)

    hashes, kept = [], []
    sifted = batches.map(sift, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)
    for numbers, records in sifted.as_numpy_iterator():
        # The sample takes the other end of the range than the hashes, so that neither looks at the other's rows only.
        kept += records.tolist()
        hashes.append(numbers if hash_share >= 1 else numbers[numbers >= _HASHES * (1 - hash_share)])
    joined = np.concatenate(hashes) if hashes else np.zeros((0,), np.int64)
    return SplitSample(rows, joined, decode_columns(kept, kinds))


def _sample_limit(batches: tf.data.Dataset, rows: int, sample_rows: int) -> int:
    """Returns below which hash a row is in the sample; wide rows, as the first are, make a smaller one."""
    for records in batches.take(1).as_numpy_iterator():
        size = max(1.0, float(np.mean([len(record) for record in records])))
        share = min(1.0, min(sample_rows, _SAMPLE_BYTES / size) / max(1, rows))
        return int(share * _HASHES)
    return 0


def decode_columns(records: list[bytes], kinds: Mapping[str, str]) -> dict[str, Column]:
    """Parses serialized tf.Examples by column; columns without any value are left out."""
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    if not records:
        return {}
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(records)
    columns = {}
    for name, kind in kinds.items():
        position = batch.schema.get_field_index(name)
        if position >= 0 and batch.column(position).null_count < len(records):
            columns[name] = _column(batch.column(position), kind)
    return columns


def _column(lists: Any, kind: str) -> Column:
    """Makes a column of a pyarrow array that holds one list for each row."""
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    sizes = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if kind in ("array", "tokens", "labels"):
        # Rows of another length cannot stand in one array; the schema finds them.
        usual = int(np.bincount(sizes).argmax())
        keep = np.repeat(sizes == usual, sizes)
        return Column(kind, flat[keep].astype(np.float64).reshape(-1, usual))
    present = sizes > 0
    starts = (np.cumsum(sizes) - sizes)[present]
    if kind == "numeric" and flat.dtype.kind in "iuf":
        return Column(kind, _with_gaps(flat[starts].astype(np.float64), present, np.nan))
    texts = [_text(value, kind) for value in flat[starts].tolist()]
    if kind.startswith(_WRITTEN):
        return Column("numeric", _with_gaps(_read_written(texts, kind), present, np.nan))
    values = np.full(len(sizes), None, object)
    values[present] = texts
    # Numbers that became text are compared as text.
    return Column("categorical" if kind == "numeric" else kind, values)


def _with_gaps(values: Any, present: np.ndarray, gap: float) -> np.ndarray:
    """Spreads values over the rows that have one; ``present`` is a bool array [rows], the result float64 [rows]."""
    spread = np.full(len(present), gap)
    spread[present] = values
    return spread


def _read_written(texts: Sequence[str], kind: str) -> list[float]:
    """Reads numbers as a column writes them; what is none is NaN."""
    decimal, space, unit = kind.removeprefix(_WRITTEN).partition(" ")
    form = NumberForm("," if decimal == "," else ".", unit if space else None)
    numbers = {text: read_number(text, form) for text in set(texts)}
    found = (numbers[text] for text in texts)
    return [math.nan if number is None else number for number in found]


def _text(value: Any, kind: str) -> Any:
    if kind == "image" or not isinstance(value, bytes):
        return value if kind == "image" else str(value)
    return value.decode(errors="replace")
