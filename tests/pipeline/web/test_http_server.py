"""The HTTP server under requests as they come from networks: large, slow, broken, many."""

from __future__ import annotations

import http.client
import resource
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from kerasline.pipeline.web import http_server
from kerasline.pipeline.web.http_hosts import allowed_hosts, host_name
from kerasline.pipeline.web.http_server import Answer, Request, Rules, WebServer

MOST = 100_000


def respond(request: Request) -> Answer:
    """Tells what came."""
    if request.path in ("/fails", "/quick/fails"):
        raise RuntimeError("a secret")
    if request.path == "/slow":
        time.sleep(0.5)
    if request.path.endswith("/thread"):
        return Answer(200, threading.current_thread().name.encode(), "text/plain")
    return Answer(200, f"{request.method} {request.path} {len(request.body)}".encode(), "text/plain")


def is_quick(request: Request) -> bool:
    """Tells what is not worth a thread."""
    return request.path.startswith("/quick")


def refuse(code: int, message: str) -> Answer:
    """Writes the sentence."""
    return Answer(code, message.encode(), "text/plain")


def start() -> WebServer:
    """A server that answers in a thread of this process."""
    hosts = allowed_hosts("127.0.0.1", ["mine"])
    server = WebServer("127.0.0.1", 0, Rules(respond, refuse, ("/health",), MOST, hosts, is_quick=is_quick))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server."""
    server = start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def send(port: int, *parts: bytes, pause: float = 0.0, end: bool = True) -> bytes:
    """Sends bytes as they are, and returns all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        if end:
            connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def head(*lines: str) -> bytes:
    """Writes a request's head."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


POST = "POST /x HTTP/1.1"


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (head("GET /x HTTP/1.1", "Host: localhost"), 200, b"GET /x 0"),
        (head("GET /x HTTP/1.1"), 200, b"GET /x 0"),
        (head("GET /x HTTP/1.0"), 200, b"GET /x 0"),
        (head("GET /x?a=b HTTP/1.1", "Host: mine:99"), 200, b"GET /x 0"),
        (head("GET /x HTTP/1.1", "Host: evil.example"), 403, b"answers to"),
        (head("GET /x HTTP/1.1", "Host: localhost.evil.example"), 403, b"answers to"),
        (head(POST), 411, b"Content-Length"),
        (head(POST, "Content-Length: 3") + b"abc", 200, b"POST /x 3"),
        (head(POST, "Transfer-Encoding: chunked") + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, b"POST /x 3"),
        (head(POST, "Content-Length: " + "9" * 5000), 413, b"at most 100000"),
        (head(POST, "Content-Length: 12x") + b"abc", 400, b""),
        (head(POST, "Content-Length: -1"), 400, b""),
        (head(POST, "Content-Length: 3", "Transfer-Encoding: chunked") + b"abc", 400, b""),
        (head(POST, "Transfer-Encoding: chunked") + b"zz\r\n", 400, b""),
        (head("nonsense"), 400, b""),
        (head("GET /x"), 400, b""),
        (head("GET /x HTTP/2.0"), 400, b""),
        (head("GET  /x  HTTP/1.1"), 400, b""),
        (head("GET /x HTTP/1.1", "no colon"), 400, b""),
        (head("GET /x HTTP/1.1", "A: " + "b" * 70_000), 431, b"65536"),
        (head("GET /" + "x" * 70_000 + " HTTP/1.1"), 431, b"65536"),
        (head("GET /fails HTTP/1.1"), 500, b"its log says why"),
        (head("GET /quick/fails HTTP/1.1"), 500, b"its log says why"),
        (head("POST /quick HTTP/1.1"), 411, b"Content-Length"),
        (head("POST /quick HTTP/1.1", "Content-Length: 3") + b"abc", 200, b"POST /quick 3"),
        (head("GET /quick HTTP/1.1", "Host: evil.example"), 403, b"answers to"),
        (head("GET /quick HTTP/1.0"), 200, b"GET /quick 0"),
        (b"\r\n" + head("GET /x HTTP/1.1"), 200, b"GET /x 0"),
    ],
)
def test_every_request_has_a_status_line(port: int, request_: bytes, code: int, words: bytes) -> None:
    answer = send(port, request_)
    assert answer.startswith(f"HTTP/1.1 {code} ".encode()), answer
    assert words in answer and b"secret" not in answer


def test_head_has_no_body_and_the_length_of_one(port: int) -> None:
    answer = send(port, head("HEAD /x HTTP/1.1"))
    assert answer.endswith(b"\r\n\r\n") and b"Content-Length: 8\r\n" in answer


def test_what_is_quick_is_answered_without_a_thread_of_its_own(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    names = []
    for path in ("/thread", "/quick/thread", "/quick/thread", "/thread"):
        connection.request("GET", path)
        names.append(connection.getresponse().read().decode())
    assert [name.startswith("answer") for name in names] == [True, False, False, True]


def test_two_requests_in_one_packet_are_answered_in_order(port: int) -> None:
    answer = send(port, head("GET /slow HTTP/1.1") + head("GET /quick HTTP/1.1") + head("GET /x HTTP/1.1"))
    assert answer.index(b"GET /slow 0") < answer.index(b"GET /quick 0") < answer.index(b"GET /x 0")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_with_too_large_a_body_sees_why(port: int, chunked: bool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = b"x" * 30_000_000  # far more than sockets hold
    connection.request("POST", "/x", iter([body]) if chunked else body, encode_chunked=chunked,
                       headers={"Transfer-Encoding": "chunked"} if chunked else {})  # fmt: skip
    answer = connection.getresponse()
    assert answer.status == 413 and b"at most 100000 bytes" in answer.read()
    connection.request("GET", "/x")
    assert connection.getresponse().status == 200, "the connection goes on"


def test_expectations_are_met_at_once(port: int) -> None:
    def first_line(length: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(head(POST, f"Content-Length: {length}", "Expect: 100-Continue"))
            return connection.makefile("rb").readline()

    assert first_line(3).startswith(b"HTTP/1.1 100 ")
    assert first_line(MOST + 1).startswith(b"HTTP/1.1 413 ")


def test_idle_connections_lock_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_MOST_CONNECTIONS", 20)
    server = start()
    idle = [socket.create_connection(("127.0.0.1", server.server_port), timeout=30) for _ in range(60)]
    try:
        for _ in range(3):
            time.sleep(0.05)
            assert b" 200 OK" in send(server.server_port, head("GET /x HTTP/1.1"))
    finally:
        for connection in idle:
            connection.close()
        server.shutdown()
        server.server_close()


def test_slow_clients_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_IDLE_SECONDS", 0.3)
    monkeypatch.setattr(http_server, "_BODY_SECONDS", 0.3)
    server = start()
    try:
        assert send(server.server_port, b"GET /x HT", end=False) == b""
        assert send(server.server_port, head(POST, "Content-Length: 9"), b"abc", end=False) == b""
        assert b" 200 OK" in send(server.server_port, head("GET /slow HTTP/1.1"))
    finally:
        server.shutdown()
        server.server_close()


def test_the_end_waits_for_what_has_begun() -> None:
    server = start()
    answers: list[bytes] = []
    asking = threading.Thread(target=lambda: answers.append(send(server.server_port, head("GET /slow HTTP/1.1"))))
    asking.start()
    time.sleep(0.2)
    server.shutdown()
    server.server_close()
    asking.join()
    assert b"GET /slow 0" in answers[0]


def test_no_more_files_are_taken_than_the_process_may_open() -> None:
    assert 0 < http_server._files_to_open() <= resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_names_of_hosts() -> None:
    assert [host_name(h) for h in ("LocalHost:8501", "[::1]:8501", "[::1]", "a.b.", "")] == [
        *("localhost", "[::1]", "[::1]", "a.b", ""),
    ]
    assert allowed_hosts("0.0.0.0") is None
    assert allowed_hosts("0.0.0.0", ["Mine"]) == {"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "mine"}
    assert allowed_hosts("::1") == {"127.0.0.1", "localhost", "[::1]"}
