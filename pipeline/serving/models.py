"""The models that the server answers with: loaded versions, and the watch over what is in production."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf

from kerasline.components.prediction.probe import WARMUP_FILE, read_requests
from kerasline.components.production import current_version, find_problem, list_models, list_versions

logger = logging.getLogger("kerasline.serve")
_KEPT_OLD_VERSIONS = 2  # asked for by number, besides the one in production


class NotServed(Exception):
    """There is no such model or version; the message is TensorFlow Serving's."""


@dataclass(frozen=True)
class LoadedVersion:
    """A version in memory. Requests hold on to it, so it stays until the last of them is answered."""

    name: str
    version: int
    model: Any  # a signature does not keep its model alive
    signatures: Mapping[str, Any]
    load_seconds: float


def load_version(folder: Path, version: int) -> LoadedVersion:
    """Loads a version and lets it answer its warm-up requests, so that the first real one does not wait.

    Raises:
      OSError, ValueError, tf.errors.OpError: it does not load or does not answer.
    """
    problem = find_problem(folder, version)
    if problem:
        raise OSError(f"{problem} in {folder / str(version)}")
    started = time.monotonic()
    model = tf.saved_model.load(str(folder / str(version)))
    for signature, inputs in read_requests(str(folder / str(version) / WARMUP_FILE)):
        model.signatures[signature](**inputs)
    return LoadedVersion(folder.name, version, model, dict(model.signatures), time.monotonic() - started)


@dataclass
class _Model:
    """What is loaded of one model."""

    current: LoadedVersion | None = None
    others: dict[int, LoadedVersion] = field(default_factory=dict)
    failed: tuple[int, str] | None = None  # the version that does not load, and why
    loading: threading.Lock = field(default_factory=threading.Lock)


class ServedModels:
    """Every model of a workspace, each with the version in production.

    :meth:`refresh` looks at the pointers and exchanges versions: the new one is loaded and warm before it takes over,
    and the old one answers what it began. A version that does not load leaves the old one in place.
    """

    def __init__(self, models: Path, names: list[str] | None = None) -> None:
        self._folder, self._names = models, names
        self._models: dict[str, _Model] = {}

    def refresh(self) -> None:
        """Brings every model to the version that its pointer names."""
        for name in self._names or list_models(self._folder):
            model = self._models.setdefault(name, _Model())
            wanted = current_version(self._folder / name)
            served = model.current.version if model.current else None
            if wanted is None or wanted == served or (model.failed and model.failed[0] == wanted):
                continue
            try:
                with model.loading:
                    loaded = model.others.get(wanted) or load_version(self._folder / name, wanted)
            except Exception as error:
                model.failed = (wanted, (str(error).splitlines() or [type(error).__name__])[0])
                logger.error("%s version %s does not load (%s); version %s stays", name, *model.failed, served)
                continue
            model.current, model.failed = loaded, None
            logger.info("%s: version %s, loaded in %.1f s", name, wanted, loaded.load_seconds)

    def watch(self, stop: threading.Event, every_seconds: float) -> None:
        """Refreshes until ``stop`` is set."""
        while not stop.wait(every_seconds):
            try:
                self.refresh()
            except (OSError, ValueError) as error:  # a pointer that cannot be read leaves everything as it is
                logger.error("the models in %s cannot be read: %s", self._folder, error)

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
        with model.loading:
            if version not in model.others:
                try:
                    model.others[version] = load_version(self._folder / name, version)
                except (OSError, ValueError, tf.errors.OpError) as error:
                    raise unknown from error
                while len(model.others) > _KEPT_OLD_VERSIONS:
                    del model.others[next(iter(model.others))]
            return model.others[version]

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
            if model.failed:
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
