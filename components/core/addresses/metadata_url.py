"""``run.metadata``: where a team keeps ML Metadata, as ``mysql://USER@HOST:PORT/DATABASE``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

PASSWORD_VARIABLE = "KERASLINE_METADATA_PASSWORD"
_FORM = "expected mysql://USER@HOST:PORT/DATABASE"
_MYSQL_PORT = 3306
_OPTIONS = ("ssl", "socket")


@dataclass(frozen=True)
class MetadataServer:
    """A MySQL or MariaDB server, without the password.

    Attributes:
      host: Name or number of the machine.
      port: Port of the server.
      user: Account that has the tables.
      database: Name of the database.
      socket: Socket of this machine to go through, empty for none.
      encrypted: Whether the connection is; the server's certificate is not checked.
    """

    host: str
    port: int
    user: str
    database: str
    socket: str
    encrypted: bool


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
    options = _read_options(parts.query)
    return MetadataServer(
        parts.hostname, port, unquote(parts.username), database, options.get("socket", ""), "ssl" in options
    )


def _read_options(query: str) -> dict[str, str]:
    """Reads what stands behind the question mark.

    Raises:
      ValueError: there is an option that is not known, or another value of ``ssl``.
    """
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown or options.get("ssl", "on") != "on":
        raise ValueError(f"expected ssl=on or socket=PATH after the question mark, got {query!r}")
    return options
