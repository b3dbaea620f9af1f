"""Carries out a plan: loads what the steps need, runs them, judges what came of it, and leaves the report.

A plan that a run has carried out before, with nothing run since, is taken over from it whole, and nothing is loaded.
"""

from __future__ import annotations

import gc
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from kerasline.components.beam import check_engine
from kerasline.components.core import loading_libraries, prepare_libraries
from kerasline.components.registry import current_version, read_challenger
from kerasline.pipeline.console import Screen, describe_failure, find_cause, format_seconds, no_interrupt_lost
from kerasline.pipeline.models import write_missing_card
from kerasline.pipeline.plan import (
    Part,
    RunPlan,
    Selection,
    UnfinishedStep,
    describe_end,
    keep_gate_records,
    select_steps,
)
from kerasline.pipeline.reports import publish_report, read_figures
from kerasline.pipeline.run.outcome import IN_PRODUCTION, Outcome, judge_run, learnt, measured, outline_steps
from kerasline.pipeline.run.remembering import keep_plan, plan_key
from kerasline.pipeline.run.tracking import keep_logs, log_run
from kerasline.pipeline.workspace import (
    Remembered,
    StepInputs,
    StepResult,
    UnderWay,
    Workspace,
    check_store,
    forecast,
    recall_plan,
    write_outcome,
    write_steps,
)


@dataclass(frozen=True)
class Order:
    """What a run is told.

    Attributes:
      plan: What to run.
      home: Workspace that the run happens in.
      run_id: Name of the run.
      under_way: Receives each step as it begins, for whoever lists the runs meanwhile, or after a kill.
      command: Words that started it, for its report.
      data_from: Folder that relative paths of data start from.
      part: Steps that were asked for.
      cache: Whether outputs of earlier runs may be reused.
      debug: Whether the message of a failure has the traceback.
    """

    plan: RunPlan
    home: Workspace
    run_id: str
    under_way: UnderWay
    command: str
    data_from: Path
    part: Part
    cache: bool
    debug: bool

    @property
    def folder(self) -> Path:
        """``reports/NAME/RUN``, which receives the report and what the run leaves beside it."""
        return self.home.reports(self.plan.experiment.name) / self.run_id

    @property
    def log(self) -> Path:
        """The log file."""
        return self.home.log(self.run_id)


@dataclass
class Course:
    """How a run goes.

    Attributes:
      started: When it began, in seconds of a clock that is never set.
      begun_at: When it began, for people.
      import_seconds: Time that loading the libraries took.
      step: The step that was begun last.
      steps: Those that have finished.
      told: What each step of the plan is told.
      error: What ended the run early.
    """

    started: float = field(default_factory=time.monotonic)
    begun_at: str = field(default_factory=lambda: datetime.now(UTC).astimezone().isoformat(timespec="seconds"))
    import_seconds: float = 0.0
    step: str = "loading"
    steps: list[StepResult] = field(default_factory=list)
    told: dict[str, StepInputs] = field(default_factory=dict)
    error: Exception | None = None


def carry_out(order: Order, screen: Screen) -> Outcome:
    """Runs the steps of a plan, and leaves the report in the workspace.

    Raises:
      UnfinishedStep: What comes before the part that was asked for has not finished; nothing has run.
    """
    course = Course()
    key = plan_key(order.plan, order.home)
    selection = _take_over(order, course, screen, key)
    if selection is None:
        _load(order, course, screen)
        with _settled_memory():
            selection = _run_steps(order, course, screen)
    _keep_gate_records(order, course, screen)
    failure = None
    if course.error is not None:
        failure = describe_failure(course.error, course.step, order.log, order.plan.dataset)
    figures = _read_figures(order, selection, failure[1] if failure else None)
    all_cached = all(step.cached for step in course.steps)
    status, message = failure or judge_run(figures, all_cached, order.folder / "index.html", order.log)
    result = _describe(order, course, figures, status, message)
    _publish(order, figures, result, screen)
    _remember(order, course, key)
    if course.error is not None and order.debug:
        message = "".join(traceback.format_exception(course.error)) + message
    return Outcome(result, message, order.log)


