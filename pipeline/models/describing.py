"""The models of a workspace and their versions, as ``kerasline models`` lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kerasline.components.registry import (
    RECORD_FILE,
    current_version,
    find_predecessor,
    find_problem,
    list_models,
    list_versions,
    read_challenger,
    read_history,
    read_pins,
    read_record,
)
from kerasline.pipeline.models.commands import find_model
from kerasline.pipeline.workspace import list_runs, section


def describe_models(workspace: Path) -> list[dict[str, Any]]:
    """Lists the models of a workspace.

    Returns:
      For each its ``name``, ``versions`` (how many) and the description of the version in ``production``, or None.
    """
    models = workspace / "models"
    found = []
    for name in list_models(models):
        versions = describe_versions(workspace, name)
        current = [version for version in versions if version["state"] == "production"]
        found.append({"name": name, "versions": len(versions), "production": current[0] if current else None})
    return found


def describe_versions(workspace: Path, name: str) -> list[dict[str, Any]]:
    """Lists the versions of a model, oldest first.

    Returns:
      For each ``version``, ``state`` (``production``, ``previous``, ``challenger, KIND``, ``rolled back`` or empty),
      ``pinned`` (the reason or None), ``problem`` (what is missing, or None), ``run_id``, ``pushed_at``,
      ``data_fingerprint``, ``spans``, ``data``, ``main_metric``, ``metrics`` and ``test_metrics`` (empty where the
      run's report is gone) and ``size_bytes``.

    Raises:
      ConfigError: nothing was pushed under this name.
    """
    folder = find_model(workspace / "models", name)
    runs = [run for run in list_runs(workspace) if run["recipe"] == name and section(run, "model").get("version")]
    states, pins = _states(folder), read_pins(folder)
    described = []
    for version in list_versions(folder):
        record = _read_record(folder, version)
        run = _run_of(version, record, runs)
        described.append(
            {
                "version": version,
                "state": states.get(version, ""),
                "pinned": pins[version]["reason"] if version in pins else None,
                "problem": find_problem(folder, version),
                "run_id": record.get("run_id") or run.get("run_id"),
                **{key: record.get(key) for key in ("pushed_at", "data_fingerprint", "spans", "data")},
                "main_metric": record.get("main_metric") or run.get("main_metric"),
                "metrics": section(run, "metrics"),
                "test_metrics": section(run, "test_metrics"),
                "size_bytes": _size(folder / str(version)),
            }
        )
    return described


def _states(folder: Path) -> dict[int, str]:
    """Says of versions where they stand: in production, before that, or taken out by a rollback; not of others."""
    left = {}  # version -> the last action that took it out of production
    for move in read_history(folder):
        left[move.get("replaced", move["previous"])] = move.get("action", "push")
    states = {version: "rolled back" for version, action in left.items() if action == "rollback"}
    challenger = read_challenger(folder)
    states |= {challenger.version: f"challenger, {challenger.kind}"} if challenger else {}
    states |= {version: "previous" for version in (find_predecessor(folder),) if version is not None}
    states |= {version: "production" for version in (current_version(folder),) if version is not None}
    return states


def _size(folder: Path) -> int:
    """Returns the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _read_record(folder: Path, version: int) -> dict[str, Any]:
    try:
        return read_record(folder, version)
    except ValueError:  # damaged, which find_problem says
        return {RECORD_FILE: None}


def _run_of(version: int, record: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Finds the outcome of the run that pushed a version: later runs may have found it up to date."""
    made = [run for run in runs if run["model"]["version"] == version]
    by_id = [run for run in made if run["run_id"] == record.get("run_id")]
    return (by_id or made or [{}])[0]
