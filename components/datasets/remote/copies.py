"""Copies of data that lies elsewhere: made once, read by everything on this machine, made again when the data changed.

Every reader of this project reads files (some of them three times: to find the columns, to count, to ingest), and
several worker processes read them at once. So a file is copied whole to ``CACHE/copies``, which mirrors the address,
and readers get a path: one way to read, whatever the format, and no network in the middle of a step. A resolved dataset
names addresses; a step on another machine (Vertex AI, Kubeflow) makes copies of its own of what it reads.

A copy is current while size, time of change and, for up to a hundred files at once, ETag or generation are what its
place says, which is asked once a command. A web server that says neither time nor ETag is read anew each time. As with
files of this machine, one that changes while a run reads it is noticed by its size, and the run says so.

Copies stay until there are more than ``KERASLINE_CACHE_GB`` (50) of them; then those go that were not used for longest,
but none that was used within a day. The folder may be removed at any time.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from kerasline.components.core import (
    CACHE_VARIABLE,
    Address,
    ConfigError,
    address_of,
    cache_folder,
    copy_of,
    is_address,
    read_address,
)
from kerasline.components.datasets.remote import stores, web
from kerasline.components.datasets.remote.objects import Passing, RemoteFile

_LIMIT_VARIABLE = "KERASLINE_CACHE_GB"
_USED_LATELY_SECONDS = 86_400.0
_NOTED_EACH_SECONDS = 3_600.0
_SPARE_BYTES = 100_000_000  # that stay free on the disk
_AT_ONCE = 8
_WHOLE = ".whole"  # beside a folder whose files are all there


def fetch_file(text: str) -> Path:
    """Makes sure that a file's copy is current.

    Args:
      text: the address of one file.

    Returns:
      The path of the copy.

    Raises:
      ConfigError: the address is wrong, there is no such file, or it may not be read.
      Interrupted: the transfer broke.
    """
    address = parse(text)
    file = web.look_at(address) if address.is_web else stores.find_object(address)
    if file is None:
        if stores.list_objects(address, deep=False):
            raise ConfigError(
                f"Expected a file at {address}, but it is a folder; for the files in it write {address}/*."
            )
        raise stores.missing_object(address)
    return fetch_listed([file])[0]


def fetch_matching(text: str) -> list[Path]:
    """Makes sure that the copies of what a glob matches, or of one file, are current; others of the glob go.

    Returns:
      The paths of the copies, sorted; none where nothing matches.

    Raises:
      ConfigError, Interrupted: as :func:`fetch_file`.
    """
    address = parse(text)
    if address.is_web or not stores.has_magic(address):
        return [fetch_file(text)]
    paths = fetch_listed(stores.list_matching(address))
    for old in set(copy_of(address.at("")).glob(address.key)) - set(paths):
        if old.is_file():
            old.unlink(missing_ok=True)
    return paths


def fetch_folder(text: str) -> Path:
    """Makes sure that the copies of a folder's files are current, and that there are no others.

    Returns:
      The folder of the copies.

    Raises:
      ConfigError, Interrupted: as :func:`fetch_file`; web servers have no folders.
    """
    address = parse(text.rstrip("/"))
    if address.is_web:
        raise ConfigError(
            f"Expected a folder of a bucket, got {address}: a web server does not say what it holds; name a file, or "
            "copy the folder."
        )
    found = stores.list_objects(address, deep=True)
    if not found:
        if stores.find_object(address) is not None:
            raise ConfigError(f"Expected a folder at {address}, but it is a file; correct the address.")
        raise stores.missing_object(address)
    fetch_listed(found)
    folder, current = copy_of(address), {copy_of(file.address) for file in found}
    for path in folder.rglob("*"):
        if path.is_file() and path not in current:
            path.unlink(missing_ok=True)
    with _disk():
        _beside(folder, _WHOLE).touch()
    return folder


def fetch_input(text: str) -> str:
    """Makes sure that the copies of what a command is given are current: a file, a glob, or a folder.

    Returns:
      The path, glob or folder of the copies; a path of this machine as it is.

    Raises:
      ConfigError, Interrupted: as :func:`fetch_file`.
    """
    if not is_address(text):
        return text
    address = parse(text)
    if address.is_web:
        return str(fetch_file(text))
    if stores.has_magic(address):
        if not fetch_matching(text):
            raise ConfigError(f"No file matches {text}; correct the pattern.")
        return str(copy_of(address))
    if text.endswith("/") or (stores.find_object(address) is None and stores.list_objects(address, deep=False)):
        return str(fetch_folder(text))
    return str(fetch_file(text))


def copied_file(text: str) -> str:
    """Returns the path of a file's copy as it is here; one that is not here, on another machine, is made."""
    path = copy_of(parse(text))
    return str(path if path.exists() else fetch_file(text))


def copied_folder(text: str) -> str:
    """Returns the path of a folder's copy as it is here; one that was never made whole, on another machine, is made."""
    path = copy_of(parse(text))
    is_whole = any(_beside(folder, _WHOLE).exists() for folder in (path, *path.parents) if address_of(folder))
    return str(path if is_whole else fetch_folder(text))


def parse(text: str) -> Address:
    """Takes an address apart.

    Raises:
      ConfigError: it is none that can be read.
    """
    try:
        return read_address(text)
    except ValueError as error:
        told = str(error)
        raise ConfigError(f"{told[0].upper()}{told[1:]}.") from None


