"""Names and limits that a recipe gives, checked against what there is, before anything is read or loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from kerasline.components.core import ConfigError, nearest, shown
from kerasline.components.datasets import task_of_named
from kerasline.components.evaluation import Threshold
from kerasline.components.models import ALIASES, LOSS_CLASSES, Task, check_loss, direction
from kerasline.components.own_code import is_own
from kerasline.components.tuning import check_objective
from kerasline.pipeline.config.findings import Finding

if TYPE_CHECKING:
    from kerasline.components.evaluation import Metric
    from kerasline.pipeline.config.experiment import Experiment


def _task(experiment: Experiment) -> Task | None:
    """Returns the task as far as it is known without the data's rows."""
    return task_of_named(experiment.data.dataset) if experiment.task == "auto" else experiment.task


def check_names(experiment: Experiment) -> Iterator[Finding]:
    """Finds names that nobody knows and limits that mean nothing, which would otherwise end the run in the middle."""
    yield from _check_monitors(experiment)
    yield from _check_loss(experiment)
    yield from _check_metrics(experiment)
    evaluation, schedule = experiment.evaluation, experiment.schedule
    blocks: dict[tuple[str, ...], Mapping[str, Threshold]] = {("evaluation", "thresholds"): evaluation.thresholds}
    blocks |= {("evaluation", "slice_thresholds", key): value for key, value in evaluation.slice_thresholds.items()}
    blocks |= {("schedule", "thresholds"): schedule.thresholds} if schedule else {}
    for place, limits in blocks.items():
        for name, limit in limits.items():
            yield from _check_limit(experiment, (*place, name), limit)


def _check_monitors(experiment: Experiment) -> Iterator[Finding]:
    training = experiment.training
    for key, block in (("early_stopping", training.early_stopping), ("reduce_on_plateau", training.reduce_on_plateau)):
        if block and block.monitor.removeprefix("val_") in training.own_figures():
            yield from _check_own_monitor(("training", key, "mode"), block.mode, block.monitor)
        elif block:
            yield from _check_monitor(("training", key, "monitor"), block.monitor)
            yield from _check_mode(("training", key, "mode"), block.mode, block.monitor)
    tuning = experiment.tuning
    if tuning and tuning.objective.removeprefix("val_") in training.own_figures():
        yield from _check_own_monitor(("tuning", "mode"), tuning.mode, tuning.objective)
    elif tuning:
        yield from _check_monitor(("tuning", "objective"), tuning.objective, _task(experiment))
        yield from _check_mode(("tuning", "mode"), tuning.mode, tuning.objective)


def _check_own_monitor(place: tuple[str, ...], mode: str, monitor: str) -> Iterator[Finding]:
    """Finds a metric of the user's of which nobody knows which way is better."""
    if mode == "auto":
        yield place, f"{'.'.join(place)}: expected min or max, whichever is better for your {monitor}, got auto; say it"


def _check_mode(place: tuple[str, ...], mode: str, monitor: str) -> Iterator[Finding]:
    """Finds a figure that would be held for better the wrong way."""
    with suppress(ConfigError):  # an unknown one is told with its own key
        if mode not in ("auto", direction(monitor)):
            yield place, f"{'.'.join(place)}: expected {direction(monitor)} for {monitor}, got {mode}; leave it out"


def _check_monitor(place: tuple[str, ...], metric: str, task: Task | None = None) -> Iterator[Finding]:
    """Finds a metric that nobody knows; where the task is given, one that trials of it do not compute, too."""
    try:
        direction(metric or "loss")
        if task:
            check_objective(metric, task)
    except ConfigError as error:
        key, text = ".".join(place), str(error)
        yield place, text if text.startswith(key) else f"{key}: {text}"