def _take_over(order: Order, course: Course, screen: Screen, key: str) -> Selection | None:
    """Takes all steps from the run that carried out this very plan, if that is what TFX's cache would do.

    Returns:
      The steps, all of them; None where the plan has to be carried out.
    """
    if not order.cache or order.part.words():
        return None
    name = order.plan.experiment.name
    known = recall_plan(order.home, name, key)
    if known is None or known.run_id is None:
        return None
    from kerasline.pipeline.workspace import repeat_run

    outputs = repeat_run(order.home, name, known.run_id, order.run_id, list(known.steps))
    if outputs is None:
        return None
    print(f"nothing has changed since run {known.run_id}: all steps are taken from it", flush=True)  # for the log
    course.told = known.steps
    for step in known.steps:
        _begin(order, course, screen, step)
        _end(order, course, screen, StepResult(step, 0.0, cached=True, outputs=outputs[step]))
    return select_steps(known.steps, order.part)


def _remember(order: Order, course: Course, key: str) -> None:
    """Keeps that a run has carried out the whole of its plan, for the next one."""
    if course.error is None and not order.part.words():
        keep_plan(order.plan, order.home, key, Remembered(course.told, order.run_id))


def _load(order: Order, course: Course, screen: Screen) -> None:
    """Looks for Beam's engine, loads TensorFlow and TFX, and checks what needs them: a user's network, and the store.

    Raises:
      ConfigError: The engine cannot run the steps, the network does not suit the recipe, or the store does not answer.
    """
    check_engine(order.plan.experiment.run.engine())
    screen.line("  loading TensorFlow and TFX, which takes 10 to 30 s")
    screen.start("  loading")
    prepare_libraries()
    with no_interrupt_lost(), loading_libraries():
        from kerasline.components.training import check_own_network
        from kerasline.pipeline.runners import local  # noqa: F401 (here, so that it is seen how long it takes)

    check_own_network(order.plan.fit_settings(), order.plan.experiment.push.further_formats())
    _tell_processes(order.plan, screen)
    check_store(order.home)
    course.import_seconds = time.monotonic() - course.started
    screen.stop()
    screen.line(f"  {'loaded':<12} {format_seconds(course.import_seconds)}")


@contextmanager
def _settled_memory() -> Iterator[None]:
    """Keeps the garbage collector from what the libraries have made, a million objects that stay.

    Beam's steps make so many of their own that it looks at all of them again and again.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _tell_processes(plan: RunPlan, screen: Screen) -> None:
    """Says which steps run in several processes by ``run.beam: auto``."""
    chosen = plan.processes()
    if chosen:
        screen.line(f"  {'beam':<12} {max(chosen.values())} processes for {', '.join(chosen)}, see run.beam")


def _run_steps(order: Order, course: Course, screen: Screen) -> Selection:
    """Runs the steps that were asked for, each with a line on the screen, up to the first that fails.

    Returns:
      The steps that were chosen.

    Raises:
      UnfinishedStep: A step before them has not finished (says why).
    """
    from kerasline.components.beam import choose_batches
    from kerasline.pipeline.runners import local

    choose_batches(len(order.plan.dataset.columns))
    ir = local.compile_plan(order.plan, order.home, cache=order.cache)
    course.told = local.step_inputs(ir)
    selection = select_steps(course.told, order.part)
    on_start, on_end = partial(_begin, order, course, screen), partial(_end, order, course, screen)
    try:
        local.run(ir, order.home, order.run_id, selection, on_start=on_start, on_end=on_end)
    except UnfinishedStep as missing:
        shutil.rmtree(order.folder, ignore_errors=True)
        raise UnfinishedStep(missing.step, _why_it_would_run(missing.step, course.told, order)) from None
    except Exception as error:
        course.error = error
        traceback.print_exc()
    return selection


def _begin(order: Order, course: Course, screen: Screen, step: str) -> None:
    """Says that a step has begun."""
    course.step = step
    order.under_way.begin(step)
    screen.start(f"  {step}")


def _end(order: Order, course: Course, screen: Screen, ended: StepResult) -> None:
    """Says how a step went."""
    screen.stop()
    course.steps.append(ended)
    # At once, so that what a killed run had finished is known to the next one's plan.
    write_steps(order.folder, course.told, course.steps, order.home.server)
    took = "cached" if ended.cached else format_seconds(ended.seconds)
    screen.line(f"  {ended.id:<12} {took}")


def _why_it_would_run(step: str, inputs: Mapping[str, StepInputs], order: Order) -> str:
    found = forecast(inputs, order.folder.parent, server=order.home.server)
    return next(told.reason for told in found if told.id == step)


def _keep_gate_records(order: Order, course: Course, screen: Screen) -> None:
    """Keeps the curated schema and the data gate's verdict, of a run that it stopped, too."""
    from kerasline.pipeline.workspace import run_artifacts

    plan = order.plan
    cause = None if course.error is None else find_cause(course.error)
    artifacts = run_artifacts(order.home, order.run_id)
    written = keep_gate_records(plan.schema_file, plan.dataset, plan.experiment.name, artifacts, cause, order.folder)
    if written:
        screen.line(f"  schema written to {written}: later data is checked against it; edit and commit it")


