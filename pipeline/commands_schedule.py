"""The commands that train again: ``retrain`` and ``schedule``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from components.errors import ConfigError, nearest

RecipeArgument = Annotated[str, typer.Argument(help="A shipped recipe's name, or the path of a YAML file.")]
DataOption = Annotated[Path | None, typer.Option(help="Where the files of the data set are.")]
WorkspaceOption = Annotated[Path, typer.Option(help="Where metadata, artifacts, models and reports go.")]
_WORKSPACE = Path("workspace")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("retrain")(retrain_recipe)
    app.command("schedule")(schedule_recipe)


def retrain_recipe(
    recipe: RecipeArgument,
    changes: Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE")] = [],  # noqa: B006 (typer's way)
    data_dir: DataOption = None,
    workspace: WorkspaceOption = _WORKSPACE,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the decision to this file.")] = None,
) -> None:
    """Train again if there is reason to: one decision, and at most one run."""
    from pipeline.retraining import retrain

    decision = retrain(recipe, changes, data_dir, workspace)
    if json_file:
        json_file.write_text(json.dumps(asdict(decision), indent=1), encoding="utf-8")
    print(f"{'retrained' if decision.run else 'up to date'}: {decision.reason} ({decision.status})")
    if decision.exit_code == 124:
        print("kerasline: the run took longer than schedule.max_runtime_minutes and was stopped", file=sys.stderr)
    raise typer.Exit(1 if decision.exit_code == 124 else decision.exit_code)


def schedule_recipe(
    recipe: RecipeArgument,
    emit: Annotated[str | None, typer.Option(help="Print a schedule instead: cron, systemd or k8s.")] = None,
    image: Annotated[str | None, typer.Option(help="Container image, for k8s.")] = None,
    history: Annotated[bool, typer.Option("--history", help="List the decisions so far.")] = False,
    data_dir: DataOption = None,
    workspace: WorkspaceOption = _WORKSPACE,
) -> None:
    """Retrain on the recipe's cron in the foreground, or print what another scheduler needs."""
    from pipeline import scheduling

    if history:
        _show_history(recipe, workspace)
    elif emit is None:
        scheduling.run_scheduler(recipe, data_dir, workspace)
    elif emit not in scheduling.EMITTED:
        raise ConfigError(
            f"--emit: expected {', '.join(scheduling.EMITTED)}, got {emit!r}.{nearest(emit, scheduling.EMITTED)}"
        )
    else:
        print(scheduling.emit(emit, recipe, data_dir, workspace, image), end="")


def _show_history(recipe: str, workspace: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from pipeline.config import load_experiment
    from pipeline.retraining import read_decisions, schedule_folder
    from pipeline.workspace import open_workspace

    experiment, _ = load_experiment(recipe)
    table = Table(box=None, header_style="bold")
    for title in ("when", "run", "reason", "became"):
        table.add_column(title)
    for decision in read_decisions(schedule_folder(open_workspace(workspace), experiment.name)):
        table.add_row(decision.when, decision.run_id or "no", decision.reason, decision.status)
    Console(highlight=False).print(table)
