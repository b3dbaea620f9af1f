"""What one Beam worker does: read a shard, encode its rows as tf.Examples, write them into their splits."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from pyarrow import RecordBatch

from kerasline.components.datasets import assign_split, read_columns, read_shard
from kerasline.components.datasets.description import SPLITS, Dataset
from kerasline.components.example_gen.column_rules import cast_columns, judge_columns, may_judge_columns
from kerasline.components.example_gen.encoding import encode_row, encode_rows
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
    leaves no part of a file and no row twice. A shard that can be read by the column is encoded by the column, too: the
    files are the same.

    Args:
      index: Number of the shard in ``Dataset.shards``.
      dataset_json: The resolved data as JSON.
      examples_uri: Folder that receives the splits' folders.
      rules_json: :class:`RowRules`; rows that break them go into the quarantine file of the shard.

    Returns:
      Rows written for each split.
    """
    dataset = _dataset(dataset_json)
    shard = dataset.shards[index]
    rules = RowRules.from_json(rules_json)
    aside = QuarantineFile(examples_uri, f"rows-{index:05d}", dataset, str(shard.get("path", dataset.name)))
    writers = SplitWriters(examples_uri, index, len(dataset.shards))
    batches = read_columns(dataset, shard) if may_judge_columns(rules, dataset) else None
    try:
        if batches is None:
            _write_rows(dataset, shard, rules, aside, writers)
        else:
            _write_columns(batches, shard, rules, aside, writers)
    except BaseException:
        writers.discard()
        raise
    writers.close()
    aside.close()
    return writers.counts


@lru_cache(maxsize=1)
def _dataset(dataset_json: str) -> Dataset:
    """Reads the resolved data once in a process: with 10,000 files it takes as long as to write what is in one."""
    return Dataset.from_json(dataset_json)


def _write_rows(
    dataset: Dataset, shard: Mapping[str, Any], rules: RowRules, aside: QuarantineFile, writers: SplitWriters
) -> None:
    judge = make_judge(rules)
    for number, (given, row) in enumerate(read_shard(dataset, shard), start=int(shard.get("first", 0))):
        # Before a rule changes the row: a row stays in its split, whatever rules there are.
        split = given or assign_split(dataset.split, row)
        fault = judge(row) if judge is not None else None
        if fault is not None:
            aside.add(number, row, fault)
        else:
            writers.write(split, [encode_row(row)])


def _write_columns(
    batches: Iterable[tuple[np.ndarray, RecordBatch]],
    shard: Mapping[str, Any],
    rules: RowRules,
    aside: QuarantineFile,
    writers: SplitWriters,
) -> None:
    first = int(shard.get("first", 0))
    for splits, rows in batches:
        kept = np.ones(len(splits), bool)
        for place, row, fault in judge_columns(rules, rows):
            kept[place] = False
            aside.add(first + place, row, fault)
        first += len(splits)
        examples = encode_rows(cast_columns(rules, rows.filter(pa.array(kept))))
        for split in SPLITS:
            chosen = pa.array(splits[kept] == split)
            writers.write(split, examples.filter(chosen).to_pylist())


class SplitWriters:
    """The files of one shard, one for each split that has rows.

    Args:
      examples_uri: Folder that receives the splits' folders.
      index: Number of the shard in ``Dataset.shards``.
      shards: How many shards there are.
    """

    def __init__(self, examples_uri: str, index: int, shards: int) -> None:
        self._uri, self._name = examples_uri, f"data_tfrecord-{index:05d}-of-{shards:05d}.gz"
        self._open: dict[str, tuple[tf.io.TFRecordWriter, str, str]] = {}
        self.counts: dict[str, int] = {}

    def write(self, split: str, records: Sequence[bytes]) -> None:
        """Appends records to the file of a split."""
        if not records:
            return
        if split not in self._open:
            folder = split_folder(self._uri, split).path
            tf.io.gfile.makedirs(folder)
            temporary = os.path.join(folder, f".{uuid.uuid4().hex}.part")
            writer = tf.io.TFRecordWriter(temporary, _GZIP)
            self._open[split] = writer, temporary, os.path.join(folder, self._name)
        writer = self._open[split][0]
        for record in records:
            writer.write(record)
        self.counts[split] = self.counts.get(split, 0) + len(records)

    def discard(self) -> None:
        """Removes what was written."""
        for writer, temporary, _ in self._open.values():
            writer.close()
            tf.io.gfile.remove(temporary)

    def close(self) -> None:
        """Moves the files to their places, complete."""
        for writer, temporary, final in self._open.values():
            writer.close()
            tf.io.gfile.rename(temporary, final, overwrite=True)
