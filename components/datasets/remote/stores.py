"""Objects of buckets and of HDFS, through the file systems that pyarrow brings.

Credentials are those of the machine: the environment, ``~/.aws``, Google's application default credentials, Azure's.
``AWS_ENDPOINT_URL``, ``STORAGE_EMULATOR_HOST`` and ``AZURE_STORAGE_ACCOUNT`` are heeded, ``AWS_NO_SIGN_REQUEST`` and
``GS_NO_SIGN_REQUEST`` read what is public. hdfs:// needs Hadoop's own library beside Java.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from kerasline.components.core import Address, ConfigError, nearest
from kerasline.components.datasets.remote.objects import (
    ATTEMPTS,
    CHUNK_BYTES,
    Interrupted,
    Passing,
    RemoteFile,
    attempt,
    timeout_seconds,
)

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

Result = TypeVar("Result")
_MOST_TAGS = 100  # objects that are asked for their ETag, a request each; more are known by size and time
_MAGIC = re.compile(r"[*?[]")


def has_magic(address: Address) -> bool:
    """Says whether an address of a bucket is a glob."""
    return _MAGIC.search(address.key) is not None


def find_object(address: Address) -> RemoteFile | None:
    """Returns an object, or None where it is not there or is a folder.

    Raises:
      ConfigError: its bucket is not there, may not be read, or does not answer.
    """
    system = _system(address)
    info = _asking(lambda: system.get_file_info(_path(address)), address)
    return _file(system, address, info, tagged=True) if info.is_file else None


def list_objects(address: Address, *, deep: bool) -> list[RemoteFile]:
    """Lists the objects of a folder by their keys.

    Args:
      address: of the folder.
      deep: those of its folders, too.

    Raises:
      ConfigError: as :func:`find_object`.
    """
    from pyarrow.fs import FileSelector

    system = _system(address)
    selector = FileSelector(_path(address), allow_not_found=True, recursive=deep)
    found = [info for info in _asking(lambda: system.get_file_info(selector), address) if info.is_file]
    if not found:
        _check_bucket(system, address)
    start = _path(address.at(""))
    keys = {info.path.removeprefix(start).lstrip("/"): info for info in found}
    tagged = len(keys) <= _MOST_TAGS
    return [_file(system, address.at(key), keys[key], tagged=tagged) for key in sorted(keys)]


def list_matching(address: Address) -> list[RemoteFile]:
    """Lists the objects that a glob matches, as the shell would."""
    parts = address.key.split("/")
    plain = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
    found = list_objects(address.at("/".join(parts[:plain])), deep=plain < len(parts) - 1)
    return [file for file in found if _matches(file.address.key.split("/"), parts)]


def missing_object(address: Address) -> ConfigError:
    """Words the error for an object that is not there, with the nearest name beside it."""
    system = _system(address)
    _check_bucket(system, address)
    folder, _, name = address.key.rstrip("/").rpartition("/")
    names = [file.address.key.rpartition("/")[2] for file in list_objects(address.at(folder), deep=False)]
    return ConfigError(f"File not found: {address}; correct the address.{nearest(name, names)}")


def fetch(file: RemoteFile, write: Callable[[Iterator[bytes]], None]) -> None:
    """Fetches an object.

    Args:
      file: as it was found.
      write: takes the content; it is called anew when a transfer breaks.

    Raises:
      Interrupted: the transfer broke each time.
    """

    def transfer() -> None:
        try:
            with _system(file.address).open_input_stream(_path(file.address)) as stream:
                write(iter(lambda: stream.read(CHUNK_BYTES), b""))
        except FileNotFoundError:
            raise Interrupted(f"{file.address} was removed while it was fetched; run again.") from None
        except OSError as error:
            raise Passing(_told(error)) from None

    attempt(transfer, file.address, Interrupted)


def _asking(ask: Callable[[], Result], address: Address) -> Result:
    try:
        return ask()
    except FileNotFoundError:
        raise _no_bucket(address) from None
    except OSError as error:
        if "NO_SUCH_BUCKET" in str(error):
            raise _no_bucket(address) from None
        raise ConfigError(f"{address} cannot be read: {_told(error)}.") from None


def _check_bucket(system: FileSystem, address: Address) -> None:
    """Refuses a bucket that is not there; what it lacks is worded by others."""
    from pyarrow.fs import FileSelector

    if address.scheme != "hdfs":
        _asking(lambda: system.get_file_info(FileSelector(_bucket(address))), address)


def _no_bucket(address: Address) -> ConfigError:
    what = "container" if address.scheme.startswith("abfs") else "bucket"
    return ConfigError(f"There is no {what} {_bucket(address)!r}, or it is hidden from you; correct {address}.")


def _file(system: FileSystem, address: Address, info: FileInfo, *, tagged: bool) -> RemoteFile:
    return RemoteFile(address, info.size, info.mtime_ns or 0, _tag(system, address) if tagged else "")


def _tag(system: FileSystem, address: Address) -> str:
    """Asks for what changes with an object's content."""

    def ask() -> dict[bytes | str, bytes]:
        with system.open_input_stream(_path(address)) as stream:
            return stream.metadata() or {}

    found: dict[str, Any] = {str(key): value for key, value in _asking(ask, address).items()}
    value = found.get("generation") or found.get("ETag") or found.get("etag") or b""
    return value.decode() if isinstance(value, bytes) else str(value)


def _path(address: Address) -> str:
    """Writes an address as pyarrow's file systems know it."""
    if address.scheme == "hdfs":
        return f"/{address.key}"
    return f"{_bucket(address)}/{address.key}".rstrip("/")


