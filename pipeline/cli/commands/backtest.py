"""The commands on past spans: backtest replays them under several schedules, backfill predicts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kerasline.components.core import DataRejected, counted, rounded
from kerasline.pipeline.cli.shared import (
    WORKSPACE,
    DataOption,
    DebugOption,
    JsonOption,
    ModelArgument,
    OnUnseenOption,
    RecipeArgument,
    SetOption,
    WorkspaceOption,
    check_on_unseen,
    open_json,
)
from kerasline.pipeline.console import format_seconds, print_table

_MOST_SPANS = 40
_REFUSED = {"data": "by the data gate", "model": "by the model gate", "failed": "failed"}


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(backtest)
    app.command()(backfill)


def backtest(
    recipe: RecipeArgument,
    first: Annotated[
        str | None, typer.Option("--from", metavar="SPAN", help="The first span that arrives; default: the oldest.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="SPAN", help="The last span, measured only; default: the newest.")
    ] = None,
    schedules: Annotated[
        list[str],
        typer.Option("--schedule", metavar="WORD", help="every, every-N, never, drift; /last-N: on the last N spans."),
    ] = [],  # noqa: B006 (typer's way)
    label_delay: Annotated[int, typer.Option(min=0, help="By how many spans labels come later than rows.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="How many fits at a time.")] = 1,
    changes: SetOption = [],  # noqa: B006 (typer's way)
    data_dir: DataOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Replay past spans under several schedules, and say which to take."""
    from kerasline.pipeline.backtesting import PAGE_FILE, Request, backtest as replay

    write_json = open_json(json_file)
    request = Request(recipe, changes, first, last, schedules, label_delay, jobs, data_dir)
    found = replay(request, workspace, lambda line: print(f"{line}\n", end="", flush=True))
    _show(found)
    print(f"page  {Path(found['folder'], PAGE_FILE)}")
    write_json(found)


def backfill(
    model: ModelArgument,
    source: Annotated[
        str, typer.Argument(metavar="RECIPE|PATTERN", help="A recipe with spans, or 'in/{YYYY}-{MM}-{DD}/*.csv'.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Gets one file for each span.")],
    first: Annotated[str | None, typer.Option("--from", metavar="SPAN", help="Default: the oldest.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="SPAN", help="Default: the newest.")] = None,
    keys: Annotated[
        list[str], typer.Option("--key", metavar="COLUMN", help="Repeat this column of the input; default: all.")
    ] = [],  # noqa: B006 (typer's way)
    suffix: Annotated[str, typer.Option(metavar=".parquet|.csv|.jsonl", help="Of the files.")] = ".parquet",
    on_unseen: OnUnseenOption = "warn",
    changes: SetOption = [],  # noqa: B006 (typer's way)
    data_dir: DataOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Predict past spans with a version, one file for each; spans that are done are passed over."""
    from kerasline.pipeline.backtesting import Filling, backfill as fill

    write_json = open_json(json_file)
    check_on_unseen(on_unseen)
    filling = Filling(model, source, output, first, last, keys, suffix, on_unseen, changes, data_dir)
    found = fill(filling, workspace, debug=debug)
    write_json(found)
    if found["failed"]:
        key, reason = next(iter(found["failed"].items()))
        raise DataRejected(
            f"{counted(len(found['failed']), 'span')} could not be predicted; the first, {key}: {reason}; the same "
            "command tries those again"
        )


def _show(found: Mapping[str, Any]) -> None:
    print_table(_over_time(found))
    print_table(_summary(found))
    print(f"recommended: {found['recommended'] or 'none'}; {found['reason']}")


def _over_time(found: Mapping[str, Any]) -> Table:
    """Makes the table of the deciding metric, a row for each of the last spans."""
    table = Table("span", "rows", box=None, header_style="bold", title=found["metric"], title_justify="left")
    for schedule in found["schedules"]:
        table.add_column(schedule["name"])
    columns = [_figures(schedule["over_time"], found["metric"]) for schedule in found["schedules"]]
    lines = list(zip(*(schedule["over_time"] for schedule in found["schedules"]), *columns, strict=True))
    for line in lines[-_MOST_SPANS:]:
        looks, cells = line[: len(columns)], line[len(columns) :]
        table.add_row(looks[0]["span"], f"{max(look['rows'] for look in looks):,}", *cells)
    table.caption = "* by a model that has just been fitted"
    return table


def _figures(looks: Sequence[Mapping[str, Any]], metric: str | None) -> list[str]:
    """Writes a schedule's figure of each span, with a mark where another model answered than before."""
    before = None
    cells = []
    for look in looks:
        figure = look["metrics"].get(metric)
        if figure is None or figure["value"] is None:
            cells.append("no model" if look["model"] is None else "not measured")
        else:
            cells.append(f"{rounded(figure['value'])}{' *' if look['model'] != before else ''}")
        before = look["model"]
    return cells


def _summary(found: Mapping[str, Any]) -> Table:
    from kerasline.pipeline.models import show_figure

    table = Table("schedule", "runs", "time", "refused", found["metric"] or "quality", "behind the best", box=None)
    for schedule in found["schedules"]:
        refused = ", ".join(f"{count} {_REFUSED[name]}" for name, count in schedule["refused"].items() if count)
        figure = schedule["quality"].get(found["metric"])
        shown = "" if figure is None else show_figure(figure)
        behind = _behind(schedule["compared"])
        seconds = format_seconds(schedule["seconds"])
        table.add_row(schedule["name"], str(schedule["runs"]), seconds, refused, shown, behind)
    return table


def _behind(compared: Mapping[str, Any] | None) -> str:
    """Says how far a schedule is behind the best, and whether chance explains it."""
    if compared is None:
        return "not compared"
    if not compared["difference"] and not compared["beyond_noise"]:
        return ""
    interval = "" if compared["low"] is None else f" ({rounded(compared['low'], 3)} to {rounded(compared['high'], 3)})"
    verdict = "beyond noise" if compared["beyond_noise"] else "not beyond noise"
    return f"{rounded(compared['difference'], 3)}{interval}, {verdict}"
