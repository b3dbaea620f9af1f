"""The command that fits a recipe on shares of its rows: learning-curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

from kerasline.components.core import rounded
from kerasline.pipeline.cli.shared import (
    WORKSPACE,
    DataOption,
    DebugOption,
    JsonOption,
    RecipeArgument,
    SetOption,
    WorkspaceOption,
    open_json,
)
from kerasline.pipeline.console import print_table


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(learning_curve)


def learning_curve(
    recipe: RecipeArgument,
    shares: Annotated[
        list[float],
        typer.Option("--share", metavar="SHARE", help="Of the train rows; repeat it. Default: 0.125, 0.25, 0.5 and 1."),
    ] = [],  # noqa: B006 (typer's way)
    seeds: Annotated[int, typer.Option(min=1, max=100, help="How many fits of each share.")] = 3,
    changes: SetOption = [],  # noqa: B006 (typer's way)
    data_dir: DataOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Fit shares of the train rows, and say whether more rows would help; nothing is pushed."""
    from kerasline.pipeline.learning_curves import Request, learning_curve as fit_shares

    write_json = open_json(json_file)
    request = Request(recipe, changes, shares, seeds, data_dir)
    found = fit_shares(request, workspace, lambda line: print(line, flush=True), debug=debug)
    print_table(_table(found))
    print(f"{found['verdict'].replace('_', ' ')}: {found['reason']}")
    print(f"page  {found['page']}")
    write_json(found)


def _table(found: Mapping[str, Any]) -> Table:
    table = Table("share", "train rows", f"eval {found['metric']}", "95 % interval", "by seed", box=None,
                  header_style="bold")  # fmt: skip
    for one in found["shares"]:
        interval = "" if one["low"] is None else f"{rounded(one['low'], 3)} to {rounded(one['high'], 3)}"
        by_seed = ", ".join("failed" if value is None else str(rounded(value, 3)) for value in one["seeds"])
        value = "" if one["value"] is None else str(rounded(one["value"], 4))
        table.add_row(f"{one['share']:.1%}", f"{one['rows']:,}", value, interval, by_seed)
    return table
