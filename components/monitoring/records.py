"""Captured rows: how a request and its answer become rows of a Parquet file, and where these lie.

``captured/NAME/answers/version=3/day=2026-11-29/*.parquet``. A row has ``request_id``, ``time`` (UTC), ``version``,
``code`` (of HTTP), ``latency_ms`` (of its request), ``input.COLUMN`` for each column that is not redacted, and
``class`` and ``scores``, ``scores``, or ``value``. A request that failed is one row without inputs and answer. ``role``
is there where another version is compared with the one in production, or no server answered; see ``ROLES``.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

CAPTURED = "captured"  # of a workspace
ANSWERS, LABELS = "answers", "labels"  # of a model below it
REQUEST_ID, INPUT = "request_id", "input."
# Of a row: answered beside production and not sent, answered in its place, by it instead of a canary that failed, by a
# version that the client asked for by number, by predict, or by TensorFlow Serving. A row of production, or of a time
# without others, has none.
SHADOW, CANARY, FALLBACK, ASKED, BATCH, LOGGED = ROLES = ("shadow", "canary", "fallback", "asked", "batch", "logged")
OUTPUTS = ("class", "scores", "value")  # of a signature, as far as they are captured
EXAMPLES = "examples"  # the argument of ``serving_default``
_REQUEST_ID = re.compile(r"[!-~]{1,128}")
_USUAL_DAYS = 30
# A part of a day covers the numbers of the flushes that are in it; one that holds others makes these obsolete.
_PART = re.compile(r"([0-9a-f]{8})-(\d{8})-(\d{8})\.parquet")


@dataclass(frozen=True)
class Exchange:
    """A request to a version and what became of it.

    Attributes:
      name, version, record: of the version, and what was recorded when it was pushed.
      request_id: of the request.
      at: when it was answered, in seconds since 1970.
      seconds: that it took.
      code: of HTTP.
      inputs: by argument of the signature, what :func:`numpy.asarray` takes, each [rows, ...]; empty of a failure.
      answer: by output of the signature, each [rows, ...]; empty of a failure.
      size: about how many bytes all that has.
      role: one of ``ROLES``, or nothing.
      ids: of its rows, where they bring theirs.
    """

    name: str
    version: int
    record: Mapping[str, Any]
    request_id: str
    at: float
    seconds: float
    code: int = 200
    inputs: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, np.ndarray] = field(default_factory=dict)
    size: int = 0
    role: str = ""
    ids: tuple[str, ...] = ()

    def row_ids(self) -> list[str]:
        """Returns the id of each row: the request's own for one row, ``ID-0``, ``ID-1`` and so on for several."""
        if self.ids:
            return list(self.ids)
        rows = max((len(values) for values in self.answer.values()), default=1)
        return [self.request_id] if rows == 1 else [f"{self.request_id}-{row}" for row in range(rows)]

    def day(self) -> str:
        """Returns the day of the answer, by UTC."""
        return datetime.fromtimestamp(self.at, UTC).date().isoformat()


def request_id_of(given: str) -> str:
    """Returns a client's id of a request, or a new one where it sent none, or one that no header can hold."""
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def id_text(value: Any) -> str:
    """Writes an id of a row as ``label`` reads it: without spaces around it, and 3 for 3.0; nothing of none."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None or value != value else str(value).strip()


def capture_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns what a version's recipe says of capturing, and the usual values where it says nothing."""
    said = (record.get("serve") or {}).get("capture") or {"share": 0.0}
    return {"keep_days": _USUAL_DAYS, "redact": (), "images": "digest", **said}


def answers_folder(captured: Path, name: str, version: int, day: str) -> Path:
    """Returns where the answers of a version and a day lie."""
    return captured / name / ANSWERS / f"version={version}" / f"day={day}"


def parts_of(folder: Path) -> list[Path]:
    """Lists the files of a day, without those whose rows are in another one: a server was killed as it joined them."""
    found = [(path, match) for path in sorted(folder.glob("*.parquet")) if (match := _PART.fullmatch(path.name))]
    spans = [(match[1], int(match[2]), int(match[3])) for _, match in found]

    def is_covered(own: tuple[str, int, int]) -> bool:
        return any(own[0] == s and first <= own[1] and own[2] <= last and own != (s, first, last)
                   for s, first, last in spans)  # fmt: skip

    return [path for (path, _), own in zip(found, spans, strict=True) if not is_covered(own)]


