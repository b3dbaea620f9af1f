"""The libraries on which a result depends, their versions here, and how those of another machine differ from them."""

from __future__ import annotations

import gc
import hashlib
import os
import platform
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import metadata
from pathlib import Path

# Their versions decide what a step computes.
LIBRARIES = ("tfx", "tensorflow", "keras", "apache-beam", "tensorflow-transform", "keras-tuner", "numpy")
# These, too, decide how data is read, and what is written for another step.
_READING = ("tensorflow-data-validation", "tensorflow-model-analysis", "tfx-bsl", "pyarrow", "pandas")
_RECORDED = ("tensorflow", "keras", "tfx", "tensorflow-transform", "apache-beam", "numpy")
_LOCK = Path(__file__).resolve().parents[3] / "requirements" / "lock.txt"


def prepare_libraries() -> None:
    """Settles what a process of steps is about to load; a fit with another backend has a process of its own.

    Keras computes with TensorFlow, whatever the environment says, and TensorFlow takes of a GPU's memory what it needs.
    A user without a home, as in a container with an emptied environment, gets the folder that Keras would choose too:
    what Keras loads asks for one, and would end the process.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = tempfile.gettempdir()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


@contextmanager
def loading_libraries() -> Iterator[None]:
    """Looks for garbage once, after TensorFlow and TFX are loaded: they make a million objects, most of which stay.

    Looking at all of them as they become more is a fifth of what loading computes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@lru_cache
def library_versions() -> dict[str, str]:
    """Returns the versions of kerasline and of these libraries, as they are installed here."""
    return {name: _installed(name) for name in ("kerasline", *LIBRARIES, *_READING)}


def describe_environment() -> dict[str, str | None]:
    """Returns what goes with a model that is pushed: versions, and the sha256 of the lock where it lies beside."""
    versions: dict[str, str | None] = {name: metadata.version(name) for name in _RECORDED}
    lock = hashlib.sha256(_LOCK.read_bytes()).hexdigest() if _LOCK.is_file() else None
    return {"python": platform.python_version(), **versions, "lock_sha256": lock}


def packages_hash() -> str | None:
    """Returns 12 hexadecimal digits of all packages of the lock as installed; None where the lock is not here."""
    if not _LOCK.is_file():
        return None
    names = re.findall(r"(?m)^([A-Za-z0-9._-]+)==", _LOCK.read_text(encoding="utf-8"))
    lines = [f"{name}=={_installed(name)}\n" for name in sorted(names)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]


def describe_difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """Says which libraries have other versions than expected; None where none has.

    Args:
      expected: Versions by name, as :func:`library_versions` gives them on the other machine.
      found: Versions by name on this one.
    """
    other = [name for name, version in expected.items() if name in found and found[name] != version]
    return ", ".join(f"{name} {found[name]} and not {expected[name]}" for name in other) or None


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
