"""Who is told of a decision: a command, a webhook and a mail server get it, and one that fails stops no other."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from kerasline.pipeline.config.schedule.options import EmailOptions, NotifyOptions
from kerasline.pipeline.retraining.notify import notify

DECISION = {"when": "w", "run": True, "reason": "span 3 is new", "status": "not_blessed", "exit_code": 4, "changed": ()}


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a mail takes; keeps what it was sent."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailSession)
        self.commands: list[str] = []
        self.mail = ""


class MailSession(socketserver.StreamRequestHandler):
    """One connection."""

    server: MailServer

    def handle(self) -> None:
        """Answers line by line."""
        self.wfile.write(b"220 here\r\n")
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            self.server.commands.append(line)
            verb = line.split()[0].upper()
            if verb == "EHLO":
                self.wfile.write(b"250-here\r\n250 AUTH PLAIN\r\n")
            elif verb == "AUTH":
                self.wfile.write(b"235 welcome\r\n")
            elif verb == "DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mail = b"".join(lines).decode()
                self.wfile.write(b"250 taken\r\n")
            elif verb == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 fine\r\n")


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server on loopback."""
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_mail_has_the_whole_decision(mail_server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASLINE_SMTP_PASSWORD", "secret")
    port = mail_server.server_address[1]
    email = EmailOptions(to=["a@example.org", "b@example.org"], host="127.0.0.1", port=port, user="robot")
    notify(NotifyOptions(email=email), "flowers", {**DECISION, "changed": ("span 3 is new", "span 1 is gone")})
    assert "Subject: kerasline flowers: not blessed" in mail_server.mail
    assert "reason: span 3 is new\r\n" in mail_server.mail
    assert "changed: span 3 is new; span 1 is gone\r\n" in mail_server.mail
    recipients = [line for line in mail_server.commands if line.upper().startswith("RCPT")]
    assert [line.split("<")[1].split(">")[0] for line in recipients] == ["a@example.org", "b@example.org"]
    (login,) = [line for line in mail_server.commands if line.startswith("AUTH PLAIN ")]
    assert base64.b64decode(login.split()[-1]) == b"\0robot\0secret"


def test_a_password_that_is_not_there(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    port = mail_server.server_address[1]
    email = EmailOptions(to=["a@b"], host="127.0.0.1", port=port, user="robot", password_variable="SHOP_PASSWORD")
    notify(NotifyOptions(email=email), "flowers", DECISION)
    assert "environment variable SHOP_PASSWORD, found none" in capsys.readouterr().err
    assert mail_server.mail == ""


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"to": ["nobody"]}, "expected addresses such as team@example.org, got 'nobody'"),
        ({"to": ["a@b"], "user": "robot", "host": "mail.example.org"}, "would get the password in the open"),
        ({"to": []}, "at least 1 item"),
    ],
)
def test_what_is_refused(block: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EmailOptions.model_validate(block)


def test_a_command_that_fails_does_not_keep_the_webhook_from_the_news(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    received: list[dict[str, object]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 (the library's name)
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.handle_request, daemon=True).start()
    notify(NotifyOptions(command=["false"], webhook=f"http://127.0.0.1:{server.server_port}/hook"), "flowers", DECISION)
    server.server_close()
    assert received == [{"recipe": "flowers", **DECISION, "changed": []}]
    assert "schedule.notify.command did not get through" in capsys.readouterr().err


@pytest.mark.parametrize(("when", "exit_code", "is_told"), [("runs", 0, 1), ("problems", 0, 0), ("problems", 3, 1)])
def test_problems_only(tmp_path: Path, when: str, exit_code: int, is_told: int) -> None:
    target = tmp_path / "told.json"
    options = NotifyOptions.model_validate({"when": when, "command": ["sh", "-c", f"cat > {target}"]})
    notify(options, "flowers", {**DECISION, "exit_code": exit_code})
    assert target.exists() is bool(is_told)
    if is_told:
        assert json.loads(target.read_text())["reason"] == "span 3 is new"
