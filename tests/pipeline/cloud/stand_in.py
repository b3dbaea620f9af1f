"""What the stand-ins of services have in common: they answer in JSON."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any


class JsonService(BaseHTTPRequestHandler):
    """A service of which a test says what it answers."""

    def answer(self, value: Any, status: int = 200) -> None:
        """Sends a value."""
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Keeps the test's output clean."""
