"""What a run finds in production: the version to compare with, and the state in which it pushes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kerasline.components.baseline import BaselineLost, check_baseline
from kerasline.components.core import ConfigError
from kerasline.components.registry import current_version, find_problem, read_history, read_pointer, read_record
from kerasline.pipeline.workspace import Workspace, read_outcome, run_folders


def repeated_version(models: Path, key: str, server: str | None) -> dict[str, Any] | None:
    """Returns the record of the version in production where a run would only repeat how it came there.

    That is one of this very run, whose fit the cache still has. Without the exception, repeating a run would compare
    its model with itself, and nothing would ever be cached.

    Args:
      models: ``MODELS/NAME``.
      key: of the run.
      server: ``run.metadata``, the store whose cache the run will ask.
    """
    current = current_version(models)
    record = read_record(models, current) if current is not None else {}
    if record.get("run_key") != key:
        return None
    from kerasline.pipeline.workspace import keeps_fit

    home = Workspace(models.parent.parent, server)
    return record if keeps_fit(home, models.name, str(record.get("run_id"))) else None


def baseline_version(models: Path, repeated: dict[str, Any] | None) -> int:
    """Chooses the version in production, or where it would come there again the one that it was compared with."""
    current = current_version(models)
    if current is None:
        return 0
    try:
        check_baseline(models, current)
    except BaselineLost as error:
        raise ConfigError(str(error)) from error
    if repeated is None:
        return current
    before = int(repeated["baseline_version"])
    # It may have been pruned since.
    return before if before == 0 or find_problem(models, before) is None else current


def describe_pointer(models: Path, repeated: dict[str, Any] | None) -> str:
    """Says in which state of the registry a run pushes, so that its push is reused in this state alone.

    A push that is taken from the cache does nothing: after a rollback, or when the versions were deleted by hand, it
    would name a version that is not in production.
    """
    pointer = read_pointer(models)
    if pointer is None:
        found = (models.parent.parent / "reports" / models.name).glob("*/run.json")
        folders = run_folders(path.parent for path in found)
        pushed = [folder.name for folder in folders if read_outcome(folder / "run.json").get("status") == "pushed"]
        return f"emptied after {pushed[-1]}" if pushed else ""
    if repeated is not None:
        return str(repeated.get("pointer_before", ""))
    # Moves within one second, as a program makes them, are told apart by their number.
    number = len(read_history(models))
    return f"move {number}: {pointer.get('action', 'push')} of version {pointer['version']}, {pointer['moved_at']}"


def version_of_other_data(models: Path, version: int, fingerprint: str) -> int:
    """Goes back from a version to the first that was fitted on other data than this, 0 where there is none.

    Data cannot have drifted from itself. What the version's own run compared it with still stands, and so does the
    cache of the steps that did so.
    """
    while version and read_record(models, version).get("data_fingerprint") == fingerprint:
        version = int(read_record(models, version).get("baseline_version", 0))
    return version
