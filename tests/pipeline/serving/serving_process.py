"""A server in a process of its own, and what tests ask it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerasline.components.registry import current_version, move_pointer

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


ROWS = [{"area__m__": 10.0, "district": "xy"}, {"area__m__": 1, "district": ""}]
RAW = {"signature_name": "serving_raw", "instances": ROWS}
PREDICT = "/v1/models/doubler:predict"


def move(folder: Path, version: int) -> None:
    """Puts a version into production as promote does, the trial left out."""
    move_pointer(folder, version, "test", previous=current_version(folder), action="promote")


def wait_until(server: Running, wanted: Callable[[Any], bool]) -> Any:
    """Waits until the health of the model is as wanted, and returns it."""
    for _ in range(200):
        health = server.ask("/healthz")[1]["models"]["doubler"]
        if wanted(health):
            return health
        time.sleep(0.05)
    raise AssertionError(f"the health stays {health}")


def wait_for(server: Running, version: int) -> None:
    """Waits until the server has taken a version up."""
    wait_until(server, lambda health: health["version"] == version)