def _read_figures(order: Order, selection: Selection, failure: str | None) -> dict[str, Any]:
    """Reads the figures of the report, or collects them where the run did not come as far as the report."""
    if failure is not None or "report" in selection.run:
        return read_figures(order.plan, order.home, order.run_id, failure)
    from kerasline.pipeline.workspace import run_artifacts

    end = describe_end(run_artifacts(order.home, order.run_id))
    figures = read_figures(order.plan, order.home, order.run_id, "")
    return figures | end | {"stopped_after": order.part.last}


def _describe(order: Order, course: Course, figures: Mapping[str, Any], status: str, message: str) -> dict[str, Any]:
    """Fills the fields of ``--json``."""
    plan, part = order.plan, order.part
    import_seconds, seconds = course.import_seconds, time.monotonic() - course.started
    return {
        "run_id": order.run_id,
        "recipe": plan.experiment.name,
        "status": status,
        "message": message,
        **measured(figures),
        "model": figures.get("model") if status in IN_PRODUCTION else None,
        "challenges": _challenged(order, figures) if status in IN_PRODUCTION else None,
        "report": str(order.folder / "index.html"),
        "steps": outline_steps(course.steps),
        **learnt(figures),
        "data_fingerprint": plan.dataset.fingerprint,
        "run_key": plan.key,
        "part": {"from": part.first, "until": part.last} if part.words() else None,
        "made_for": part.made_for,
        "beam": plan.experiment.run.engine(),
        "processes": plan.processes(),
        "metadata": plan.experiment.run.metadata,
        "seconds": {"import": round(import_seconds, 3), "total": round(seconds, 3)},
        "log": str(order.log),
        "data_from": str(order.data_from),
        "schema_file": None if plan.schema_file is None else str(plan.schema_file.path.resolve()),
        "started_at": course.begun_at,
        "failed_step": None if course.error is None else course.step,
    }


def _challenged(order: Order, figures: Mapping[str, Any]) -> int | None:
    """Returns the version in production that the pushed one challenges, None where it took its place."""
    folder = order.home.models(order.plan.experiment.name)
    challenger = read_challenger(folder)
    is_it = challenger is not None and challenger.version == figures["model"]["version"]
    return current_version(folder) if is_it else None


def _publish(order: Order, figures: dict[str, Any], result: dict[str, Any], screen: Screen) -> None:
    """Writes the report and the outcome, and hands them on where the recipe says so."""
    folder, told = order.folder, order.plan.experiment.report
    publish_report(folder, figures, result, order.command)
    if told.tensorboard and keep_logs(figures, folder):
        screen.line(f"  curves  tensorboard --logdir {folder.parent}")
    if told.mlflow:
        result["mlflow"] = log_run(told.mlflow, folder, figures, result, order.command)
        screen.line(f"  mlflow  {result['mlflow'].get('error') or result['mlflow']['uri']}")
    write_outcome(folder / "run.json", result)
    if result["status"] in IN_PRODUCTION:
        models = order.home.models(order.plan.experiment.name)
        write_missing_card(models / str(figures["model"]["version"]), figures)
