"""The commands that go back to what made a version: ``why`` and ``reproduce``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from kerasline.components.core import rounded
from kerasline.pipeline.cli.shared import WORKSPACE, JsonOption, ModelArgument, WorkspaceOption, completion, open_json
from kerasline.pipeline.console import print_table

if TYPE_CHECKING:
    from kerasline.pipeline.run import Reproduction


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(why)
    app.command()(reproduce)


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
    from kerasline.pipeline.reports import describe_why, is_file_of_recipe, why_run, why_version

    write_json = open_json(json_file)
    is_version = "@" in reference and not is_file_of_recipe(reference)
    found = (why_version if is_version else why_run)(workspace, reference)
    write_json(found)
    print("\n".join(describe_why(found)))


def reproduce(
    model: ModelArgument,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Fit a version again from what its run recorded, and compare weights and metrics; nothing else changes."""
    from kerasline.pipeline.run import reproduce as fit_again

    write_json = open_json(json_file)
    found = fit_again(workspace.resolve(), model)
    write_json(found.as_json())
    table = Table(box=None, header_style="bold")
    for title in ("metric", "recorded", "repeated"):
        table.add_column(title)
    for metric, values in found.metrics.items():
        table.add_row(metric, *(rounded(value, 6) for value in values.values()))
    print_table(table)
    for difference in found.differences:
        print(f"since then: {difference}")
    print(f"{found.model}: {_verdict(found)}")
    raise typer.Exit(0 if found.same_weights or found.same_metrics else 1)


def _verdict(found: Reproduction) -> str:
    if found.same_weights:
        return "the same weights, bit by bit"
    if found.same_metrics:
        return "other weights, but the same metrics up to rounding"
    hint = "" if found.differences else "; training.deterministic: true makes fits repeatable"
    return f"not reproduced: other weights and other metrics{hint}"
