"""The HTTP side: which address means what, limits, and a clean end."""

from __future__ import annotations

import json
import logging
import re
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import json_format

from kerasline.components.errors import ConfigError
from kerasline.pipeline.serving.json_tensors import ROW, BadRequest, parse_body, read_tensors, write_answer
from kerasline.pipeline.serving.metering import Meter
from kerasline.pipeline.serving.models import LoadedVersion, NotServed, ServedModels

logger = logging.getLogger("kerasline.serve")
_PREDICT = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?:predict")
_STATUS = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(/metadata)?")
_IDLE_SECONDS = 120.0
_JSON = "application/json"


class Server(ThreadingHTTPServer):
    """Answers each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], models: ServedModels, max_bytes: int) -> None:
        self.models, self.meter, self.max_bytes = models, Meter(), max_bytes
        self._busy, self._idle = 0, threading.Condition()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def begin(self) -> None:
        """Notes that a request is being answered."""
        with self._idle:
            self._busy += 1

    def end(self) -> None:
        """Notes that it was."""
        with self._idle:
            self._busy -= 1
            self._idle.notify_all()

    def drain(self, seconds: float) -> None:
        """Waits for the requests that are being answered."""
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, timeout=seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Notes a connection that broke; the client knows by itself."""
        logger.info("connection from %s ended: %s", client_address, sys.exc_info()[1])


