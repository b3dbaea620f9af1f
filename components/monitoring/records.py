"""Captured rows: how a request and its answer become rows of a Parquet file, and where these lie.

``captured/NAME/answers/version=3/day=2026-11-29/*.parquet``. A row has ``request_id``, ``time`` (UTC), ``version``,
``code`` (of HTTP), ``latency_ms`` (of its request), ``input.COLUMN`` for each column that is not redacted, and
``class`` and ``scores``, ``scores``, or ``value``. A request that failed is one row without inputs and answer. ``role``
is there where another version is compared with the one in production; see ``ROLES``.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

CAPTURED = "captured"  # of a workspace
ANSWERS, LABELS = "answers", "labels"  # of a model below it
INPUT = "input."
# Of a row: answered beside production and not sent, answered in its place, by it instead of a canary that failed, or
# by a version that the client asked for by number. A row of production has none, and neither has one of before.
SHADOW, CANARY, FALLBACK, ASKED = ROLES = ("shadow", "canary", "fallback", "asked")
OUTPUTS = ("class", "scores", "value")  # of a signature, as far as they are captured
_EXAMPLES = "examples"  # the argument of ``serving_default``
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

    def row_ids(self) -> list[str]:
        """Returns the id of each row: the request's own for one row, ``ID-0``, ``ID-1`` and so on for several."""
        rows = max((len(values) for values in self.answer.values()), default=1)
        return [self.request_id] if rows == 1 else [f"{self.request_id}-{row}" for row in range(rows)]

    def day(self) -> str:
        """Returns the day of the answer, by UTC."""
        return datetime.fromtimestamp(self.at, UTC).date().isoformat()


def request_id_of(given: str) -> str:
    """Returns a client's id of a request, or a new one where it sent none, or one that no header can hold."""
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


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
    times = np.repeat([int(one.at * 1e6) for one in exchanges], rows)
    columns = {
        "request_id": pa.array([each for listed in ids for each in listed], pa.string()),
        "time": pa.array(times, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "version": pa.array(np.full(len(times), first.version), pa.int32()),
        "code": pa.array(np.repeat([one.code for one in exchanges], rows), pa.int16()),
        "latency_ms": pa.array(np.repeat([1000 * one.seconds for one in exchanges], rows), pa.float32()),
    }
    columns |= _role(first.role, len(times))
    if first.inputs:
        columns |= _inputs(exchanges)
    if first.answer:
        columns |= _answers(exchanges)
    return pa.table(columns)


def _role(role: str, rows: int) -> dict[str, Any]:
    """Writes the role of rows, and no column where they have none."""
    import pyarrow as pa

    return {"role": pa.array([role] * rows, pa.string())} if role else {}


def _inputs(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """Returns the raw columns that are kept, as Arrow arrays of the types that training had."""
    record = exchanges[0].record
    settings, arguments = capture_of(record), record.get("arguments", {})
    kinds = {column["name"]: column["dtype"] for column in record.get("columns", ())}
    names = {argument: name for name, argument in arguments.items()}
    are_examples = set(exchanges[0].inputs) == {_EXAMPLES} and _EXAMPLES not in names
    if are_examples:
        wanted = {name: kind for name, kind in kinds.items() if name not in settings["redact"]}
        found: Mapping[str, Any] = _of_examples(exchanges, wanted)
    else:
        found = _of_arguments(exchanges, names, settings["redact"])
    return {
        INPUT + name: arrow_values(values, kinds.get(name, ""), settings["images"]) for name, values in found.items()
    }


def _of_examples(exchanges: Sequence[Exchange], wanted: Mapping[str, str]) -> dict[str, list[Any]]:
    """Returns the wanted columns of requests that sent serialized tf.Examples."""
    sent = [np.asarray(one.inputs[_EXAMPLES]).ravel().tolist() for one in exchanges]
    return _features([example for examples in sent for example in examples], wanted)


def _of_arguments(
    exchanges: Sequence[Exchange], names: Mapping[str, str], redacted: Collection[str]
) -> dict[str, np.ndarray]:
    """Returns the columns of requests that sent one tensor for each, those that are redacted left out."""
    columns = {argument: names.get(argument, argument) for argument in exchanges[0].inputs}
    return {
        name: _joined([one.inputs[argument] for one in exchanges])
        for argument, name in columns.items()
        if name not in redacted
    }


def _joined(parts: Sequence[Any]) -> np.ndarray:
    arrays = [np.asarray(part) for part in parts]
    if len({array.shape[1:] for array in arrays}) == 1:
        return np.concatenate(arrays)
    joined = np.empty(sum(map(len, arrays)), object)
    joined[:] = [row for array in arrays for row in array]
    return joined


def _features(examples: Sequence[bytes], kinds: Mapping[str, str]) -> dict[str, list[Any]]:
    """Reads the columns of serialized tf.Examples; None where a row has no value."""
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
        return pa.array([_text(value) for value in values], pa.string())
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


def _text(value: Any) -> str | None:
    text = value.decode(errors="replace") if isinstance(value, bytes) else None if value is None else str(value)
    return text or None


def _answers(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    import pyarrow as pa

    found: dict[str, Any] = {}
    outputs = exchanges[0].answer
    if "class" in outputs:
        found["class"] = arrow_values(_joined([one.answer["class"] for one in exchanges]), "string")
    if "scores" in outputs:
        scores = _joined([one.answer["scores"] for one in exchanges])
        found["scores"] = pa.array(list(scores.astype(np.float32)), pa.list_(pa.float32()))
    if "value" in outputs:
        values = _joined([one.answer["value"] for one in exchanges])
        found["value"] = pa.array(values.astype(np.float32).reshape(len(values)), pa.float32())
    return found
