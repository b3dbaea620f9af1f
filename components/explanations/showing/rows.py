"""Reads chosen rows out of the Examples artifact without TensorFlow: commands that show a few answer at once."""

from __future__ import annotations

import gzip
import math
import random
import struct
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

Row = dict[str, list[Any]]
_LENGTH = struct.Struct("<Q")
_CHECKSUM_BYTES = 4
_CHUNK_BYTES = 1 << 20


def read_rows(examples: str | Path, split: str, wanted: Collection[int]) -> dict[int, Row]:
    """Reads rows of a split by their position, in the order of the files, as the Trainer's predictions have it.

    Args:
      examples: the Examples artifact.
      split: ``train``, ``eval`` or ``test``.
      wanted: positions from 0.

    Returns:
      Position to row: column name to its values (bytes, floats or ints); positions beyond the end are left out.
    """
    return {position: decode_row(record) for position, record in find_records(examples, split, wanted).items()}


def find_records(examples: str | Path, split: str, wanted: Collection[int]) -> dict[int, bytes]:
    """Finds rows as :func:`read_rows` does and leaves them serialized."""
    missing = set(wanted)
    found: dict[int, bytes] = {}
    if not missing:
        return found
    for position, record in enumerate(read_records(Path(examples, f"Split-{split}"))):
        if position in missing:
            missing.discard(position)
            found[position] = record
            if not missing:
                break
    return found


def sample_records(examples: str | Path, split: str, count: int) -> dict[int, bytes]:
    """Draws ``count`` rows of a split, or all where it has no more, as :func:`find_records` gives them.

    One pass holds no more than the sample; the same rows are drawn every time.

    Source: K.-H. Li, Reservoir-Sampling Algorithms of Time Complexity O(n(1 + log(N/n))) (algorithm L), 1994.
    """
    draw = random.Random(0)
    kept: list[tuple[int, bytes]] = []
    weight, following = 1.0, count - 1
    for position, record in enumerate(read_records(Path(examples, f"Split-{split}"))):
        if position < count:
            kept.append((position, record))
        elif position == following:
            kept[draw.randrange(count)] = (position, record)
        if position == following:
            # How many rows are passed over before the next that takes a place.
            weight *= math.exp(math.log(1 - draw.random()) / count)
            following = position + 1 + int(math.log(1 - draw.random()) / math.log1p(-weight))
    return dict(sorted(kept))


def read_records(folder: Path) -> Iterator[bytes]:
    """Gives the serialized tf.Examples of a folder of GZIP TFRecord files, sorted by file name."""
    for path in sorted(folder.glob("*")):
        if path.name.startswith("."):
            continue
        with gzip.open(path, "rb") as file:
            yield from _records_of(file)


def _records_of(file: gzip.GzipFile) -> Iterator[bytes]:
    """Cuts what a file holds into records; asking it for each of them would take three times as long."""
    rest, head = b"", _LENGTH.size + _CHECKSUM_BYTES
    while chunk := file.read(_CHUNK_BYTES):
        content, start = rest + chunk, 0
        while start + head <= len(content):
            end = start + head + _LENGTH.unpack_from(content, start)[0]
            if end + _CHECKSUM_BYTES > len(content):
                break
            yield content[start + head : end]
            start = end + _CHECKSUM_BYTES
        rest = content[start:]


def decode_row(record: bytes) -> Row:
    """Decodes a serialized tf.Example."""
    example = _example_class().FromString(record)
    row: Row = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        row[name] = list(getattr(feature, kind).value) if kind else []
    return row


@cache
def _example_class() -> Any:
    """Builds the message class of tf.Example: on the wire it is what tensorflow/core/example/example.proto says."""
    file = descriptor_pb2.FileDescriptorProto(name="rows/example.proto", package="rows", syntax="proto3")
    for name, kind in (
        ("BytesList", Field.TYPE_BYTES),
        ("FloatList", Field.TYPE_FLOAT),
        ("Int64List", Field.TYPE_INT64),
    ):
        values = file.message_type.add(name=name).field.add(
            name="value", number=1, type=kind, label=Field.LABEL_REPEATED
        )
        values.options.packed = kind != Field.TYPE_BYTES
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind_name) in enumerate(
        (("bytes_list", "BytesList"), ("float_list", "FloatList"), ("int64_list", "Int64List")), 1
    ):
        feature.field.add(
            name=name, number=number, type=Field.TYPE_MESSAGE, type_name=f".rows.{kind_name}", oneof_index=0,
            label=Field.LABEL_OPTIONAL,
        )  # fmt: skip
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
    entry.field.add(
        name="value", number=2, type=Field.TYPE_MESSAGE, type_name=".rows.Feature", label=Field.LABEL_OPTIONAL
    )
    features.field.add(
        name="feature", number=1, type=Field.TYPE_MESSAGE, type_name=".rows.Features.FeatureEntry",
        label=Field.LABEL_REPEATED,
    )  # fmt: skip
    example = file.message_type.add(name="Example")
    example.field.add(
        name="features", number=1, type=Field.TYPE_MESSAGE, type_name=".rows.Features", label=Field.LABEL_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("rows.Example"))
