"""Puts the report of a run where people look for it, with what only the whole run knows: times, and the run before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, code_version, nearest
from kerasline.pipeline.config import changed_from_defaults, config_changes
from kerasline.pipeline.plan import RunPlan
from kerasline.pipeline.reports.naming import as_run
from kerasline.pipeline.workspace import Workspace, newest_folder, read_outcome, run_folders

FIGURES_FILE = "figures.json"


def report_parameters(plan: RunPlan) -> dict[str, str]:
    """Returns what the report is told about a run, as JSON texts by parameter name."""
    return {
        "experiment": plan.experiment.model_dump_json(
            exclude={"run": True, "schedule": True, "serve": True, "report": {"mlflow"}}
        ),
        "dataset": plan.dataset.to_json(),
        "plan": plan.features.model_dump_json(),
        "evaluation_options": plan.evaluation.model_dump_json(),
        "changes": json.dumps(changed_from_defaults(plan.experiment)),
    }


def read_figures(plan: RunPlan, home: Workspace, run_id: str, failure: str | None) -> dict[str, Any]:
    """Reads the figures that the report step left; of a run that ended early, collects what there is.

    Args:
      plan: of the run.
      home: where it ran.
      run_id: its id.
      failure: what the error said, None where every step has finished.
    """
    from kerasline.components.report import collect_figures
    from kerasline.pipeline.workspace import places_here, report_folders, run_artifacts

    artifacts = run_artifacts(home, run_id)
    if failure is None:
        written = Path(artifacts["report"]["report"].uri, FIGURES_FILE)
        reported: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        return reported | {"artifacts": places_here(home.pipeline(plan.experiment.name), reported)}
    folders = report_folders(artifacts)
    folder = home.reports(plan.experiment.name) / run_id
    if (folder / "verdict.json").is_file():
        folders = replace(folders, verdict=str(folder))
    figures = collect_figures(folders, **report_parameters(plan), failure=failure)
    return figures | {"blessed": False, "baseline_version": plan.baseline_version or None, "model": None}


def publish_report(folder: Path, figures: Mapping[str, Any], outcome: Mapping[str, Any], command: str) -> None:
    """Writes ``index.html`` and ``figures.json`` into ``reports/NAME/RUN``.

    Args:
      folder: that folder.
      figures: from :func:`read_figures`.
      outcome: the fields of ``--json``.
      command: that started the run.
    """
    from kerasline.components.report import write_report

    told = {key: outcome[key] for key in ("run_id", "status", "steps", "seconds", "started_at")}
    told |= {key: outcome.get(key) for key in ("failed_step", "log", "challenges")}
    run = {
        **told,
        "command": command,
        "code_version": code_version("kerasline.pipeline.graph"),
        "since": _since(folder, figures),
    }
    write_report(folder, {**figures, "run": run}, at_once=True)


def find_report(workspace: Path, reference: str | None = None) -> Path:
    """Finds the folder of a run's report.

    Args:
      workspace: the workspace.
      reference: the id of a run, a recipe for its newest run, or NAME@VERSION for the run that made it; None for the
        newest run of all. The newest is one of the user's own where there is any.

    Raises:
      ConfigError: there is no such run, or its report is gone.
    """
    folders = run_folders(page.parent for page in workspace.glob("reports/*/*/index.html"))
    if not folders:
        raise ConfigError(f"expected a run in {workspace}, but there is none; start one with: kerasline run digits_cnn")
    if reference is None:
        return newest_folder(folders)
    found = _matching(folders, as_run(workspace, reference))
    if not found and "@" in reference:
        raise ConfigError(
            f"expected the report of the run that made {reference}, but it is gone; what is known of the version says: "
            f"kerasline why {reference}"
        )
    if not found:
        known = [path.name for path in folders] + [path.parent.name for path in folders]
        raise ConfigError(
            f"expected the id of a run, a recipe that ran or NAME@VERSION, got {reference!r}."
            f"{nearest(reference, known)} 'kerasline runs' lists them"
        )
    return newest_folder(found)


def find_pair(workspace: Path, first: str, second: str | None = None) -> tuple[Path, Path]:
    """Finds the folders of the reports of two runs.

    Args:
      workspace: the workspace.
      first: as the reference of :func:`find_report`.
      second: the same, or None for ``first`` beside the run of its recipe before it, which then comes first.

    Raises:
      ConfigError: there is no such run, or none before it.
    """
    found = find_report(workspace, first)
    if second is not None:
        return found, find_report(workspace, second)
    runs = run_folders(page.parent for page in found.parent.glob("*/index.html"))
    before = runs[: runs.index(found)]
    if not before:
        raise ConfigError(
            f"expected a run of {found.parent.name} before {found.name} to compare it with, but there is none; "
            "run the recipe again with a changed key, or name two runs"
        )
    return newest_folder(before), found


def _matching(folders: Sequence[Path], reference: str) -> list[Path]:
    """Picks the reports of a run, as RUN or RECIPE/RUN, or those of a recipe where no run has that id."""
    recipe, _, run = reference.rpartition("/")
    runs = [folder for folder in folders if folder.name == run and recipe in ("", folder.parent.name)]
    return runs or [folder for folder in folders if folder.parent.name == reference]


def _since(folder: Path, figures: Mapping[str, Any]) -> dict[str, Any] | None:
    """Says what differs in the config from the last run of the recipe before this one."""
    earlier = run_folders(p.parent for p in folder.parent.glob(f"*/{FIGURES_FILE}") if p.parent != folder)
    before = read_outcome(earlier[-1] / FIGURES_FILE) if earlier else {}
    if not before:  # the first run, or a file that a power failure cut off
        return None
    changes = config_changes(before["experiment"], figures["experiment"])
    return {"run_id": earlier[-1].name, "changes": changes}
