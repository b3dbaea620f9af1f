"""The commands about schemas: ``schema`` prints the JSON Schema of recipes, ``schema accept`` widens the data's."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kerasline.pipeline.cli.shared import WORKSPACE, SetOption, WorkspaceOption
from kerasline.pipeline.config import load_experiment, recipe_schema


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    group = typer.Typer(invoke_without_command=True, no_args_is_help=False)
    group.callback()(schema)
    group.command()(accept)
    app.add_typer(group, name="schema")


def schema(context: typer.Context) -> None:
    """Print the JSON Schema of a recipe, for editors that complete and check YAML; accept widens the data's schema."""
    if context.invoked_subcommand is None:
        print(json.dumps(recipe_schema(), indent=1))


def accept(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or path, or the name of an experiment that has run.")],
    changes: SetOption = [],  # noqa: B006 (typer's way)
    columns: Annotated[list[str], typer.Option("--column", help="Accept this column only; may be repeated.")] = [],  # noqa: B006
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Write what the last run found in contradiction to the curated schema into it, and print the difference."""
    from kerasline.pipeline.plan import accept_findings, find_schema_file, last_schema_file

    reports = workspace / "reports"
    known = last_schema_file(reports / recipe) if "/" not in recipe else None
    if known is not None:
        name, path = recipe, known
    else:
        experiment, base_dir = load_experiment(recipe, changes)
        name, path = experiment.name, find_schema_file(experiment.name, base_dir, workspace).path
    print(accept_findings(path, reports / name, name, columns))
