"""The models that the server answers with: loaded versions, and the watch over what is in production."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, first_line, load_saved_model
from kerasline.components.prediction import (
    WARMUP_FILE,
    Reader,
    Together,
    answer_together,
    json_readers,
    read_requests,
)
from kerasline.components.registry import current_version, find_problem, list_models, list_versions, read_record
from kerasline.components.signing import check_signature

logger = logging.getLogger("kerasline.serve")
_SMALL = ("float", "int", "string")  # types of columns of which a small body holds little
_QUICK_SECONDS, _TRIALS = 0.002, 5  # another may have the processor: the shortest of the trials counts
_KEPT_OLD_VERSIONS = 2  # asked for by number, besides the one in production
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 2.0, 300.0  # before a version that failed is tried again


class NotServed(Exception):
    """There is no such model or version; the message is TensorFlow Serving's."""


@dataclass(frozen=True)
class LoadedVersion:
    """A version in memory. Requests hold on to it, so it stays until the last of them is answered."""

    name: str
    version: int
    model: Any  # a signature does not keep its model alive
    signatures: Mapping[str, Any]
    answers: Mapping[str, Together]  # what a signature is asked by
    record: Mapping[str, Any]
    load_seconds: float
    readers: Mapping[str, Reader]  # of the values of ``serving_raw``
    is_quick: bool = False  # whether a few rows take hardly any time

    @cached_property
    def images(self) -> list[str]:
        """Names the columns that hold images."""
        return [column["name"] for column in self.record.get("columns", ()) if column["dtype"] == "image"]


def load_version(folder: Path, version: int, public_key: Path | None = None) -> LoadedVersion:
    """Loads a version and lets it answer its warm-up requests, so that the first real one does not wait.

    Args:
      folder: ``MODELS/NAME``.
      version: one of its versions.
      public_key: of the signature that it must have; None asks for none.

    Raises:
      SignatureRefused: it is not what the holder of the key has signed.
      OSError, ValueError, tf.errors.OpError: it does not load or does not answer.
    """
    if public_key is not None:
        check_signature(folder, version, public_key)
    problem = find_problem(folder, version)
    if problem:
        raise OSError(f"{problem} in {folder / str(version)}")
    started = time.monotonic()
    try:
        model = load_saved_model(folder / str(version))
    except ConfigError as error:
        raise OSError(str(error)) from error
    record = read_record(folder, version)
    signatures = dict(model.signatures)
    answers = {name: answer_together(model, record, name) for name in signatures}
    requests = read_requests(str(folder / str(version) / WARMUP_FILE))
    for signature, inputs in requests:
        answers[signature](inputs)
    is_quick = all(column["dtype"] in _SMALL for column in record.get("columns", ())) and _answers_quickly(
        [partial(answers[signature], inputs) for signature, inputs in requests]
    )
    seconds = time.monotonic() - started
    readers = json_readers(record)
    return LoadedVersion(folder.name, version, model, signatures, answers, record, seconds, readers, is_quick)


def _answers_quickly(calls: Sequence[Callable[[], object]]) -> bool:
    """Says whether the warm-up requests, which were answered before, take hardly any time; no without any."""
    if not calls:
        return False
    times = []
    for _ in range(_TRIALS):
        started = time.perf_counter()
        for call in calls:
            call()
        times.append((time.perf_counter() - started) / len(calls))
    return min(times) <= _QUICK_SECONDS


@dataclass
class _Failure:
    """A version that did not load, and when to try again."""

    reason: str
    files: object  # as they were; other files are another trial
    wait_seconds: float
    next_trial: float

    def is_over(self, files: object) -> bool:
        return files != self.files or time.monotonic() >= self.next_trial


@dataclass
class _Model:
    """What is loaded of one model."""

    current: LoadedVersion | None = None
    others: dict[int, LoadedVersion] = field(default_factory=dict)
    failures: dict[int, _Failure] = field(default_factory=dict)
    # What keeps production's version from answering: its number, None where the pointer cannot be read; and why.
    failed: tuple[int | None, str] | None = None
    loading: threading.Lock = field(default_factory=threading.Lock)


