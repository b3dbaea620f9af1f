"""Request logs of TensorFlow Serving: ``PredictionLog`` records of TFRecord files, plain or gzipped, as exchanges.

A record has a checksum of its length and one of its content. Where the second is wrong the record is passed over; where
the first is, nobody knows where the next one begins. A file that is still written to ends within a record.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.datasets.files import is_gzip
from kerasline.components.monitoring.records import EXAMPLES, LOGGED, OUTPUTS, Exchange, features_of, id_text

RECORD, DAMAGED, CUT, LOST = "record", "damaged", "cut", "lost"
_HEADER, _CHECKSUM_BYTES = struct.Struct("<QI"), 4
_MOST_BYTES = 1 << 31  # of a record; protobuf reads no larger ones


class Skipped(Exception):  # noqa: N818 (it is no error)
    """A record that is none of the model's answers: of what kind it is, and which model or version it names."""

    def __init__(self, kind: str, name: str = "") -> None:
        super().__init__(kind, name)
        self.kind, self.name = kind, name


@dataclass(frozen=True)
class Wanted:
    """Whose answers are looked for.

    Attributes:
      name: of the model.
      records: of its versions, by number.
      version: of records that name none; None where these are passed over.
      key: the input column that has the ids of rows; empty where ids are made.
    """

    name: str
    records: Mapping[int, Mapping[str, Any]]
    version: int | None = None
    key: str = ""


def read_records(path: Path) -> Iterator[tuple[str, bytes]]:
    """Reads a TFRecord file.

    Yields:
      ``RECORD`` or ``DAMAGED`` and the content; last, where the file does not end after a record, ``CUT`` (the rest of
      a record is not there) or ``LOST`` (what follows cannot be read).
    """
    with gzip.open(path) if is_gzip(path) else open(path, "rb") as file:
        try:
            while header := file.read(_HEADER.size):
                kind, content = _next(header, file)
                yield kind, content
                if kind in (CUT, LOST):
                    return
        except EOFError:  # gzip's end is not there yet
            yield CUT, b""
        except (zlib.error, gzip.BadGzipFile):
            yield LOST, b""


def _next(header: bytes, file: Any) -> tuple[str, bytes]:
    if len(header) < _HEADER.size:
        return CUT, b""
    length, checksum = _HEADER.unpack(header)
    if _masked(header[:8]) != checksum or length > _MOST_BYTES:
        return LOST, b""
    content = file.read(length + _CHECKSUM_BYTES)
    if len(content) < length + _CHECKSUM_BYTES:
        return CUT, b""
    content, checksum = content[:length], int.from_bytes(content[length:], "little")
    return (RECORD if _masked(content) == checksum else DAMAGED), content


def _masked(content: bytes) -> int:
    """Returns the checksum as TFRecord files have it: turned, so that checksums of checksums are good ones, too."""
    import google_crc32c

    value = int(google_crc32c.value(content))
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def exchange_of(content: bytes, wanted: Wanted, made_id: str, written_at: float) -> Exchange:
    """Returns what a record says of a request and its answer.

    Args:
      content: of the record.
      wanted: whose answers are looked for.
      made_id: of a request whose rows bring no ids.
      written_at: when the file was last written to, for records that do not say when they were.

    Raises:
      Skipped: it is no answer of the model that can be kept.
    """
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    try:
        log = prediction_log_pb2.PredictionLog.FromString(content)
    except DecodeError:
        raise Skipped("unreadable") from None
    kind = log.WhichOneof("log_type")
    if kind not in _READERS:
        raise Skipped("other_kinds")
    entry = getattr(log, kind)
    version = _version_of(log, entry, wanted)
    record = wanted.records[version]
    try:
        inputs, answer = _READERS[kind](entry, record)
        _check_rows(inputs, answer, record)
        ids = _ids(inputs, record, wanted.key)
    except (TypeError, ValueError, LookupError, DecodeError):
        raise Skipped("unreadable") from None
    at = float(log.log_metadata.timestamp_secs) or written_at
    return Exchange(
        wanted.name, version, record, made_id, at, float("nan"), inputs=inputs, answer=answer, size=len(content),
        role=LOGGED, ids=ids,
    )  # fmt: skip


