"""Keeps what was found out about data, so that files which have not changed are not read again.

A description is kept in a file that is named after all that it follows from: what was asked, the code that answers, and
path, size, times and inode of every file. A file that changes has another name for its description, so there is nothing
to be told that one is stale. As Git does with its index, a file that changed so recently that a further change could
leave the same times is read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kerasline.components.core import ConfigError, code_version, file_facts, keep_newest, write_at_once
from kerasline.components.datasets.description import DataOptions, Dataset
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.peeking import source_files
from kerasline.components.datasets.tables import find_spans

# Less is described sooner than the code is hashed that would describe it.
_FEWEST_BYTES = 1_000_000
_MOST_BYTES, _MOST_FILES = 1 << 28, 200  # of all descriptions together
# Clocks of file systems and of this machine may differ by as much, and some file systems count in steps of two seconds.
_RECENT_NS = 3_000_000_000
_LIBRARIES = ("numpy", "pillow", "pyarrow")

_Facts = dict[str, tuple[int, ...]]  # of each file: size, inode, and times in nanoseconds


def recall(
    folder: Path, request: Mapping[str, Any], options: DataOptions, places: Places, describe: Callable[[], Dataset]
) -> Dataset:
    """Returns the description that is kept of these files, or makes it and keeps it.

    A folder that cannot be written, and a description that cannot be read, cost time and nothing else.

    Args:
      folder: of the descriptions; it is made where it is not there.
      request: what the description follows from besides the files, as JSON values.
      options: the ``data:`` block.
      places: where its files are looked for.
      describe: reads the files.

    Raises:
      ConfigError: what ``describe`` raises, or a file changed while it was read.
    """
    before = _look(options, places)
    if before is None:
        return describe()
    path = folder / f"{_key(request, before)}.json"
    known = _read(path)
    if known is not None:
        return known
    started_ns = time.time_ns()
    try:
        dataset = describe()
    except ConfigError:  # half a row at its end is no mistake of a file that grows
        _check_same(before[0], _facts_of(_look(options, places)))
        raise
    after = _look(options, places)
    _check_same(before[0], _facts_of(after))
    if after == before and all(max(times) < started_ns - _RECENT_NS for _, _, *times in before[0].values()):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            write_at_once(path, dataset.to_json(), lasting=False)
            keep_newest(folder, most_files=_MOST_FILES, most_bytes=_MOST_BYTES)
    return dataset


def _look(options: DataOptions, places: Places) -> tuple[_Facts, tuple[str, ...]] | None:
    """Returns the facts of a source's files and what is said of those left out, None for what is not kept."""
    if options.source in ("dataset", "idx", "sql", "python"):
        return None  # small, made here, or asked anew each time
    left_out = find_spans(options.spans, places).skipped if options.spans is not None else ()
    try:
        facts = {str(path): file_facts(path) for path in _every(source_files(options, places))}
    except (OSError, ValueError):
        return None
    return (facts, left_out) if sum(size for size, *_ in facts.values()) >= _FEWEST_BYTES else None


def _facts_of(found: tuple[_Facts, tuple[str, ...]] | None) -> _Facts:
    return {} if found is None else found[0]


def _every(paths: Iterable[Path]) -> Iterator[Path]:
    """Gives files, and every file below folders, links to other folders followed."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, _, names in os.walk(path, followlinks=True):
            yield from (Path(folder, name) for name in sorted(names))


def _key(request: Mapping[str, Any], found: tuple[_Facts, tuple[str, ...]]) -> str:
    libraries = {name: metadata.version(name) for name in _LIBRARIES}
    code = code_version("kerasline.components.datasets")
    text = json.dumps([request, found, libraries, code], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _check_same(before: _Facts, after: _Facts) -> None:
    """Refuses a file that was written to while it was read: what was found is true of neither state."""
    for path, (size_bytes, _, changed_ns, _) in before.items():
        now = after.get(path)
        if now is not None and (now[0], now[2]) != (size_bytes, changed_ns):
            raise ConfigError(
                f"{path} changed while it was read ({size_bytes} bytes before, {now[0]} now); run again when nothing "
                "writes to it any more."
            )


def _read(path: Path) -> Dataset | None:
    try:
        dataset = Dataset.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        return None
    with suppress(OSError):  # another user's
        os.utime(path)  # the newest are kept
    return dataset
