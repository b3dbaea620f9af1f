"""The commands that look at what a served model answered: capture, label, monitor and verdict."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kerasline.components.core import ConfigError, KeraslineError
from kerasline.pipeline.cli.shared import (
    WORKSPACE,
    JsonOption,
    ModelArgument,
    SignatureOption,
    WorkspaceOption,
    completion,
    open_json,
)
from kerasline.pipeline.console import format_seconds, print_table

_MOST_SHOWN = 30


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(capture)
    app.command()(label)
    app.command()(monitor)
    app.command()(verdict)


def capture(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME[@VERSION]",
            help="A pushed model; the version is that of records that name none.",
            autocompletion=completion.models,
        ),
    ],
    logs: Annotated[list[str], typer.Argument(metavar="LOGS...", help="Files, folders or quoted globs.")],
    key: Annotated[str, typer.Option(metavar="COLUMN", help="The input column of request ids.")] = "",
    every: Annotated[
        float | None, typer.Option(min=1, metavar="SECONDS", help="Go on, and look for new records so often.")
    ] = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Take in request logs of TensorFlow Serving (PredictionLog records), so that label and monitor see them."""
    write_json = open_json(json_file)
    _take(name, logs, key, workspace, write_json)
    while every is not None:
        time.sleep(every)
        with _going_on():
            _take(name, logs, key, workspace, write_json, only_new=True)


def _take(
    name: str, logs: list[str], key: str, workspace: Path, write_json: Callable[[Any], None], *, only_new: bool = False
) -> None:
    """Takes request logs in, and says what became of them; nothing where nothing is new."""
    from kerasline.components.monitoring import describe_taken
    from kerasline.pipeline.models import capture_logs

    taken = capture_logs(workspace, name, logs, key)
    if taken.counts["records"] or not only_new:
        print(*describe_taken(name.partition("@")[0], taken), sep="\n", flush=True)
        write_json(taken.as_json())


@contextmanager
def _going_on() -> Iterator[None]:
    """Says what is wrong and goes on: the next look may find better."""
    try:
        yield
    except KeraslineError as error:
        print(error, file=sys.stderr, flush=True)


def label(
    name: Annotated[str, typer.Argument(help="The name of a pushed model.", autocompletion=completion.models)],
    source: Annotated[str, typer.Argument(metavar="FILE", help="A table with the label's column and one of ids.")],
    key: Annotated[str, typer.Option(metavar="COLUMN", help="The column of request ids.")],
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Join labels that come late to what was answered, by request id."""
    from kerasline.components.monitoring import describe_joined
    from kerasline.pipeline.models import label_answers

    write_json = open_json(json_file)
    outcome = label_answers(workspace, name, source, key)
    for line in describe_joined(name, outcome):
        print(line)
    write_json(outcome)


def monitor(
    name: ModelArgument,
    days: Annotated[
        float | None, typer.Option(min=0.001, help="Look back so many days; default: all that is kept.")
    ] = None,
    fail_on_alarm: Annotated[
        bool, typer.Option("--fail-on-alarm", help="End with code 4 if there is an alarm.")
    ] = False,
    html: Annotated[bool, typer.Option("--html", help="Write a page with plots over days; the ui shows it.")] = False,
    notify: Annotated[
        str | None,
        typer.Option("--notify", metavar="RECIPE", help="Tell of alarms whom this recipe's schedule.notify names."),
    ] = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Look at what a served model was asked and answered: quality, drift, alarms."""
    from kerasline.pipeline.models import monitor as look, write_watch_page

    write_json = open_json(json_file)
    tell = _teller(notify)
    found = look(name, workspace, days)
    _show(found)
    if html:
        print(f"page  {write_watch_page(found, workspace, days)}")
    write_json({**found, "untold": tell(found)})
    if fail_on_alarm and found["alarms"]:
        from kerasline.pipeline.retraining import ALARMED

        raise typer.Exit(ALARMED)


def _teller(recipe: str | None) -> Callable[[Mapping[str, Any]], list[str]]:
    """Makes what tells of alarms, before anything is looked at.

    Raises:
      ConfigError: the recipe names nobody to tell.
    """
    if recipe is None:
        return lambda found: []
    from kerasline.pipeline.config import load_experiment
    from kerasline.pipeline.retraining import tell_of_alarms

    schedule = load_experiment(recipe)[0].schedule
    options = schedule.notify if schedule else None
    if options is None or not (options.command or options.webhook or options.email):
        raise ConfigError(
            f"--notify: expected a recipe whose schedule.notify has a command, a webhook or an email, but {recipe} "
            "names nobody to tell"
        )
    return lambda found: tell_of_alarms(options, found)


def verdict(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME[@VERSION]",
            help="Without a version: the challenger that is registered, or was served last.",
            autocompletion=completion.models,
        ),
    ],
    apply: Annotated[
        bool, typer.Option("--apply", help="Promote a challenger that is better, drop one that is worse.")
    ] = False,
    require_signature: SignatureOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """Say whether a challenger is better than what is in production, by what both answered."""
    from kerasline.pipeline.models import describe_verdict, verdict as judge

    write_json = open_json(json_file)
    found = judge(name, workspace, apply=apply, require_signature=require_signature)
    for line in describe_verdict(found):
        print(line)
    write_json(found)


