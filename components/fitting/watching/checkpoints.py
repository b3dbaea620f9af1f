"""Keeps a fit after every epoch, so that one that was killed continues where it was.

A checkpoint is one NPZ file with all that the next epoch depends on: weights and the state of random layers, the
optimizer, the best weights and counters of early stopping, and the history. TFX gives every execution a folder of its
own, so checkpoints lie in a folder that all runs of a pipeline share, under a name made from what decides the weights:
a changed config, other data or other code never continue a fit that they did not start.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.core import write_at_once

KEEP = 3  # unfinished fits whose checkpoints stay, newest first
_SUFFIX = ".npz"
_FORMAT = 1


@dataclass
class FitState:
    """A fit between two epochs.

    Attributes:
      phase: 0, or 1 while fine-tuning.
      epoch: The next epoch, counted over both phases.
      stopped: Whether early stopping has ended the phase.
      history: Metric name to a value for each epoch so far.
      callbacks: Callback name to its counters, plain values.
      arrays: What the model, the optimizer and early stopping hold, in a fixed order: ``model/0``, ``optimizer/0``,
        ``best/0``, ...
    """

    phase: int
    epoch: int
    stopped: bool
    history: dict[str, list[float]]
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def take(self, kind: str) -> list[np.ndarray]:
        """Returns the arrays of one kind in their order."""
        return [self.arrays[f"{kind}/{n}"] for n in range(sum(key.startswith(f"{kind}/") for key in self.arrays))]

    def put(self, kind: str, values: Sequence[np.ndarray]) -> None:
        """Adds the arrays of one kind."""
        self.arrays |= {f"{kind}/{number}": value for number, value in enumerate(values)}


@dataclass(frozen=True)
class CheckpointFile:
    """Where one fit keeps its state.

    Attributes:
      folder: Folder that the runs of a pipeline share; a path, or an address such as ``gs://bucket/...``.
      key: Key as :func:`checkpoint_key` makes it.
      is_writer: Whether this process writes; of several workers one does, and all read.
    """

    folder: str
    key: str
    is_writer: bool = True

    @property
    def path(self) -> str:
        """The file."""
        return f"{self.folder.rstrip('/')}/{self.key}{_SUFFIX}"

    def save(self, state: FitState) -> None:
        """Replaces the file in one step: whoever is killed meanwhile leaves the old one."""
        if not self.is_writer:
            return
        facts = {key: value for key, value in vars(state).items() if key != "arrays"}
        buffer = io.BytesIO()
        text = np.frombuffer(json.dumps({"format": _FORMAT, **facts}).encode(), np.uint8)
        arrays: dict[str, Any] = {"facts": text, **state.arrays}
        np.savez(buffer, **arrays)
        if _is_remote(self.folder):
            unfinished, files = f"{self.path}.{os.getpid()}", _gfile()
            files.makedirs(self.folder)
            with files.GFile(unfinished, "wb") as file:
                file.write(buffer.getvalue())
            files.rename(unfinished, self.path, overwrite=True)
            return
        os.makedirs(self.folder, exist_ok=True)
        # One that a power failure cuts short is passed over, which costs less than waiting for the disk each epoch.
        write_at_once(Path(self.path), buffer.getvalue(), lasting=False)

    def load(self) -> FitState | None:
        """Reads the state back; None where there is none, or none that can be read."""
        if not (_gfile().exists(self.path) if _is_remote(self.folder) else os.path.exists(self.path)):
            return None
        try:
            with np.load(io.BytesIO(_read(self.path)), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile):
            return None  # cut short by a full disk or a machine that lost power
        facts = json.loads(bytes(arrays.pop("facts")))
        return FitState(arrays=arrays, **facts) if facts.pop("format") == _FORMAT else None

    def remove(self) -> None:
        """Removes the file of a fit that has ended, and the oldest of those that nobody continued."""
        if _is_remote(self.folder):
            if _gfile().exists(self.path):
                _gfile().remove(self.path)
            return
        Path(self.path).unlink(missing_ok=True)
        others = sorted(Path(self.folder).glob(f"*{_SUFFIX}*"), key=_modified, reverse=True)
        for path in others[KEEP:]:
            path.unlink(missing_ok=True)


def checkpoint_key(texts: Iterable[str], folders: Iterable[str], records: Iterable[str]) -> str:
    """Returns 16 hexadecimal digits from all that decides the weights.

    Args:
      texts: Settings and code version.
      folders: Folders whose files are read in full: the transform graph.
      records: GZIP files, which end in a checksum of their content (RFC 1952), so that a look at the end will do.
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode())
    for folder in folders:
        for path in _files_below(folder):
            digest.update(path.removeprefix(folder).encode() + _read(path))
    for path in sorted(records):
        digest.update(os.path.basename(path).encode() + _size_and_end(path, 8))
    return digest.hexdigest()[:16]


def _files_below(folder: str) -> list[str]:
    if _is_remote(folder):
        return sorted(f"{parent}/{file}" for parent, _, files in _gfile().walk(folder) for file in files)
    return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())


def _read(path: str) -> bytes:
    with _gfile().GFile(path, "rb") if _is_remote(path) else open(path, "rb") as file:
        return file.read()


def _size_and_end(path: str, end: int) -> bytes:
    size = _gfile().stat(path).length if _is_remote(path) else os.path.getsize(path)
    with _gfile().GFile(path, "rb") if _is_remote(path) else open(path, "rb") as file:
        file.seek(max(0, size - end))
        return b"%d:" % size + file.read()


def _is_remote(path: str) -> bool:
    return "://" in path


def _gfile() -> Any:
    """Returns TensorFlow's files, which reach object stores; local folders do without TensorFlow."""
    import tensorflow as tf

    return tf.io.gfile


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