def table_of(exchanges: Sequence[Exchange]) -> Any:
    """Makes an Arrow table of exchanges with one version; a redacted column is never looked at."""
    import pyarrow as pa

    return pa.concat_tables([_rows_of(group) for group in _alike(exchanges)], promote_options="default")


def _alike(exchanges: Sequence[Exchange]) -> Iterable[list[Exchange]]:
    """Groups exchanges that have the same inputs and outputs, whose arrays can be joined."""
    groups: dict[Any, list[Exchange]] = {}
    for one in exchanges:
        groups.setdefault((tuple(one.inputs), tuple(one.answer), one.role), []).append(one)
    return groups.values()


def _rows_of(exchanges: Sequence[Exchange]) -> Any:
    import pyarrow as pa

    ids = [one.row_ids() for one in exchanges]
    rows = [len(each) for each in ids]
    first = exchanges[0]
    columns = usual_columns(
        [each for listed in ids for each in listed],
        first.version,
        np.repeat([one.at for one in exchanges], rows),
        np.repeat([one.code for one in exchanges], rows),
        np.repeat([1000 * one.seconds for one in exchanges], rows),
        first.role,
    )
    if first.inputs:
        columns |= _inputs(exchanges)
    if first.answer:
        columns |= _answers(exchanges)
    return pa.table(columns)


