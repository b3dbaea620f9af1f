"""The version in production as something to compare with: what to say when it is not there any more."""

from __future__ import annotations

from pathlib import Path

from kerasline.components.core import KeraslineError
from kerasline.components.registry import find_problem, list_versions


class BaselineLost(KeraslineError):
    """The version in production cannot be compared with any more, and nothing may replace it unseen."""


def check_baseline(folder: Path, version: int) -> None:
    """Refuses a version in production that is not whole: a candidate could not be compared with it.

    Raises:
      BaselineLost: something is missing; the message says what to do.
    """
    problem = find_problem(folder, version)
    if problem:
        raise BaselineLost(lost_baseline(folder, version, problem))


def lost_baseline(folder: Path, version: int, problem: str) -> str:
    """Says what to do about a version in production that cannot be compared with."""
    others = [other for other in list_versions(folder) if other != version and find_problem(folder, other) is None]
    remedy = (
        f"put another version into production with: kerasline promote {folder.name} {others[-1]} --reason TEXT"
        if others
        else f"move {folder} away to begin without a model in production"
    )
    return (
        f"expected version {version} of {folder.name}, which is in production, to compare the new model with, but "
        f"{problem}; restore {folder / str(version)}, or {remedy}"
    )
