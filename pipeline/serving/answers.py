"""What the server answers: which address means what, and predictions."""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import replace

from kerasline.components.monitoring import ASKED, CANARY, FALLBACK, OUTPUTS, SHADOW, Capture, Exchange, request_id_of
from kerasline.pipeline.serving.challengers import Challengers, Rival
from kerasline.pipeline.serving.describing import describe_signatures
from kerasline.pipeline.serving.inferring import ANSWERED, Attempt, Limits, attempt
from kerasline.pipeline.serving.metering import Meter, capture_text, challengers_text
from kerasline.pipeline.serving.mirroring import Mirror, Mirrored, UnderWay
from kerasline.pipeline.serving.models import LoadedVersion, NotServed, ServedModels
from kerasline.pipeline.serving.unseen import name_counts
from kerasline.pipeline.serving.watched import watched_text
from kerasline.pipeline.web import Answer, Request

logger = logging.getLogger("kerasline.serve")
HEALTH, METRICS = "/healthz", "/metrics"
_PREDICT = re.compile(r"/v1/models/([^/:]+)(?:/versions/([0-9]+))?:predict")
_STATUS = re.compile(r"/v1/models/([^/:]+)(?:/versions/([0-9]+))?(/metadata)?")
_MOST_DIGITS = 18  # of a version
_SMALL_BYTES = 2048  # of a body
_OWN_FAULT = 500  # codes from here on are no fault of the request


