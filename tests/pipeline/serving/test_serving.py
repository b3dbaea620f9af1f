"""The development server: TensorFlow Serving's API over real HTTP."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.serving.serving_process import PREDICT, RAW, ROWS, Running


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


def nested(levels: int) -> Any:
    """Puts a text into lists within lists."""
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


def raw(area: str) -> bytes:
    """Writes a row with a number as no Python value is written."""
    return b'{"signature_name": "serving_raw", "instances": [{"area__m__": %b, "district": "a"}]}' % area.encode()


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
        (PREDICT, {"instances": ROWS}, 400, 'Columns by their names are taken with "signature_name": "serving_raw"'),
        (PREDICT, {"inputs": {"district": ["x"]}}, 400, "Missing named input: examples in 'inputs' object. Columns by"),
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
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "district": nested(255)}]}, 400, "nested deeper than 32"),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "district": nested(500)}]}, 400, "nested deeper than 32"),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "district": ["a", ["b"]]}]}, 400, "lists stand beside values"),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "district": 5}]}, 400, "5 is no string"),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "area__m__": True}]}, 400, "true is no such number"),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "more": 1}]}, 400, "keys must be equal to: area__m__,district"),
        (PREDICT, raw("1e400"), 400, "Infinity is too large a number for float32"),
        (PREDICT, raw("1e39"), 400, "1e+39 is too large a number for float32"),
        (PREDICT, raw("1" + "0" * 400), 400, "too large"),
        (PREDICT, raw("9" * 5000), 400, "a number has too many digits"),
        (PREDICT, raw("-Infinity"), 400, "-Infinity is no value"),
        (PREDICT, raw('1, "area__m__": 2'), 400, '"area__m__" is given twice in one object'),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "district": "\ud800"}]}, 400, "half of a surrogate pair"),
        (PREDICT, {**RAW, "instances": [{**ROWS[0], "district": {"b64": "é"}}]}, 400, "Unable to base64 decode"),
        (
            PREDICT,
            {"signature_name": "serving_raw", "inputs": {"area__m__": [1, 2, 3], "district": ["a"]}},
            400,
            "as many values in every column of 'inputs', but area__m__ has 3, district has 1",
        ),
        (
            PREDICT,
            {"signature_name": "serving_raw", "inputs": {"area__m__": [], "district": []}},
            400,
            "No values in 'inputs'",
        ),
        (
            PREDICT,
            {"signature_name": "serving_raw", "inputs": {"area__m__": [[1], [2, 3]], "district": ["a", "b"]}},
            400,
            "lists have 1 and 2 values",
        ),
        (
            "/v1/models/doubler/versions/" + "9" * 5000,
            None,
            404,
            "Servable not found for request: Specific(doubler, 99",
        ),
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


def test_packed_bodies(served: tuple[Running, Path]) -> None:
    def send(body: bytes, encoding: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", served[0].port, timeout=60)
        connection.request("POST", PREDICT, body, {"Content-Encoding": encoding})
        answer = connection.getresponse()
        text = json.loads(answer.read())
        connection.close()
        return answer.status, text

    body = json.dumps(RAW).encode()
    assert send(gzip.compress(body), "gzip") == (200, {"predictions": [32.0, 3.0]})
    assert send(body, "identity") == (200, {"predictions": [32.0, 3.0]})
    assert send(body, "gzip") == (400, {"error": "the body is said to be gzip, but it is not"})
    assert send(gzip.compress(body)[:-9], "gzip") == (400, {"error": "the body is gzip that ends too early"})
    code, answer = send(gzip.compress(b" " * 50_000_000), "gzip")
    assert code == 413 and "at most 100000 bytes once it is unpacked" in answer["error"]
    assert send(body, "br")[0] == 415


def test_other_methods_and_names_are_refused(served: tuple[Running, Path]) -> None:
    def ask(method: str, path: str, **headers: str) -> tuple[int, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", served[0].port, timeout=60)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.getheader("Allow")

    assert ask("GET", PREDICT) == (405, "POST")
    assert ask("DELETE", "/v1/models/doubler") == (405, "GET, HEAD")
    assert ask("OPTIONS", "/healthz") == (405, "GET, HEAD")
    assert ask("HEAD", "/healthz") == (200, None)
    assert ask("GET", "/healthz", Host="evil.example") == (403, None)
    assert ask("GET", "/healthz", Host=f"localhost:{served[0].port}") == (200, None)


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


def test_addresses_and_names_that_cannot_be(workspace: Path, kerasline: Any, served: tuple[Running, Path]) -> None:
    unknown = kerasline("serve", "--workspace", workspace, "--model", "dubler")
    assert (unknown.returncode, "Did you mean 'doubler'" in unknown.stderr) == (2, True)
    taken = kerasline("serve", "--workspace", workspace, "--port", served[0].port)
    assert (taken.returncode, f"127.0.0.1:{served[0].port} cannot be listened on" in taken.stderr) == (2, True)
