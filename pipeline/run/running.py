"""One run from recipe to report: what ``kerasline run`` does."""

from __future__ import annotations

import itertools
import shlex
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from kerasline.components.core import ConfigError, KeraslineError
from kerasline.components.datasets.description import Dataset
from kerasline.components.fitting import check_machine
from kerasline.pipeline.config import Experiment, load_experiment
from kerasline.pipeline.console import Screen, explain_machine, screen_apart
from kerasline.pipeline.plan import (
    WHOLE,
    Part,
    RunPlan,
    UnfinishedStep,
    check_budget,
    check_first,
    check_steps,
    explain_unfinished,
    find_schema_file,
    find_start,
    plan_run,
    steps_of,
)
from kerasline.pipeline.run.carrying_out import Order, carry_out
from kerasline.pipeline.run.outcome import Outcome
from kerasline.pipeline.run.remembering import told_to_steps
from kerasline.pipeline.run.tracking import check_tracking
from kerasline.pipeline.workspace import (
    StepForecast,
    Workspace,
    forecast,
    forecast_first,
    leave_failed_start,
    only_run,
    open_workspace,
    own_temporary_folder,
    under_way,
)

_MOST_REMARKS = 5  # on the data, on the screen


def run_recipe(
    recipe: str,
    changes: Sequence[str],
    *,
    data_dir: Path | None,
    workspace: Path,
    cache: bool,
    debug: bool,
    part: Part = WHOLE,
) -> Outcome:
    """Runs a recipe, or a part of it, with progress on the screen.

    Args:
      recipe: A recipe's name or path.
      changes: Values to set, as ``KEY=VALUE``.
      data_dir: Folder that relative paths of data start from; None for the recipe's own.
      workspace: Folder that receives all that the run leaves.
      cache: Whether outputs of earlier runs may be reused, if the recipe does not forbid it.
      debug: Whether the message of a failure has the traceback.
      part: Steps to run.

    Returns:
      What became of it.

    Raises:
      ConfigError: The config, the arguments or the data are wrong, or what comes before the part has not finished;
        nothing has run.
    """
    experiment, base_dir = load_experiment(recipe, changes)
    check_steps(part, experiment)
    check_first(experiment, base_dir, data_dir, workspace)
    home = open_workspace(workspace, experiment.run.metadata)
    run_id = _new_run_id(home, experiment.name)
    log = home.log(run_id)
    started = _told_if_it_cannot_start(home, experiment.name, run_id)
    begun = under_way(home, experiment.name, run_id)
    with screen_apart(log) as screen, begun as run, started, own_temporary_folder():
        screen.line(f"kerasline {experiment.name}  run {run_id}")
        screen.line(f"  log {log}")
        with only_run(home, screen.line):
            plan = _settle(experiment, base_dir, data_dir, home, screen, cache and not part.fits_anew())
            order = Order(
                plan=plan,
                home=home,
                run_id=run_id,
                under_way=run,
                command=_command(recipe, changes, data_dir, part),
                data_from=(data_dir or base_dir).resolve(),
                part=part,
                cache=cache and experiment.run.cache,
                debug=debug,
            )
            try:
                return carry_out(order, screen)
            except UnfinishedStep as missing:
                command = _command(recipe, changes, data_dir, Part(last=missing.step))
                raise ConfigError(explain_unfinished(missing.step, missing.reason, command)) from None


def _settle(
    experiment: Experiment, base_dir: Path, data_dir: Path | None, home: Workspace, screen: Screen, cache: bool
) -> RunPlan:
    """Settles what will run, shows what is worth knowing before it does, and checks that this machine can.

    Raises:
      ConfigError: The data do not fit the config, or the machine lacks what the fit or the tracking needs.
    """
    schema_file = find_schema_file(experiment.name, base_dir, home.root)
    plan = plan_run(experiment, base_dir, data_dir, home.models(experiment.name), schema_file, cache=cache)
    screen.line(f"  {_describe_data(plan)}")
    for remark in _data_remarks(plan.dataset):
        screen.line(f"  {remark}")
    plan = _with_start(plan, home)
    if plan.search_start.note:
        screen.line(f"  {plan.search_start.note}")
    check_machine(experiment.training)
    check_tracking(experiment.report.mlflow)
    return plan


