"""From the bytes of a request to JSON: strict where a reader would guess, in the words of TensorFlow Serving."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

from kerasline.components.core import first_repeated

ROW, COLUMNAR = "instances", "inputs"
_GZIP = 16 + zlib.MAX_WBITS
_SHOWN_ITEMS, _SHOWN_LEVELS, _SHOWN_LETTERS = 5, 3, 60


class BadRequest(Exception):
    """The request cannot be answered; the message goes to the client."""

    code = 400


class TooLarge(BadRequest):
    """The body is larger than what the server reads."""

    code = 413


class UnknownEncoding(BadRequest):
    """The body is packed in a way that the server does not unpack."""

    code = 415


def unpack(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undoes ``Content-Encoding``.

    Args:
      body: as it came.
      encoding: the header; ``gzip`` or nothing.
      max_bytes: a small body can be packed from any number of bytes; no more than these are unpacked.

    Raises:
      BadRequest: the body is no gzip file, ends early, is too large, or the encoding is another.
    """
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        raise UnknownEncoding(f"Content-Encoding: expected gzip or none, got {shorten(encoding)}")
    unpacking = zlib.decompressobj(_GZIP)
    try:
        unpacked = unpacking.decompress(body, max_bytes + 1)
    except zlib.error:
        raise BadRequest("the body is said to be gzip, but it is not") from None
    if len(unpacked) > max_bytes:
        raise TooLarge(f"expected a body of at most {max_bytes} bytes once it is unpacked; send fewer rows")
    if not unpacking.eof:
        raise BadRequest("the body is gzip that ends too early")
    return unpacked


def parse_body(body: bytes) -> dict[str, Any]:
    """Reads a request's JSON object. NaN is a number here, as in TensorFlow Serving: a missing one.

    Raises:
      BadRequest: it is not JSON, says something twice, is not an object, or has neither or both of instances and
        inputs.
    """
    request = _read_json(body)
    if not isinstance(request, dict):
        raise BadRequest(f"JSON Value: {shorten(request)} Is not object")
    if not isinstance(request.get("signature_name", ""), str):
        raise BadRequest("'signature_name' key must be a string value.")
    if ROW in request and COLUMNAR in request:
        raise BadRequest("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if ROW not in request and COLUMNAR not in request:
        raise BadRequest("Missing 'inputs' or 'instances' key")
    return request


def _read_json(body: bytes) -> Any:
    if not body.strip():
        raise BadRequest("JSON Parse error: The document is empty")
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise BadRequest(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"JSON Parse error: expected UTF-8, which the byte at offset {error.start} is not") from None
    except RecursionError:
        raise BadRequest("JSON Parse error: lists and objects are nested too deeply") from None
    except ValueError:  # Python reads whole numbers of so many digits only
        raise BadRequest("JSON Parse error: a number has too many digits") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = first_repeated(name for name, _ in pairs)
        raise BadRequest(f"JSON Parse error: {shorten(twice)} is given twice in one object")
    return result


def _constant(name: str) -> float:
    return float("nan") if name == "NaN" else _refuse_infinity(name)


def _refuse_infinity(name: str) -> NoReturn:
    raise BadRequest(f"JSON Parse error: {name} is no value; expected a number, or NaN where it is missing")


def shorten(value: Any) -> str:
    """Shows a JSON value in a few words, however long, deep or odd it is."""
    text = json.dumps(_cut(value, _SHOWN_LEVELS), default=str)
    return text if len(text) <= 100 else text[:97] + "..."


def _cut(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _SHOWN_LETTERS else value[:_SHOWN_LETTERS] + "..."
    if isinstance(value, int) and abs(value) > 1 << 64:
        return "a number of many digits"
    if not isinstance(value, list | Mapping):
        return value
    if not levels:
        return "..."
    if isinstance(value, list):
        return [_cut(item, levels - 1) for item in value[:_SHOWN_ITEMS]]
    kept = list(value.items())[:_SHOWN_ITEMS]
    return {_cut(name, 1): _cut(item, levels - 1) for name, item in kept}
