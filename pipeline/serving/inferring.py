"""What a version makes of a request: its tensors, its answer, and the code and sentence of what cannot be answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerasline.components.datasets.arrays import with_plain_images
from kerasline.components.datasets.images import plain_or_same
from kerasline.components.prediction import RAW, image_problems, plain_reason
from kerasline.pipeline.serving.json_body import ROW, BadRequest, parse_body, shorten, unpack
from kerasline.pipeline.serving.json_tensors import count_rows, read_tensors, write_answer
from kerasline.pipeline.serving.models import LoadedVersion
from kerasline.pipeline.serving.unseen import count_unseen
from kerasline.pipeline.web import Request

logger = logging.getLogger("kerasline.serve")
ANSWERED = 200
_ROWS_PER_CALL = 16_384  # more rows in one call save nothing, and take memory for all of them at once
_FAULTS_OF_THE_REQUEST = (
    tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.OutOfRangeError, UnicodeDecodeError,
)  # fmt: skip
_EXAMPLE_STARTS = (b"\n", b"")  # of a serialized tf.Example, and of one without features
_ENCODED = 'an image is sent as {"b64": its file in base64}'
_BASE64_IMAGES = (b"iVBOR", b"/9j/", b"R0lGOD", b"UklGR", b"data:image")  # how PNG, JPEG, GIF and WebP begin in base64


@dataclass(frozen=True)
class Limits:
    """What requests are held to: the bytes of a body, and whether values that training has never shown are refused."""

    max_bytes: int
    rejects_unseen: bool = False


@dataclass(frozen=True)
class Inferred:
    """What a version made of a request: the answer, values that training has never shown, and the tensors."""

    body: bytes
    unseen: dict[str, int]
    inputs: Mapping[str, tf.Tensor]
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Attempt:
    """What became of a request: the code of HTTP, the seconds, and what was inferred or else why it was not."""

    code: int
    seconds: float
    inferred: Inferred | None = None
    problem: str = ""


def attempt(loaded: LoadedVersion, request: Request, limits: Limits) -> Attempt:
    """Lets a version answer a request; whatever is wrong is a code and a sentence."""
    started = time.perf_counter()
    code, inferred, problem = ANSWERED, None, ""
    try:
        inferred = _infer(loaded, request, limits)
    except BadRequest as error:
        code, problem = error.code, str(error)
    except _FAULTS_OF_THE_REQUEST as error:
        code, problem = 400, plain_reason(error)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        code, problem = 413, "the rows of this request do not fit into memory together; send fewer at a time"
    except Exception:
        logger.exception("a request to %s failed", loaded.name)
        code, problem = 500, "the model fails on this request; the server's log says why"
    return Attempt(code, time.perf_counter() - started, inferred, problem)


def _infer(loaded: LoadedVersion, request: Request, limits: Limits) -> Inferred:
    """Lets a version answer."""
    body = unpack(request.body, request.headers.get("content-encoding", ""), limits.max_bytes)
    asked = parse_body(body)
    wanted = asked.get("signature_name") or "serving_default"
    signature = loaded.signatures.get(wanted)
    if signature is None:
        raise BadRequest(f'Serving signature name: "{shorten(wanted)[1:-1]}" not found in signature def')
    _, specs = signature.structured_input_signature
    tensors = _read_tensors(loaded, asked, specs, wanted)
    if wanted != RAW and "examples" in tensors:
        _check_examples(tensors["examples"].numpy().ravel().tolist())
    tensors |= _plain_images(loaded, tensors)
    parts = list(_split(tensors, count_rows(tensors, specs)))
    answers, marks = zip(*map(loaded.answers[wanted].answer_fitting, parts), strict=True)
    unseen = count_unseen(loaded, parts, marks, refuse_them=limits.rejects_unseen)
    values = _join(answers)
    _check_scores(values)
    return Inferred(write_answer(values, ROW in asked), unseen, tensors, values)


def _read_tensors(
    loaded: LoadedVersion, asked: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec], wanted: str
) -> dict[str, tf.Tensor]:
    """Makes the tensors of a signature; where an image is the problem, says how one is sent."""
    try:
        return read_tensors(asked, specs, loaded.readers if wanted == RAW else None)
    except BadRequest as error:
        if any(f"input {argument}:" in str(error) for argument in _images(loaded)):
            raise BadRequest(f"{error}; {_ENCODED}") from None
        raise


def _images(loaded: LoadedVersion) -> set[str]:
    """Names the arguments that hold images."""
    arguments = loaded.record.get("arguments", {})
    return {arguments[column] for column in loaded.images if column in arguments}


def _check_examples(records: Sequence[bytes]) -> None:
    """Refuses what is sent in the place of serialized tf.Examples, such as an image.

    Raises:
      BadRequest: Names the first row, and how columns are sent.
    """
    for row, record in enumerate(records):
        if record[:1] not in _EXAMPLE_STARTS:
            raise BadRequest(
                f"Could not parse example {row}: expected a serialized tf.Example; values by column, images among "
                f'them, take "signature_name": "{RAW}"'
            )


def _check_scores(values: Mapping[str, np.ndarray]) -> None:
    """Refuses a class without scores that are numbers; ``predict`` sets such rows aside.

    Raises:
      BadRequest: Names the first row.
    """
    scores = values.get("scores")
    if scores is None or np.isfinite(scores).all():
        return
    row = int(np.isfinite(scores.reshape(len(scores), -1)).all(axis=1).argmin())
    raise BadRequest(f"row {row}: the model answers with a number that is not finite; is a value missing in it?")


def _join(answers: Sequence[Mapping[str, tf.Tensor]]) -> dict[str, np.ndarray]:
    if len(answers) == 1:
        return {name: values.numpy() for name, values in answers[0].items()}
    return {name: np.concatenate([answer[name].numpy() for answer in answers]) for name in answers[0]}


def _split(tensors: Mapping[str, tf.Tensor], rows: int | None) -> Iterator[dict[str, tf.Tensor]]:
    """Gives the rows of a request some thousand at a time, or all at once where it has no rows."""
    if rows is None or rows <= _ROWS_PER_CALL:
        yield dict(tensors)
        return
    for start in range(0, rows, _ROWS_PER_CALL):
        yield {name: tensor[start : start + _ROWS_PER_CALL] for name, tensor in tensors.items()}


def _plain_images(loaded: LoadedVersion, tensors: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Gives the tensors that hold images as the graph reads them, after a look at each.

    Raises:
      BadRequest: Something is no image, or too large a one; the graph would make room for all of its pixels.
    """
    columns = loaded.images
    found: dict[str, tf.Tensor] = {}
    if not columns:
        return found
    for argument in _images(loaded) & set(tensors):
        contents = tensors[argument].numpy().ravel().tolist()
        _check_images(contents)
        found[argument] = _like(tensors[argument], map(plain_or_same, contents))
    if "examples" in tensors:
        records = tensors["examples"].numpy().ravel().tolist()
        for column in columns:
            _check_images([_image_of(record, column) for record in records])
        plain = (with_plain_images(record, columns) for record in records)
        found["examples"] = _like(tensors["examples"], plain)
    return found


def _check_images(contents: Sequence[bytes | None]) -> None:
    for row, problem in image_problems(contents).items():
        is_text = (contents[row] or b"").startswith(_BASE64_IMAGES)
        advice = f"; it is text in base64, and {_ENCODED}" if is_text else ""
        raise BadRequest(f"the image of row {row} cannot be used: {problem}{advice}")


def _like(tensor: tf.Tensor, values: Iterable[bytes]) -> tf.Tensor:
    return tf.reshape(tf.constant(list(values), tf.string), tensor.shape)


def _image_of(example: bytes, column: str) -> bytes | None:
    try:
        values = tf.train.Example.FromString(example).features.feature[column].bytes_list.value
    except Exception:  # the model says what is wrong with it
        return None
    return values[0] if values else None
