"""The command ``kerasline``. What answers questions about recipes imports no TensorFlow and answers at once."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import kerasline
from kerasline.components.core import LONGEST_MESSAGE, KeraslineError, cut, follow_parent, printable
from kerasline.pipeline.cli import commands
from kerasline.pipeline.cli.interrupted import INTERRUPTED, end_interrupted
from kerasline.pipeline.cli.misuse import what_was_meant
from kerasline.pipeline.cli.shared import (
    WORKSPACE,
    DataOption,
    DebugOption,
    JsonOption,
    RecipeArgument,
    SetOption,
    WorkspaceOption,
    completion,
    open_json,
)
from kerasline.pipeline.config import find_recipe, load_experiment, read_yaml, recipe_names, write_text
from kerasline.pipeline.console import explain_machine, print_table
from kerasline.pipeline.workspace import StepForecast

app = typer.Typer(
    name="kerasline",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# After how many new objects the garbage collector looks at them. TensorFlow and TFX make a million that stay, and with
# CPython's 700 it took a fifth of the time of loading them to find nothing.
_NEW_OBJECTS = 10_000


def main() -> None:
    """Runs the command; every error of the user's ends in one sentence on stderr and the contract's exit code."""
    follow_parent()
    gc.set_threshold(_NEW_OBJECTS)
    try:
        # Without standalone mode, click returns the code of typer.Exit.
        code = app(standalone_mode=False) or 0
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code)
    except (typer.Abort, KeyboardInterrupt):
        end_interrupted()
    except KeraslineError as error:
        for line in error.details:
            print(line, file=sys.stderr)
        print(f"kerasline: {printable(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        sys.exit(_end(error))


def _end(error: Exception) -> int:
    """Shows an error that is none of ours, and raises it with --debug.

    Returns:
      The exit code.
    """
    # typer raises click's usage errors, which know how to show themselves.
    show = getattr(error, "show", None)
    if show is not None:
        show()
        meant = what_was_meant(error, sys.argv[1:])
        if meant:
            print(f"kerasline: {printable(meant)}", file=sys.stderr)
        return int(getattr(error, "exit_code", 1))
    print(f"kerasline: {printable(_in_a_sentence(error))}", file=sys.stderr)
    if "--debug" in sys.argv:
        raise error
    return int(getattr(error, "exit_code", 1))


def _in_a_sentence(error: Exception) -> str:
    """Says what an unexpected error is, and what to do where that is known."""
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename} may not be written or read ({error.strerror}); change its rights, and run again"
    machine = explain_machine(error)
    if machine:
        return f"{machine}, and run again"
    text = cut(" ".join(str(error).split()), LONGEST_MESSAGE)
    return f"{type(error).__name__}: {text}; --debug shows more"


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"kerasline {kerasline.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """One YAML file turns a dataset and a Keras model into a validated, evaluated and versioned model."""


@app.command()
def run(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006 (typer's way)
    data_dir: DataOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run every step anew.")] = False,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STEP",
            help="Run it and what depends on it anew; what is before must be there.",
            autocompletion=completion.steps,
        ),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="STEP", help="Stop when this step has finished.", autocompletion=completion.steps
        ),
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same weights in every run (training.deterministic=true).")
    ] = False,
    json_file: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Run a recipe from its data to a pushed model."""
    from kerasline.pipeline.console import Typed, show_outcome
    from kerasline.pipeline.plan import Part
    from kerasline.pipeline.run import run_recipe

    write_json = open_json(json_file)
    changes = [*changes, "training.deterministic=true"] if deterministic else changes
    outcome = run_recipe(
        recipe, changes, data_dir=data_dir, workspace=workspace, cache=not no_cache, debug=debug, part=Part(first, last)
    )
    write_json(outcome.result)
    show_outcome(outcome.result, Typed(recipe, changes, data_dir, workspace))
    if outcome.message:
        print(f"kerasline: {printable(outcome.message)}", file=sys.stderr)
    raise typer.Exit(outcome.exit_code)


