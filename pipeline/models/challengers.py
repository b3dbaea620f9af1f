"""Versions that are compared with the one in production: what the command line names, and whether they suit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.registry import Challenger, current_version, read_record
from kerasline.pipeline.models.commands import find_version

_MOST_NAMED = 8


def find_challengers(
    models: Path, shadows: Sequence[str], canaries: Sequence[str], share: float | None
) -> dict[str, Challenger]:
    """Finds the versions that ``kerasline serve`` is to compare with those in production.

    Args:
      models: the workspace's ``models`` folder.
      shadows: of ``--shadow``, each ``NAME@VERSION``.
      canaries: of ``--canary``.
      share: of ``--share``: which part of the requests canaries answer, above 0 and below 1.

    Returns:
      The challenger of each model.

    Raises:
      ConfigError: there is no such version, it is in production, a model has two, it does not take the same columns or
        answer the same classes, or the share is missing or without a canary.
    """
    _check_share(canaries, share)
    found: dict[str, Challenger] = {}
    for option, kind, references in (("--shadow", "shadow", shadows), ("--canary", "canary", canaries)):
        for reference in references:
            name, version = _find(models, option, reference)
            if name in found:
                raise ConfigError(
                    f"{option}: expected one version of {name} to compare with production, got {found[name].version} "
                    f"and {version}; leave one of them out"
                )
            found[name] = Challenger(version, kind, share or 0.0 if kind == "canary" else 0.0)
    return found


def _check_share(canaries: Sequence[str], share: float | None) -> None:
    if canaries and share is None:
        raise ConfigError("--canary: expected --share, the part of the requests that it answers, such as --share 0.05")
    if share is not None and not canaries:
        raise ConfigError("--share: expected --canary NAME@VERSION with it, got none; a shadow sees all requests")
    if share is not None and not 0 < share < 1:
        raise ConfigError(f"--share: expected a number above 0 and below 1, got {share:g}")


def _find(models: Path, option: str, reference: str) -> tuple[str, int]:
    """Resolves ``NAME@VERSION`` to a version that can stand beside the one in production."""
    if "@" not in reference:
        raise ConfigError(f"{option}: expected NAME@VERSION, such as {reference}@2, got {reference!r}")
    try:
        folder, version = find_version(models, reference)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from None
    incumbent = current_version(folder)
    if incumbent is None or incumbent == version:
        what = "is in production itself" if incumbent else "has no version in production to stand beside"
        raise ConfigError(f"{option}: {reference} {what}; 'kerasline models {folder.name}' lists the versions")
    problem = misfit(read_record(folder, incumbent), read_record(folder, version), incumbent)
    if problem:
        raise ConfigError(
            f"{option}: {reference} cannot be compared with version {incumbent}, which is in production: {problem}"
        )
    return folder.name, version


def misfit(incumbent: Mapping[str, Any], challenger: Mapping[str, Any], number: int) -> str:
    """Says why a version cannot answer in another one's place.

    Args:
      incumbent, challenger: what was recorded when each was pushed.
      number: of the incumbent, for the message.

    Returns:
      What differs: task, classes, label or columns; empty where nothing does.
    """
    of = f"of version {number}"
    for key, what in (
        ("task", "its task is {}, and that {of} is {}"),
        ("classes", "its classes are {}, those {of} {}"),
    ):
        if challenger.get(key) != incumbent.get(key):
            return what.format(_shown(challenger.get(key)), _shown(incumbent.get(key)), of=of)
    labels = [list((record.get("label") or {}).get("columns", ())) for record in (challenger, incumbent)]
    if labels[0] != labels[1]:
        return f"its label is {_shown(labels[0])}, that {of} {_shown(labels[1])}"
    mine, theirs = (_kinds(record) for record in (challenger, incumbent))
    if mine.keys() != theirs.keys():
        return f"it takes the columns {_shown(sorted(mine))}, and version {number} {_shown(sorted(theirs))}"
    for name, kind in mine.items():
        if kind != theirs[name]:
            return f"its column {name} is {kind}, and that {of} {theirs[name]}"
    return ""


def _kinds(record: Mapping[str, Any]) -> dict[str, str]:
    return {column["name"]: str(column["dtype"]) for column in record.get("columns", ())}


def _shown(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return "none" if value in (None, []) else str(value)
    more = len(value) - _MOST_NAMED
    return ", ".join(map(str, value[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
