"""The commands that show what ran: runs, report, compare, ui."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from kerasline.components.core import ConfigError, rounded, write_at_once
from kerasline.pipeline.cli.commands.schedule import decisions_table
from kerasline.pipeline.cli.shared import (
    RUN_HELP,
    WORKSPACE,
    JsonOption,
    RunArgument,
    WorkspaceOption,
    completion,
    open_json,
)
from kerasline.pipeline.console import print_table, table_width
from kerasline.pipeline.workspace import section

_BLOCKS = "▁▂▃▄▅▆▇█"
_RUNS_IN_A_LINE = 12
# Characters; on a narrow terminal there is no column of reasons.
_ROOM_BEFORE_REASONS, _LEAST_OF_A_REASON = 96, 30
_DECISIONS = 8  # of each recipe that are shown with the runs


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(runs)
    app.command()(report)
    app.command()(compare)
    app.command()(ui)


def runs(workspace: WorkspaceOption = WORKSPACE, json_file: JsonOption = None) -> None:
    """List the runs of a workspace, newest last, with the course of the main metric, and decisions to train again."""
    from kerasline.pipeline.retraining import join_quiet, list_decisions
    from kerasline.pipeline.workspace import list_runs

    write_json = open_json(json_file)
    found = list_runs(workspace)
    write_json(found)
    decisions = {name: join_quiet(made)[-_DECISIONS:] for name, made in list_decisions(workspace).items()}
    if not found and not decisions:
        print(f"no runs in {workspace} yet; start one with: kerasline run digits_cnn")
        return
    print_table(_runs_table(found))
    refused = [run["run_id"] for run in found if _reason(run)]
    if refused:
        print(f"what stopped a run: kerasline why {refused[-1]}")
    if decisions:
        print("\ndecisions to train again; all of a recipe's: kerasline schedule RECIPE --history")
        print_table(decisions_table(decisions))


def _runs_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """Makes the table of runs; the newest of each recipe shows the course of the recipe's main metric."""
    newest = {result["recipe"]: result["run_id"] for result in found}
    table = Table(box=None, header_style="bold")
    for title in ("run", "recipe", "status", "main metric", "course", "version"):
        table.add_column(title, no_wrap=title in ("run", "recipe", "status"))
    table.add_column("seconds", justify="right")
    room = table_width() - _ROOM_BEFORE_REASONS
    if room >= _LEAST_OF_A_REASON:
        table.add_column("why", max_width=room, no_wrap=True, overflow="ellipsis")
    for result in found:
        value = main_value(result)
        figure = "" if value is None else f"{result.get('main_metric')} {rounded(value)}"
        is_newest = newest[result["recipe"]] == result["run_id"]
        line = sparkline(course(found, result["recipe"])) if is_newest else ""
        version = str(section(result, "model").get("version") or "")
        seconds = f"{result['seconds']['total']:.0f}"
        cells = [result["run_id"], result["recipe"], result["status"], figure, line, version, seconds]
        table.add_row(*cells, *([_reason(result)] if room >= _LEAST_OF_A_REASON else []))
    return table


def _reason(result: Mapping[str, Any]) -> str:
    """Says in short why a run pushed nothing; ``kerasline why`` says it whole."""
    if result["status"] in ("pushed", "up_to_date", "partial"):
        return ""
    step = f"{result['failed_step']}: " if result.get("failed_step") else ""
    return step + str(result.get("message") or "").removeprefix("Not blessed, nothing was pushed: ")


