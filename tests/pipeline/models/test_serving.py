"""The development server: TensorFlow Serving's API over real HTTP, while production moves."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.production import add_version, current_version, move_pointer

ROOT = Path(__file__).resolve().parents[3]


class Running:
    """A server in a process of its own."""

    def __init__(self, workspace: Path, *options: str) -> None:
        command = [
            sys.executable,
            "-m",
            "kerasline",
            "serve",
            "--workspace",
            str(workspace),
            "--port",
            "0",
            *options,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line)
            found = re.search(r"listening on http://127.0.0.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                return
        raise AssertionError(f"the server ended: {self.said}")

    def ask(
        self, path: str, request: Any = None, connection: http.client.HTTPConnection | None = None
    ) -> tuple[int, Any]:
        """Sends a request; bytes go as they are, other values as JSON."""
        used = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        if request is None:
            used.request("GET", path)
        else:
            body = request if isinstance(request, bytes) else json.dumps(request).encode()
            used.request("POST", path, body)
        response = used.getresponse()
        text = response.read()
        if connection is None:
            used.close()
        is_json = response.getheader("Content-Type") == "application/json"
        return response.status, json.loads(text) if is_json else text.decode()

    def stop(self) -> int:
        """Ends the server as an operator would."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, doublers: list[Path]) -> Iterator[tuple[Running, Path]]:
    """A server of the doubler, which other tests of this module use too: move production and move it back."""
    from kerasline.components.production import push_version

    root = tmp_path_factory.mktemp("served") / "workspace"
    folder = root / "models" / "doubler"
    for model in doublers:
        push_version(folder, model, {}, keep=5)
    server = Running(root, "--poll-seconds", "0.1", "--max-request-mb", "0.1")
    yield server, folder
    assert server.stop() == 0


ROWS = [{"area__m__": 10.0, "district": "xy"}, {"area__m__": 1, "district": ""}]
RAW = {"signature_name": "serving_raw", "instances": ROWS}
PREDICT = "/v1/models/doubler:predict"


def move(folder: Path, version: int) -> None:
    """Puts a version into production as promote does, the trial left out."""
    move_pointer(folder, version, "test", previous=current_version(folder), action="promote")


def wait_for(server: Running, version: int) -> None:
    """Waits until the server has taken a version up."""
    for _ in range(200):
        if server.ask("/healthz")[1]["models"]["doubler"]["version"] == version:
            return
        time.sleep(0.05)
    raise AssertionError(f"version {version} was not taken up")


def test_rows_and_columns(served: tuple[Running, Path]) -> None:
    server, _ = served
    assert server.ask(PREDICT, RAW) == (200, {"predictions": [32.0, 3.0]})
    columns = {"area__m__": [10.0, 1], "district": ["xy", {"b64": base64.b64encode(b"abc").decode()}]}
    request = {"signature_name": "serving_raw", "inputs": columns}
    assert server.ask(PREDICT, request) == (200, {"outputs": [32.0, 6.0]})
    assert server.ask("/v1/models/doubler/versions/1:predict", RAW) == (200, {"predictions": [12.0, 1.0]})


def test_serialized_examples(served: tuple[Running, Path]) -> None:
    import tensorflow as tf

    example = tf.train.Example()
    example.features.feature["area (m²)"].float_list.value.append(2.0)
    text = base64.b64encode(example.SerializeToString()).decode()
    for request in ({"instances": [{"b64": text}]}, {"instances": [{"examples": {"b64": text}}]}):
        assert served[0].ask(PREDICT, request) == (200, {"predictions": [6.0]})
    assert served[0].ask(PREDICT, {"inputs": [{"b64": text}]}) == (200, {"outputs": [6.0]})


def test_numbers_that_json_has_not(served: tuple[Running, Path]) -> None:
    body = b'{"signature_name": "serving_raw", "instances": [{"area__m__": NaN, "district": "a"}]}'
    code, answer = served[0].ask(PREDICT, body)
    assert code == 200
    assert str(answer["predictions"]) == "[nan]"


