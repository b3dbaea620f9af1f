"""TFRecord files of tf.Examples, plain or gzipped; the one source whose reading needs TensorFlow."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted, nearest
from kerasline.components.datasets.arrays.feature_scan import FeatureScan, column_of, label_of, plain
from kerasline.components.datasets.description import Column, Dataset, Found, TfRecordOptions, thin
from kerasline.components.datasets.files import Places, check_unchanged, digest_file, is_gzip, size_of
from kerasline.components.datasets.images import plain_or_same


def find(options: TfRecordOptions, places: Places) -> Found:
    """Describes TFRecord files by reading all records once.

    Without ``features``: one number is a column; several, always as many, an array; integers of varying length, tokens;
    bytes that begin like PNG, JPEG, WebP, TIFF, AVIF, GIF or BMP, an image; other bytes, text.

    Raises:
      ConfigError: damaged files, a label or feature that is not there, or values that fit no type.
    """
    listed = places.find_splits("tfrecord", options.path, options.test_path)
    first = listed[0][0]
    survey = _Survey(options.label)
    for path, split in listed:
        survey.add(path, split)
    _check_names(options, survey, first)
    columns = _columns(options, survey, first)
    label = label_of(survey.scans[options.label], survey.rows, str(first))
    return Found(
        kind=_kind({column.dtype for column in columns}),
        columns=columns,
        label=label,
        reader="tfrecord",
        reader_options={"label_form": asdict(label.written.form) if label.written else None},
        shards=[shard for shard in survey.shards if shard["rows"]],
        digest=",".join(digest_file(path) for path, _ in listed),
        title=first.stem,
        skipped=tuple(survey.skipped),
    )


def _columns(options: TfRecordOptions, survey: _Survey, path: Path) -> tuple[Column, ...]:
    """Describes the features that are inputs: those that the recipe lists, or all but the label and what it drops."""
    given: Mapping[str, str] = options.features or {}
    inputs = given or [name for name in survey.scans if name not in {options.label, *options.drop}]
    if not inputs:
        raise ConfigError(f"{path} has no feature left as input besides {options.label!r}; drop fewer features.")
    return tuple(column_of(survey.scans[name], given.get(name), survey.rows) for name in inputs)


@dataclass
class _Survey:
    """What reading all records tells.

    Attributes:
      label: Name of the label's feature.
      scans: What is known of each feature of records with a label, by its name.
      unlabelled: Names of the features of records without one.
      shards: One for each file.
      skipped: In words, which files have records without a label.
    """

    label: str
    scans: dict[str, FeatureScan] = field(default_factory=dict)
    unlabelled: set[str] = field(default_factory=set)
    shards: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Records with a label, of all files."""
        return sum(shard["rows"] for shard in self.shards)

    def add(self, path: Path, split: str | None) -> None:
        """Reads a file, whose rows follow those of the files of the same split before it."""
        rows = unlabelled = 0
        for features in _records(path):
            if not _has_label(features.get(self.label)):
                self.unlabelled.update(features)
                unlabelled += 1
                continue
            rows += 1
            for name, (kind, values) in features.items():
                self.scans.setdefault(name, FeatureScan(name)).add(kind, values)
        if unlabelled:
            self.skipped.append(f"{path.name}: {counted(unlabelled, 'record')} without {self.label!r}")
        first = sum(shard["rows"] for shard in self.shards if shard.get("split") == split)
        shard = {"path": str(path), "bytes": size_of(path), "first": first, "rows": rows}
        self.shards.append(shard if split is None else {**shard, "split": split})