def list_copies(text: str) -> dict[Path, RemoteFile]:
    """Lists what a glob of a bucket, or one address of it, matches, by where the copies lie; none is made.

    Raises:
      ConfigError: as :func:`fetch_file`; web servers do not say what they hold.
    """
    address = parse(text)
    if address.is_web:
        raise ConfigError(f"Expected a pattern in a bucket, got {address}: a web server does not say what it holds.")
    file = None if stores.has_magic(address) else stores.find_object(address)
    found = stores.list_matching(address) if stores.has_magic(address) else [file] if file else []
    return {copy_of(file.address): file for file in found}


def fetch_listed(files: Sequence[RemoteFile]) -> list[Path]:
    """Makes sure that copies are current, several at once."""
    stale = [file for file in files if not _is_current(file)]
    unsafe = next((file for file in files if {"..", "."} & set(file.address.key.split("/"))), None)
    if unsafe is not None:
        raise ConfigError(f"{unsafe.address} cannot be copied, since its key has '.' or '..' for a folder; rename it.")
    _check_room(stale)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(_fetch, stale):
            pass
    paths = [copy_of(file.address) for file in files]
    _note_use(paths)
    if stale:
        _remove_oldest(set(paths))
    return paths


def _fetch(file: RemoteFile) -> None:
    """Copies a file beside its place and moves it there when it is whole."""
    target = copy_of(file.address)
    part = cache_folder() / "incoming" / uuid.uuid4().hex

    def write(chunks: Iterator[bytes]) -> None:
        length = 0
        with _disk():
            stream = open(part, "wb")  # noqa: SIM115 - closed below
        with stream:
            for chunk in chunks:
                length += len(chunk)
                with _disk():
                    stream.write(chunk)
        if file.size_bytes is not None and length != file.size_bytes:
            raise Passing(f"{length:,} bytes came of {file.size_bytes:,}")

    try:
        with _disk():
            part.parent.mkdir(parents=True, exist_ok=True)
        (web if file.address.is_web else stores).fetch(file, write)
        with _disk():
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.changed_ns:
                os.utime(part, ns=(time.time_ns(), file.changed_ns))
            _write_tag(target, "")  # what is there now has none that is known
            os.replace(part, target)
            _write_tag(target, file.tag)
    finally:
        part.unlink(missing_ok=True)


def _is_current(file: RemoteFile) -> bool:
    path = copy_of(file.address)
    try:
        found = path.stat()
    except OSError:
        return False
    if not file.changed_ns and not file.tag:
        return False
    if file.size_bytes not in (None, found.st_size) or file.changed_ns not in (0, found.st_mtime_ns):
        return False
    return not file.tag or _tag_of(path) == file.tag


def _beside(path: Path, kind: str = "") -> Path:
    """Where the tag of a copy is kept: not among the copies, where readers would find it."""
    return cache_folder() / "tags" / path.relative_to(cache_folder() / "copies") / kind


def _tag_of(path: Path) -> str:
    try:
        return _beside(path).read_text()
    except OSError:
        return ""


def _write_tag(path: Path, tag: str) -> None:
    _beside(path).parent.mkdir(parents=True, exist_ok=True)
    _beside(path).write_text(tag)


@contextmanager
def _disk() -> Iterator[None]:
    """Words the failures of this machine's disk, which are no failures of the network."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"No copy can be written to {cache_folder()}: {error.strerror}; make room or set {CACHE_VARIABLE} to "
            "another folder."
        ) from None


def _check_room(files: Sequence[RemoteFile]) -> None:
    """Refuses copies for which the disk has no room."""
    if not files:
        return
    with _disk():
        cache_folder().mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(cache_folder()).free - _SPARE_BYTES
    wanted = sum(file.size_bytes or 0 for file in files)
    if wanted > free:
        raise ConfigError(
            f"{files[0].address} and what is read with it are {wanted / 1e9:.1f} GB, but {cache_folder()} has room for "
            f"{max(0, free) / 1e9:.1f} GB; make room or set {CACHE_VARIABLE} to another folder."
        )


def _remove_oldest(kept: set[Path]) -> None:
    """Removes copies that were not used for longest, where there are too many."""
    limit_bytes = _limit_bytes()
    copies = [path for path in (cache_folder() / "copies").rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in copies)
    if total <= limit_bytes:
        return
    lately = time.time() - _USED_LATELY_SECONDS
    for used, path in sorted((_used(path), path) for path in copies if path not in kept):
        if total <= limit_bytes or used > lately:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)
        _beside(path).unlink(missing_ok=True)


def _limit_bytes() -> float:
    """Returns how large all copies together may be."""
    try:
        return float(os.environ.get(_LIMIT_VARIABLE, "50")) * 1e9
    except ValueError:
        return 50e9


def _used(path: Path) -> float:
    try:
        return _beside(path).stat().st_mtime
    except OSError:
        return 0.0


def _note_use(paths: Sequence[Path]) -> None:
    """Notes that copies were used, beside them: their own times are those of the data."""
    for path in paths:
        if time.time() - _used(path) > _NOTED_EACH_SECONDS:
            with suppress(OSError):
                os.utime(_beside(path))
