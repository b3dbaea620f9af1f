"""Takes the rows out of eval and test that stand, label and all, in an earlier split."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from kerasline.components.datasets.description import SPLITS, Dataset
from kerasline.components.example_gen.quarantine import QuarantineFile

_HASHES = 1 << 62
_BATCH = 1024


def put_duplicates_aside(examples_uri: str, dataset: Dataset) -> int:
    """Rewrites the files of eval and test without the rows that an earlier split has; other files stay as they are.

    Args:
      examples_uri: Folder of the Examples artifact; the rows go to ``quarantine/duplicates-SPLIT.parquet``.
      dataset: The resolved data, for its columns.

    Returns:
      How many rows were put aside.
    """
    earlier = np.zeros((0,), np.int64)
    names: list[str] = []
    removed = 0
    for split in SPLITS:
        files = sorted(tf.io.gfile.glob(os.path.join(examples_uri, f"Split-{split}", "data_tfrecord-*")))
        if names and files:
            aside = QuarantineFile(examples_uri, f"duplicates-{split}", dataset, split)
            fault = ("", f"duplicate of a row in {' or '.join(names)}")
            first = 0
            for file in files:
                first, count = _rewrite(file, earlier, aside, fault, first)
                removed += count
            aside.close()
        earlier = np.concatenate([earlier, *(hashes for file in files for hashes, _ in _read(file))])
        names.append(split)
    return removed


def _rewrite(
    file: str, earlier: np.ndarray, aside: QuarantineFile, fault: tuple[str, str], first: int
) -> tuple[int, int]:
    """Writes a file anew without rows of earlier splits; returns the next row's number and how many were removed."""
    copies = [np.isin(hashes, earlier) for hashes, _ in _read(file)]
    total, count = sum(len(part) for part in copies), int(sum(part.sum() for part in copies))
    if not count:
        return first + total, 0
    temporary = f"{os.path.dirname(file)}/.{os.path.basename(file)}.part"
    with tf.io.TFRecordWriter(temporary, tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)) as writer:
        for (_, records), is_copy in zip(_read(file), copies, strict=True):
            for record, copy in zip(records, is_copy, strict=True):
                if copy:
                    aside.add(first, _plain_values(record), fault)
                else:
                    writer.write(record)
                first += 1
    if count == total:
        tf.io.gfile.remove(temporary)
        tf.io.gfile.remove(file)
    else:
        tf.io.gfile.rename(temporary, file, overwrite=True)
    return first, count


def _read(file: str):  # type: ignore[no-untyped-def]  # batches of tensors have no useful type
    """Yields (hashes, records) by batch."""
    for batch in tf.data.TFRecordDataset(file, compression_type="GZIP").batch(_BATCH):
        yield tf.strings.to_hash_bucket_fast(batch, _HASHES).numpy(), batch.numpy()


def _plain_values(record: bytes) -> dict[str, object]:
    """Gives back the values of an example as a row."""
    values: dict[str, object] = {}
    for name, feature in tf.train.Example.FromString(record).features.feature.items():
        listed = list(getattr(feature, feature.WhichOneof("kind")).value)
        value = listed[0] if len(listed) == 1 else listed
        values[name] = value
    return values
