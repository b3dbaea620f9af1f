"""JSON to tensors and back, as TensorFlow Serving's REST API has it.

Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

ROW, COLUMNAR = "instances", "inputs"


class BadRequest(Exception):
    """The request cannot be understood; the message goes to the client."""


def parse_body(body: bytes) -> dict[str, Any]:
    """Reads a request's JSON object; NaN and Infinity are numbers here, as in TensorFlow Serving.

    Raises:
      BadRequest: it is not JSON, not an object, or has neither or both of instances and inputs.
    """
    if not body.strip():
        raise BadRequest("JSON Parse error: The document is empty")
    try:
        request = json.loads(body)
    except json.JSONDecodeError as error:
        raise BadRequest(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(f"JSON Parse error: {type(error).__name__}") from None
    if not isinstance(request, dict):
        raise BadRequest(f"JSON Value: {_shorten(request)} Is not object")
    if not isinstance(request.get("signature_name", ""), str):
        raise BadRequest("'signature_name' key must be a string value.")
    if ROW in request and COLUMNAR in request:
        raise BadRequest("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if ROW not in request and COLUMNAR not in request:
        raise BadRequest("Missing 'inputs' or 'instances' key")
    return request


def read_tensors(request: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """Makes a signature's tensors.

    Args:
      request: from :func:`parse_body`.
      specs: of the signature, by input name.

    Raises:
      BadRequest: an input is missing or unknown, or has the wrong type or shape.
    """
    columns = _from_rows(request[ROW], specs) if ROW in request else _from_columns(request[COLUMNAR], specs)
    return {name: _tensor(name, columns[name], spec) for name, spec in specs.items()}


def _from_rows(instances: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, list[Any]]:
    if not isinstance(instances, list):
        raise BadRequest("Excepting 'instances' to be an list/array")
    if not instances:
        raise BadRequest("No values in 'instances' array")
    objects = [isinstance(item, dict) and not _is_base64(item) for item in instances]
    if not any(objects):
        if len(specs) > 1:
            raise BadRequest(
                "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
                f"tensorinfo_map; the inputs are {', '.join(sorted(specs))}"
            )
        return {next(iter(specs)): instances}
    if not all(objects):
        raise BadRequest(f"Expecting object but got value/list at item {objects.index(False)} of input list")
    for number, item in enumerate(instances):
        if item.keys() != specs.keys():
            raise BadRequest(
                f"Failed to process element: {number} of 'instances' list. JSON object: {_shorten(item)} keys must be "
                f"equal to: {','.join(sorted(specs))}"
            )
    return {name: [item[name] for item in instances] for name in specs}


def _from_columns(inputs: Any, specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    if not isinstance(inputs, dict) or _is_base64(inputs):
        if len(specs) > 1:
            raise BadRequest(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                f"tensorinfo_map; the inputs are {', '.join(sorted(specs))}"
            )
        return {next(iter(specs)): inputs}
    for name in specs:
        if name not in inputs:
            raise BadRequest(f"Missing named input: {name} in 'inputs' object.")
    for name in inputs:
        if name not in specs:
            raise BadRequest(f"Unknown named input: {name}; the inputs are {', '.join(sorted(specs))}")
    return inputs


def _tensor(name: str, values: Any, spec: tf.TensorSpec) -> tf.Tensor:
    try:
        if spec.dtype == tf.string:
            tensor = tf.constant(_text(values), tf.string)
        else:
            _check_numbers(values, spec.dtype)
            array = np.array(values, spec.dtype.as_numpy_dtype)
            tensor = tf.constant(array, spec.dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRequest(
            f"Failed to process input {name}: {_shorten(values)} is not of expected type {spec.dtype.name} and shape "
            f"{spec.shape} ({(str(error).splitlines() or ['no reason'])[0]})"
        ) from None
    if not spec.shape.is_compatible_with(tensor.shape):
        raise BadRequest(f"Failed to process input {name}: expecting shape {spec.shape} but got: {tensor.shape}")
    return tensor


def _text(values: Any) -> Any:
    if isinstance(values, list):
        return [_text(value) for value in values]
    if _is_base64(values):
        try:
            return base64.b64decode(values["b64"], validate=True)
        except binascii.Error:
            raise ValueError("Unable to base64 decode") from None
    if not isinstance(values, str):
        raise TypeError(f"{_shorten(values)} is no string")
    return values


def _check_numbers(values: Any, dtype: tf.DType) -> None:
    """Refuses what numpy would quietly convert: text, truth values, and fractions for whole numbers."""
    if isinstance(values, list):
        for value in values:
            _check_numbers(value, dtype)
        return
    wanted = bool if dtype == tf.bool else (int, float) if dtype.is_floating else int
    if not isinstance(values, wanted) or (isinstance(values, bool) and dtype != tf.bool):
        raise TypeError(f"{_shorten(values)} is no {'truth value' if wanted is bool else 'such number'}")


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def write_answer(answer: Mapping[str, tf.Tensor], row_format: bool) -> bytes:
    """Writes a signature's outputs: ``predictions`` for rows, ``outputs`` for columns.

    Strings whose output is named ``..._bytes`` are base64.
    """
    columns = {name: _listed(name, values.numpy()) for name, values in answer.items()}
    only = next(iter(columns)) if len(columns) == 1 else None
    if row_format:
        rows = columns[only] if only else [dict(zip(columns, row, strict=True)) for row in zip(*columns.values())]  # noqa: B905
        return json.dumps({"predictions": rows}).encode()
    return json.dumps({"outputs": columns[only] if only else columns}).encode()


def _listed(name: str, array: np.ndarray) -> Any:
    if array.dtype.kind == "f":
        # As many digits as the type has: 0.2 and not 0.20000000298.
        flat = [float(str(value)) for value in array.ravel()]
        return np.array(flat, np.float64).reshape(array.shape).tolist()
    return _text_out(array.tolist(), name.endswith("_bytes")) if array.dtype.kind == "O" else array.tolist()


def _text_out(values: Any, binary: bool) -> Any:
    if isinstance(values, list):
        return [_text_out(value, binary) for value in values]
    return {"b64": base64.b64encode(values).decode()} if binary else values.decode("utf-8", "replace")


def _shorten(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 100 else text[:97] + "..."
