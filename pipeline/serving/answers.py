"""What the server answers: which address means what, and predictions."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from kerasline.components.monitoring import OUTPUTS, Capture, Exchange, request_id_of
from kerasline.components.prediction import RAW, image_problems, plain_reason
from kerasline.pipeline.serving.describing import describe_signatures
from kerasline.pipeline.serving.json_body import ROW, BadRequest, parse_body, shorten, unpack
from kerasline.pipeline.serving.json_tensors import count_rows, read_tensors, write_answer
from kerasline.pipeline.serving.metering import Meter, capture_text
from kerasline.pipeline.serving.models import LoadedVersion, NotServed, ServedModels
from kerasline.pipeline.serving.unseen import find_unseen, name_counts
from kerasline.pipeline.web import Answer, Request

logger = logging.getLogger("kerasline.serve")
HEALTH, METRICS = "/healthz", "/metrics"
_PREDICT = re.compile(r"/v1/models/([^/:]+)(?:/versions/([0-9]+))?:predict")
_STATUS = re.compile(r"/v1/models/([^/:]+)(?:/versions/([0-9]+))?(/metadata)?")
_ROWS_PER_CALL = 16_384  # more rows in one call save nothing, and take memory for all of them at once
_MOST_DIGITS = 18  # of a version
_FAULTS_OF_THE_REQUEST = (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.OutOfRangeError)


@dataclass(frozen=True)
class _Inferred:
    """What a version made of a request: the answer, values that training has never shown, and the tensors."""

    body: bytes
    unseen: dict[str, int]
    inputs: Mapping[str, tf.Tensor]
    values: Mapping[str, np.ndarray]


class Responder:
    """Answers TensorFlow Serving's REST API, ``/metrics`` and ``/healthz``; safe to use from many threads."""

    def __init__(
        self, models: ServedModels, max_bytes: int, *, rejects_unseen: bool = False, capture: Capture | None = None
    ) -> None:
        self._models, self._max_bytes, self._rejects_unseen = models, max_bytes, rejects_unseen
        self._meter, self._capture = Meter(), capture

    def respond(self, request: Request) -> Answer:
        """Answers a request, whose id goes out as it came in, or is made where it has none."""
        request_id = request_id_of(request.headers.get("x-request-id", ""))
        answer = self._respond(request, request_id)
        return replace(answer, headers={**answer.headers, "X-Request-Id": request_id})

    def _respond(self, request: Request, request_id: str) -> Answer:
        path = request.path
        predicts = _PREDICT.fullmatch(path)
        asks = path in (HEALTH, METRICS) or _STATUS.fullmatch(path)
        if predicts and request.method == "POST":
            return self._predict(predicts[1], predicts[2], request, request_id)
        if asks and request.method == "GET":
            return self._tell(path)
        if predicts:
            return _refuse_method(request, "POST")
        if asks and request.method != "POST":
            return _refuse_method(request, "GET, HEAD")
        return _refuse_address(request)

    def _tell(self, path: str) -> Answer:
        """Answers questions about models and about the server."""
        if path == HEALTH:
            health = self._models.health()
            ready = all(model["version"] is not None for model in health.values())
            return Answer(200 if ready else 503, json.dumps({"ready": ready, "models": health}).encode())
        if path == METRICS:
            text = self._meter.text(self._models.health()) + capture_text(self._capture)
            return Answer(200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")
        found = _STATUS.fullmatch(path)
        assert found is not None
        try:
            version = _version(found[1], found[2])
            if found[3]:
                answer = describe_signatures(self._models.get(found[1], version))
            else:
                answer = {"model_version_status": self._models.states(found[1], version)}
        except NotServed as error:
            return refuse(404, str(error))
        return Answer(200, json.dumps(answer, indent=1).encode())

    def _predict(self, name: str, version: str | None, request: Request, request_id: str) -> Answer:
        started = time.perf_counter()
        reached, loaded, inferred = "", None, None
        try:
            loaded = self._models.get(name, _version(name, version))
            inferred = self._infer(loaded, request)
            answer = Answer(200, inferred.body, headers=name_counts(inferred.unseen))
            reached = str(loaded.version)
            self._meter.count_unseen(name, reached, inferred.unseen)
        except NotServed as error:
            answer = refuse(404, str(error))
        except BadRequest as error:
            answer = refuse(error.code, str(error))
        except _FAULTS_OF_THE_REQUEST as error:
            answer = refuse(400, plain_reason(error))
        except (MemoryError, tf.errors.ResourceExhaustedError):
            answer = refuse(413, "the rows of this request do not fit into memory together; send fewer at a time")
        except Exception:
            logger.exception("a request to %s failed", name)
            answer = refuse(500, "the model fails on this request; the server's log says why")
        known = name if answer.code != 404 else ""  # names that clients make up are no labels
        seconds = time.perf_counter() - started
        self._meter.count(known, reached, answer.code, seconds)
        if loaded is not None:
            self._keep(loaded, inferred, Exchange(name, loaded.version, loaded.record, request_id, time.time(), seconds,
                                                  answer.code, size=len(request.body)))  # fmt: skip
        return answer

    def _keep(self, loaded: LoadedVersion, inferred: _Inferred | None, exchange: Exchange) -> None:
        """Hands a request and what became of it to who writes them, if it is one of those to keep."""
        try:
            if self._capture is None or not self._capture.wants(loaded.record, exchange.request_id):
                return
            found = {} if inferred is None else inferred.values
            values = {key: found[key] for key in OUTPUTS if key in found}
            inputs = inferred.inputs if inferred and values else {}
            self._capture.take(replace(exchange, inputs=inputs, answer=values))
        except Exception:  # the client has its answer, whatever a record may hold
            logger.exception("a request to %s could not be captured", loaded.name)

    def _infer(self, loaded: LoadedVersion, request: Request) -> _Inferred:
        """Lets a version answer."""
        body = unpack(request.body, request.headers.get("content-encoding", ""), self._max_bytes)
        asked = parse_body(body)
        wanted = asked.get("signature_name") or "serving_default"
        signature = loaded.signatures.get(wanted)
        if signature is None:
            raise BadRequest(f'Serving signature name: "{shorten(wanted)[1:-1]}" not found in signature def')
        _, specs = signature.structured_input_signature
        tensors = read_tensors(asked, specs, loaded.readers if wanted == RAW else None)
        _check_images(loaded, tensors)
        parts = list(_split(tensors, count_rows(tensors, specs)))
        unseen = find_unseen(loaded, wanted, parts, refuse_them=self._rejects_unseen)
        values = _join([signature(**part) for part in parts])
        return _Inferred(write_answer(values, ROW in asked), unseen, tensors, values)


def _refuse_address(request: Request) -> Answer:
    """Refuses what means nothing: 400 where the API may be meant, as TensorFlow Serving does, 404 elsewhere."""
    is_api = request.path.startswith("/v1/") or request.method == "POST"
    return refuse(400 if is_api else 404, f"Malformed request: {request.method} {_shown(request.path)}")


def _refuse_method(request: Request, allowed: str) -> Answer:
    answer = refuse(405, f"expected {allowed} for {_shown(request.path)}, got {request.method}")
    return Answer(answer.code, answer.body, headers={"Allow": allowed})


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


def _check_images(loaded: LoadedVersion, tensors: Mapping[str, tf.Tensor]) -> None:
    """Refuses what is no image, or too large a one, before the graph makes room for its pixels."""
    arguments = loaded.record.get("arguments", {})
    for column in loaded.record.get("columns", ()):
        if column["dtype"] != "image":
            continue
        if arguments.get(column["name"]) in tensors:
            contents = tensors[arguments[column["name"]]].numpy().ravel().tolist()
        elif "examples" in tensors:
            contents = [_image_of(one, column["name"]) for one in tensors["examples"].numpy().ravel().tolist()]
        else:
            continue
        for row, problem in image_problems(contents).items():
            raise BadRequest(f"the image of row {row} cannot be used: {problem}")


def _image_of(example: bytes, column: str) -> bytes | None:
    try:
        values = tf.train.Example.FromString(example).features.feature[column].bytes_list.value
    except Exception:  # the model says what is wrong with it
        return None
    return values[0] if values else None


def _version(name: str, digits: str | None) -> int | None:
    if digits is None:
        return None
    if len(digits) > _MOST_DIGITS:
        raise NotServed(f"Servable not found for request: Specific({name}, {_shown(digits)})")
    return int(digits)


def _shown(path: str) -> str:
    return path if len(path) <= 200 else path[:197] + "..."


def refuse(code: int, message: str) -> Answer:
    """Makes the answer to what is not done, in TensorFlow Serving's form."""
    return Answer(code, json.dumps({"error": message}).encode())
