"""Requests at random: each gets a status line, none is the server's fault, and the server lives on."""

from __future__ import annotations

import gzip
import json
import os
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.registry import push_version
from tests.pipeline.serving.serving_process import PREDICT, RAW

# KERASLINE_FUZZ_REQUESTS=100000 looks longer, KERASLINE_FUZZ_SEED=7 elsewhere.
REQUESTS = int(os.environ.get("KERASLINE_FUZZ_REQUESTS", "2000"))
SEED = int(os.environ.get("KERASLINE_FUZZ_SEED", "1"))
SCALARS: tuple[Any, ...] = (
    *(0, 1.5, -1, 1e39, 10**30, True, None, "", "x", "bad", "é", "\ud800", "\0", {"b64": "eA=="}, {"b64": "%"}, {}, []),
    *(float("nan"), float("inf"), {"b64": 5}, {"a": 1}, ["x", ["y"]]),
)
PATHS = (PREDICT, PREDICT, PREDICT, "/v1/models/doubler", "/v1/models/doubler/metadata", "/healthz", "/metrics", "/")
HEADERS = (
    *("Content-Encoding: gzip", "Transfer-Encoding: chunked", "Expect: 100-continue", "Host: evil.example", "Host:"),
    *(
        "Connection: close",
        "Connection: keep-alive",
        "Content-Length: 5",
        "Content-Length: x",
        ": y",
        "\x00: 1",
        "A: \xff",
    ),
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, doublers: list[Path]) -> Iterator[int]:
    """A server of the doubler in this process."""
    from kerasline.pipeline.serving.answers import Responder, refuse
    from kerasline.pipeline.serving.models import ServedModels
    from kerasline.pipeline.web.http_hosts import allowed_hosts
    from kerasline.pipeline.web.http_server import Rules, WebServer

    models = tmp_path_factory.mktemp("fuzzed") / "models"
    push_version(models / "doubler", doublers[0], {}, keep=5)
    served = ServedModels(models)
    served.refresh()
    responder = Responder(served, 50_000)
    server = WebServer("127.0.0.1", 0, Rules(responder.respond, refuse, ("/healthz",), 50_000, allowed_hosts("::1")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def value(chance: random.Random, levels: int = 3) -> Any:
    """A JSON value of any form, sometimes a deep or a long one."""
    kind = chance.random()
    if kind < 0.6 or not levels:
        return chance.choice(SCALARS)
    if kind < 0.65:
        deep: Any = "x"
        for _ in range(chance.choice((31, 33, 255, 600))):
            deep = [deep]
        return deep
    if kind < 0.85:
        return [value(chance, levels - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(("area__m__", "district", "b64", "z")): value(chance, levels - 1) for _ in range(2)}


def request_body(chance: random.Random) -> bytes:
    """A body: a good one, one with something wrong in it, or bytes."""
    rows = [{"area__m__": 1.0, "district": "a"} for _ in range(chance.randrange(1, 4))]
    asked: dict[str, Any] = {"signature_name": "serving_raw", "instances": rows}
    change = chance.random()
    if change < 0.3:
        chance.choice(rows)[chance.choice(("area__m__", "district"))] = value(chance)
    elif change < 0.5:
        asked = {"signature_name": "serving_raw", "inputs": {"area__m__": value(chance), "district": value(chance)}}
    elif change < 0.6:
        asked = {"instances": value(chance)}
    elif change < 0.7:
        asked[chance.choice(("signature_name", "instances", "inputs"))] = value(chance)
    text = json.dumps(asked).encode()
    if change > 0.9:
        place = chance.randrange(len(text))
        text = text[:place] + chance.randbytes(chance.randrange(1, 9)) + text[place + chance.randrange(9) :]
    return gzip.compress(text) if chance.random() < 0.05 else text


def request(chance: random.Random) -> bytes:
    """The bytes of a request."""
    if chance.random() < 0.03:
        return chance.randbytes(chance.randrange(1, 300)) + b"\r\n\r\n"
    method = chance.choice(("POST",) * 8 + ("GET", "HEAD", "PUT", "OPTIONS", "get", "P\tT"))
    body = request_body(chance) if method != "GET" else b""
    lines = [f"{method} {chance.choice(PATHS)} HTTP/{chance.choice(('1.1',) * 9 + ('1.0', '2', 'x'))}"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    if chance.random() < 0.3:
        lines.append(chance.choice(HEADERS))
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ask(port: int, sent: bytes) -> bytes:
    """Sends a request, ends this side, and returns all that comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.makefile("rb").read()
        except ConnectionResetError:  # the answer came before the body was read, and what was left of it broke
            return b""


def test_requests_at_random(port: int) -> None:
    chance = random.Random(SEED)
    silent = 0
    for number in range(REQUESTS):
        sent = request(chance)
        answer = ask(port, sent)
        # A body that is shorter than it says never comes to an end: then there is nothing to answer.
        silent += not answer
        assert not answer or answer.startswith(b"HTTP/1.1 ") and answer[9:10] in b"124", (number, sent, answer)
        assert b"Graph execution" not in answer and b"Traceback" not in answer, (number, sent, answer)
    assert silent < REQUESTS / 20
    body = json.dumps(RAW).encode()
    good = ask(port, f"POST {PREDICT} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    assert good.endswith(b'{"predictions": [12.0, 1.0]}')
