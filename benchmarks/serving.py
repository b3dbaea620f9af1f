"""Latency and requests per second of ``kerasline serve``, with and without capture, against a bare TensorFlow call.

Usage: ``python benchmarks/serving.py WORKSPACE [SECONDS] [CHECKOUT]``, where WORKSPACE has a pushed ``iris_mlp``. One
after the other; the server is a process of its own, asked over loopback with connections that stay open. With another
checkout, its server and this one's are asked in turns instead, on a machine that does other things as well: by
``http.client`` and by a bare socket, whose client takes hardly any time itself.
"""

from __future__ import annotations

import contextlib
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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ROW = {"sepal_length": 6.4, "sepal_width": 3.2, "petal_length": 4.5, "petal_width": 1.5}
BODY = json.dumps({"signature_name": "serving_raw", "instances": [ROW]}).encode()
WARM_UP = 50
_TURNS, _TURN_CALLS = 60, 40


def measure(call: Callable[[], None], seconds: float) -> np.ndarray:
    """Returns the time of each call in milliseconds, one after the other, for some seconds."""
    for _ in range(WARM_UP):
        call()
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    return np.array(times)


def bare_call(workspace: Path) -> Callable[[], None]:
    """Loads the version in production with plain TensorFlow."""
    import tensorflow as tf

    folder = workspace / "models" / "iris_mlp"
    version = json.loads((folder / "current.json").read_text())["version"]
    model = tf.saved_model.load(str(folder / str(version)))
    signature = model.signatures["serving_raw"]

    def call() -> None:
        answer = signature(**{name: tf.constant([value]) for name, value in ROW.items()})
        answer["scores"].numpy()
        assert model

    return call


def http_call(port: int) -> Callable[[], None]:
    """Opens a connection that each call uses again."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def call() -> None:
        connection.request("POST", "/v1/models/iris_mlp:predict", BODY)
        response = connection.getresponse()
        response.read()
        assert response.status == 200

    return call


def socket_call(port: int) -> Callable[[], None]:
    """Opens a connection that each call uses again, with a client that does next to nothing."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = f"POST /v1/models/iris_mlp:predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(BODY)}\r\n\r\n"
    request = head.encode() + BODY

    def call() -> None:
        connection.sendall(request)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")

    return call


def throughput(port: int, clients: int, seconds: float) -> float:
    """Returns requests per second of several clients at once."""
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(len(measure(http_call(port), seconds)))) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


@contextlib.contextmanager
def serving(workspace: Path, *options: str, checkout: Path = ROOT) -> Iterator[int]:
    """Serves, and gives the port."""
    command = [sys.executable, "-m", "kerasline", "serve", "--workspace", str(workspace), "--model", "iris_mlp"]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    server = subprocess.Popen(
        [*command, "--port", "0", *options], cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield next(int(found[1]) for line in server.stdout if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def serve(workspace: Path, seconds: float, *options: str) -> tuple[np.ndarray, float]:
    """Returns the times of one client's requests in milliseconds, and the requests per second of four."""
    with serving(workspace, *options) as port:
        return measure(http_call(port), seconds), throughput(port, 4, seconds)


def in_turns(calls: Mapping[str, Callable[[], None]]) -> dict[str, np.ndarray]:
    """Returns the times of each in milliseconds; a few calls of one, then of the next, and so on."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in calls}
    for _ in range(_TURNS):
        for name, call in calls.items():
            found[name].append(np.array([_milliseconds(call) for _ in range(_TURN_CALLS)]))
    return {name: np.concatenate(times[2:]) for name, times in found.items()}


def _milliseconds(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


def compare(workspace: Path, checkout: Path) -> None:
    """Measures another checkout beside this one, and prints."""
    with serving(workspace, checkout=checkout) as before, serving(workspace) as after:
        times = in_turns({
            "bare TensorFlow call": bare_call(workspace),
            "http.client, before": http_call(before),
            "http.client, after": http_call(after),
            "socket, before": socket_call(before),
            "socket, after": socket_call(after),
        })  # fmt: skip
    bare = np.percentile(times["bare TensorFlow call"], [10, 50])
    for name, each in times.items():
        low, middle = np.percentile(each, [10, 50])
        print(f"{name:<22} p10 {low:.2f} ms (+{low - bare[0]:.2f})  p50 {middle:.2f} ms (+{middle - bare[1]:.2f})")


def main() -> None:
    """Measures and prints."""
    workspace, seconds = Path(sys.argv[1]).resolve(), float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    if len(sys.argv) > 3:
        compare(workspace, Path(sys.argv[3]).resolve())
        return
    bare = measure(bare_call(workspace), seconds)
    served, many = serve(workspace, seconds)
    captured, many_captured = serve(workspace, seconds, "--capture", "1")
    for name, times in (("bare TensorFlow call", bare), ("kerasline serve", served), ("  --capture 1", captured)):
        p50, p99 = np.percentile(times, [50, 99])
        print(f"{name:<22} p50 {p50:.2f} ms  p99 {p99:.2f} ms  {1000 / times.mean():,.0f} requests/s, one client")
    print(f"{'kerasline serve':<22} {many:,.0f} requests/s, four clients")
    print(f"{'  --capture 1':<22} {many_captured:,.0f} requests/s, four clients")
    print(f"added by HTTP and JSON: p50 {np.median(served) - np.median(bare):.2f} ms")


if __name__ == "__main__":
    main()