def _show(found: Mapping[str, Any]) -> None:
    for line in _facts(found):
        print(line)
    if found["quality"] or found["estimated"]:
        print_table(_metrics(found))
    if found["drift"]:
        print_table(_drift(found))
    for line in _remarks(found):
        print(line)


def _facts(found: Mapping[str, Any]) -> Iterator[str]:
    """Says how much there is to look at."""
    labelled = f"{found['labelled']:,} with a label" + _delay(found["label_delay_s"])
    span = f", {found['from']} to {found['to']}" if found["from"] else ""
    yield f"{found['name']}@{found['version']}: {found['answered']:,} rows answered, {labelled}{span}"
    latency = found["latency_ms"]
    if latency:
        yield f"{found['failed']:,} requests failed; latency p50 {latency['p50']:.3g} ms, p99 {latency['p99']:.3g} ms"


def _remarks(found: Mapping[str, Any]) -> Iterator[str]:
    """Says what could not be said, and the alarms with their rate."""
    yield from (f"not compared: {name}, since {reason}" for name, reason in found["not_watched"].items())
    yield from (f"note: {note}" for note in found["notes"])
    yield from (f"ALARM  {alarm['text']}" for alarm in found["alarms"])
    if not found["alarms"]:
        yield "no alarm"
    rate = found["false_alarms"]
    told = f"over {rate['tests']} columns and metrics together"
    yield f"(by chance alone at most one look in {rate['in_looks']} has an alarm, {told})"


def _delay(delay: Mapping[str, float] | None) -> str:
    return "" if delay is None else f" (half of them within {format_seconds(delay['p50'])})"


def _metrics(found: Mapping[str, Any]) -> Table:
    table = Table("metric", "by labels", "estimated without labels", "at the push", box=None, header_style="bold")
    for name in {**found["at_push"], **found["quality"]}:
        table.add_row(name, *(_figure(found[kind].get(name)) for kind in ("quality", "estimated", "at_push")))
    return table


def _figure(figure: Mapping[str, float | None] | None) -> str:
    from kerasline.pipeline.models import show_figure

    return "" if figure is None or figure["value"] is None else show_figure(figure)


def _drift(found: Mapping[str, Any]) -> Table:
    table = Table("column", "distance", "limit", "missing", "unseen", "", box=None, header_style="bold")
    ordered = sorted(found["drift"].items(), key=lambda item: -item[1]["distance"] / max(item[1]["limit"], 1e-12))
    for name, drift in ordered[:_MOST_SHOWN]:
        shares = (found[kind].get(name) for kind in ("missing", "unseen"))
        shown = ["" if share is None else f"{share['share']:.1%}" for share in shares]
        state = "alarm" if drift["alarm"] else drift.get("note", "")
        table.add_row(name, f"{drift['distance']:.3g}", f"{drift['limit']:.3g}", *shown, state)
    if len(ordered) > _MOST_SHOWN:
        table.caption = f"and {len(ordered) - _MOST_SHOWN} more, see --json"
    return table