@app.command()
def plan(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006 (typer's way)
    data_dir: DataOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Say which steps would run and why; nothing is executed."""
    from kerasline.pipeline.run import forecast_recipe

    write_json = open_json(json_file)
    steps = forecast_recipe(recipe, changes, data_dir=data_dir, workspace=workspace)
    write_json([asdict(step) for step in steps])
    console = Console(highlight=False)
    console.print(_forecast_table(steps))
    running = [step for step in steps if not step.cached]
    known = [step.seconds for step in running if step.seconds is not None]
    time = f", about {sum(known):.0f} s by earlier runs" if known else ""
    console.print(f"{len(running)} of {len(steps)} steps would run{time}")


def _forecast_table(steps: Sequence[StepForecast]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("step", "forecast", "why"):
        table.add_column(title)
    table.add_column("last time", justify="right")
    for step in steps:
        forecast = "cached" if step.cached else "will run"
        took = "" if step.seconds is None else f"{step.seconds:.1f} s"
        table.add_row(step.id, forecast, step.reason, took)
    return table


@app.command()
def recipes() -> None:
    """List the recipes that ship with kerasline."""
    table = Table(box=None, header_style="bold")
    for title in ("recipe", "data", "model"):
        table.add_column(title, no_wrap=True)  # a name that is cut cannot be typed
    table.add_column("what it does")
    for name in recipe_names():
        raw = read_yaml(find_recipe(name))
        data = raw["data"].get("dataset") or next(iter(raw["data"]))
        table.add_row(name, str(data), raw.get("model", {}).get("family", "mlp"), raw.get("description", ""))
    print_table(table)


@app.command()
def show(recipe: RecipeArgument, changes: SetOption = []) -> None:  # noqa: B006 (typer's way)
    """Print a recipe with every default filled in."""
    experiment, _ = load_experiment(recipe, changes)
    print(write_text(experiment.model_dump(mode="json")), end="")


@app.command()
def validate(
    file: Annotated[Path, typer.Argument(help="A YAML file.")],
    changes: SetOption = [],  # noqa: B006 (typer's way)
    data: Annotated[
        bool, typer.Option("--data/--no-data", help="Look at the data as well, or at the config alone.")
    ] = True,
    data_dir: DataOption = None,
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Check a recipe without running anything: its keys and names, and the data's files and columns.

    Data of up to a megabyte is read whole, of more the header alone.
    """
    from kerasline.pipeline.plan import check_config, check_data

    experiment, base_dir = load_experiment(str(file), changes)
    check_config(experiment)
    if data:
        check_data(experiment, base_dir, data_dir, workspace)
    later = next((kind for kind in ("python", "sql") if data and getattr(experiment.data, kind)), None)
    told = f"; what data.{later} gives is asked for and checked by 'kerasline plan'" if later else ""
    print(f"{file} is valid: {experiment.name}{told}")


@app.command()
def doctor(workspace: WorkspaceOption = WORKSPACE) -> None:
    """Check this machine and the installation, and run a smoke pipeline."""
    from kerasline.pipeline.cli.commands import diagnose

    console = Console()
    marks = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}
    failed = False
    for check in diagnose(workspace):
        advice = f" -> {check.advice}" if check.advice else ""
        console.print(f"{marks[check.status]:<6} {check.name}: {check.found}{advice}")
        failed = failed or check.status == "fail"
    from kerasline.pipeline.run import run_smoke

    with console.status("running a smoke pipeline, about a minute"):
        status, text = run_smoke()
    console.print(f"{marks[status]:<6} smoke pipeline: {text}")
    raise typer.Exit(1 if failed or status == "fail" else 0)


for group in (
    *(commands.cloud, commands.init, commands.new, commands.schedule, commands.backtest, commands.report),
    *(commands.models, commands.predict, commands.evaluate, commands.monitoring, commands.signing, commands.why),
    *(commands.schema, commands.learning_curve),
):
    group.register(app)
