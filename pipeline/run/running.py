"""One run from recipe to report: what ``kerasline run`` does."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kerasline.components.beam import check_engine
from kerasline.components.core import ConfigError, KeraslineError
from kerasline.components.datasets.description import Dataset
from kerasline.components.fitting import check_machine
from kerasline.pipeline.config import StepForecast, forecast, load_experiment, write_steps
from kerasline.pipeline.console import (
    Screen,
    describe_failure,
    explain_machine,
    find_cause,
    format_seconds,
    screen_apart,
)
from kerasline.pipeline.models import write_missing_card
from kerasline.pipeline.plan import (
    WHOLE,
    Part,
    RunPlan,
    UnfinishedStep,
    check_budget,
    check_first,
    check_steps,
    describe_end,
    explain_unfinished,
    find_schema_file,
    find_start,
    keep_gate_records,
    plan_run,
    select_steps,
)
from kerasline.pipeline.reports import publish_report, read_figures
from kerasline.pipeline.run.tracking import check_tracking, keep_logs, log_run
from kerasline.pipeline.workspace import (
    Workspace,
    check_store,
    leave_failed_start,
    only_run,
    open_workspace,
    own_temporary_folder,
    write_outcome,
)

_MOST_REMARKS = 5  # on the data, on the screen
EXIT_CODES = {"pushed": 0, "up_to_date": 0, "partial": 0, "data_rejected": 3, "not_blessed": 4, "failed": 1}


@dataclass
class Outcome:
    """What became of a run; the fields of ``--json``, and what the command says.

    Attributes:
      result: the JSON contract.
      message: one sentence for stderr, empty where all went well.
      log: the log file.
    """

    result: dict[str, Any]
    message: str
    log: Path

    @property
    def exit_code(self) -> int:
        """The contract's exit code."""
        return EXIT_CODES[self.result["status"]]


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

    Raises:
      ConfigError: the config, the arguments or the data are wrong, or what comes before the part has not finished;
        nothing has run.
    """
    experiment, base_dir = load_experiment(recipe, changes)
    check_steps(part, experiment)
    check_first(experiment, base_dir, data_dir, workspace)
    home = open_workspace(workspace, experiment.run.metadata)
    run_id = _new_run_id(home, experiment.name)
    log = home.log(run_id)
    started = _told_if_it_cannot_start(home, experiment.name, run_id)
    with screen_apart(log) as screen, started, own_temporary_folder():
        screen.line(f"kerasline {experiment.name}  run {run_id}")
        screen.line(f"  log {log}")
        with only_run(home, screen.line):
            schema_file = find_schema_file(experiment.name, base_dir, home.root)
            plan = plan_run(experiment, base_dir, data_dir, home.models(experiment.name), schema_file)
            screen.line(f"  {_describe_data(plan)}")
            for remark in _data_remarks(plan.dataset):
                screen.line(f"  {remark}")
            plan = _with_start(plan, home)
            if plan.search_start.note:
                screen.line(f"  {plan.search_start.note}")
            check_machine(experiment.training)
            check_tracking(experiment.report.mlflow)
            command = _command(recipe, changes, data_dir, part)
            use_cache = cache and experiment.run.cache
            try:
                return _run_plan(plan, home, run_id, screen, log, command, part, cache=use_cache, debug=debug)
            except UnfinishedStep as missing:
                command = _command(recipe, changes, data_dir, Part(last=missing.step))
                raise ConfigError(explain_unfinished(missing.step, missing.reason, command)) from None


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
            text = "interrupted"
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
        from kerasline.pipeline.runners import local

        schema_file = find_schema_file(experiment.name, base_dir, home.root)
        plan = _with_start(plan_run(experiment, base_dir, data_dir, home.models(experiment.name), schema_file), home)
        inputs = local.step_inputs(local.compile_plan(plan, home, cache=True))
    return forecast(inputs, home.reports(experiment.name))


def _with_start(plan: RunPlan, home: Workspace) -> RunPlan:
    """Settles what the search takes over from an earlier run, and refuses one that has no time for a trial."""
    tuning, settings, reports = plan.experiment.tuning, plan.fit_settings(), home.reports(plan.experiment.name)
    check_budget(tuning, settings, reports)
    return replace(plan, search_start=find_start(tuning, settings, plan.key, reports))


def _run_plan(
    plan: RunPlan,
    home: Workspace,
    run_id: str,
    screen: Screen,
    log: Path,
    command: str,
    part: Part,
    *,
    cache: bool,
    debug: bool,
) -> Outcome:
    started, begun_at = time.monotonic(), datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    screen.line("  loading TensorFlow and TFX, which takes 10 to 30 s")
    screen.start("  loading")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # of the steps; training.backend has processes of its own
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # training needs most of a GPU's memory, not this one
    from kerasline.pipeline.runners import local

    _settle_engine(plan, screen)
    check_store(home)
    import_seconds = time.monotonic() - started
    screen.stop()
    screen.line(f"  {'loaded':<12} {format_seconds(import_seconds)}")
    steps: list[local.StepResult] = []
    step = "loading"
    folder = home.reports(plan.experiment.name) / run_id
    ir = local.compile_plan(plan, home, cache=cache)
    inputs = local.step_inputs(ir)
    selection = select_steps(inputs, part)

    def on_start(begun: str) -> None:
        nonlocal step
        step = begun
        screen.start(f"  {begun}")

    def on_end(ended: local.StepResult) -> None:
        screen.stop()
        steps.append(ended)
        # At once, so that what a killed run had finished is known to the next one's plan.
        write_steps(folder, inputs, [step.id for step in steps])
        screen.line(f"  {ended.id:<12} {'cached' if ended.cached else format_seconds(ended.seconds)}")

    error: Exception | None = None
    try:
        local.run(ir, home, run_id, selection, on_start=on_start, on_end=on_end)
    except UnfinishedStep as missing:
        shutil.rmtree(folder, ignore_errors=True)
        reasons = {step.id: step.reason for step in forecast(inputs, folder.parent)}
        raise UnfinishedStep(missing.step, reasons[missing.step]) from None
    except Exception as caught:
        error = caught
        traceback.print_exc()
    _keep_gate_records(plan, home, run_id, error, folder, screen)
    failure = None if error is None else describe_failure(error, step, log, plan.dataset)
    if failure or "report" in selection.run:
        figures = read_figures(plan, home, run_id, failure[1] if failure else None)
    else:
        figures = read_figures(plan, home, run_id, "") | _describe_end(home, run_id, part)
    status, message = failure or _judge(figures, steps, folder / "index.html", log)
    result: dict[str, Any] = {
        "run_id": run_id,
        "recipe": plan.experiment.name,
        "status": status,
        "message": message,
        "metrics": figures.get("metrics") or {},
        "test_metrics": figures.get("test_metrics") or {},
        "baseline": figures.get("baseline"),
        "trivial": figures.get("trivial"),
        "references": figures.get("references", []),
        "main_metric": figures.get("main_metric"),
        "gate": figures.get("gate") or [],
        "missing_baseline": figures.get("missing_baseline") or "",
        "cost": figures.get("cost"),
        "formats": (figures.get("formats") or {}).get("formats") or {},
        "model": figures.get("model") if status in ("pushed", "up_to_date") else None,
        "report": str(folder / "index.html"),
        "steps": [{"id": s.id, "seconds": round(s.seconds, 3), "cached": s.cached} for s in steps],
        "diagnosis": figures.get("diagnosis") or [],
        "training": figures.get("training"),
        "tuning": _outline_search(figures.get("tuning")),
        "data_fingerprint": plan.dataset.fingerprint,
        "run_key": plan.key,
        "part": {"from": part.first, "until": part.last} if part.words() else None,
        "beam": plan.experiment.run.engine(),
        "processes": plan.processes(),
        "metadata": plan.experiment.run.metadata,
        "seconds": {"import": round(import_seconds, 3), "total": round(time.monotonic() - started, 3)},
        "log": str(log),
        "started_at": begun_at,
        "failed_step": None if error is None else step,
    }
    publish_report(folder, figures, result, command)
    if plan.experiment.report.tensorboard and keep_logs(figures, folder):
        screen.line(f"  curves  tensorboard --logdir {folder.parent}")
    if plan.experiment.report.mlflow:
        result["mlflow"] = log_run(plan.experiment.report.mlflow, folder, figures, result, command)
        screen.line(f"  mlflow  {result['mlflow'].get('error') or result['mlflow']['uri']}")
    write_outcome(folder / "run.json", result)
    if status in ("pushed", "up_to_date"):
        write_missing_card(home.models(plan.experiment.name) / str(figures["model"]["version"]), figures)
    if error is not None and debug:
        message = "".join(traceback.format_exception(error)) + message
    return Outcome(result, message, log)


def _settle_engine(plan: RunPlan, screen: Screen) -> None:
    """Refuses an engine that cannot run the steps; says which steps run in several processes by ``run.beam: auto``."""
    check_engine(plan.experiment.run.engine())
    chosen = plan.processes()
    if chosen:
        screen.line(f"  {'beam':<12} {max(chosen.values())} processes for {', '.join(chosen)}, see run.beam")


def _describe_end(home: Workspace, run_id: str, part: Part) -> dict[str, Any]:
    from kerasline.pipeline.workspace import run_artifacts

    return {**describe_end(run_artifacts(home, run_id)), "stopped_after": part.last}


def _outline_search(tuning: dict[str, Any] | None) -> dict[str, Any] | None:
    """Returns what a search came to: trials, winner, which keys changed, and by how much the objective moved."""
    names = ("objective", "direction", "best", "untuned", "moved", "changed", "importance", "trials")
    return None if tuning is None else {name: tuning[name] for name in names}


def _keep_gate_records(
    plan: RunPlan, home: Workspace, run_id: str, error: Exception | None, folder: Path, screen: Screen
) -> None:
    from kerasline.pipeline.workspace import run_artifacts

    cause = None if error is None else find_cause(error)
    name = plan.experiment.name
    written = keep_gate_records(plan.schema_file, plan.dataset, name, run_artifacts(home, run_id), cause, folder)
    if written:
        screen.line(f"  schema written to {written}: later data is checked against it; edit and commit it")


def _judge(figures: dict[str, Any], steps: Sequence[Any], report: Path, log: Path) -> tuple[str, str]:
    """Returns the status of a run whose steps have all finished, and the sentence that goes with it."""
    stopped = figures.get("stopped_after")
    if stopped and figures["blessed"] is not False and figures["model"] is None:
        return "partial", ""
    if not figures["blessed"]:
        from kerasline.components.report import headline

        return "not_blessed", f"{headline(figures)} What is in production stays there; see {report}"
    if not (figures.get("model") or {}).get("version"):
        return "failed", f"the model was blessed but the Pusher did not push it; see {log}"
    return ("up_to_date" if all(step.cached for step in steps) else "pushed"), ""


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
