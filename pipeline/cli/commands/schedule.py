"""The commands that train again: ``retrain`` and ``schedule``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kerasline.components.core import ConfigError, nearest
from kerasline.pipeline.cli.shared import (
    WORKSPACE,
    DataOption,
    JsonOption,
    RecipeArgument,
    SetOption,
    WorkspaceOption,
    open_json,
)
from kerasline.pipeline.retraining import Decision

_OUT_OF_TIME = 124  # above it are the codes of runs that a signal ended


# What a run of each status came to; only one that ended well has trained a model for production.
_ENDS = {
    "pushed": "retrained",
    "up_to_date": "retrained",
    "not_blessed": "trained, but not blessed",
    "data_rejected": "not retrained, the data gate stopped the run",
    "failed": "not retrained, the run failed",
    "interrupted": "not retrained, the run was ended",
}


def _end_of(decision: Decision) -> str:
    if decision.challenger is not None:
        return f"retrained, and version {decision.challenger} challenges production"
    if decision.run:
        return _ENDS.get(decision.status, "not retrained")
    return "not retrained" if decision.exit_code else "up to date"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("retrain")(retrain_recipe)
    app.command("schedule")(schedule_recipe)


def retrain_recipe(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006 (typer's way)
    data_dir: DataOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Train again if there is reason to: one decision, and at most one run."""
    from kerasline.pipeline.retraining import retrain

    write_json = open_json(json_file)
    decision = retrain(recipe, changes, data_dir, workspace)
    write_json(asdict(decision))
    print(f"{_end_of(decision)}: {decision.reason} ({decision.status})")
    if decision.exit_code == _OUT_OF_TIME:
        print("kerasline: the run took longer than schedule.max_runtime_minutes and was stopped", file=sys.stderr)
    elif decision.message:
        print(f"kerasline: {decision.message}", file=sys.stderr)
    if decision.status == "interrupted":
        sys.exit(decision.exit_code)  # as for the signal
    raise typer.Exit(1 if decision.exit_code >= _OUT_OF_TIME else decision.exit_code)


def schedule_recipe(
    recipe: RecipeArgument,
    emit: Annotated[str | None, typer.Option(help="Set up cron, systemd, k8s, vertex or kubeflow.")] = None,
    history: Annotated[bool, typer.Option("--history", help="List the decisions so far.")] = False,
    data_dir: DataOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    image: Annotated[str | None, typer.Option(help="k8s, vertex, kubeflow: the container image.")] = None,
    recipe_at: Annotated[str | None, typer.Option(help="The recipe's path in that image, if it is another.")] = None,
    claim: Annotated[str | None, typer.Option(help="k8s, kubeflow: the claim that the workspace is on.")] = None,
    project: Annotated[str | None, typer.Option(help="vertex: the project.")] = None,
    region: Annotated[str, typer.Option(help="vertex: the region.")] = "europe-west4",
    pipeline_root: Annotated[str | None, typer.Option(help="vertex: a bucket's URI for the step's records.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="vertex: URL of a private endpoint of its API.")] = None,
    host: Annotated[str | None, typer.Option(help="kubeflow: the URL of its API.")] = None,
    experiment: Annotated[str, typer.Option(help="kubeflow: the experiment.")] = "Default",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the request, send nothing.")] = False,
) -> None:
    """Retrain on the recipe's cron in the foreground, or set another scheduler up for it."""
    from kerasline.pipeline.retraining import scheduling

    if history:
        _show_history(recipe, workspace)
    elif emit is None:
        scheduling.run_scheduler(recipe, data_dir, workspace)
    elif emit in scheduling.EMITTED:
        print(scheduling.emit(emit, recipe, data_dir, workspace, image, claim, recipe_at), end="")
    elif emit in ("vertex", "kubeflow"):
        from kerasline.pipeline.cloud import cloud_schedules

        job = scheduling.remote_job(emit, recipe, data_dir, workspace, image, recipe_at)
        if emit == "vertex":
            request = cloud_schedules.vertex_request(job, project, region, pipeline_root)
        else:
            request = cloud_schedules.kubeflow_request(job, host, experiment, claim)
        if dry_run:
            print(json.dumps(request, indent=1))
            return
        if emit == "vertex":
            made = cloud_schedules.create_vertex_schedule(request, endpoint)
        else:
            made = cloud_schedules.create_recurring_run(request)
        print(f"{made['action']} {made['id']}\n{made['link']}")
    else:
        known = (*scheduling.EMITTED, "vertex", "kubeflow")
        raise ConfigError(f"--emit: expected {', '.join(known)}, got {emit!r}.{nearest(emit, known)}")


def _show_history(recipe: str, workspace: Path) -> None:
    from kerasline.pipeline.config import load_experiment
    from kerasline.pipeline.console import print_table
    from kerasline.pipeline.retraining import join_quiet, read_decisions, schedule_folder
    from kerasline.pipeline.workspace import open_workspace

    experiment, _ = load_experiment(recipe)
    decisions = read_decisions(schedule_folder(open_workspace(workspace).root, experiment.name))
    print_table(decisions_table({experiment.name: join_quiet(decisions)}, with_evidence=True))


def decisions_table(lines: Mapping[str, Sequence[Mapping[str, Any]]], *, with_evidence: bool = False) -> Table:
    """Makes the table of decisions.

    Args:
      lines: recipe to its lines, from :func:`~kerasline.pipeline.retraining.decisions.join_quiet`.
      with_evidence: also show the figures behind the reasons.
    """
    table = Table(box=None, header_style="bold")
    for title in ("when", "recipe", "run", "why", "what changed", "became", *(["figures"] if with_evidence else [])):
        table.add_column(title, overflow="fold")
    rows = sorted(((line, name) for name, found in lines.items() for line in found), key=lambda row: row[0]["when"])
    for line, name in rows:
        became = line["status"].replace("_", " ")
        if line["version"]:
            became += f" as version {line['version']}"
        if line["challenger"]:
            became += f" as version {line['challenger']}, which challenges production"
        why = line["reason"]
        if line["times"] > 1:
            why += f" ({line['times']} times since {line['since'][:16]})"
        cells = [line["when"][:16], name, _run_in_words(line), why]
        cells += ["; ".join(line["changed"]), "; ".join([became, *line["untold"]])]
        if with_evidence:
            cells.append("; ".join(line["evidence"]))
        table.add_row(*cells)
    return table


def _run_in_words(line: Mapping[str, Any]) -> str:
    """Names the run of a decision; one that could not start has no name."""
    if line["run_id"]:
        return str(line["run_id"])
    return "yes" if line["run"] else "no"