class ServedModels:
    """Every model of a workspace, each with the version in production.

    :meth:`refresh` looks at the pointers and exchanges versions: the new one is loaded and warm before it takes over,
    and the old one answers what it began. A version that does not load, or a pointer that cannot be read, leaves the
    old one in place; both are looked at again.
    """

    def __init__(self, models: Path, names: list[str] | None = None, public_key: Path | None = None) -> None:
        self._folder, self._names, self._public_key = models, names, public_key
        self._models: dict[str, _Model] = {}
        self._problem = ""

    def refresh(self) -> None:
        """Brings every model to the version that its pointer names."""
        for name in self._names or self._list():
            model = self._models.setdefault(name, _Model())
            try:
                self._follow(name, model)
            except Exception as error:  # whatever a file may hold: the next look may find better
                self._note(name, model, None, f"its pointer cannot be read ({first_line(error)})")

    def _list(self) -> list[str]:
        problem, names = "", sorted(self._models)
        try:
            names = list_models(self._folder)
        except Exception as error:
            problem = first_line(error)
        if problem and problem != self._problem:
            logger.error("the models in %s cannot be listed: %s", self._folder, problem)
        self._problem = problem
        return names

    def _follow(self, name: str, model: _Model) -> None:
        """Brings one model to the version that its pointer names, unless that was just tried in vain."""
        wanted = current_version(self._folder / name)
        if wanted is None and model.current:
            self._note(name, model, None, "its pointer is not there")
            return
        if wanted is None or (model.current and model.current.version == wanted):
            model.failed = None
            return
        try:
            loaded = self._load(name, model, wanted)
        except NotServed as error:
            self._note(name, model, wanted, str(error))
            return
        model.current, model.failed = loaded, None
        logger.info("%s: version %s, loaded in %.1f s", name, wanted, loaded.load_seconds)

    def _load(self, name: str, model: _Model, version: int) -> LoadedVersion:
        """Returns a version from memory or from the disk; one that failed is tried again only after a while.

        Raises:
          NotServed: it does not load; the message says why.
        """
        folder = self._folder / name
        with model.loading:
            if version in model.others:
                return model.others[version]
            files, before = _look(folder / str(version)), model.failures.get(version)
            if before and not before.is_over(files):
                raise NotServed(before.reason)
            try:
                loaded = load_version(folder, version, self._public_key)
            except Exception as error:  # TensorFlow, protobuf and the file system each have their own
                again = before and before.files == files
                wait = min(2 * before.wait_seconds, _LONGEST_WAIT_SECONDS) if before and again else _FIRST_WAIT_SECONDS
                model.failures[version] = _Failure(first_line(error), files, wait, time.monotonic() + wait)
                raise NotServed(first_line(error)) from error
            model.failures.pop(version, None)
            return loaded

    def _note(self, name: str, model: _Model, version: int | None, reason: str) -> None:
        """Keeps a failure for those who ask, and logs it once."""
        if model.failed != (version, reason):
            stays = f"; version {model.current.version} stays" if model.current else ""
            what = "production" if version is None else f"version {version}"
            logger.error("%s: %s does not load (%s)%s", name, what, reason, stays)
        model.failed = (version, reason)

    def get(self, name: str, version: int | None = None) -> LoadedVersion:
        """Returns a version to answer a request with; one asked for by number is loaded when it is first needed.

        Raises:
          NotServed: there is none.
        """
        model = self._models.get(name)
        if version is None:
            if model is None or model.current is None:
                raise NotServed(f"Servable not found for request: Latest({name})")
            return model.current
        unknown = NotServed(f"Servable not found for request: Specific({name}, {version})")
        if model is None:
            raise unknown
        if model.current and model.current.version == version:
            return model.current
        if version not in list_versions(self._folder / name):
            raise unknown
        try:
            loaded = self._load(name, model, version)
        except NotServed as error:
            raise unknown from error
        with model.loading:
            model.others[version] = loaded
            while len(model.others) > _KEPT_OLD_VERSIONS:
                del model.others[next(iter(model.others))]
        return loaded

    def is_quick(self, name: str) -> bool:
        """Says whether production's version of a model answers a few rows in hardly any time."""
        model = self._models.get(name)
        return bool(model and model.current and model.current.is_quick)

    def states(self, name: str, version: int | None = None) -> list[dict[str, Any]]:
        """Describes versions as TensorFlow Serving does.

        Raises:
          NotServed: there is none.
        """
        model = self._models.get(name)
        found: dict[int, tuple[str, str, str]] = {}
        if model:
            loaded = [*model.others.values(), *([model.current] if model.current else [])]
            found = {one.version: ("AVAILABLE", "OK", "") for one in loaded}
            if model.failed and model.failed[0] is not None:
                found[model.failed[0]] = ("END", "UNKNOWN", model.failed[1])
        if version is not None:
            if version not in found:
                self.get(name, version)  # on disk and loadable, or not served
                found[version] = ("AVAILABLE", "OK", "")
            found = {version: found[version]}
        elif not found:
            raise NotServed(f"Could not find any versions of model {name}")
        return [
            {"version": str(number), "state": state, "status": {"error_code": code, "error_message": message}}
            for number, (state, code, message) in sorted(found.items(), reverse=True)
        ]

    def health(self) -> dict[str, Any]:
        """Says which version of each model answers, and which does not load."""
        return {
            name: {
                "version": model.current.version if model.current else None,
                "failed": {"version": model.failed[0], "reason": model.failed[1]} if model.failed else None,
            }
            for name, model in sorted(self._models.items())
        }


def _look(folder: Path) -> object:
    """Returns what changes when files of a version do: names, sizes and times."""
    try:
        stats = [(str(path), path.stat()) for path in sorted(folder.rglob("*"))]
    except OSError as error:
        return str(error)
    return [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
