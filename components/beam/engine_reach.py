"""Whether an engine answers, asked before a step relies on it."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlparse

from kerasline.components.beam.engine_workers import MASTERS, is_within_the_job_server
from kerasline.components.core import ConfigError

# How long a step waits for an engine that may be starting beside it, and for one that may be gone for a moment.
WAIT_SECONDS = 60
_CONNECT_SECONDS, _ANSWER_SECONDS, _PAUSE_SECONDS = 5.0, 30.0, 1.0


class NoAnswer(ConfigError):
    """An engine that is not there, or not yet."""


def check_answers(
    settings: Mapping[str, str], kind: str, key: str, on_wait: Callable[[str], None] | None = None
) -> None:
    """Refuses a job service that does not answer, and one of our own that cannot be started or has no engine.

    Args:
      settings: Beam's options by name.
      kind: Kind of runner, such as ``flink``.
      key: Key or option that they come from, for messages.
      on_wait: Is told in a sentence what is waited for, up to WAIT_SECONDS; None to ask once.

    Raises:
      ConfigError: says what is not there.
    """
    try:
        _check_once(settings, kind, key)
    except NoAnswer as missing:
        if on_wait is None:
            raise
        on_wait(f"{missing}; waiting for it up to {WAIT_SECONDS} s")
        _check_until(time.monotonic() + WAIT_SECONDS, settings, kind, key)


def _check_until(end: float, settings: Mapping[str, str], kind: str, key: str) -> None:
    """Checks again and again; the last word is the one that counts."""
    while time.monotonic() < end:
        time.sleep(_PAUSE_SECONDS)
        with contextlib.suppress(NoAnswer):
            return _check_once(settings, kind, key)
    _check_once(settings, kind, key)


def check_endpoint(settings: Mapping[str, str], kind: str, key: str) -> None:
    """Refuses what is no address of a job service, and a PortableRunner without one.

    Args:
      settings: Beam's options by name.
      kind: Kind of runner, such as ``flink``.
      key: Key or option that they come from, for messages.

    Raises:
      ConfigError: says what an address looks like.
    """
    endpoint = settings.get("--job_endpoint")
    if endpoint is None and kind == "portable":
        raise ConfigError(f"{key}: expected --job_endpoint=HOST:PORT with PortableRunner, got none")
    if endpoint is None or endpoint == "embed":
        return
    host, _, port = endpoint.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
        raise ConfigError(f"{key}: expected --job_endpoint=HOST:PORT with a port up to 65535, got {endpoint!r}")


def _check_once(settings: Mapping[str, str], kind: str, key: str) -> None:
    endpoint = settings.get("--job_endpoint", "embed")
    if endpoint != "embed":
        _check_job_service(endpoint, settings, key)
    elif kind in ("flink", "spark"):
        _check_own_server(settings, kind, key)


def _check_own_server(settings: Mapping[str, str], kind: str, key: str) -> None:
    java = settings.get("--job_server_java_launcher", "java")
    if shutil.which(java) is None:
        raise ConfigError(f"{key}: {kind.title()}'s job server needs Java, and there is no {java}; install Java 17")
    jar = settings.get(f"--{kind}_job_server_jar", "")
    if jar and not urlparse(jar).scheme and not Path(jar).is_file():
        raise ConfigError(f"{key}: expected the jar of Beam's job server at --{kind}_job_server_jar, got no file {jar}")
    master = settings.get(MASTERS[kind], "")
    if is_within_the_job_server(settings, kind) or not re.search(r":[0-9]+/?$", master):
        return
    host, _, port = master.rstrip("/").rpartition("://")[2].rpartition(":")
    advice = f"start it, or correct {MASTERS[kind]}"
    is_here = _connect(host, port, f"{key}: expected {kind.title()} at {master}", advice)
    _check_loopback(settings, f"{MASTERS[kind]}={master}", key, is_here=is_here)


def _check_job_service(endpoint: str, settings: Mapping[str, str], key: str) -> None:
    """Asks a job service for the options that it knows, as Beam does first of all."""
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

    host, _, port = endpoint.rpartition(":")
    expected, advice = f"{key}: expected Beam's job service at {endpoint}", "start it, or correct --job_endpoint"
    is_here = _connect(host, port, expected, advice)
    _check_loopback(settings, f"--job_endpoint={endpoint}", key, is_here=is_here)
    # gRPC gives a connection up that is silent for this long; what is late would look like something else.
    patience = ("grpc.min_reconnect_backoff_ms", int(2000 * _ANSWER_SECONDS))
    with grpc.insecure_channel(endpoint, options=[patience]) as channel:
        stub = beam_job_api_pb2_grpc.JobServiceStub(channel)
        try:
            stub.DescribePipelineOptions(beam_job_api_pb2.DescribePipelineOptionsRequest(), timeout=_ANSWER_SECONDS)
        except grpc.RpcError as error:
            late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            said = f"gives no answer within {_ANSWER_SECONDS:g} s" if late else "is something else"
            raise NoAnswer(f"{expected}, but what listens there {said}; {advice}") from error


def _check_loopback(settings: Mapping[str, str], option: str, key: str, *, is_here: bool) -> None:
    """Refuses workers in this process for an engine that would look for them on its own machine.

    Source: apache_beam/runners/worker/worker_pool_main.py (BeamFnExternalWorkerPoolServicer.start).
    """
    if settings.get("--environment_type") == "LOOPBACK" and not is_here:
        raise ConfigError(
            f"{key}: expected an engine on this machine with --environment_type=LOOPBACK, whose workers it looks for "
            f"at its own localhost, got {option}, which is another machine; take DOCKER, PROCESS or EXTERNAL"
        )


def _connect(host: str, port: str, expected: str, advice: str) -> bool:
    """Connects once; returns whether it is this machine that answers."""
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS) as connection:
            own, other = (ipaddress.ip_address(end[0]) for end in (connection.getsockname(), connection.getpeername()))
            return own == other or other.is_loopback
    except (OSError, OverflowError) as error:
        raise NoAnswer(f"{expected}, but nothing answers there ({error}); {advice}") from error
