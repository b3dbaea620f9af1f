"""Tells people and programs what a retrain decided: a command, a webhook, an email."""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from http.client import HTTPException
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.pipeline.config.schedule import EmailOptions, NotifyOptions

ALARMED = 4  # the code of a look with an alarm, as of a model that is not blessed
_SECONDS = 30.0
# Of a webhook that answers nonsense HTTPException comes, of an address with a blank in it ValueError.
_FAILURES = (OSError, ValueError, subprocess.SubprocessError, smtplib.SMTPException, HTTPException, ConfigError)


def notify(options: NotifyOptions, name: str, decision: Mapping[str, Any]) -> list[str]:
    """Tells every configured place; one that does not answer is mentioned on stderr and keeps nobody from the others.

    Args:
      options: whom to tell.
      name: of the recipe.
      decision: its fields.

    Returns:
      What did not get through, and why.
    """
    if options.when == "problems" and decision["exit_code"] == 0:
        return []
    told = {"recipe": name, **decision}
    ways: dict[str, Callable[[], None]] = {}
    if options.command:
        ways["command"] = lambda: _call(options.command or [], told)
    if options.webhook:
        ways["webhook"] = lambda: _post(options.webhook or "", told)
    if options.email:
        email = options.email
        ways["email"] = lambda: _mail(email, told)
    untold = []
    for way, tell in ways.items():
        try:
            tell()
        except _FAILURES as e:
            untold.append(f"schedule.notify.{way} did not get through: {' '.join(str(e).split())}")
            print(f"kerasline: {untold[-1]}", file=sys.stderr)
    return untold


def tell_of_alarms(options: NotifyOptions, found: Mapping[str, Any]) -> list[str]:
    """Tells of the alarms that ``kerasline monitor`` found; nobody where there are none.

    Args:
      options: whom to tell.
      found: what the look found.

    Returns:
      What did not get through, and why.
    """
    texts = [alarm["text"] for alarm in found["alarms"]]
    if not texts:
        return []
    told = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "status": "alarm", "exit_code": ALARMED}
    told |= {"reason": "; ".join(texts), "version": found["version"], "answered": found["answered"]}
    return notify(options, found["name"], {**told, "alarms": texts})


def _call(command: list[str], told: Mapping[str, Any]) -> None:
    subprocess.run(command, input=json.dumps(told).encode(), check=True, timeout=2 * _SECONDS)


def _post(url: str, told: Mapping[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(told).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=_SECONDS).close()


def _mail(options: EmailOptions, told: Mapping[str, Any]) -> None:
    message = EmailMessage()
    message["Subject"] = f"kerasline {told['recipe']}: {str(told['status']).replace('_', ' ')}"
    message["From"], message["To"] = options.sender, ", ".join(options.to)
    lines = [f"{key.replace('_', ' ')}: {_shown(value)}" for key, value in told.items() if value not in (None, (), [])]
    message.set_content("\n".join(lines) + "\n")
    context = None if options.security == "none" else ssl.create_default_context()
    if options.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(options.host, options.port, timeout=_SECONDS, context=context)
    else:
        server = smtplib.SMTP(options.host, options.port, timeout=_SECONDS)
    with server:
        if options.security == "starttls":
            server.starttls(context=context)
        if options.user is not None:
            server.login(options.user, _password(options.password_variable))
        server.send_message(message)


def _password(variable: str) -> str:
    password = os.environ.get(variable)
    if not password:
        raise ConfigError(
            f"expected the password of the mail server in the environment variable {variable}, found none"
        )
    return password


def _shown(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
