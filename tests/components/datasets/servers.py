"""Servers of this machine that data is read from: real ones where they are installed, and one that fails on purpose."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest


@dataclass
class Web:
    """A web server that answers as a test says.

    Attributes:
      files: path to content.
      tags: path to ETag.
      faults: answers to give before the file, the next one first: a status, ``cut`` (half of the file), ``silent`` (no
        answer) or the beginning of an XML error such as S3 gives.
      asked: method and path of each request.
      sent: bytes of bodies.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    faults: list[int | str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sent: int = 0
    changed: float = 1_700_000_000.0
    address: str = ""


@contextmanager
def serve_web() -> Iterator[Web]:
    """Serves on a free port until the test ends."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            web.asked.append(f"{self.command} {self.path}")
            fault = web.faults.pop(0) if web.faults else None
            if fault == "silent":
                time.sleep(1.5)
                self.close_connection = True
            elif isinstance(fault, int):
                self.reply(fault, b"", {})
            elif fault is not None and fault != "cut":
                status, _, code = fault.partition(" ")
                body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
                self.reply(int(status), body, {"Content-Type": "application/xml"})
            elif path not in web.files:
                self.reply(404, b"", {})
            else:
                headers = {"Last-Modified": formatdate(web.changed, usegmt=True)} if web.changed else {}
                headers |= {"ETag": web.tags[path]} if path in web.tags else {}
                self.reply(200, web.files[path], headers, cut=fault == "cut")

        def reply(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[: len(body) // 2] if cut else body)
                web.sent += len(body)
            self.close_connection = self.close_connection or cut

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(command: list[str], port: int) -> Iterator[None]:
    """Runs a server of this machine; the test is skipped where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            if process.poll() is not None:
                pytest.skip(f"{command[0]} does not start")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)