def _version_of(log: Any, entry: Any, wanted: Wanted) -> int:
    """Returns the version that answered: the answer says it best, else the log or the request."""
    specs = [entry.response.model_spec, log.log_metadata.model_spec, entry.request.model_spec]
    name = next((spec.name for spec in specs if spec.name), wanted.name)
    if name != wanted.name:
        raise Skipped("other_models", name)
    version = next((spec.version.value for spec in specs if spec.HasField("version")), wanted.version)
    if version is None:
        raise Skipped("without_version")
    if version not in wanted.records:
        raise Skipped("unknown_versions", str(version))
    return int(version)


_Parts = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


def _of_predict(entry: Any, record: Mapping[str, Any]) -> _Parts:
    """Reads tensors, one for each column, or serialized tf.Examples."""
    import tensorflow as tf

    known = {EXAMPLES, *record.get("arguments", {}).values()}
    inputs = {name: tf.make_ndarray(tensor) for name, tensor in entry.request.inputs.items() if name in known}
    outputs = entry.response.outputs
    return inputs, {name: tf.make_ndarray(outputs[name]) for name in OUTPUTS if name in outputs}


def _of_classify(entry: Any, record: Mapping[str, Any]) -> _Parts:
    """Reads tf.Examples and a score for each class by its name."""
    found = [{one.label: one.score for one in row.classes} for row in entry.response.result.classifications]
    scores = np.array([[row[name] for name in record["classes"] or ()] for row in found], np.float32)
    classes = np.array([max(row, key=row.__getitem__) for row in found], object)
    return _examples(entry), {"class": classes, "scores": scores}


def _of_regress(entry: Any, record: Mapping[str, Any]) -> _Parts:
    """Reads tf.Examples and a value for each."""
    return _examples(entry), {"value": np.array([one.value for one in entry.response.result.regressions], np.float32)}


_READERS = {"predict_log": _of_predict, "classify_log": _of_classify, "regress_log": _of_regress}


def _examples(entry: Any) -> dict[str, np.ndarray]:
    """Returns the tf.Examples of a request, each with what its context adds to it."""
    given = entry.request.input
    if given.WhichOneof("kind") == "example_list_with_context":
        listed = given.example_list_with_context
        context = listed.context.SerializeToString()  # of two features of one name the later one counts
        return {EXAMPLES: _objects([context + one.SerializeToString() for one in listed.examples])}
    return {EXAMPLES: _objects([one.SerializeToString() for one in given.example_list.examples])}


def _objects(values: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _check_rows(inputs: Mapping[str, np.ndarray], answer: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> None:
    """Sees that each row of an exchange has its inputs and its answer."""
    needed = "value" if record["classes"] is None else "scores"
    if needed not in answer:
        raise Skipped("without_answer")
    counts = {len(values) for values in (*inputs.values(), *answer.values())}
    values = answer[needed].reshape(len(answer[needed]), -1)
    if len(counts) != 1 or not inputs or values.shape[1] != len(record["classes"] or "1"):
        raise ValueError


def _ids(inputs: Mapping[str, np.ndarray], record: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Returns the ids of rows that bring theirs, in a column or in a feature that the model may not even read."""
    if not key:
        return ()
    argument = record.get("arguments", {}).get(key)
    if argument in inputs:
        values = inputs[argument].tolist()
    elif EXAMPLES in inputs:
        values = features_of(inputs[EXAMPLES].tolist(), {key: "string"})[key]
    else:
        raise Skipped("without_id")
    found = [id_text(value) for value in values]
    if "" in found:
        raise Skipped("without_id")
    return tuple(found)