def _bucket(address: Address) -> str:
    return address.place.partition("@")[0]


def _system(address: Address) -> FileSystem:
    try:
        return _connect(address.scheme, address.place, tuple(sorted(_environment().items())), timeout_seconds())
    except (OSError, ImportError, ValueError) as error:
        raise ConfigError(_no_system(address, error)) from None


def _environment() -> dict[str, str]:
    signs = ("AWS_", "GOOGLE_", "GS_", "STORAGE_", "AZURE_", "HADOOP_")
    return {key: value for key, value in os.environ.items() if key.startswith(signs)}


@cache
def _connect(scheme: str, place: str, environment: tuple[tuple[str, str], ...], timeout: float) -> FileSystem:
    given = dict(environment)
    connect = {"s3": _s3, "gs": _gs, "hdfs": _hdfs}.get(scheme, _abfs)
    return connect(place, given, timeout)


def _s3(place: str, given: dict[str, str], timeout: float) -> FileSystem:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

    endpoint = given.get("AWS_ENDPOINT_URL_S3") or given.get("AWS_ENDPOINT_URL")
    region = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION")
    if region is None:
        region = "us-east-1" if endpoint else resolve_s3_region(place)
    return S3FileSystem(
        anonymous=_is_set(given.get("AWS_NO_SIGN_REQUEST")), region=region, endpoint_override=endpoint,
        connect_timeout=min(10.0, timeout), request_timeout=timeout,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )  # fmt: skip


def _gs(place: str, given: dict[str, str], timeout: float) -> FileSystem:
    from pyarrow.fs import GcsFileSystem

    patience = timedelta(seconds=timeout)
    emulator = given.get("STORAGE_EMULATOR_HOST")
    if emulator:
        parts = urlsplit(emulator if "://" in emulator else f"http://{emulator}")
        return GcsFileSystem(
            anonymous=True, scheme=parts.scheme, endpoint_override=parts.netloc, retry_time_limit=patience
        )
    return GcsFileSystem(anonymous=_is_set(given.get("GS_NO_SIGN_REQUEST")), retry_time_limit=patience)


def _abfs(place: str, given: dict[str, str], timeout: float) -> FileSystem:
    from pyarrow.fs import AzureFileSystem

    account = place.partition("@")[2].partition(".")[0] or given.get("AZURE_STORAGE_ACCOUNT")
    if not account:
        raise ValueError("expected abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH, or AZURE_STORAGE_ACCOUNT set")
    return AzureFileSystem(account, account_key=given.get("AZURE_STORAGE_KEY"))


def _hdfs(place: str, given: dict[str, str], timeout: float) -> FileSystem:
    from pyarrow.fs import HadoopFileSystem

    host, _, port = place.partition(":")
    return HadoopFileSystem(host, int(port or 8020))


def _no_system(address: Address, error: Exception) -> str:
    if address.scheme == "hdfs":
        return (
            f"{address} cannot be read: hdfs:// needs Java and Hadoop's library libhdfs on this machine; install "
            "Hadoop and set HADOOP_HOME and CLASSPATH, or copy the files to a bucket."
        )
    if isinstance(error, ValueError):
        return f"{address} cannot be read: {error}."
    if "not found" in str(error):
        return str(_no_bucket(address))
    return f"{address} cannot be read: {_told(error)}."


# What stands in the messages of the stores' own libraries, and what it means.
_TOLD = (
    (r"Expired|expired", "the credentials have expired; renew them"),
    (r"ACCESS_DENIED|HTTP status 403|PERMISSION_DENIED|Forbidden|status code: 403",
     "the credentials of this machine may not read it; check them, or ask for the right to read"),
    (r"INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|UNAUTHENTICATED|HTTP status 401|status code: 401|InvalidClient|"
     r"INVALID_CLIENT|default credentials|MISSING_AUTHENTICATION",
     "this machine has no valid credentials for it; set them in the environment"),
    (r"timed? ?out|Timeout|TIMEOUT|curlCode: 28", "no answer in time; check the network, or try again later"),
    (r"resolve host|curlCode: 6\b", "no machine of that name is known; check the network and the endpoint"),
    (r"connect to server|NETWORK_CONNECTION|Connection refused|UNAVAILABLE",
     "the connection failed; check the network and the endpoint, or try again later"),
    (r"SLOW_DOWN|SERVICE_UNAVAILABLE|HTTP status 50\d|status code: 50\d|INTERNAL_FAILURE",
     "the service is busy; try again later"),
    (r"HTTP status 301|PERMANENT_REDIRECT", "it lies in another region; set AWS_REGION"),
)  # fmt: skip


def _told(error: Exception) -> str:
    """Says in a few words what a store's library says at length, and without repeating what it repeats."""
    text = str(error)
    return next((words for sign, words in _TOLD if re.search(sign, text)), "the service refused it; check the address")


def _is_set(value: str | None) -> bool:
    return (value or "").lower() in ("1", "true", "yes", "on")


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Says whether a key matches a glob, part by part; wildcards pass over names that begin with a dot."""
    if not pattern or not parts:
        return not parts and all(piece == "**" for piece in pattern)
    is_hidden = _is_hidden(parts[0], pattern[0])
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or (not is_hidden and _matches(parts[1:], pattern))
    if is_hidden or not fnmatchcase(parts[0], pattern[0]):
        return False
    return _matches(parts[1:], pattern[1:])


def _is_hidden(name: str, pattern: str) -> bool:
    return name.startswith(".") and not pattern.startswith(".")