def usual_columns(
    ids: Sequence[str], version: int, times: np.ndarray, codes: np.ndarray, latencies: np.ndarray, role: str
) -> dict[str, Any]:
    """Returns what every captured row has, as Arrow arrays.

    Args:
      ids: of the rows.
      version: that answered.
      times: when each was answered, in seconds since 1970.
      codes: of HTTP, of each.
      latencies: of the request of each, in milliseconds; NaN where nobody waited for it.
      role: one of ``ROLES``, or nothing, which is no column.
    """
    import pyarrow as pa

    microseconds = (np.asarray(times, np.float64) * 1e6).astype(np.int64)
    found = {
        REQUEST_ID: pa.array(ids, pa.string()),
        "time": pa.array(microseconds, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "version": pa.array(np.full(len(ids), version), pa.int32()),
        "code": pa.array(codes, pa.int16()),
        "latency_ms": pa.array(np.asarray(latencies, np.float32), pa.float32(), from_pandas=True),
    }
    return found | ({"role": pa.array([role] * len(ids), pa.string())} if role else {})


def _inputs(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """Returns the raw columns that are kept, as Arrow arrays of the types that training had."""
    record = exchanges[0].record
    names = {argument: name for name, argument in record.get("arguments", {}).items()}
    if set(exchanges[0].inputs) == {EXAMPLES} and EXAMPLES not in names:
        sent = [np.asarray(one.inputs[EXAMPLES]).ravel().tolist() for one in exchanges]
        return columns_of_examples([example for examples in sent for example in examples], record)
    return _columns_of_arguments(exchanges, {name: names.get(name, name) for name in exchanges[0].inputs}, record)


def _columns_of_arguments(
    exchanges: Sequence[Exchange], names: Mapping[str, str], record: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the columns of requests that sent a tensor for each, those that are redacted left out."""
    settings = capture_of(record)
    kinds = {column["name"]: column["dtype"] for column in record.get("columns", ())}
    kept: dict[str, Any] = {}
    for argument, name in names.items():
        if name not in settings["redact"]:
            joined = _joined([one.inputs[argument] for one in exchanges])
            kept[INPUT + name] = arrow_values(joined, kinds.get(name, ""), settings["images"])
    return kept


def columns_of_examples(examples: Sequence[bytes], record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the columns of serialized tf.Examples as they are captured, those that are redacted left out.

    Args:
      examples: one for each row.
      record: of the version that read them.
    """
    kept = _kept_kinds(record)
    images = capture_of(record)["images"]
    return {
        INPUT + name: arrow_values(found, kept[name], images) for name, found in features_of(examples, kept).items()
    }


def columns_of_values(values: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns raw values as they are captured, those that are redacted left out.

    Args:
      values: by column of the version's data; see :func:`arrow_values`.
      record: of the version that read them.
    """
    images = capture_of(record)["images"]
    return {INPUT + name: arrow_values(values[name], kind, images) for name, kind in _kept_kinds(record).items()}


def _kept_kinds(record: Mapping[str, Any]) -> dict[str, str]:
    """Returns what each column of the data holds, but for those that are redacted."""
    redacted = capture_of(record)["redact"]
    return {column["name"]: column["dtype"] for column in record.get("columns", ()) if column["name"] not in redacted}


def _joined(parts: Sequence[Any]) -> np.ndarray:
    arrays = [np.asarray(part) for part in parts]
    if len({array.shape[1:] for array in arrays}) == 1:
        return np.concatenate(arrays)
    joined = np.empty(sum(map(len, arrays)), object)
    joined[:] = [row for array in arrays for row in array]
    return joined


def features_of(examples: Sequence[bytes], kinds: Mapping[str, str]) -> dict[str, list[Any]]:
    """Reads columns of serialized tf.Examples.

    Args:
      examples: one for each row.
      kinds: what each column holds, by its name.

    Returns:
      The values by column, None where a row has none.
    """
    import tensorflow as tf

    found: dict[str, list[Any]] = {name: [] for name in kinds}
    for example in examples:
        features = tf.train.Example.FromString(example).features.feature
        for name, kind in kinds.items():
            feature = features.get(name)
            which = feature.WhichOneof("kind") if feature else None
            values = list(getattr(feature, which).value) if which else []
            found[name].append(values if kind in ("array", "tokens") else values[0] if values else None)
    return found


def arrow_values(values: Sequence[Any] | np.ndarray, kind: str, images: str = "keep") -> Any:
    """Writes the values of a column as an Arrow array, null where one is missing.

    Args:
      values: numbers, bytes, or an array of numbers for each row; NaN, ``b""`` and None are missing.
      kind: of the column, as its version's record has it; empty where there is none.
      images: ``digest`` to write the sha256 of each image instead of the image.
    """
    import pyarrow as pa

    if kind == "image":
        return _images(values, images)
    dimensions = values.ndim if isinstance(values, np.ndarray) else None
    if dimensions in (None, 1) and (kind in ("float", "int") or _are_numbers(values)):
        return _numbers(_with_nan(values), kind)
    if kind == "string" or dimensions == 1:
        return _texts(values)
    return pa.array([_flat(value) for value in values], pa.list_(pa.float32()))


def _images(values: Sequence[Any] | np.ndarray, images: str) -> Any:
    """Writes encoded images, or the sha256 of each."""
    import pyarrow as pa

    listed = values.tolist() if isinstance(values, np.ndarray) else values
    contents = [value or None for value in listed]
    if images == "keep":
        return pa.array(contents, pa.binary())
    return pa.array([value and hashlib.sha256(value).hexdigest() for value in contents], pa.string())


def _are_numbers(values: Sequence[Any] | np.ndarray) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind in "iufb"


def _with_nan(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Makes an array of numbers, NaN where there is none."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        return values
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _flat(value: Any) -> np.ndarray | None:
    return None if value is None else np.asarray(value, np.float32).ravel()


def _numbers(values: np.ndarray, kind: str) -> Any:
    import pyarrow as pa

    if kind == "float" or (not kind and values.dtype.kind == "f"):
        return pa.array(values.astype(np.float32), pa.float32(), from_pandas=True)
    if values.dtype.kind == "f":
        return pa.array(np.where(np.isinf(values), np.nan, values), from_pandas=True).cast(pa.int64(), safe=False)
    return pa.array(values.astype(np.int64), pa.int64())


def _texts(values: Sequence[Any] | np.ndarray) -> Any:
    """Writes texts, or what else stands in their place, null where there is nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if set(map(type, values)) <= {str, type(None)}:  # as files give them, by the hundred thousand
        texts = pa.array(values, pa.string())
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    text = value.decode(errors="replace") if isinstance(value, bytes) else None if value is None else str(value)
    return text or None


def _answers(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    outputs = [name for name in OUTPUTS if name in exchanges[0].answer]
    return answer_columns({name: _joined([one.answer[name] for one in exchanges]) for name in outputs})


def answer_columns(answer: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns what was answered as Arrow arrays, as far as it is captured.

    Args:
      answer: by output of a signature, each [rows, ...].
    """
    import pyarrow as pa

    found: dict[str, Any] = {}
    if "class" in answer:
        found["class"] = arrow_values(answer["class"], "string")
    if "scores" in answer:
        scores = answer["scores"].astype(np.float32)
        ends = np.arange(len(scores) + 1, dtype=np.int32) * (scores.size // max(len(scores), 1))
        found["scores"] = pa.ListArray.from_arrays(pa.array(ends), pa.array(scores.ravel(), pa.float32()))
    if "value" in answer:
        values = answer["value"]
        found["value"] = pa.array(values.astype(np.float32).reshape(len(values)), pa.float32())
    return found
