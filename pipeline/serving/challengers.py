"""Challengers in memory: versions beside those in production, which see their requests or answer some of them."""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.registry import Challenger, drop_challenger, read_challenger, registry_lock
from kerasline.components.verdicts import LimitWatch
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
      watch: counts its requests against its limits.
    """

    challenger: Challenger
    loaded: LoadedVersion
    incumbent: int
    watch: LimitWatch

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
        self._ended: dict[str, Challenger] = {}  # the last one of each model whose challenge is over here
        self._over = set[str]()  # models whose challenger of the command line is over, so that the registry's is next
        self._to_drop: deque[tuple[Rival, str]] = deque()

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
                raise ConfigError(
                    f"{name}@{self._given[name].version} cannot be served: {problem}; use another version"
                )

    def refresh(self) -> None:
        """Brings every model to its challenger, beside the version that is in production now."""
        self._drop_ended()
        for name, health in self._served.health().items():
            try:
                self._follow(name, health["version"])
            except Exception as error:  # whatever a file may hold: the next look may find better
                self._end(name, f"its challenger cannot be read ({error})")

    def judge(self, rival: Rival, milliseconds: float, failed: bool) -> None:
        """Takes in a request of a canary, and ends the canary when that crosses a limit."""
        reason = rival.watch.add(milliseconds, failed)
        name = rival.loaded.name
        if reason and self._rivals.get(name) is rival:
            self._ended[name] = rival.challenger
            self._to_drop.append((rival, reason))
            self._end(name, f"version {rival.loaded.version} is ended as a canary, by {reason}")

    def _drop_ended(self) -> None:
        """Drops from the registry what has crossed a limit; no request waits for that."""
        while self._to_drop:
            rival, reason = self._to_drop[0]
            folder = self._folder / rival.loaded.name
            try:
                with registry_lock(folder):
                    if read_challenger(folder) == rival.challenger:
                        drop_challenger(folder, reason, {"kind": "canary", **rival.watch.evidence()})
            except Exception:  # it stays ended in this server, and the next look tries again
                logger.exception("%s: its challenger cannot be dropped", rival.loaded.name)
                return
            self._to_drop.popleft()

    def _follow(self, name: str, incumbent: int | None) -> None:
        wanted = self._wanted(name, incumbent)
        if wanted is None or wanted.kind not in SERVED or incumbent in (None, wanted.version):
            self._end(name, "")
        elif not self._is_done(name, wanted, incumbent):
            self._load(name, wanted)

    def _wanted(self, name: str, incumbent: int | None) -> Challenger | None:
        """Returns the challenger of the command line until its challenge is over, and then the registry's, if any."""
        given = self._given.get(name)
        if given is None:
            return read_challenger(self._folder / name)
        # Once it is in production its challenge is over; a rollback of it is no wish that it answers again.
        if incumbent == given.version or self._ended.get(name) == given:
            self._over.add(name)
        return (read_challenger(self._folder / name) if name in self._over else None) or given

    def _is_done(self, name: str, wanted: Challenger, incumbent: int | None) -> bool:
        """Says whether a challenger is served already, or has crossed a limit or come into production here."""
        now = self._rivals.get(name)
        is_served = now is not None and (now.challenger, now.incumbent) == (wanted, incumbent)
        is_over = name in self._over and wanted == self._given[name]
        return is_served or is_over or self._ended.get(name) == wanted

    def _load(self, name: str, wanted: Challenger) -> None:
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
        limits = wanted.rollback_on or (loaded.record.get("watch") or {}).get("rollback_on") or {}
        self._rivals[name] = Rival(wanted, _captured_alike(loaded, before), before.version, LimitWatch(limits))
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
    return replace(loaded, record=record)