@contextmanager
def _told_if_it_cannot_start(home: Workspace, name: str, run_id: str) -> Iterator[None]:
    """Leaves word of a run that ends before it has a report: its log is there, so the list of runs has it, too."""
    started = time.monotonic()
    try:
        yield
    except BaseException as error:
        machine = explain_machine(error)
        text = str(error) if isinstance(error, KeraslineError) else machine or f"{type(error).__name__}: {error}"
        if isinstance(error, KeyboardInterrupt):
            text = "Ctrl-C ended it; what had finished is kept: run it again"
        if not isinstance(error, KeraslineError):
            traceback.print_exc()
        print(f"kerasline: {text}", file=sys.stderr, flush=True)  # the log's last line
        leave_failed_start(home, name, run_id, text, time.monotonic() - started)
        raise


def forecast_recipe(
    recipe: str, changes: Sequence[str], *, data_dir: Path | None, workspace: Path
) -> list[StepForecast]:
    """Says what :func:`run_recipe` would do now; reads the data's files, runs nothing.

    Raises:
      ConfigError: the config, the arguments or the data are wrong.
    """
    experiment, base_dir = load_experiment(recipe, changes)
    check_first(experiment, base_dir, data_dir, workspace)
    home = open_workspace(workspace, experiment.run.metadata)
    with screen_apart(home.log("plan")):
        schema_file = find_schema_file(experiment.name, base_dir, home.root)
        plan = _with_start(plan_run(experiment, base_dir, data_dir, home.models(experiment.name), schema_file), home)
        reports = home.reports(experiment.name)
        if first := forecast_first(steps_of(experiment), reports):
            return first
        inputs = told_to_steps(plan, home)
    has_store = home.server is not None or home.metadata.is_file()
    return forecast(inputs, reports, has_store=has_store, server=home.server)


def _with_start(plan: RunPlan, home: Workspace) -> RunPlan:
    """Settles what the search takes over from an earlier run, and refuses one that has no time for a trial."""
    tuning, settings, reports = plan.experiment.tuning, plan.fit_settings(), home.reports(plan.experiment.name)
    check_budget(tuning, settings, reports)
    return replace(plan, search_start=find_start(tuning, settings, plan.key, reports))


def _command(recipe: str, changes: Sequence[str], data_dir: Path | None, part: Part) -> str:
    words = ["kerasline", "run", recipe, *(word for change in changes for word in ("--set", change)), *part.words()]
    return shlex.join([*words, "--data-dir", str(data_dir)] if data_dir else words)


def _new_run_id(home: Workspace, name: str) -> str:
    """Names a run by the time, UTC, and takes the name by making its log: two may start in the same second."""
    stem = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for number in itertools.count(1):
        run_id = stem if number == 1 else f"{stem}-{number}"
        log = home.log(run_id)
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            log.touch(exist_ok=False)
        except FileExistsError:
            continue
        if not (home.reports(name) / run_id).exists():
            return run_id
    raise AssertionError("numbers do not end")


def _describe_data(plan: RunPlan) -> str:
    data = plan.dataset
    inputs = ", ".join(f"{spec.name} {'×'.join(map(str, spec.shape))}" for spec in plan.features.inputs())
    return f"data {data.title or data.name}: {data.rows} rows, {plan.features.task}, inputs {inputs}"


def _data_remarks(dataset: Dataset) -> list[str]:
    """Says what was skipped and what is odd, in a few lines; the report has all of them."""
    remarks = [f"skipped {line}" for line in dataset.skipped] + [f"note {line}" for line in dataset.notes]
    if len(remarks) > _MOST_REMARKS:
        hidden = len(remarks) - _MOST_REMARKS + 1
        remarks[_MOST_REMARKS - 1 :] = [f"and {hidden} more, which the report lists"]
    return remarks
