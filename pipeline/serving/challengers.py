"""Challengers in memory: versions beside those in production, which see their requests or answer some of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.registry import Challenger, read_challenger
from kerasline.pipeline.models import misfit
from kerasline.pipeline.serving.models import LoadedVersion, NotServed, ServedModels

logger = logging.getLogger("kerasline.serve")
SERVED = ("shadow", "canary")  # kinds of challengers that requests go to


@dataclass(frozen=True)
class Rival:
    """A challenger that is loaded.

    Attributes:
      challenger: what it is to do.
      loaded: the version, whose record says to keep and to redact what the incumbent's does, too.
      incumbent: the version in production that it was found to suit.
    """

    challenger: Challenger
    loaded: LoadedVersion
    incumbent: int

    def answers(self, request_id: str) -> bool:
        """Says whether a request is one that it answers, as a canary; the same id gives the same answer always."""
        # Not by the checksum that chooses what is captured: the two choices must not depend on each other.
        drawn = int.from_bytes(hashlib.blake2b(request_id.encode(), digest_size=8).digest())
        return self.challenger.kind == "canary" and drawn < self.challenger.share * 2**64


class Challengers:
    """The challenger of each model: the one that was given, or the one that its registry names."""

    def __init__(self, models: Path, served: ServedModels, given: Mapping[str, Challenger]) -> None:
        self._folder, self._served, self._given = models, served, given
        self._rivals: dict[str, Rival] = {}
        self._problems: dict[str, str] = {}

    def of(self, name: str) -> Rival | None:
        """Returns the challenger of a model, if one is loaded."""
        return self._rivals.get(name)

    def health(self) -> dict[str, tuple[Rival | None, str]]:
        """Returns the challenger of each model that has or should have one, and why it has not."""
        names = sorted({*self._rivals, *self._problems})
        return {name: (self._rivals.get(name), self._problems.get(name, "")) for name in names}

    def check_given(self) -> None:
        """Refuses a challenger of the command line that does not load.

        Raises:
          ConfigError: which, and why.
        """
        for name in self._given:
            if name not in self._rivals:
                problem = self._problems.get(name, "its model is not served; name it with --model, too")
                raise ConfigError(f"{name}@{self._given[name].version} cannot be served: {problem}")

    def refresh(self) -> None:
        """Brings every model to its challenger, beside the version that is in production now."""
        for name, health in self._served.health().items():
            try:
                self._follow(name, health["version"])
            except Exception as error:  # whatever a file may hold: the next look may find better
                self._end(name, f"its challenger cannot be read ({error})")

    def _follow(self, name: str, incumbent: int | None) -> None:
        wanted = self._given.get(name) or read_challenger(self._folder / name)
        if wanted is None or wanted.kind not in SERVED or incumbent in (None, wanted.version):
            self._end(name, "")
            return
        now = self._rivals.get(name)
        if now is not None and (now.challenger, now.incumbent) == (wanted, incumbent):
            return
        try:
            loaded = self._served.get(name, wanted.version)
        except NotServed as error:
            self._end(name, f"version {wanted.version} does not load ({error.__cause__ or error})")
        else:
            self._take(name, wanted, loaded, self._served.get(name))

    def _take(self, name: str, wanted: Challenger, loaded: LoadedVersion, before: LoadedVersion) -> None:
        """Sends requests to a challenger from now on, if it suits the version in production."""
        problem = misfit(before.record, loaded.record, before.version) or _other_signatures(before, loaded)
        if problem:
            self._end(name, f"version {wanted.version} cannot be compared with {before.version}: {problem}")
            return
        self._rivals[name] = Rival(wanted, _captured_alike(loaded, before), before.version)
        self._problems.pop(name, None)
        logger.info("%s: version %s is the %s of version %s", name, wanted.version, wanted.kind, before.version)

    def _end(self, name: str, problem: str) -> None:
        """Sends no more requests to a challenger; says why, once."""
        was_served = self._rivals.pop(name, None) is not None
        if was_served or problem != self._problems.pop(name, ""):
            logger.warning("%s: %s", name, problem or "there is no challenger any more")
        if problem:
            self._problems[name] = problem


def _other_signatures(incumbent: LoadedVersion, challenger: LoadedVersion) -> str:
    """Says which signature differs in its inputs or outputs; records of earlier releases do not say."""
    for name, signature in incumbent.signatures.items():
        other = challenger.signatures.get(name)
        if other is None:
            return f"it has no signature {name}"
        if _shapes(signature) != _shapes(other):
            return f"its signature {name} takes or gives other tensors"
    return ""


def _shapes(signature: Any) -> tuple[Any, Any]:
    _, inputs = signature.structured_input_signature
    outputs = signature.structured_outputs
    return (
        {name: (spec.dtype, spec.shape.as_list() if spec.shape.rank is not None else None)
         for name, spec in inputs.items()},
        {name: (tensor.dtype, tensor.shape.rank and tensor.shape.as_list()[1:]) for name, tensor in outputs.items()},
    )  # fmt: skip


def _captured_alike(loaded: LoadedVersion, incumbent: LoadedVersion) -> LoadedVersion:
    """Lets the rows of a challenger be kept as long, and with as little in them, as those of the incumbent."""
    captures = [(one.record.get("serve") or {}).get("capture") or {} for one in (loaded, incumbent)]
    redacted = sorted({name for capture in captures for name in capture.get("redact", ())})
    record = {**loaded.record, "serve": {"capture": {"share": 0.0, **captures[1], "redact": redacted}}}
    return LoadedVersion(**{**vars(loaded), "record": record})
