"""The command that says why: what stopped a run, and what made a version."""

from __future__ import annotations

from typing import Annotated

import typer

from kerasline.pipeline.cli import completion
from kerasline.pipeline.cli.options import WORKSPACE, JsonOption, WorkspaceOption, open_json


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(why)


def why(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="NAME@VERSION|RUN",
            help="A version of a model, a run's id, or a recipe for its newest run.",
            autocompletion=completion.runs,
        ),
    ],
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Say what stopped a run, or which data, code and decisions made a version and what happened to it since."""
    from kerasline.pipeline.reports import describe_why, why_run, why_version

    write_json = open_json(json_file)
    found = (why_version if "@" in reference else why_run)(workspace.expanduser(), reference)
    write_json(found)
    print("\n".join(describe_why(found)))