def _check_loss(experiment: Experiment) -> Iterator[Finding]:
    loss, place, task = experiment.training.loss, ("training", "loss"), _task(experiment)
    if loss is None or is_own(loss):
        return
    if task:
        try:
            check_loss(task, loss)
        except ConfigError as error:
            yield place, str(error)
    elif loss not in ("auto", *LOSS_CLASSES, *ALIASES):
        known = [*LOSS_CLASSES, *ALIASES]
        yield place, f"training.loss: expected one of {', '.join(known)}, got {shown(loss)}.{nearest(loss, known)}"


def _check_metrics(experiment: Experiment) -> Iterator[Finding]:
    for index, name in enumerate(experiment.evaluation.metrics):
        if not is_own(name) and _metric(name, experiment) is None:
            yield ("evaluation", "metrics", str(index)), f"evaluation.metrics: {_unknown_metric(name, experiment)}"


def _check_limit(experiment: Experiment, place: tuple[str, ...], limit: Threshold) -> Iterator[Finding]:
    key, name = ".".join(place), place[-1]
    if is_own(name):
        yield from _check_own_limit(experiment, place)
        return  # its direction is known when it is loaded
    metric = _metric(name, experiment)
    if metric is None:
        yield place, f"{'.'.join(place[:-1])}: {_unknown_metric(name, experiment)}"
        return
    if metric.higher_is_better and limit.max is not None and limit.min is None:
        yield (
            place,
            f"{key}: expected min, since more {name} is better, got max alone, which only the worst models meet; write "
            f"{name}: {{min: {limit.max:g}}}",
        )
    if not metric.higher_is_better and limit.min is not None and limit.max is None:
        yield (
            place,
            f"{key}: expected max, since less {name} is better, got min alone, which only the worst models meet; write "
            f"{name}: {{max: {limit.min:g}}}",
        )
    yield from _check_range(place, limit, metric)


def _check_own_limit(experiment: Experiment, place: tuple[str, ...]) -> Iterator[Finding]:
    """Finds a metric of the user's where what a served model was asked is judged, which knows the library's alone."""
    schedule = experiment.schedule
    if place[0] == "schedule" and schedule and schedule.trigger != "metric":
        yield (
            place,
            f"schedule.thresholds: expected metrics of the library with trigger: {schedule.trigger}, got {place[-1]}, "
            "which is yours; trigger: metric takes it",
        )


def _check_range(place: tuple[str, ...], limit: Threshold, metric: Metric) -> Iterator[Finding]:
    key, name = ".".join(place), place[-1]
    for side in ("min", "max", "max_drop"):
        value = getattr(limit, side)
        least, most = _range(name, side, metric)
        if value is None or _is_within(value, least, most):
            continue
        percent = f"; {value:g} percent is {value / 100:g}" if most == 1 and 1 < value <= 100 else ""
        yield (
            (*place, side),
            f"{key}.{side}: expected {_range_in_words(least, most)}, as {name} is, got {value:g}{percent}",
        )


def _range(name: str, side: str, metric: Metric) -> tuple[float | None, float | None]:
    """Returns the least and the greatest value that a limit can have, None where there is no end."""
    highest = 1.0 if metric.unit == "share" or metric.higher_is_better else None
    lowest = None if name == "r2" else 0.0
    if side != "max_drop":
        return lowest, highest
    # What has no lower end can fall by any amount.
    return 0.0, None if lowest is None else highest


def _is_within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _range_in_words(least: float | None, most: float | None) -> str:
    if most is None:
        return "0 or more"
    return f"{most:g} at most" if least is None else f"0 to {most:g}"


def _metric(name: str, experiment: Experiment) -> Metric | None:
    from kerasline.components.evaluation import METRICS

    metric, task = METRICS.get(name), _task(experiment)
    return metric if metric and (task is None or task in metric.tfma) else None


def _unknown_metric(name: str, experiment: Experiment) -> str:
    from kerasline.components.evaluation import METRICS

    known = [one for one in METRICS if _metric(one, experiment)]
    of = f" of a {_task(experiment)} task" if _task(experiment) else ""
    return f"expected metrics{of} ({', '.join(known)}), got {shown(name)}.{nearest(name, known)}"