class Handler(BaseHTTPRequestHandler):
    """Answers TensorFlow Serving's REST API, ``/metrics`` and ``/healthz``."""

    protocol_version = "HTTP/1.1"
    server: Server
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for head and body

    def do_GET(self) -> None:  # noqa: N802 (http.server's name)
        """Answers questions about models and about the server."""
        path = self.path.split("?")[0]
        models = self.server.models
        if path == "/healthz":
            health = models.health()
            ready = all(model["version"] is not None for model in health.values())
            self._send(200 if ready else 503, json.dumps({"ready": ready, "models": health}).encode())
            return
        if path == "/metrics":
            text = self.server.meter.text(models.health())
            self._send(200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")
            return
        found = _STATUS.fullmatch(path)
        if not found:
            self._refuse(400 if path.startswith("/v1/") else 404, f"Malformed request: GET {path}")
            return
        name, version = found[1], int(found[2]) if found[2] else None
        try:
            if found[3]:
                answer = describe_signatures(models.get(name, version))
            else:
                answer = {"model_version_status": models.states(name, version)}
        except NotServed as error:
            self._refuse(404, str(error))
            return
        self._send(200, json.dumps(answer, indent=1).encode())

    def do_POST(self) -> None:  # noqa: N802 (http.server's name)
        """Predicts."""
        started = time.perf_counter()
        body = self._read_body()
        if body is None:
            return
        found = _PREDICT.fullmatch(self.path.split("?")[0])
        if not found:
            self._refuse(400, f"Malformed request: POST {self.path}")
            return
        self.server.begin()
        version, code, answer = "", 500, b""
        try:
            version, answer = self._predict(found[1], int(found[2]) if found[2] else None, body)
            code = 200
        except NotServed as error:
            code, answer = 404, _error(str(error))
        except (BadRequest, tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            code, answer = 400, _error(str(getattr(error, "message", None) or error))
        except Exception as error:
            logger.exception("a request to %s failed", found[1])
            code, answer = 500, _error(f"{type(error).__name__}: {error}")
        known = found[1] if code != 404 else ""  # names that clients make up are no labels
        self.server.meter.count(known, version, code, time.perf_counter() - started)
        try:
            self._send(code, answer)
        finally:
            self.server.end()

    def _predict(self, name: str, version: int | None, body: bytes) -> tuple[str, bytes]:
        loaded = self.server.models.get(name, version)
        request = parse_body(body)
        wanted = request.get("signature_name") or "serving_default"
        signature = loaded.signatures.get(wanted)
        if signature is None:
            raise BadRequest(f'Serving signature name: "{wanted}" not found in signature def')
        _, specs = signature.structured_input_signature
        answer = signature(**read_tensors(request, specs))
        return str(loaded.version), write_answer(answer, ROW in request)

    def _read_body(self) -> bytes | None:
        """Reads the body, or refuses it and ends the connection."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self._refuse(411, "expected a Content-Length header; send the body in one piece", close=True)
            return None
        if int(length) > self.server.max_bytes:
            limit = self.server.max_bytes
            self._refuse(413, f"expected a body of at most {limit} bytes, got {length}; send fewer rows", close=True)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _refuse(self, code: int, message: str, *, close: bool = False) -> None:
        self._send(code, _error(message), close=close)

    def _send(self, code: int, body: bytes, kind: str = _JSON, *, close: bool = False) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers what http.server itself refuses in the shape of all other errors."""
        self._refuse(int(code), message or "request refused", close=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
        """Logs requests at a level that is off by default."""
        logger.debug(format, *args)

    def version_string(self) -> str:
        """Names the server without its versions."""
        return "kerasline"


def describe_signatures(loaded: LoadedVersion) -> dict[str, Any]:
    """Describes a model's signatures as TensorFlow Serving's metadata does."""
    described = {}
    for name, signature in loaded.signatures.items():
        _, specs = signature.structured_input_signature
        described[name] = {
            "inputs": {key: _describe_tensor(spec, f"{name}_{key}:0") for key, spec in specs.items()},
            "outputs": {
                key: _describe_tensor(tf.TensorSpec(value.shape, value.dtype), value.name)
                for key, value in signature.structured_outputs.items()
            },
            "method_name": "tensorflow/serving/predict",
            "defaults": {},
        }
    return {
        "model_spec": {"name": loaded.name, "signature_name": "", "version": str(loaded.version)},
        "metadata": {"signature_def": {"signature_def": described}},
    }


def _describe_tensor(spec: Any, name: str) -> dict[str, Any]:
    shape = json_format.MessageToDict(spec.shape.as_proto(), preserving_proto_field_name=True)
    sizes = [{"size": dimension["size"], "name": ""} for dimension in shape.get("dim", [])]
    kind = tf.dtypes.as_dtype(spec.dtype)
    return {
        "dtype": f"DT_{kind.name.upper()}" if kind != tf.float32 else "DT_FLOAT",
        "tensor_shape": {"dim": sizes, "unknown_rank": shape.get("unknown_rank", False)},
        "name": name,
    }


def _error(message: str) -> bytes:
    return json.dumps({"error": message}).encode()


def serve(models: Path, host: str, port: int, *, names: list[str] | None, max_bytes: int, poll_seconds: float) -> None:
    """Serves until SIGTERM or SIGINT, and then answers what it has begun.

    Args:
      models: the workspace's ``models`` folder.
      host: to listen on.
      port: to listen on; 0 for any free one, which is printed.
      names: of models, or None for all, later ones included.
      max_bytes: larger requests are refused.
      poll_seconds: how often pointers are looked at.

    Raises:
      ConfigError: the address cannot be listened on.
    """
    served = ServedModels(models, names)
    served.refresh()
    try:
        server = Server((host, port), served, max_bytes)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--host, --port: {host}:{port} cannot be listened on ({reason}); try another") from None
    for name, health in served.health().items():
        state = f"version {health['version']}" if health["version"] else "no version"
        failed = f"; version {health['failed']['version']} does not load" if health["failed"] else ""
        print(f"  {name}: {state}{failed}")
    shown = f"[{host}]" if ":" in host else host
    print(f"listening on http://{shown}:{server.server_address[1]}  (Ctrl-C ends)", flush=True)
    stop = threading.Event()
    threading.Thread(target=served.watch, args=(stop, poll_seconds), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    answering = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    answering.start()
    stop.wait()
    server.shutdown()
    server.drain(30.0)
    server.server_close()
    print("stopped")