def _kind(dtypes: Collection[str]) -> Any:
    """Names what records are by the types of their features; those of scalars alone are a table."""
    return next((dtype for dtype in ("image", "tokens", "array") if dtype in dtypes), "table")


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard."""
    check_unchanged(shard["path"], shard["bytes"])
    yield from thin(_rows(dataset, shard), shard)


def _rows(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    label = dataset.label
    for features in _records(Path(shard["path"])):
        if not _has_label(features.get(label.name)):
            continue
        row = {column.name: _value(features.get(column.name), column) for column in dataset.columns}
        values = features[label.name][1]
        row[label.name] = plain(values[0])
        yield row


def _records(path: Path) -> Iterator[dict[str, tuple[str, list[Any]]]]:
    """Yields each record's features: name to kind (bytes, float, int) and values; empty lists are left out."""
    import tensorflow as tf

    compression = "GZIP" if is_gzip(path) else ""
    records = tf.data.TFRecordDataset(str(path), compression_type=compression).as_numpy_iterator()
    number = 0
    while True:
        try:
            record = next(records, None)
        except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as error:
            reason = re.sub(r"^\{\{.*?\}\} ", "", str(error.message).split(" [")[0])
            raise ConfigError(f"{path} is damaged after record {number} ({reason}); copy or write it again.") from None
        if record is None:
            break
        number += 1
        try:
            # Read as an Example is, which has the same first field and no other.
            example = tf.train.SequenceExample.FromString(record)
        except Exception:  # protobuf's DecodeError differs between its backends
            raise ConfigError(
                f"Record {number} of {path} is not a tf.Example; write it with tf.train.Example."
            ) from None
        check_no_sequence(example, number, path)
        yield _features(example.context)
    if not number and not compression and path.stat().st_size:  # TensorFlow takes a few bytes for the end of a file
        raise ConfigError(f"{path} holds no record of a TFRecord file; check that the right file was named.")


def with_plain_images(record: bytes, columns: Collection[str]) -> bytes:
    """Returns a serialized tf.Example whose images are as the graph reads them, as they are when such records are read.

    Args:
      record: What is no tf.Example is returned as it is.
      columns: Names of the features that hold images.
    """
    import tensorflow as tf

    try:
        example = tf.train.Example.FromString(record)
    except Exception:  # protobuf's DecodeError differs between its backends; the model says what is wrong
        return record
    features = example.features.feature
    changed = False
    for name in set(columns) & set(features):
        values = features[name].bytes_list.value
        plain_values = [plain_or_same(value) for value in values]
        changed = changed or plain_values != list(values)
        values[:] = plain_values
    return bytes(example.SerializeToString()) if changed else record


def _has_label(found: tuple[str, list[Any]] | None) -> bool:
    if found is None:
        return False
    return bool(found[1][0].strip()) if found[0] == "bytes" else all(map(math.isfinite, found[1]))


def check_no_sequence(example: Any, number: int, path: object) -> None:
    """Refuses a record with lists of features, as a step of a sequence has them.

    Args:
      example: The record, read as a ``SequenceExample``.
      number: Of the record, from 1.
      path: Of the file.

    Raises:
      ConfigError: names the lists.
    """
    lists = sorted(example.feature_lists.feature_list)
    if lists:
        raise ConfigError(
            f"Record {number} of {path} is a SequenceExample with the feature lists {', '.join(lists)[:200]}, which "
            "are not read; write each as a feature of a tf.Example, numbers as an array of one length or ids as tokens."
        )


def _features(context: Any) -> dict[str, tuple[str, list[Any]]]:
    features = {}
    for name, feature in context.feature.items():
        which = feature.WhichOneof("kind")
        if which is not None:
            values = list(getattr(feature, which).value)
            if values:
                features[name] = (which.removesuffix("_list").replace("int64", "int"), values)
    return features


def _check_names(options: TfRecordOptions, survey: _Survey, path: Path) -> None:
    known = set(survey.scans) or survey.unlabelled
    for name in (options.label, *(options.features or {}), *options.drop):
        if name not in known:
            there = f"its features are {', '.join(sorted(known))}" if known else "its records have none"
            raise ConfigError(f"{path} has no feature {name!r}; {there}.{nearest(name, known)}")
    if not survey.scans:
        raise ConfigError(f"No record of {path} has a value of its label {options.label!r}; name another feature.")


def _value(found: tuple[str, list[Any]] | None, column: Column) -> Any:
    import numpy as np

    if found is None:
        return None
    values = found[1]
    if column.dtype == "array":
        return np.array(values, np.float32)
    if column.dtype == "tokens":
        padded = np.zeros(column.shape, np.int64)
        padded[: len(values)] = values
        return padded
    if column.dtype == "image":
        return plain_or_same(values[0])
    if column.dtype == "float":
        return float(values[0]) if values[0] == values[0] else None
    return plain(values[0])
