"""What one Beam worker does: read a shard, encode its rows as tf.Examples, write them into their splits."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerasline.components.datasets import assign_split, read_shard
from kerasline.components.datasets.description import Dataset
from kerasline.components.example_gen.quarantine import QuarantineFile
from kerasline.components.example_gen.row_rules import RowRules, make_judge

_GZIP = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


@dataclass(frozen=True)
class SplitFolder:
    """The folder of one split, named as TFX names it."""

    path: str

    def has_files(self) -> bool:
        """Says whether any shard had rows for this split."""
        return bool(tf.io.gfile.glob(os.path.join(self.path, "data_tfrecord-*.gz")))


def split_folder(examples_uri: str, split: str) -> SplitFolder:
    """Locates a split below an Examples artifact."""
    return SplitFolder(os.path.join(examples_uri, f"Split-{split}"))


def write_shard(index: int, dataset_json: str, examples_uri: str, rules_json: str = "") -> dict[str, int]:
    """Writes the rows of one shard.

    Each file is written under another name and renamed when it is complete, so a worker that is killed or repeated
    leaves no part of a file and no row twice.

    Args:
      index: of the shard in ``Dataset.shards``.
      dataset_json: the dataset.
      examples_uri: where the splits' folders are.
      rules_json: :class:`RowRules`; rows that break them go into the quarantine file of the shard.

    Returns:
      Rows written for each split.
    """
    dataset = Dataset.from_json(dataset_json)
    shard = dataset.shards[index]
    judge = make_judge(RowRules.from_json(rules_json))
    first = int(shard.get("first", 0))
    aside = QuarantineFile(examples_uri, f"rows-{index:05d}", dataset, str(shard.get("path", dataset.name)))
    writers: dict[str, tuple[tf.io.TFRecordWriter, str, str]] = {}
    counts: dict[str, int] = {}
    try:
        for number, (given, row) in enumerate(read_shard(dataset, shard), start=first):
            # Before a rule changes the row: a row stays in its split, whatever rules there are.
            split = given or assign_split(dataset.split, row)
            fault = judge(row) if judge is not None else None
            if fault is not None:
                aside.add(number, row, fault)
                continue
            if split not in writers:
                writers[split] = _open_writer(split_folder(examples_uri, split).path, index, len(dataset.shards))
            writers[split][0].write(encode_row(row))
            counts[split] = counts.get(split, 0) + 1
    except BaseException:
        for writer, temporary, _ in writers.values():
            writer.close()
            tf.io.gfile.remove(temporary)
        raise
    for writer, temporary, final in writers.values():
        writer.close()
        tf.io.gfile.rename(temporary, final, overwrite=True)
    aside.close()
    return counts


def _open_writer(folder: str, index: int, shards: int) -> tuple[tf.io.TFRecordWriter, str, str]:
    tf.io.gfile.makedirs(folder)
    final = os.path.join(folder, f"data_tfrecord-{index:05d}-of-{shards:05d}.gz")
    temporary = os.path.join(folder, f".{uuid.uuid4().hex}.part")
    return tf.io.TFRecordWriter(temporary, _GZIP), temporary, final


def encode_row(row: Mapping[str, Any]) -> bytes:
    """Encodes a row as a serialized tf.Example; equal rows give equal bytes.

    Numbers become float_list or int64_list, text (UTF-8) and images bytes_list, arrays float_list, token ids
    int64_list; a column without a value is left out.
    """
    example = tf.train.Example()
    features = example.features.feature
    for name, value in row.items():
        if value is None:
            continue
        feature = features[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, float):
            feature.float_list.value.append(value)
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            feature.float_list.value.extend(value.ravel().tolist())
        else:
            feature.int64_list.value.extend(np.asarray(value, np.int64).ravel().tolist())
    return example.SerializeToString(deterministic=True)
