"""TFRecord files of tf.Examples, plain or gzipped; the one source whose reading needs TensorFlow."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted, nearest
from kerasline.components.datasets.description import (
    Column,
    Dataset,
    Found,
    LabelFacts,
    LabelNumbers,
    TfRecordOptions,
    facts_of_written,
    thin,
)
from kerasline.components.datasets.files import Places, check_unchanged, digest_file, is_gzip, size_of
from kerasline.components.datasets.images import examine, is_deep
from kerasline.components.datasets.values import NumberEvidence, WrittenNumbers, are_booleans

_MAX_DISTINCT = 10_000
_MAX_PIXELS = 5e7
_EIGHT_BITS = 255
_TEXTS_AT_ONCE = 4096
_IMAGE_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8")
_BMP_START, _BMP_HEADER_BYTES = b"BM", 26  # a word may begin so, but has no zeros in its first bytes


@dataclass
class FeatureScan:
    """What is known of one feature after the records so far."""

    name: str
    kinds: set[str] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)
    present: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    is_image: bool = True
    is_text: bool = True
    first_image: bytes = b""
    levels: int = 255  # of the pixels of images
    counts: dict[Any, int] | None = field(default_factory=dict)
    booleans: bool = True  # text only: every value is true or false
    evidence: NumberEvidence = field(default_factory=NumberEvidence)
    ranges: LabelNumbers = field(default_factory=LabelNumbers)
    texts: list[str] = field(default_factory=list)  # that the evidence has not seen yet

    def add(self, kind: str, values: list[Any]) -> None:
        """Takes in one record's values."""
        self.present += 1
        self.kinds.add(kind)
        self.lengths.add(len(values))
        if kind == "bytes":
            self.is_image = self.is_image and _begins_like_image(values[0])
            if self.is_image:
                self.first_image = self.first_image or values[0]
                if is_deep(values[0]):
                    self.levels = max(self.levels, examine(values[0], decode=True, max_pixels=_MAX_PIXELS).levels)
                self.counts = None
                return
            self.is_text = self.is_text and _is_text(values[0])
            if self.is_text and values[0].strip():
                self._take_text(values[0].decode().strip())
        else:
            self.minimum, self.maximum = min(self.minimum, *values), max(self.maximum, *values)
        if self.counts is not None:
            value = values[0] if len(values) == 1 else None
            self.counts[value] = self.counts.get(value, 0) + 1
            if len(self.counts) > _MAX_DISTINCT:
                self.counts = None

    def _take_text(self, text: str) -> None:
        self.booleans = self.booleans and are_booleans([text])
        self.texts.append(text)
        if len(self.texts) == _TEXTS_AT_ONCE:
            self._look()

    def _look(self) -> None:
        self.evidence.add(self.texts)
        self.ranges.measure(self.texts, self.evidence)
        self.texts = []

    @property
    def is_boolean(self) -> bool:
        """Whether the feature is text that says true and false."""
        return self.kinds == {"bytes"} and self.is_text and not self.is_image and self.booleans

    @property
    def numbers(self) -> WrittenNumbers | None:
        """The numbers that text holds, None for any other feature."""
        if self.texts:
            self._look()
        return self.evidence.settle() if self.kinds == {"bytes"} and self.is_text and not self.is_image else None


def find(options: TfRecordOptions, places: Places) -> Found:
    """Describes TFRecord files by reading all records once.

    Without ``features``: one number is a column; several, always as many, an array; integers of varying length, tokens;
    bytes that begin like PNG, JPEG, GIF or BMP, an image; other bytes, text.

    Raises:
      ConfigError: damaged files, a label or feature that is not there, or values that fit no type.
    """
    tests = [] if options.test_path is None else places.find_all(options.test_path)
    files = [path for path in places.find_all(options.path) if path not in tests]
    scans: dict[str, FeatureScan] = {}
    shards: list[dict[str, Any]] = []
    skipped: list[str] = []
    next_row: dict[str | None, int] = {}
    for path, split in [(path, None) for path in files] + [(path, "test") for path in tests]:
        rows = unlabelled = 0
        for features in _records(path):
            if not _has_label(features.get(options.label)):
                unlabelled += 1
                continue
            rows += 1
            for name, (kind, values) in features.items():
                scans.setdefault(name, FeatureScan(name)).add(kind, values)
        if unlabelled:
            skipped.append(f"{path.name}: {counted(unlabelled, 'record')} without {options.label!r}")
        shard: dict[str, Any] = {
            "path": str(path),
            "bytes": size_of(path),
            "first": next_row.get(split, 0),
            "rows": rows,
        }
        next_row[split] = shard["first"] + rows
        shards.append(shard if split is None else {**shard, "split": split})
    total = sum(shard["rows"] for shard in shards)
    _check_names(options, scans, files[0] if files else tests[0])
    given: Mapping[str, str] = options.features or {}
    inputs = given or [name for name in scans if name not in {options.label, *options.drop}]
    columns = tuple(_column(scans[name], given.get(name), total) for name in inputs)
    label = _label(scans[options.label], total, str(files[0]))
    dtypes = {column.dtype for column in columns}
    special: Any = next((dtype for dtype in ("image", "tokens", "array") if dtype in dtypes), "table")
    return Found(
        kind=special,
        columns=columns,
        label=label,
        reader="tfrecord",
        reader_options={"label_form": asdict(label.written.form) if label.written else None},
        shards=[shard for shard in shards if shard["rows"]],
        digest=",".join(digest_file(path) for path in [*files, *tests]),
        title=files[0].stem,
        skipped=tuple(skipped),
    )


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
        row[label.name] = _plain(values[0])
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
            return
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


