"""HTTP for answers that are computed in threads: Tornado reads and writes, and here are the limits.

What is malformed, chunked, pipelined or announced by ``Expect: 100-continue`` is Tornado's. Ours: how long and how many
connections may wait, how large a request may be, which names of hosts are answered, and a clean end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tornado import httputil, iostream
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from kerasline.pipeline.web.http_hosts import host_name

logger = logging.getLogger("kerasline.http")
_IDLE_SECONDS, _BODY_SECONDS, _DRAIN_SECONDS = 60.0, 120.0, 30.0
_LOOK_SECONDS = 0.5  # between two looks for connections that have waited too long
_MOST_CONNECTIONS = 1024
_MOST_HEADER_BYTES = 65_536
_READ_HEADER_BYTES = 1 << 20  # a head that is larger than allowed is read so far, to be told so
_MOST_DIGITS = 18  # of a Content-Length
_THREADS = 16


@dataclass(frozen=True)
class Request:
    """What a client asks; HEAD comes as GET, and the query without its question mark."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(frozen=True)
class Answer:
    """What it gets."""

    code: int
    body: bytes
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """How a server meets its clients.

    Attributes:
      respond: answers a request; runs in a thread, of which there are several.
      refuse: makes the answer of a code and a sentence, where the server itself refuses.
      at_once: paths whose answers take no time and wait for nobody.
      max_bytes: of a body; larger ones are refused.
      hosts: names that a request may carry, or None for all.
      bodies: methods that need a body, and so a Content-Length or chunks.
      is_quick: whether an answer takes hardly longer than handing it to a thread; nobody else is served meanwhile.
    """

    respond: Callable[[Request], Answer]
    refuse: Callable[[int, str], Answer]
    at_once: Collection[str] = ()
    max_bytes: int = 65_536
    hosts: Collection[str] | None = None
    bodies: Collection[str] = ("POST",)
    is_quick: Callable[[Request], bool] = lambda _: False


class WebServer:
    """Listens when it is made, answers while :meth:`serve_forever` runs."""

    def __init__(self, host: str, port: int, rules: Rules) -> None:
        """Binds the address.

        Raises:
          OSError: it cannot be listened on.
        """
        self._sockets = bind_sockets(port, host)
        self.server_port: int = self._sockets[0].getsockname()[1]
        self._rules = rules
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ended = threading.Event()

    def serve_forever(self) -> None:
        """Answers until :meth:`shutdown`, and then what has begun."""
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ended.set()

    def shutdown(self) -> None:
        """Ends :meth:`serve_forever`, which runs in another thread, and waits for it."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._ended.wait(_DRAIN_SECONDS + 10)

    def server_close(self) -> None:
        """Gives the address back."""
        for one in self._sockets:
            one.close()
        if not self._loop.is_running():
            self._loop.close()

    async def _serve(self) -> None:
        with_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="answer")
        server = _Server(self._rules, with_threads)
        server.add_sockets(self._sockets)
        looking = asyncio.ensure_future(server.let_slow_ones_go())
        await self._stop.wait()
        looking.cancel()
        server.stop()
        end = self._loop.time() + _DRAIN_SECONDS
        while server.busy and self._loop.time() < end:
            await asyncio.sleep(0.02)
        await server.close_all_connections()
        with_threads.shutdown(wait=False, cancel_futures=True)


class _Server(HTTPServer):
    """Counts connections, so that those who wait do not lock out those who ask."""

    def initialize(self, rules: Rules, threads: ThreadPoolExecutor) -> None:  # type: ignore[override]
        """Takes the place of a constructor, as Tornado has it."""
        super().initialize(
            self,
            max_header_size=_READ_HEADER_BYTES,
            max_body_size=1 << 62,  # larger ones than the rules allow are read and dropped, so that the client listens
        )
        # Tornado's own limits of time, which are looked at below, cost a quarter of what it takes to read a request.
        self.conn_params.header_timeout = None
        self.rules, self.threads = rules, threads
        self.busy = self._open = 0
        self._most = min(_MOST_CONNECTIONS, _files_to_open() // 2)
        # Connections without a whole request, the longest waiting first, and until when they may wait (monotonic).
        self._waiting: dict[Any, float] = {}

    def handle_stream(self, stream: iostream.IOStream, address: Any) -> None:
        """Takes a connection in; where there are too many, the one that has waited longest goes."""
        if self._open >= self._most:
            longest = next(iter(self._waiting), None)
            if longest is None:
                head = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                stream.write(head).add_done_callback(lambda _: stream.close())
                return
            del self._waiting[longest]
            longest.stream.close()
        self._open += 1
        super().handle_stream(_Stream(stream.socket), address)

    def start_request(self, server_conn: Any, request_conn: Any) -> httputil.HTTPMessageDelegate:
        """Begins to wait for a request."""
        self._waiting.pop(server_conn, None)
        self._waiting[server_conn] = time.monotonic() + _IDLE_SECONDS
        return _Exchange(self, server_conn, request_conn)

    def began(self, server_conn: Any) -> None:
        """Notes that the head of a request is here, and waits for its body."""
        if server_conn in self._waiting:  # else it is gone already
            self._waiting[server_conn] = time.monotonic() + _BODY_SECONDS

    def arrived(self, server_conn: Any) -> None:
        """Notes that a request is here as a whole."""
        self._waiting.pop(server_conn, None)

    async def let_slow_ones_go(self) -> None:
        """Closes connections that have waited too long for a head or a body, until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            for slow in [one for one, until in self._waiting.items() if until < now]:
                slow.stream.close()

    def on_close(self, server_conn: Any) -> None:
        """Notes that a connection is gone."""
        self._open -= 1
        self._waiting.pop(server_conn, None)
        super().on_close(server_conn)


