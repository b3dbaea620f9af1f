"""JSON values to tensors and back, as TensorFlow Serving's REST API has it.

A column is taken apart level by level and converted as a whole: a body of some MB holds a million values.

Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework.ops import EagerTensor

from kerasline.components.datasets.values import FALSE, TRUE
from kerasline.components.prediction import Reader
from kerasline.pipeline.serving.json_body import COLUMNAR, ROW, BadRequest, shorten

_FROM_URLSAFE = str.maketrans("-_", "+/")  # TensorFlow Serving takes lines and base64 without its end, too
_MOST_AXES = 32  # TensorFlow ends the whole process at 255


def read_tensors(
    request: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec], readers: Mapping[str, Reader] | None = None
) -> dict[str, tf.Tensor]:
    """Makes a signature's tensors.

    Args:
      request: from :func:`~kerasline.pipeline.serving.json_body.parse_body`.
      specs: of the signature, by input name.
      readers: what reads the values of columns as training did, by input name; an input without one is taken as it is.

    Raises:
      BadRequest: an input is missing or unknown, has the wrong type or shape, or other rows than the rest.
    """
    columns = _from_rows(request[ROW], specs) if ROW in request else _from_columns(request[COLUMNAR], specs)
    known = readers or {}
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit into a type is found by what became of it
        arrays = {name: _array(name, columns[name], spec, known.get(name)) for name, spec in specs.items()}
    lengths = {name: len(arrays[name]) for name, spec in specs.items() if _is_batch(spec)}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {length}" for name, length in sorted(lengths.items()))
        raise BadRequest(f"expected as many values in every column of 'inputs', but {listed}")
    if 0 in lengths.values():
        raise BadRequest(f"No values in '{COLUMNAR}'")
    here = context.context()  # tf.constant ends in the same call, and takes three times as long
    here.ensure_initialized()
    return {
        name: EagerTensor(arrays[name], here.device_name, spec.dtype.as_datatype_enum) for name, spec in specs.items()
    }


def count_rows(tensors: Mapping[str, tf.Tensor], specs: Mapping[str, tf.TensorSpec]) -> int | None:
    """Returns how many rows a request has; None where its inputs are not all columns of rows."""
    if not specs or not all(_is_batch(spec) for spec in specs.values()):
        return None
    return int(next(iter(tensors.values())).shape[0])


def _is_batch(spec: tf.TensorSpec) -> bool:
    return spec.shape.rank is not None and spec.shape.rank > 0 and spec.shape[0] is None


def _from_rows(instances: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, list[Any]]:
    if not isinstance(instances, list):
        raise BadRequest("Excepting 'instances' to be an list/array")
    if not instances:
        raise BadRequest("No values in 'instances' array")
    objects = [isinstance(item, dict) and not _is_base64(item) for item in instances]
    if not any(objects):
        return {_only_input(specs, "instances is a plain list, but expecting list of objects"): instances}
    if not all(objects):
        raise BadRequest(f"Expecting object but got value/list at item {objects.index(False)} of input list")
    _check_keys(instances, specs)
    return {name: [item[name] for item in instances] for name in specs}


def _check_keys(instances: Sequence[Mapping[str, Any]], specs: Mapping[str, tf.TensorSpec]) -> None:
    """Raises BadRequest for a row that has other keys than the signature has inputs."""
    for number, item in enumerate(instances):
        if item.keys() != specs.keys():
            raise BadRequest(
                f"Failed to process element: {number} of 'instances' list. JSON object: {shorten(item)} keys must be "
                f"equal to: {','.join(sorted(specs))}.{_by_columns(item, specs)}"
            )


def _by_columns(item: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec]) -> str:
    """Says how columns are sent, to whom sent them by name to the signature that takes whole examples."""
    is_meant = specs.keys() == {"examples"} and item
    return ' Columns by their names are taken with "signature_name": "serving_raw"' if is_meant else ""


def _only_input(specs: Mapping[str, tf.TensorSpec], problem: str) -> str:
    """Returns the input that values without a name are meant for.

    Raises:
      BadRequest: There is more than one.
    """
    if len(specs) > 1:
        raise BadRequest(
            f"{problem} as multiple input tensors required as per tensorinfo_map; the inputs are "
            f"{', '.join(sorted(specs))}"
        )
    return next(iter(specs))


def _from_columns(inputs: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    if not isinstance(inputs, dict) or _is_base64(inputs):
        return {_only_input(specs, "inputs is a plain value/list, but expecting an object"): inputs}
    for name in specs:
        if name not in inputs:
            raise BadRequest(f"Missing named input: {name} in 'inputs' object.{_by_columns(inputs, specs)}")
    for name in inputs:
        if name not in specs:
            raise BadRequest(f"Unknown named input: {shorten(name)}; the inputs are {', '.join(sorted(specs))}")
    return inputs


def _array(name: str, values: Any, spec: tf.TensorSpec, reader: Reader | None) -> np.ndarray:
    try:
        flat, shape = _flatten(values)
        if not _fits(spec, shape):
            raise BadRequest(f"Failed to process input {name}: expecting shape {spec.shape} but got: {tuple(shape)}")
        flat = flat if reader is None else _as_trained(flat, spec.dtype, reader)
        array = _texts(flat) if spec.dtype is tf.string else _numbers(flat, spec.dtype)
    except (ValueError, TypeError) as error:
        raise BadRequest(
            f"Failed to process input {name}: {shorten(values)} is not of expected type {spec.dtype.name} and shape "
            f"{spec.shape} ({error})"
        ) from None
    return array.reshape(shape)


def _fits(spec: tf.TensorSpec, shape: Sequence[int]) -> bool:
    """Says whether values of a shape are what a signature asks for, as TensorFlow does in five times the time."""
    if spec.shape.rank is None:
        return True
    wanted = spec.shape.as_list()
    return len(wanted) == len(shape) and all(size in (None, given) for size, given in zip(wanted, shape, strict=True))


def _flatten(values: Any) -> tuple[list[Any], list[int]]:
    """Takes nested lists apart.

    Returns:
      The values, and the shape that they had.

    Raises:
      ValueError: the lists are not all of one length and depth, or are too deep.
    """
    flat, shape = [values], list[int]()
    while list in (kinds := set(map(type, flat))):
        if len(shape) == _MOST_AXES:
            raise ValueError(f"lists are nested deeper than {_MOST_AXES}")
        if len(kinds) > 1:
            raise ValueError("lists stand beside values")
        lengths = set(map(len, flat))
        if len(lengths) > 1:
            raise ValueError(f"lists have {min(lengths)} and {max(lengths)} values, where one length is expected")
        shape.append(lengths.pop())
        flat = list(chain.from_iterable(flat))
    return flat, shape


def _as_trained(flat: Sequence[Any], dtype: tf.DType, reader: Reader) -> list[Any]:
    """Reads the values of a column, and puts what stands for a missing one where there is none."""
    values, problems = reader(flat)
    for row, problem in problems.items():
        raise BadRequest(f"row {row}: {problem}")
    nothing: Any = "" if dtype is tf.string else math.nan if dtype.is_floating else dtype.min
    return [nothing if value is None else value for value in values]


def _texts(flat: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(flat), object)
    try:
        array[:] = [value.encode() if type(value) is str else _bytes(value) for value in flat]
    except UnicodeEncodeError:  # JSON can spell it, UTF-8 cannot
        raise ValueError("a text has half of a surrogate pair, which is no character") from None
    return array


def _bytes(value: Any) -> bytes:
    if isinstance(value, bool):  # as CSV and Parquet have them
        return (TRUE if value else FALSE).encode()
    if not _is_base64(value):
        raise TypeError(f"{shorten(value)} is no string")
    text = "".join(value["b64"].split()).translate(_FROM_URLSAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):  # the second for letters beyond ASCII
        raise ValueError("Unable to base64 decode") from None


def _numbers(flat: Sequence[Any], dtype: tf.DType) -> np.ndarray:
    """Converts numbers, and refuses what NumPy would quietly bend: text, truth values, fractions, what is too large."""
    if dtype is tf.bool:
        _check_kinds(flat, {bool}, "truth value")
        return np.array(flat, bool)
    if dtype.is_floating:
        _check_kinds(flat, {int, float}, "such number")
        values, array = _cast(flat, np.float64, dtype)
        lost = np.isinf(array)
    else:
        _check_kinds(flat, {int}, "such number")
        values, array = _cast(flat, np.int64, dtype)
        lost = array != values
    if np.count_nonzero(lost):
        raise ValueError(f"{shorten(flat[int(lost.argmax())])} is too large a number for {dtype.name}")
    return array


def _check_kinds(flat: Sequence[Any], wanted: set[type], name: str) -> None:
    """Raises TypeError for a value that is of none of the types, exactly: True is no number."""
    if set(map(type, flat)) <= wanted:
        return
    bad = next(value for value in flat if type(value) not in wanted)
    raise TypeError(f"{shorten(bad)} is no {name}")


def _cast(flat: Sequence[Any], widest: type[np.number[Any]], dtype: tf.DType) -> tuple[np.ndarray, np.ndarray]:
    """Returns the numbers in the widest type of their kind, and in the type that is wanted, where some may not fit."""
    try:
        values = np.array(flat, widest)
        return values, values.astype(dtype.as_numpy_dtype)
    except OverflowError:
        raise ValueError(f"a number is too large for {widest.__name__}") from None


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def write_answer(answer: Mapping[str, np.ndarray], row_format: bool) -> bytes:
    """Writes a signature's outputs: ``predictions`` for rows, ``outputs`` for columns.

    Strings whose output is named ``..._bytes`` are base64.
    """
    columns = {name: _listed(name, values) for name, values in answer.items()}
    only = next(iter(columns)) if len(columns) == 1 else None
    if row_format:
        rows = columns[only] if only else [dict(zip(columns, row, strict=True)) for row in zip(*columns.values())]  # noqa: B905
        return json.dumps({"predictions": rows}).encode()
    return json.dumps({"outputs": columns[only] if only else columns}).encode()


def _listed(name: str, array: np.ndarray) -> Any:
    if array.dtype.kind == "O":
        written = {value: _text_out(value, name.endswith("_bytes")) for value in set(array.ravel().tolist())}
        return _nested([written[value] for value in array.ravel().tolist()], array.shape)
    if array.dtype in (np.float32, np.float16):
        # As many digits as the type has: 0.2 and not 0.20000000298.
        digits = array.ravel().astype(np.float32).astype("U").tolist()
        return _nested([float(text) for text in digits], array.shape)
    return array.tolist()


def _nested(flat: list[Any], shape: Sequence[int]) -> Any:
    for size in reversed(shape[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)] if size else []
    return flat if shape else flat[0]


def _text_out(value: bytes, binary: bool) -> Any:
    return {"b64": base64.b64encode(value).decode()} if binary else value.decode("utf-8", "replace")
