"""What the tests of several commands share: a service account, and a service on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.pipeline.small_models import doublers, kerasline, served, trained_workspace, workspace

__all__ = ["doublers", "kerasline", "served", "trained_workspace", "workspace"]


@pytest.fixture
def robot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of a service account that signs its own tokens, as Google's libraries find it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account", "project_id": "shop", "private_key_id": "1", "private_key": key.decode(),
        "client_email": "robot@shop.iam.gserviceaccount.com", "token_uri": "http://127.0.0.1:9/none",
    }  # fmt: skip
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    # Beside the request, the library asks another service of Google's in the background.
    monkeypatch.setattr("google.auth._regional_access_boundary_utils._get_domain", lambda: "127.0.0.1:9")


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nobody has logged in to Google Cloud."""
    for variable, value in (("GOOGLE_APPLICATION_CREDENTIALS", ""), ("HOME", str(tmp_path)), ("NO_GCE_CHECK", "true")):
        monkeypatch.setenv(variable, value)


@pytest.fixture
def serve() -> Iterator[Callable[[type[BaseHTTPRequestHandler]], str]]:
    """Starts stand-ins of a service on loopback, and returns their address."""
    servers: list[HTTPServer] = []

    def start(handler: type[BaseHTTPRequestHandler]) -> str:
        server = HTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