def test_status_and_metadata(served: tuple[Running, Path]) -> None:
    server, _ = served
    code, status = server.ask("/v1/models/doubler")
    assert code == 200
    assert status["model_version_status"][0] == {
        "version": "3",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert server.ask("/v1/models/doubler/versions/2")[1]["model_version_status"][0]["version"] == "2"
    code, metadata = server.ask("/v1/models/doubler/metadata")
    assert metadata["model_spec"] == {"name": "doubler", "signature_name": "", "version": "3"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_raw"]
    assert signature["inputs"]["area__m__"]["dtype"] == "DT_FLOAT"
    assert signature["inputs"]["district"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]
    assert signature["method_name"] == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    ("path", "request_", "code", "message"),
    [
        ("/v1/models/other:predict", RAW, 404, "Servable not found for request: Latest(other)"),
        ("/v1/models/doubler/versions/9:predict", RAW, 404, "Servable not found for request: Specific(doubler, 9)"),
        ("/v1/models/other", None, 404, "Could not find any versions of model other"),
        ("/v1/models/doubler/versions/9", None, 404, "Servable not found for request: Specific(doubler, 9)"),
        ("/v1/models/doubler:explain", RAW, 400, "Malformed request: POST /v1/models/doubler:explain"),
        ("/v1/else", None, 400, "Malformed request: GET /v1/else"),
        ("/favicon.ico", None, 404, "Malformed request: GET /favicon.ico"),
        (PREDICT, b"", 400, "JSON Parse error: The document is empty"),
        (PREDICT, b"{not json", 400, "JSON Parse error: Expecting property name"),
        (PREDICT, b"\xff\xfe{", 400, "JSON Parse error"),
        (PREDICT, b"[" * 20_000, 400, "JSON Parse error"),
        (PREDICT, [1], 400, "Is not object"),
        (PREDICT, {"signature_name": 3, "instances": [1]}, 400, "'signature_name' key must be a string value."),
        (PREDICT, {}, 400, "Missing 'inputs' or 'instances' key"),
        (PREDICT, {"instances": [1], "inputs": [1]}, 400, "expecting only one of 'inputs' or 'instances'"),
        (PREDICT, {"instances": []}, 400, "No values in 'instances' array"),
        (PREDICT, {"instances": 5}, 400, "'instances' to be an list/array"),
        (PREDICT, {**RAW, "signature_name": "nope"}, 400, 'Serving signature name: "nope" not found in signature def'),
        (PREDICT, {**RAW, "instances": [1.0]}, 400, "expecting list of objects as multiple input tensors"),
        (PREDICT, {**RAW, "instances": [ROWS[0], 1]}, 400, "Expecting object but got value/list at item 1"),
        (PREDICT, {**RAW, "instances": [{"area__m__": 1}]}, 400, "keys must be equal to: area__m__,district"),
        (PREDICT, {"signature_name": "serving_raw", "inputs": [1]}, 400, "expecting an object as multiple input"),
        (
            PREDICT,
            {"signature_name": "serving_raw", "inputs": {"district": ["x"]}},
            400,
            "Missing named input: area__m__",
        ),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "area__m__": "x"}]}, 400, "is not of expected type float32"),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "area__m__": None}]}, 400, "is not of expected type float32"),
        (
            PREDICT,
            {**RAW, "instances": [{**ROWS[0], "area__m__": [1, 2]}]},
            400,
            "expecting shape (None,) but got: (1, 2)",
        ),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "district": {"b64": "%"}}]}, 400, "Unable to base64 decode"),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "district": "bad"}]}, 400, "a bad district"),
        (PREDICT, {"instances": [{"b64": "AAAA"}]}, 400, "Could not parse example"),
        (PREDICT, b" " * 100_001, 413, "expected a body of at most 100000 bytes, got 100001"),
    ],
)
def test_errors_are_json(served: tuple[Running, Path], path: str, request_: Any, code: int, message: str) -> None:
    status, answer = served[0].ask(path, request_)
    assert status == code
    assert set(answer) == {"error"}
    assert message in answer["error"]