class _Stream(iostream.IOStream):
    """A connection whose client may end its own side and still wait for the answer."""

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Reads; the client's end is no end of the connection as long as its last request is not answered."""
        count = super().read_from_fd(buf)
        if count != 0:
            return count
        # Nothing more will come: who listened on would be told so again and again.
        self.io_loop.update_handler(self.fileno(), self.io_loop.ERROR | (self.io_loop.WRITE if self.writing() else 0))
        self.io_loop.add_callback(self._close_if_waiting)
        return None

    def _close_if_waiting(self) -> None:
        if self.reading():
            self.close()


class _Exchange(httputil.HTTPMessageDelegate):
    """A request, from its head to its answer."""

    def __init__(self, server: _Server, place: Any, connection: Any) -> None:
        self._server, self._place, self._connection = server, place, connection
        self._body = bytearray()
        self._refusal: Answer | None = None
        self._said = False

    def headers_received(self, start_line: Any, headers: httputil.HTTPHeaders) -> None:
        """Refuses what can be refused by its head."""
        self._start, self._headers = start_line, headers
        self._server.began(self._place)
        length = headers.get("Content-Length", "")
        if length.isdecimal() and len(length) > _MOST_DIGITS:
            length = headers["Content-Length"] = "9" * _MOST_DIGITS  # Python reads no number of 5,000 digits
        self._refusal = self._problem()
        expects = headers.get("Expect", "").lower()
        if expects:
            headers["Expect"] = expects
        if length.isdecimal() and int(length) > self._server.rules.max_bytes:
            self._refuse_size(length)
            if expects:  # the client waits for this answer, and sends nothing more
                self._connection.finish()

    def data_received(self, chunk: bytes) -> None:
        """Keeps a part of the body, or drops it where the answer does not need it."""
        if self._refusal is not None:
            return
        self._body += chunk
        if len(self._body) > self._server.rules.max_bytes:
            self._refuse_size(f"at least {len(self._body)}")

    def finish(self) -> None:
        """Answers: what takes no time before anything else is done, the rest in a thread."""
        self._server.arrived(self._place)
        written = None if self._said else self._answer_now()
        if self._said and (written is None or (written.done() and written.exception() is None)):
            self._connection.finish()
            return
        self._server.busy += 1
        self._task = asyncio.ensure_future(self._finish(written))

    def _answer_now(self) -> Any:
        """Begins to write what takes no time to know, and returns when it is written; None for other requests."""
        rules = self._server.rules
        if self._refusal is not None:
            return self._say(self._refusal)
        request = self._request()
        return self._say(self._respond(request)) if request.path in rules.at_once or rules.is_quick(request) else None

    async def _finish(self, written: Any) -> None:
        try:
            if written is None:
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._server.threads, self._respond, self._request())
                written = self._say(answer)
            await asyncio.wait_for(asyncio.shield(written), _BODY_SECONDS)
            self._connection.finish()
        except (iostream.StreamClosedError, TimeoutError):  # the client has gone, or does not read its answer
            self._connection.close()
        finally:
            self._server.busy -= 1

    def _request(self) -> Request:
        method = "GET" if self._start.method == "HEAD" else self._start.method
        headers = {name.lower(): value for name, value in self._headers.items()}
        path, _, query = self._start.path.partition("?")
        return Request(method, path, headers, bytes(self._body), query)

    def _respond(self, request: Request) -> Answer:
        rules = self._server.rules
        try:
            return rules.respond(request)
        except Exception:
            logger.exception("a request to %s failed", request.path[:200])
            return rules.refuse(500, "the server failed to answer this request; its log says why")

    def _problem(self) -> Answer | None:
        rules, headers = self._server.rules, self._headers
        size = len(self._start.path) + sum(len(name) + len(value) for name, value in headers.get_all())
        if size > _MOST_HEADER_BYTES:
            return rules.refuse(431, f"expected a head of at most {_MOST_HEADER_BYTES} bytes, got {size}")
        host = headers.get("Host")
        if rules.hosts is not None and host is not None and host_name(host) not in rules.hosts:
            return rules.refuse(403, f"this server answers to {', '.join(sorted(rules.hosts))} only")
        has_body = "Content-Length" in headers or "Transfer-Encoding" in headers
        if self._start.method in rules.bodies and not has_body:
            return rules.refuse(411, "expected a Content-Length header, or a body in chunks")
        return None

    def _refuse_size(self, size: str) -> None:
        """Tells the client at once; the rest of the body is read and dropped, or it would see a broken connection."""
        limit = self._server.rules.max_bytes
        self._refusal = self._server.rules.refuse(413, f"expected a body of at most {limit} bytes, got {size}")
        self._body.clear()
        self._say(self._refusal)

    def _say(self, answer: Answer) -> Any:
        self._said = True
        headers = httputil.HTTPHeaders({"Server": "kerasline", "Content-Type": answer.kind})
        headers.update({**answer.headers, "Content-Length": str(len(answer.body))})
        line = httputil.ResponseStartLine("HTTP/1.1", answer.code, HTTPStatus(answer.code).phrase)
        body = b"" if self._start.method == "HEAD" else answer.body
        return self._connection.write_headers(line, headers, body)


def _files_to_open() -> int:
    """Returns how many files this process may have open; takes as many as it is allowed to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * _MOST_CONNECTIONS
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard > 0 else wanted, hard))
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], wanted)
