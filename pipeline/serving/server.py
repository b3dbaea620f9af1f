"""Starts the server, and ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Collection
from pathlib import Path

from kerasline.components.core import ConfigError
from kerasline.components.monitoring import CAPTURED, Capture
from kerasline.pipeline.serving.answers import HEALTH, METRICS, Responder, refuse
from kerasline.pipeline.serving.models import ServedModels
from kerasline.pipeline.web import Rules, WebServer, allowed_hosts


def serve(
    models: Path,
    host: str,
    port: int,
    *,
    names: list[str] | None,
    max_bytes: int,
    poll_seconds: float,
    hosts: Collection[str] = (),
    on_unseen: str = "warn",
    capture: float | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, and then answers what it has begun.

    Args:
      models: the workspace's ``models`` folder.
      host: to listen on.
      port: to listen on; 0 for any free one, which is printed.
      names: of models, or None for all, later ones included.
      max_bytes: larger requests are refused.
      poll_seconds: how often pointers are looked at.
      hosts: names of this machine that requests may carry besides those of the loopback address.
      on_unseen: whether values that training has never shown are counted (warn) or refused (reject).
      capture: share of the requests to keep in the workspace's ``captured``; None for what each version's recipe says.

    Raises:
      ConfigError: the address cannot be listened on.
    """
    served = ServedModels(models, names)
    served.refresh()
    keeping = Capture(models.parent / CAPTURED, capture)
    responder = Responder(served, max_bytes, rejects_unseen=on_unseen == "reject", capture=keeping)
    rules = Rules(responder.respond, refuse, (HEALTH, METRICS), max_bytes, allowed_hosts(host, hosts))
    try:
        server = WebServer(host, port, rules)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--host, --port: {host}:{port} cannot be listened on ({reason}); try another") from None
    for name, health in served.health().items():
        state = f"version {health['version']}" if health["version"] else "no version"
        failed = f"; {health['failed']['reason']}" if health["failed"] else ""
        print(f"  {name}: {state}{failed}")
    _tell_shares(served, keeping)
    shown = f"[{host}]" if ":" in host else host
    print(f"listening on http://{shown}:{server.server_port}  (Ctrl-C ends)", flush=True)
    stop = threading.Event()
    threading.Thread(target=served.watch, args=(stop, poll_seconds), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.wait()
    server.shutdown()
    server.server_close()
    keeping.close()
    print("stopped")


def _tell_shares(served: ServedModels, keeping: Capture) -> None:
    """Says which models' requests are kept."""
    for name, health in served.health().items():
        share = keeping.share_of(served.get(name).record) if health["version"] else 0
        if share:
            print(f"  {name}: {share:.0%} of requests and answers are kept in {keeping.folder / name}")