def test_requests_that_are_no_http(served: tuple[Running, Path]) -> None:
    def send(text: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", served[0].port), timeout=30) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").read()

    assert b"HTTP/1.1 411 Length Required" in send(b"POST /v1/models/doubler:predict HTTP/1.1\r\n\r\n")
    assert b'{"error"' in send(b"PUT /v1/models/doubler HTTP/1.1\r\n\r\n")
    send(b"POST /v1/models/doubler:predict HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf")
    send(b"\x16\x03\x01 hello")
    assert served[0].ask(PREDICT, RAW)[0] == 200


def test_metrics_are_counted(served: tuple[Running, Path]) -> None:
    server, _ = served

    def read() -> dict[str, float]:
        code, text = server.ask("/metrics")
        assert code == 200
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"}

    good = 'kerasline_requests_total{model="doubler",version="3",code="200"}'
    bad = 'kerasline_requests_total{model="doubler",version="",code="400"}'
    server.ask(PREDICT, RAW)
    before = read()
    server.ask(PREDICT, RAW)
    server.ask(PREDICT, {})
    after = read()
    assert after[good] == before[good] + 1
    assert after[bad] == before.get(bad, 0) + 1
    assert after['kerasline_model_version{model="doubler"}'] == 3
    count = 'kerasline_request_seconds_count{model="doubler",version="3"}'
    assert (
        after[count] == after['kerasline_request_seconds_bucket{model="doubler",version="3",le="+Inf"}'] == after[good]
    )


def test_production_moves_under_load_without_a_lost_request(served: tuple[Running, Path]) -> None:
    server, folder = served
    stop, answers, faults = threading.Event(), [], []

    def ask_again_and_again() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not stop.is_set():
            try:
                answers.append(server.ask(PREDICT, RAW, connection))
            except (OSError, http.client.HTTPException) as error:
                faults.append(error)

    threads = [threading.Thread(target=ask_again_and_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for version in (1, 2, 3, 2, 3):
            move(folder, version)
            wait_for(server, version)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert {code for code, _ in answers} == {200}
    seen = {answer["predictions"][0] for _, answer in answers}
    assert seen == {12.0, 22.0, 32.0}
    assert server.ask(PREDICT, RAW)[1] == {"predictions": [32.0, 3.0]}


def test_a_version_that_does_not_load_leaves_the_old_one_answering(served: tuple[Running, Path]) -> None:
    server, folder = served
    version = add_version(folder, folder / "1", {})
    (folder / str(version) / "variables" / "variables.index").write_bytes(b"x" * 7)
    move(folder, version)
    for _ in range(200):
        health = server.ask("/healthz")[1]["models"]["doubler"]
        if health["failed"]:
            break
        time.sleep(0.05)
    assert health["version"] == 3
    assert "variables.index has 7 bytes" in health["failed"]["reason"]
    assert server.ask(PREDICT, RAW)[1] == {"predictions": [32.0, 3.0]}
    assert 'kerasline_model_failed{model="doubler"} 1' in server.ask("/metrics")[1]
    move(folder, 3)


def test_addresses_and_names_that_cannot_be(workspace: Path, kerasline: Any, served: tuple[Running, Path]) -> None:
    unknown = kerasline("serve", "--workspace", workspace, "--model", "dubler")
    assert (unknown.returncode, "Did you mean 'doubler'" in unknown.stderr) == (2, True)
    taken = kerasline("serve", "--workspace", workspace, "--port", served[0].port)
    assert (taken.returncode, f"127.0.0.1:{served[0].port} cannot be listened on" in taken.stderr) == (2, True)
