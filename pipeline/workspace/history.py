"""The runs of a workspace, from what each left beside its report or log. Reads no ML Metadata: it answers at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from kerasline.components.core import ConfigError, write_at_once
from kerasline.pipeline.workspace.workspace import Workspace

_RUN = "run.json"
_Run = TypeVar("_Run")
_NEEDED = {"run_id", "recipe"}
_FIELDS = {"run_id": str, "recipe": str, "status": str, "report": str, "steps": list, "seconds": dict}


def list_runs(workspace: Path) -> list[dict[str, Any]]:
    """Returns the outcome (the fields of ``--json``) of every run, oldest first.

    Runs that could not start, are under way, or were killed have no report, and an empty ``report``.
    """
    from kerasline.pipeline.workspace.under_way import runs_without_outcome

    found = [_listed(path) for path in workspace.glob(f"reports/*/*/{_RUN}")]
    starts = map(read_outcome, workspace.glob("logs/*.json"))
    found += [outcome for outcome in starts if outcome.keys() >= _NEEDED]
    ended = {outcome["run_id"] for outcome in found}
    found += [run for run in runs_without_outcome(workspace) if run["run_id"] not in ended]
    return sorted(found, key=lambda outcome: _order(outcome, str(outcome["run_id"])))


def _listed(path: Path) -> dict[str, Any]:
    """Returns what a run came to; where that is damaged, that it is."""
    try:
        return read_whole_outcome(path)
    except ConfigError as error:
        known = no_outcome(path.parents[1].name, path.parent.name, 0.0, "")
        return known | {"status": "failed", "message": str(error), "started_at": ""}


def run_folders(folders: Iterable[Path]) -> list[Path]:
    """Puts folders of reports into the order in which their runs began."""
    return sorted(folders, key=lambda folder: _order(read_outcome(folder / _RUN), folder.name))


def newest_own(runs: Sequence[_Run], outcome_of: Callable[[_Run], Mapping[str, Any]]) -> _Run:
    """Returns the newest run that no command made for itself, as ``learning-curve`` does; without any, the newest.

    Args:
      runs: One or more, the newest last.
      outcome_of: Gives what a run came to.
    """
    return next((run for run in reversed(runs) if not outcome_of(run).get("made_for")), runs[-1])


def newest_folder(folders: Sequence[Path]) -> Path:
    """Returns that of :func:`newest_own` among folders of reports."""
    return newest_own(folders, lambda folder: read_outcome(folder / _RUN))


def read_outcome(path: Path) -> dict[str, Any]:
    """Reads what a run came to, with its report and its log where they are now; empty where it left nothing whole."""
    try:
        outcome = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return _put_in_place(outcome, path) if isinstance(outcome, dict) and _is_sound(outcome) else {}


def read_whole_outcome(path: Path) -> dict[str, Any]:
    """Reads what a run came to, all of it.

    Raises:
      ConfigError: the run has not ended, or the file is damaged.
    """
    run_id = path.parent.name
    if not path.is_file():
        raise ConfigError(f"expected a run that has ended, but {run_id} left no {path.name}; run it again")
    outcome = read_outcome(path)
    if not outcome.keys() >= _NEEDED:
        raise ConfigError(f"{path} is damaged, so what came of run {run_id} is not known; run the recipe again")
    return outcome


def _is_sound(outcome: Mapping[str, Any]) -> bool:
    """Says whether the fields that are there are what they should be."""
    return all(isinstance(outcome[name], kind) for name, kind in _FIELDS.items() if name in outcome)


def _put_in_place(outcome: dict[str, Any], path: Path) -> dict[str, Any]:
    """Says of a run's report and log where they are in a workspace that was moved since."""
    report, folder = outcome.get("report"), path.parent.resolve()
    if path.name == _RUN and report and Path(report).parent != folder:
        outcome["report"] = str(folder / Path(report).name)
        outcome["log"] = str(folder.parents[2] / "logs" / f"{folder.name}.log")
    return outcome


def write_outcome(path: Path, outcome: Mapping[str, Any]) -> None:
    """Writes what a run came to, whole or not at all."""
    write_at_once(path, json.dumps(outcome, indent=1))


def leave_failed_start(home: Workspace, recipe: str, run_id: str, message: str, seconds: float) -> None:
    """Leaves word, beside its log, of a run that ended before it had a report.

    Args:
      home: the workspace.
      recipe: its name.
      run_id: of the run.
      message: why, in a sentence.
      seconds: that it took.
    """
    log = home.log(run_id)
    outcome = no_outcome(recipe, run_id, seconds, str(log)) | {
        "status": "failed",
        "message": message,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        write_outcome(log.with_suffix(".json"), outcome)
    except OSError:  # on a full disk what ended the run is said all the same
        return


def no_outcome(recipe: str, run_id: str, seconds: float, log: str) -> dict[str, Any]:
    """Returns the fields of an outcome for a run that came to none; who asks adds why."""
    return {
        "run_id": run_id,
        "recipe": recipe,
        "metrics": {},
        "test_metrics": {},
        "intervals": {},
        "main_metric": None,
        "model": None,
        "report": "",
        "steps": [],
        "seconds": {"import": 0.0, "total": round(seconds, 3)},
        "log": log,
    }


def _order(outcome: Mapping[str, Any], run_id: str) -> tuple[float, str, int]:
    """Sorts by the time at which a run began, in whatever zone it was written, then by name and number.

    Names of runs were by local time once, so they alone put a run after one that began later.
    """
    stem, number = run_id[:15], run_id[16:]
    try:
        began = datetime.fromisoformat(str(outcome["started_at"]))
    except (KeyError, ValueError):
        began = _from_name(stem)
    return began.timestamp(), stem, int(number) if number.isdigit() else 0


def _from_name(stem: str) -> datetime:
    try:
        return datetime.strptime(stem, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def section(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns a part of a run's outcome or figures, empty where the run did not come that far.

    Args:
      record: The outcome or figures, or a part of them.
      name: Name of the part, which is missing or null where there is nothing to tell.
    """
    return record.get(name) or {}
