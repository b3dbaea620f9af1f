"""Which names a server answers to: a page of another site may point a name of its own at this machine."""

from __future__ import annotations

from collections.abc import Collection

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def allowed_hosts(listening_on: str, more: Collection[str] = ()) -> frozenset[str] | None:
    """Returns the names that a request may carry, or None for all.

    Args:
      listening_on: the address that the server is bound to. Whoever opens it to other machines knows its names better
        than the server does, so all are good unless some are given.
      more: names that the user gave.
    """
    shown = f"[{listening_on}]" if ":" in listening_on else listening_on
    if shown not in LOOPBACK and not more:
        return None
    return frozenset(name.lower() for name in (*LOOPBACK, shown, *more))


def host_name(header: str) -> str:
    """Returns the name in a ``Host`` header: without the port, in small letters."""
    name = header.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0].removesuffix(".")
