"""TFRecord files of tf.Examples, plain or packed; the one source whose reading needs TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, nearest
from kerasline.components.datasets.arrays.feature_scan import FeatureScan, Values, column_of, label_of, plain
from kerasline.components.datasets.arrays.record_survey import RecordSurvey, absent_shards, has_label
from kerasline.components.datasets.description import Column, Dataset, Found, TfRecordOptions, only_in_tests, thin
from kerasline.components.datasets.files import Places, check_unchanged, digest_file, is_gzip
from kerasline.components.datasets.images import plain_or_same, shortened


def find(options: TfRecordOptions, places: Places) -> Found:
    """Describes TFRecord files by reading all records once.

    Without ``features``: one number is a column; several, always as many, an array; integers of varying length, tokens;
    bytes that begin like PNG, JPEG, WebP, TIFF, AVIF, GIF or BMP, an image; other bytes, text.

    Raises:
      ConfigError: damaged files, a label or feature that is not there, or values that fit no type.
    """
    listed = places.find_splits("tfrecord", options.path, options.test_path)
    first = listed[0][0]
    survey = _survey(options, listed)
    _check_names(options, survey, first)
    columns = _columns(options, survey, first)
    scan = survey.scans[options.label]
    untrained = only_in_tests(map(plain, scan.counts or ()), map(plain, survey.trained))
    label = replace(label_of(scan, survey.rows, str(first)), untrained=untrained)
    return Found(
        kind=_kind({column.dtype for column in columns}),
        columns=columns,
        label=label,
        reader="tfrecord",
        reader_options={"label_form": asdict(label.written.form) if label.written else None},
        shards=[shard for shard in survey.shards if shard["rows"]],
        digest=",".join(digest_file(path) for path, _ in listed),
        title=first.stem,
        skipped=shortened([*absent_shards([path for path, _ in listed]), *survey.skipped]),
        notes=tuple(note for name in survey.images for note in survey.scans[name].survey.notes),
    )


def _columns(options: TfRecordOptions, survey: RecordSurvey, path: Path) -> tuple[Column, ...]:
    """Describes the features that are inputs."""
    given: Mapping[str, str] = options.features or {}
    inputs = _inputs(options, survey)
    if not inputs:
        raise ConfigError(f"{path} has no feature left as input besides {options.label!r}; drop fewer features.")
    columns = tuple(column_of(survey.scans[name], given.get(name), survey.rows) for name in inputs)
    if any(column.dtype == "image" and column.missing for column in columns):
        images = ", ".join(survey.images)
        raise ConfigError(f"No record of {path} has an image in each of {images}; drop some of them.")
    return columns


def _inputs(options: TfRecordOptions, survey: RecordSurvey) -> list[str]:
    """Names the inputs: the features that the recipe lists, or all but the label and what it drops."""
    return list(options.features or (name for name in survey.scans if name not in {options.label, *options.drop}))


def _survey(options: TfRecordOptions, listed: Sequence[tuple[Path, str | None]]) -> RecordSurvey:
    """Reads all records; twice where some have no image that can be used, which are then left out."""
    survey = _read_all(options, listed, [])
    images = _images(options, survey)
    survey.images = [scan.name for scan in images]
    if all(scan.is_flawless and scan.present == survey.rows for scan in images):
        return survey
    kept = _read_all(options, listed, survey.images)
    return kept if kept.rows else survey  # which says what is wrong with the images


def _read_all(options: TfRecordOptions, listed: Sequence[tuple[Path, str | None]], images: list[str]) -> RecordSurvey:
    survey = RecordSurvey(options.label, options.check == "decode", images)
    for path, split in listed:
        survey.add(path, split, _records(path))
    return survey


def _images(options: TfRecordOptions, survey: RecordSurvey) -> list[FeatureScan]:
    """Returns the inputs that are images: those that the recipe calls so, or that nearly always hold one."""
    inputs = (survey.scans[name] for name in _inputs(options, survey) if name in survey.scans)
    if options.features:
        return [scan for scan in inputs if options.features[scan.name] == "image"]
    return [scan for scan in inputs if scan.is_image]


def _kind(dtypes: Collection[str]) -> Any:
    """Names what records are by the types of their features; those of scalars alone are a table."""
    return next((dtype for dtype in ("image", "tokens", "array") if dtype in dtypes), "table")


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard."""
    check_unchanged(shard["path"], shard["bytes"])
    yield from thin(_rows(dataset, shard), shard)


def _rows(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    label, unusable = dataset.label, set(shard.get("unusable", ()))
    for number, features in enumerate(_records(Path(shard["path"])), start=1):
        if number in unusable or not has_label(features.get(label.name)):
            continue
        row = {column.name: _value(features.get(column.name), column) for column in dataset.columns}
        row[label.name] = plain(features[label.name].values[0])
        yield row


def compression_of(path: str | Path) -> str:
    """Returns how a TFRecord file is packed, in TensorFlow's words: GZIP, ZLIB, or nothing."""
    if is_gzip(path):
        return "GZIP"
    with open(path, "rb") as file:
        start = file.read(8)  # of a plain file the length of its first record, far below 2 to the power of 32
    is_zlib = len(start) == 8 and start[0] == 0x78 and int.from_bytes(start[:2], "big") % 31 == 0
    return "ZLIB" if is_zlib and any(start[4:]) else ""


def _records(path: Path) -> Iterator[dict[str, Values]]:
    """Yields each record's features by name; empty lists are left out."""
    import tensorflow as tf

    compression = compression_of(path)
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


def _features(context: Any) -> dict[str, Values]:
    features = {}
    for name, feature in context.feature.items():
        which = feature.WhichOneof("kind")
        if which is not None:
            values = list(getattr(feature, which).value)
            if values:
                features[name] = Values(which.removesuffix("_list").replace("int64", "int"), values)
    return features


def _check_names(options: TfRecordOptions, survey: RecordSurvey, path: Path) -> None:
    if not survey.records:
        raise ConfigError(f"{path} has no records; check that the right file was named.")
    if options.label in (options.features or ()):
        raise ConfigError(f"tfrecord.features lists {options.label!r}, which is the label; take it out.")
    known = set(survey.scans) or survey.unlabelled
    for name in (options.label, *(options.features or {}), *options.drop):
        if name not in known:
            there = f"its features are {', '.join(sorted(known))}" if known else "its records have none"
            raise ConfigError(f"{path} has no feature {name!r}; {there}.{nearest(name, known)}")
    if not survey.scans:
        raise ConfigError(f"No record of {path} has a value of its label {options.label!r}; name another feature.")


def _value(found: Values | None, column: Column) -> Any:
    import numpy as np

    if found is None:
        return None
    values = found.values
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