def _has_label(found: tuple[str, list[Any]] | None) -> bool:
    if found is None:
        return False
    return bool(found[1][0].strip()) if found[0] == "bytes" else all(map(math.isfinite, found[1]))


def check_no_sequence(example: Any, number: int, path: object) -> None:
    """Refuses a record with lists of features, as a step of a sequence has them.

    Args:
      example: the record, read as a ``SequenceExample``.
      number: of the record, from 1.
      path: of the file.

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


def _column(scan: FeatureScan, dtype: str | None, rows: int) -> Column:
    found: Any = dtype or _infer(scan)
    missing = rows - scan.present
    allowed = {"float": {"float", "int"}, "array": {"float", "int"}, "int": {"int"}, "tokens": {"int"}}
    if not scan.kinds <= allowed.get(found, {"bytes"}):
        raise ConfigError(
            f"Feature {scan.name!r} holds {' and '.join(sorted(scan.kinds))} values, which are not {found}; "
            "correct tfrecord.features."
        )
    if found == "string" and not scan.is_text:
        raise ConfigError(
            f"Feature {scan.name!r} holds bytes that are neither text nor a PNG, JPEG, GIF or BMP image; "
            "drop it or write its values as numbers."
        )
    if found in ("float", "int", "string", "image") and scan.lengths != {1}:
        raise ConfigError(
            f"Feature {scan.name!r} has up to {max(scan.lengths)} values a record, so it cannot be {found}; "
            "drop it or make it array or tokens in tfrecord.features."
        )
    if found == "array" and len(scan.lengths) > 1:
        raise ConfigError(
            f"Feature {scan.name!r} has from {min(scan.lengths)} to {max(scan.lengths)} values a record, but "
            "an array needs always as many; drop it."
        )
    shape: tuple[int, ...] = (max(scan.lengths),) if found in ("array", "tokens") else ()
    if found == "image":
        shape = _image_shape(scan)
    distinct = len(scan.counts) if scan.counts is not None and found in ("float", "int", "string") else None
    return Column(
        name=scan.name,
        dtype=found,
        shape=shape,
        missing=missing,
        distinct=distinct,
        vocabulary_size=int(scan.maximum) + 1 if found == "tokens" else None,
        levels=scan.levels if found == "image" and scan.levels > _EIGHT_BITS else None,
        boolean=found == "string" and scan.is_boolean,
        numbers=scan.numbers if found == "string" else None,
    )


def _begins_like_image(value: bytes) -> bool:
    is_bmp = value.startswith(_BMP_START) and b"\0" in value[:_BMP_HEADER_BYTES]
    return is_bmp or value.startswith(_IMAGE_STARTS)


def _infer(scan: FeatureScan) -> str:
    if scan.kinds == {"bytes"}:
        return "image" if scan.is_image else "string"
    if scan.lengths == {1}:
        return "int" if scan.kinds == {"int"} else "float"
    return "tokens" if scan.kinds == {"int"} and len(scan.lengths) > 1 else "array"


def _image_shape(scan: FeatureScan) -> tuple[int, int, int]:
    checked = examine(scan.first_image, decode=True, max_pixels=_MAX_PIXELS)
    if checked.shape is None:
        raise ConfigError(f"The first image of feature {scan.name!r} cannot be used: {checked.problem}.")
    return checked.shape


def _label(scan: FeatureScan, rows: int, origin: str) -> LabelFacts:
    if scan.lengths != {1}:
        raise ConfigError(f"Label {scan.name!r} of {origin} has several values a record; only one can be predicted.")
    if "bytes" in scan.kinds:
        facts = LabelFacts(scan.name, "string", _text_counts(scan), rows, origin=origin)
        written = scan.numbers
        return replace(facts, written=written, as_numbers=facts_of_written(facts, written, scan.ranges))
    known = scan.counts or {}
    return LabelFacts(
        scan.name,
        "int" if scan.kinds == {"int"} else "float",
        scan.counts,
        rows,
        minimum=scan.minimum,
        maximum=scan.maximum,
        whole=bool(known) and all(float(value).is_integer() for value in known),
        origin=origin,
    )


def _text_counts(scan: FeatureScan) -> dict[str | int | float, int] | None:
    """Returns the rows of each text, true and false in any case being one."""
    if scan.counts is None:
        return None
    counts: dict[str | int | float, int] = {}
    for value, rows in scan.counts.items():
        text = _plain(value).lower() if scan.is_boolean else _plain(value)
        counts[text] = counts.get(text, 0) + rows
    return counts


def _check_names(options: TfRecordOptions, scans: Mapping[str, FeatureScan], path: Path) -> None:
    for name in (options.label, *(options.features or {}), *options.drop):
        if name not in scans:
            there = f"its features are {', '.join(sorted(scans))}" if scans else "it has no records with the label"
            raise ConfigError(f"{path} has no feature {name!r}; {there}.{nearest(name, scans)}")


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
        return values[0]
    if column.dtype == "float":
        return float(values[0]) if values[0] == values[0] else None
    return _plain(values[0])


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
