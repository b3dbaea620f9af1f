"""``run.metadata``: where a team keeps ML Metadata, as ``mysql://USER@HOST:PORT/DATABASE``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

PASSWORD_VARIABLE = "KERASLINE_METADATA_PASSWORD"
_FORM = "expected mysql://USER@HOST:PORT/DATABASE"
_MYSQL_PORT = 3306
# Of the address's query to that of ML Metadata's options.
_FILES = {"ssl_ca": "ca", "ssl_cert": "cert", "ssl_key": "key"}


@dataclass(frozen=True)
class MetadataServer:
    """A MySQL or MariaDB server, without the password.

    Attributes:
      host, port, user, database: of the address.
      socket: a socket of this machine to go through, empty for none.
      ssl: paths of PEM files by ML Metadata's names: ca, cert, key.
    """

    host: str
    port: int
    user: str
    database: str
    socket: str
    ssl: Mapping[str, str]


def parse_metadata_url(url: str) -> MetadataServer:
    """Takes an address apart.

    Raises:
      ValueError: it is none, or has a password in it; the message does not repeat that.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _MYSQL_PORT
    except ValueError as error:
        raise ValueError(f"{_FORM}, got an address that cannot be read: {error}") from None
    if parts.password is not None:
        raise ValueError(
            f"{_FORM} without the password, which belongs in the environment variable {PASSWORD_VARIABLE}; got one in "
            "the address"
        )
    if parts.scheme != "mysql":
        raise ValueError(f"{_FORM}, got {url!r}; without run.metadata it is a SQLite file in the workspace")
    database = unquote(parts.path.removeprefix("/"))
    if not parts.username or not parts.hostname or not database or "/" in database:
        raise ValueError(f"{_FORM}, got {url!r}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = [name for name in options if name not in (*_FILES, "socket")]
    if unknown:
        raise ValueError(f"expected of {', '.join((*_FILES, 'socket'))} after the question mark, got {unknown[0]!r}")
    ssl = {_FILES[name]: path for name, path in options.items() if name in _FILES}
    return MetadataServer(parts.hostname, port, unquote(parts.username), database, options.get("socket", ""), ssl)
