"""Files of web servers, over https, or http of this machine; a user and a password come from ``~/.netrc``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from kerasline.components.core import Address, ConfigError, read_address
from kerasline.components.datasets.remote.objects import (
    CHUNK_BYTES,
    Interrupted,
    Passing,
    RemoteFile,
    attempt,
    timeout_seconds,
)

if TYPE_CHECKING:
    from requests import Response

_BUSY = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_PAUSE_SECONDS = 20.0  # that a server may ask for


def look_at(address: Address) -> RemoteFile:
    """Asks what a file is now; its content is not fetched.

    Raises:
      ConfigError: there is no such file, it may not be read, or the server does not answer.
    """
    return attempt(lambda: _look(address), address, ConfigError)


def fetch(file: RemoteFile, write: Callable[[Iterator[bytes]], None]) -> None:
    """Fetches a file.

    Args:
      file: as it was found.
      write: takes the content; it is called anew when a transfer breaks.

    Raises:
      Interrupted: the transfer broke each time.
    """

    def transfer() -> None:
        from urllib3.exceptions import HTTPError

        with _answer(file.address) as response:
            try:
                write(response.raw.stream(CHUNK_BYTES, decode_content=False))
            except HTTPError as error:
                raise Passing(_told(error)) from None

    attempt(transfer, file.address, Interrupted)


def _look(address: Address) -> RemoteFile:
    with _answer(address) as response:
        headers = response.headers
        length = headers.get("Content-Length", "")
        return RemoteFile(
            address,
            int(length) if length.isdigit() else None,
            _nanoseconds(headers.get("Last-Modified")),
            headers.get("ETag", ""),
        )


@contextmanager
def _answer(address: Address) -> Iterator[Response]:
    """Opens a file; its body waits to be read."""
    import requests

    try:
        # A packed file is kept as it lies there, and its length is then the one that the server names.
        wait = timeout_seconds()
        headers = {"Accept-Encoding": "identity"}
        response = requests.get(str(address), stream=True, timeout=(min(10, wait), wait), headers=headers)
    except requests.exceptions.SSLError as error:
        told = f"The certificate of {address.place} cannot be trusted: {_told(error)}; check the address."
        raise ConfigError(told) from None
    except requests.exceptions.RequestException as error:
        raise Passing(_told(error)) from None
    with response:
        _check(response, address)
        yield response


def _check(response: Response, address: Address) -> None:
    """Refuses an answer that is no file."""
    status = response.status_code
    if status in _BUSY:
        asked = response.headers.get("Retry-After", "")
        pause = min(float(asked), _LONGEST_PAUSE_SECONDS) if asked.isdigit() else 0.0
        raise Passing(f"it answers {status} {response.reason}".rstrip(), pause)
    if status in (401, 403, 407):
        raise ConfigError(
            f"{address} may not be read ({status} {response.reason}); put the user and the password of {address.place} "
            "into ~/.netrc, or check those that are there."
        )
    if status != 200:
        raise ConfigError(f"No file at {address} ({status} {response.reason}); correct the address.")
    try:
        read_address(response.url)
    except ValueError:
        if not response.url.startswith("https://"):
            raise ConfigError(f"{address} leads to an address that is not of https; name the file's own one.") from None


def _told(error: Exception) -> str:
    """Says in a few words what a network's error was."""
    text = f"{type(error).__name__} {error}"
    known = {
        "NameResolution": "no machine of that name is known",
        "Name or service not known": "no machine of that name is known",
        "Connection refused": "nothing answers at that port",
        "timed out": f"no answer within {timeout_seconds():g} seconds",
        "Timeout": f"no answer within {timeout_seconds():g} seconds",
        "IncompleteRead": "the transfer ended before the file did",
        "CERTIFICATE": "it is not signed by an authority that this machine knows, or names another host",
        "TooManyRedirects": "it leads in circles",
    }
    return next((words for sign, words in known.items() if sign in text), "the connection broke")


def _nanoseconds(date: str | None) -> int:
    try:
        return int(parsedate_to_datetime(date or "").timestamp()) * 1_000_000_000
    except (TypeError, ValueError):
        return 0