def report(
    run: Annotated[
        str | None,
        typer.Argument(help=RUN_HELP, autocompletion=completion.runs),
    ] = None,
    workspace: WorkspaceOption = WORKSPACE,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Print the path of a run's report; the newest one by default."""
    from kerasline.pipeline.reports import find_report

    page = (find_report(workspace, run) / "index.html").resolve()
    print(page)
    if show:
        import webbrowser

        if not webbrowser.open(page.as_uri()):
            raise ConfigError(f"--open: expected a browser on this machine, but none was found; open {page} yourself")


def compare(
    first: RunArgument,
    second: Annotated[
        str | None,
        typer.Argument(help="The run to compare it with; by default the one of its recipe before it."),
    ] = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Show two runs side by side: config, data, metrics, and the rows that they answer differently."""
    from kerasline.components.report import describe, render_comparison
    from kerasline.pipeline.reports import add_rows, compare_runs, find_pair, without_figures

    write_json = open_json(json_file)
    folders = find_pair(workspace, first, second)
    comparison = compare_runs(*folders)
    add_rows(comparison)
    write_json(without_figures(comparison))
    console = Console(highlight=False, soft_wrap=True)
    for letter, run in (("A", comparison["a"]), ("B", comparison["b"])):
        blessed = "blessed" if run["blessed"] else "not blessed"
        console.print(f"{letter}  {run['recipe']}, run {run['run_id']}, {blessed}", markup=False)
    _show_comparison(console, comparison)
    console.print(f"\n{describe(comparison)}", markup=False)
    page = workspace / "comparisons" / f"{folders[0].name}--{folders[1].name}.html"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(page, render_comparison(comparison))
    except OSError as error:  # what was asked for stands above, and in the JSON
        console.print(f"page  not written ({error.strerror}): {page.resolve()}", markup=False)
    else:
        console.print(f"page  {page.resolve()}", markup=False)


def ui(
    workspace: WorkspaceOption = WORKSPACE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8787,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Serve the reports and the models of a workspace as a small site, on this machine only."""
    from kerasline.pipeline.reports import make_server

    server = make_server(workspace, port)
    address = f"http://127.0.0.1:{server.server_port}/"
    print(f"{address}  (reports and models of {workspace.resolve()}; Ctrl+C ends it)", flush=True)
    if show:
        import webbrowser

        webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("ended")
    finally:
        server.server_close()


def main_value(result: Mapping[str, Any]) -> float | None:
    """Returns the main metric of a run, None where it was not measured."""
    return section(result, "metrics").get(result.get("main_metric", ""))


def course(found: Sequence[Mapping[str, Any]], recipe: str) -> list[float]:
    """Returns the main metric of a recipe's last runs, oldest first; runs with another main metric are left out."""
    own = [result for result in found if result["recipe"] == recipe]
    metric = own[-1].get("main_metric") if own else None
    values = [main_value(result) for result in own if result.get("main_metric") == metric]
    return [value for value in values if value is not None][-_RUNS_IN_A_LINE:]


def sparkline(values: Sequence[float]) -> str:
    """Draws values as blocks from the lowest to the highest; one that never moved has no course to draw."""
    low, span = min(values, default=0.0), max(values, default=0.0) - min(values, default=0.0)
    if span < 1e-12:
        return ""
    return "".join(_BLOCKS[round((value - low) / span * (len(_BLOCKS) - 1))] for value in values)


def _show_comparison(console: Console, comparison: Mapping[str, Any]) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("", "A", "B", "B's figure is"):
        table.add_column(title, justify="left" if not title else "right")
    for row in comparison["metrics"]:
        verdict = {None: "the same", True: "better", False: "worse"}[row["is_better"]]
        shown = [rounded(value) for value in (row["a"], row["b"])]
        table.add_row(row["name"], *shown, verdict)
    for change in comparison["changes"]:
        table.add_row(change["key"], _show(change["before"]), _show(change["now"]), "")
    rows = [run["figures"]["data"]["rows"] for run in (comparison["a"], comparison["b"])]
    table.add_row("rows of data", *map(str, rows), "the same data" if comparison["same_data"] else "other data")
    console.print(table)
    predictions = comparison["predictions"]
    if predictions:
        console.print(
            f"{predictions['changed']} of {predictions['rows']} eval rows are answered differently: "
            f"{predictions['better']} "
            f"for the better, {predictions['worse']} for the worse",
            markup=False,
        )
    else:
        console.print(f"rows not compared: {comparison['why_not']}", markup=False)


def _show(value: Any) -> str:
    return rounded(value) if isinstance(value, float) else json.dumps(value)
