"""The library that makes plots answer to a pointer: Vega, packed into the page, so that no network is asked for it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import zlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from kerasline.components.core.addresses import cache_folder
from kerasline.components.report.drawing import VERSION

_USE = "window.vegaEmbed = vegaEmbed;"  # the one thing that the page's script asks of it


@lru_cache(maxsize=1)
def library() -> tuple[bytes, str]:
    """Returns the library, zipped, and the hash by which a page allows it and no other script.

    To put it together takes two seconds, so it is kept in the folder of copies, where that can be written to.
    """
    kept = _place()
    packed = _read(kept) if kept else None
    if packed is None:
        packed = _make()
        if kept:
            _keep(kept, packed)
    return packed, hash_of(gzip.decompress(packed))


def _place() -> Path | None:
    """Says where the library is kept; nowhere for a user without a home, as containers have them."""
    asked = hashlib.sha256(f"{VERSION} {_release()} {_USE}".encode()).hexdigest()[:12]
    with suppress(RuntimeError):
        return cache_folder() / "plots" / f"library-{asked}.js.gz"
    return None


def packed_library() -> str:
    """Writes the library as letters that may stand within a page."""
    return base64.b64encode(library()[0]).decode()


def hash_of(script: bytes) -> str:
    """Returns the hash of a script as a content policy has it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}"


def _release() -> str:
    from importlib.metadata import version

    return version("vl-convert-python")


def _make() -> bytes:
    import vl_convert

    return gzip.compress(vl_convert.javascript_bundle(_USE, vl_version=VERSION).encode(), mtime=0)


def _read(file: Path) -> bytes | None:
    """Reads what was kept; None where there is nothing, or what a full disk has left of it."""
    try:
        packed = file.read_bytes()
        gzip.decompress(packed)
    except (OSError, EOFError, zlib.error):
        return None
    return packed


def _keep(file: Path, packed: bytes) -> None:
    """Keeps the library for other processes, which may do the same at this moment."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(packed)
        unfinished.replace(file)
