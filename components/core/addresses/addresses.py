"""Addresses of data that lies elsewhere, such as ``s3://BUCKET/KEY``, and where their copies lie on this machine.

The copy of ``s3://sales/2024/a.csv`` is ``CACHE/copies/s3/sales/2024/a.csv``: either is told from the other, so that a
resolved dataset names addresses, which mean the same on every machine, and a message about a copy names what the recipe
named.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

CACHE_VARIABLE = "KERASLINE_CACHE"
STORES = ("s3", "gs", "abfs", "abfss", "hdfs")  # which can list what they hold
_WEB = ("https", "http")
_SCHEMES = (*STORES, *_WEB)
_KNOWN = "s3://, gs://, abfs://, hdfs:// or https://"
_LONGEST_QUERY = 200
# What signed addresses call that which lets anybody read who has them.
_SECRETS = re.compile(r"x-(amz|goog)-(signature|credential)|awsaccesskeyid|signature|sig|.*(token|password|key)", re.I)


@dataclass(frozen=True)
class Address:
    """One object, folder or glob.

    Attributes:
      scheme: What stands before ``://``, in lower case.
      place: Bucket, container or host.
      key: Path within the place, without a slash in front.
      query: What follows the question mark of a web address, else empty.
    """

    scheme: str
    place: str
    key: str
    query: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}/{self.key}" + (f"?{self.query}" if self.query else "")

    @property
    def is_web(self) -> bool:
        """Whether it is of a web server, which cannot say what it holds."""
        return self.scheme not in STORES

    def at(self, key: str) -> Address:
        """Returns the address of another key in the same place."""
        return Address(self.scheme, self.place, key)


def is_address(text: str) -> bool:
    """Tells an address from a path of this machine, whether or not it is one that can be read."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def check_address(text: str) -> str:
    """Returns a path or an address as it is.

    Raises:
      ValueError: it is an address that no recipe should hold, or that cannot be read; no password is repeated.
    """
    if is_address(text):
        read_address(text)
    return text


def read_address(text: str) -> Address:
    """Takes an address apart.

    Raises:
      ValueError: its scheme is unknown, it has a password in it, or it names nothing.
    """
    scheme, _, rest = text.partition("://")
    scheme, (place, _, key) = scheme.lower(), rest.partition("/")
    _check_user(scheme, place)
    if scheme not in _SCHEMES:
        raise ValueError(f"expected a path of this machine, or an address that begins with {_KNOWN}, got {text}")
    query = ""
    if scheme in _WEB:
        key, _, query = key.partition("#")[0].partition("?")
        _check_web(scheme, place, key, query)
    if not place or not key:
        raise ValueError(f"expected an address such as {scheme}://{place or 'PLACE'}/FILE, got {text}")
    if _has_detours(key):
        raise ValueError(f"expected an address without '.', '..' and double slashes after its place, got {text}")
    return Address(scheme, place, key, query)


def _has_detours(key: str) -> bool:
    """Says whether a path has ``.``, ``..`` or an empty part; the one behind a slash at its end is a folder's."""
    *folders, last = key.split("/")
    return last in (".", "..") or any(part in ("", ".", "..") for part in folders)


def _check_user(scheme: str, place: str) -> None:
    """Refuses a user and a password; what stands before the @ of abfs:// is a container."""
    user, _, host = place.rpartition("@")
    if user and (":" in user or not scheme.startswith("abfs")):
        raise ValueError(
            f"expected an address without a user or a password, got one with them before {host!r}; keep them where "
            "this machine keeps its credentials: ~/.netrc for https, the environment for a bucket"
        )


def _check_web(scheme: str, place: str, key: str, query: str) -> None:
    """Refuses what a web address should not have: a secret in its query, or a way that others can change."""
    shown = f"{scheme}://{place}/{key}"
    secret = next((name for name, _ in parse_qsl(query, keep_blank_values=True) if _SECRETS.fullmatch(name)), None)
    if secret:
        raise ValueError(
            f"expected an address that is no secret, got {shown} with {secret!r} in its query; a signed address does "
            "not belong into a recipe: name the object in its bucket, or download the file"
        )
    if len(query) > _LONGEST_QUERY:
        raise ValueError(f"expected a query of up to {_LONGEST_QUERY} characters, got {len(query)} after {shown}")
    if scheme == "http" and not _is_this_machine(place):
        raise ValueError(f"expected https://, got http://{place}, whose answers anybody on the way can change")


def _is_this_machine(place: str) -> bool:
    host = place.rpartition(":")[0] if re.search(r":\d+$", place) else place
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def cache_folder() -> Path:
    """Where copies of data that lies elsewhere are kept: ``$KERASLINE_CACHE``, or ``~/.cache/kerasline``."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "kerasline"


def _copies() -> str:
    return f"{cache_folder()}/copies/"


def copy_of(address: Address) -> Path:
    """Says where the copy of an address lies, whether or not it is there."""
    folder, _, name = address.key.rstrip("/").rpartition("/")
    inner = [f"?{quote(address.query, safe='')}"] if address.query else []
    return Path(_copies(), address.scheme, address.place, folder, *inner, name)


def address_of(path: str | Path) -> str | None:
    """Returns the address that a path is the copy of, or None."""
    copies = _copies()
    if not str(path).startswith(copies):
        return None
    scheme, _, rest = str(path).removeprefix(copies).partition("/")
    parts = rest.split("/")
    query: Sequence[str] = [part for part in parts[1:-1] if part.startswith("?")] if scheme.startswith("http") else ()
    plain = "/".join(part for part in parts if part not in query)
    return f"{scheme}://{plain}" + "".join(f"?{unquote(part[1:])}" for part in query)


def name_addresses(text: str) -> str:
    """Returns a text with addresses in the place of their copies."""
    copies = _copies()
    if copies not in text:
        return text
    # A path ends where a sentence would go on, or where its quotes do.
    pattern = re.escape(copies) + r"[^\s'\"]*[^\s'\".,:;)]"
    return re.sub(pattern, lambda found: address_of(found[0]) or found[0], text)
