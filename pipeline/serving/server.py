"""Starts the server, and ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from kerasline.components.core import ConfigError
from kerasline.components.monitoring import CAPTURED, Capture
from kerasline.components.registry import Challenger
from kerasline.components.signing import check_signature
from kerasline.pipeline.serving.answers import HEALTH, METRICS, Responder, refuse
from kerasline.pipeline.serving.challengers import Challengers
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
    given: Mapping[str, Challenger] | None = None,
    public_key: Path | None = None,
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
      given: the challenger of a model, where it is not to be the one of its registry.
      public_key: of the signature that every version must have; None asks for none.

    Raises:
      ConfigError: the address cannot be listened on, or a challenger that is given does not load.
      SignatureRefused: a version in production is not what the holder of the key has signed.
    """
    served = ServedModels(models, names, public_key)
    served.refresh()
    if public_key is not None:
        _check_signatures(models, served, public_key)
    challengers = Challengers(models, served, given or {})
    challengers.refresh()
    challengers.check_given()
    keeping = Capture(models.parent / CAPTURED, capture)
    responder = Responder(
        served, max_bytes, rejects_unseen=on_unseen == "reject", capture=keeping, challengers=challengers
    )
    known = allowed_hosts(host, hosts)
    rules = Rules(responder.respond, refuse, (HEALTH, METRICS), max_bytes, known, is_quick=responder.is_quick)
    try:
        server = WebServer(host, port, rules)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--host, --port: {host}:{port} cannot be listened on ({reason}); try another") from None
    for name, health in served.health().items():
        state = f"version {health['version']}" if health["version"] else "no version"
        failed = f"; {health['failed']['reason']}" if health["failed"] else ""
        print(f"  {name}: {state}{failed}")
    _tell_shares(served, challengers, keeping)
    shown = f"[{host}]" if ":" in host else host
    print(f"listening on http://{shown}:{server.server_port}  (Ctrl-C ends)", flush=True)
    stop = threading.Event()
    threading.Thread(target=_watch, args=(stop, poll_seconds, served, challengers), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.wait()
    server.shutdown()
    server.server_close()
    responder.close()
    keeping.close()
    print("stopped")


def _watch(stop: threading.Event, every_seconds: float, served: ServedModels, challengers: Challengers) -> None:
    """Follows what is in production and what challenges it, until ``stop`` is set."""
    while not stop.wait(every_seconds):
        served.refresh()
        challengers.refresh()


def _check_signatures(models: Path, served: ServedModels, public_key: Path) -> None:
    """Refuses to begin where a version in production lacks the signature; one that comes later only is not taken."""
    for name, health in served.health().items():
        if health["failed"] and health["failed"]["version"] is not None:
            check_signature(models / name, health["failed"]["version"], public_key)


def _tell_shares(served: ServedModels, challengers: Challengers, keeping: Capture) -> None:
    """Says which models' requests are kept, and which versions see or answer them beside production."""
    for name, health in served.health().items():
        rival = challengers.of(name)
        share = keeping.share_of(served.get(name).record, is_compared=bool(rival)) if health["version"] else 0
        if rival and rival.challenger.kind == "shadow":
            print(f"  {name}: version {rival.loaded.version} is the shadow; it sees the requests that are kept")
        elif rival:
            print(f"  {name}: version {rival.loaded.version} is the canary; it answers {rival.challenger.share:.1%}")
        if rival and not share:
            print(f"  {name}: --capture 0 keeps nothing, so there will be nothing to compare the two by")
        if share:
            print(f"  {name}: {share:.0%} of requests and answers are kept in {keeping.folder / name}")