class Responder:
    """Answers TensorFlow Serving's REST API, ``/metrics`` and ``/healthz``; safe to use from many threads."""

    def __init__(
        self,
        models: ServedModels,
        max_bytes: int,
        *,
        rejects_unseen: bool = False,
        capture: Capture | None = None,
        challengers: Challengers | None = None,
    ) -> None:
        self._models, self._limits = models, Limits(max_bytes, rejects_unseen)
        self._meter, self._capture, self._challengers = Meter(), capture, challengers
        self._requests = UnderWay()
        self._mirror = None if challengers is None else Mirror(self._answer_in_the_shadow, self._requests)

    def close(self) -> None:
        """Ends what works beside the requests."""
        if self._mirror is not None:
            self._mirror.close()

    def respond(self, request: Request) -> Answer:
        """Answers a request, whose id goes out as it came in, or is made where it has none."""
        request_id = request_id_of(request.headers.get("x-request-id", ""))
        answer = self._respond(request, request_id)
        return replace(answer, headers={**answer.headers, "X-Request-Id": request_id})

    def is_quick(self, request: Request) -> bool:
        """Says whether a request is small, and to a version alone that answers such ones in hardly any time."""
        if request.method != "POST" or len(request.body) > _SMALL_BYTES or "content-encoding" in request.headers:
            return False
        predicts = _PREDICT.fullmatch(request.path)
        if predicts is None or predicts[2] is not None or (self._challengers and self._challengers.of(predicts[1])):
            return False
        return self._models.is_quick(predicts[1])

    def _respond(self, request: Request, request_id: str) -> Answer:
        path = request.path
        predicts = _PREDICT.fullmatch(path)
        asks = path in (HEALTH, METRICS) or _STATUS.fullmatch(path)
        if predicts and request.method == "POST":
            with self._requests:
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
            if self._challengers is not None and self._mirror is not None:
                text += challengers_text(self._meter, self._challengers, self._mirror.dropped)
            if self._capture is not None:
                text += watched_text(self._capture.folder.parent, self._models.health(), self._challengers)
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
        try:
            loaded = self._models.get(name, _version(name, version))
        except NotServed as error:
            self._meter.count("", "", 404, 0.0)  # names that clients make up are no labels
            return refuse(404, str(error))
        if version is not None:
            return self._answer(loaded, request, request_id, ASKED)
        rival = self._challengers.of(name) if self._challengers else None
        if rival is not None and rival.answers(request_id):
            return self._answer_by_canary(rival, loaded, request, request_id)
        return self._answer(loaded, request, request_id, "", rival)

    def _answer(
        self, loaded: LoadedVersion, request: Request, request_id: str, role: str, rival: Rival | None = None
    ) -> Answer:
        """Lets a version answer, and hands the request to its shadow, if it has one."""
        tried = attempt(loaded, request, self._limits)
        return self._finish(loaded, tried, request, request_id, role, rival)

    def _answer_by_canary(self, rival: Rival, incumbent: LoadedVersion, request: Request, request_id: str) -> Answer:
        """Lets a canary answer; where it does not, production does, and the client sees nothing of it."""
        tried = attempt(rival.loaded, request, self._limits)
        if tried.code == ANSWERED:
            answer = self._finish(rival.loaded, tried, request, request_id, CANARY, rival)
            self._judge(rival, tried, failed=False)
            return answer
        instead = attempt(incumbent, request, self._limits)
        if instead.code == ANSWERED:  # else the fault may be the request's
            self._meter.count_challenger(rival.loaded, CANARY, tried.code)
            self._keep(rival.loaded, tried, request, request_id, CANARY, time.time(), is_compared=True)
            self._judge(rival, tried, failed=True)
        return self._finish(incumbent, instead, request, request_id, FALLBACK, rival)

    def _judge(self, rival: Rival, tried: Attempt, *, failed: bool) -> None:
        """Holds a canary against its limits."""
        if self._challengers is not None:
            self._challengers.judge(rival, 1000 * tried.seconds, failed)

    def _finish(
        self, loaded: LoadedVersion, tried: Attempt, request: Request, request_id: str, role: str, rival: Rival | None
    ) -> Answer:
        """Makes the answer, and then counts it, keeps it and mirrors it."""
        if tried.inferred is not None:
            answer = Answer(ANSWERED, tried.inferred.body, headers=name_counts(tried.inferred.unseen))
            self._meter.count_unseen(loaded.name, str(loaded.version), tried.inferred.unseen)
        else:
            answer = refuse(tried.code, tried.problem)
        self._meter.count(loaded.name, str(loaded.version) if tried.inferred else "", tried.code, tried.seconds)
        if role == CANARY:
            self._meter.count_challenger(loaded, CANARY, tried.code)
        at = time.time()
        is_kept = self._keep(loaded, tried, request, request_id, role, at, is_compared=rival is not None)
        if is_kept and not role and (tried.code == ANSWERED or tried.code >= _OWN_FAULT):
            self._show(rival, request, request_id, at)
        return answer

    def _show(self, rival: Rival | None, request: Request, request_id: str, at: float) -> None:
        """Hands a request to the shadow, if there is one."""
        if rival is not None and rival.challenger.kind == SHADOW and self._mirror is not None:
            self._mirror.offer(Mirrored(rival.loaded, request, request_id, at))

    def _answer_in_the_shadow(self, mirrored: Mirrored) -> None:
        """Lets a shadow answer, for the record alone."""
        tried = attempt(mirrored.loaded, mirrored.request, self._limits)
        self._meter.count_challenger(mirrored.loaded, SHADOW, tried.code)
        self._keep(mirrored.loaded, tried, mirrored.request, mirrored.request_id, SHADOW, mirrored.at, is_compared=True)

    def _keep(
        self,
        loaded: LoadedVersion,
        tried: Attempt,
        request: Request,
        request_id: str,
        role: str,
        at: float,
        *,
        is_compared: bool,
    ) -> bool:
        """Hands a request and what became of it to who writes them, if it is one of those to keep."""
        try:
            if self._capture is None or not self._capture.wants(loaded.record, request_id, is_compared=is_compared):
                return False
            inferred = tried.inferred
            values = {key: inferred.values[key] for key in OUTPUTS if key in inferred.values} if inferred else {}
            inputs = inferred.inputs if inferred and values else {}
            exchange = Exchange(
                loaded.name, loaded.version, loaded.record, request_id, at, tried.seconds, tried.code,
                inputs=inputs, answer=values, size=len(request.body), role=role,
            )  # fmt: skip
            self._capture.take(exchange)
        except Exception:  # the client has its answer, whatever a record may hold
            logger.exception("a request to %s could not be captured", loaded.name)
        return True


def _refuse_address(request: Request) -> Answer:
    """Refuses what means nothing: 400 where the API may be meant, as TensorFlow Serving does, 404 elsewhere."""
    is_api = request.path.startswith("/v1/") or request.method == "POST"
    return refuse(400 if is_api else 404, f"Malformed request: {request.method} {_shown(request.path)}")


def _refuse_method(request: Request, allowed: str) -> Answer:
    answer = refuse(405, f"expected {allowed} for {_shown(request.path)}, got {request.method}")
    return Answer(answer.code, answer.body, headers={"Allow": allowed})


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
