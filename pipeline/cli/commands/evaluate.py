"""The command that measures a pushed model on labelled data: evaluate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from kerasline.components.core import rounded
from kerasline.pipeline.cli.shared import WORKSPACE, JsonOption, ModelArgument, WorkspaceOption, open_json
from kerasline.pipeline.console import print_table, screen_apart

if TYPE_CHECKING:
    from kerasline.pipeline.models import Evaluation


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(evaluate)


def evaluate(
    model: ModelArgument,
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="Labelled: a table, TFRecords, or images in folders by class.")
    ],
    slices: Annotated[
        list[str], typer.Option("--slice", metavar="COLUMN", help="Measure each value of this column apart.")
    ] = [],  # noqa: B006 (typer's way)
    kind: Annotated[
        str | None, typer.Option("--format", help="csv, parquet, images, tfrecord or npz; default: by the name.")
    ] = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Measure a pushed model on labelled data: its metrics with 95 % intervals."""
    from kerasline.components.datasets.remote import fetch_input
    from kerasline.pipeline.models import load_model
    from kerasline.pipeline.workspace import open_workspace

    write_json = open_json(json_file)
    home = open_workspace(workspace)
    version = load_model(model, workspace)
    given = fetch_input(source)
    log = home.log(f"evaluate-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    with screen_apart(log) as screen:
        screen.start("  loading TensorFlow, then answering the rows")
        try:
            evaluation = version.evaluate(given, slices=slices, kind=kind)
        finally:
            screen.stop()
    _tell(evaluation, version.rejected, log)
    write_json(evaluation.as_json())


def _tell(evaluation: Evaluation, rejected: list[dict[str, Any]], log: Path) -> None:
    """Prints a table of the metrics, for all rows and for each slice."""
    print(evaluation.summary())
    if rejected:
        print(f"the first that was left out: {rejected[0]['place']}: {rejected[0]['reason']}")
    table = Table(box=None, header_style="bold")
    frame = evaluation.frame()
    titles = ["metric", "value", "from", "to"]
    if evaluation.measures.slices:
        titles = ["slice", "rows", *titles]
    for title in titles:
        table.add_column(title)
    for line in frame.to_dict("records"):
        figures = [_shown(line[name]) for name in ("value", "low", "high")]
        of_what = [line["slice"] or "all", f"{line['rows']:,}"] if evaluation.measures.slices else []
        table.add_row(*of_what, line["metric"], *figures)
    print_table(table)
    print(f"from and to hold the value with 95 % certainty; log {log}")


def _shown(number: float | None) -> str:
    return "" if number is None or number != number else rounded(number)
