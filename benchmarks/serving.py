"""Latency and requests per second of ``kerasline serve``, with and without capture, against a bare TensorFlow call.

Usage: ``python benchmarks/serving.py WORKSPACE [SECONDS]``, where WORKSPACE has a pushed ``iris_mlp``. One after the
other; the server is a process of its own, asked over loopback with connections that stay open.
"""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ROW = {"sepal_length": 6.4, "sepal_width": 3.2, "petal_length": 4.5, "petal_width": 1.5}
BODY = json.dumps({"signature_name": "serving_raw", "instances": [ROW]}).encode()
WARM_UP = 50


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


def serve(workspace: Path, seconds: float, *options: str) -> tuple[np.ndarray, float]:
    """Returns the times of one client's requests in milliseconds, and the requests per second of four."""
    command = [sys.executable, "-m", "kerasline", "serve", "--workspace", str(workspace), "--model", "iris_mlp"]
    server = subprocess.Popen([*command, "--port", "0", *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        port = next(int(found[1]) for line in server.stdout if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
        return measure(http_call(port), seconds), throughput(port, 4, seconds)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def main() -> None:
    """Measures and prints."""
    workspace, seconds = Path(sys.argv[1]).resolve(), float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
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
