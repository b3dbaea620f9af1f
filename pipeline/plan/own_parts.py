"""The functions of its user that a recipe names: where each is called, and with what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from kerasline.components.evaluation import EvaluationOptions
from kerasline.components.fitting import TrainingOptions
from kerasline.components.models import CustomOptions
from kerasline.components.own_code import check_function, is_own, module_of
from kerasline.pipeline.config import Experiment

_LABELS_AND_ANSWERS = ("y_true", "y_pred")
Stage = Literal["data", "transform", "network", "fit", "validate", "evaluate", "gate", "report", "schedule"]
# What decides how a run ends: all but when the next one begins.
OF_A_RUN: tuple[Stage, ...] = tuple(stage for stage in get_args(Stage) if stage != "schedule")


@dataclass(frozen=True)
class OwnFunction:
    """A function that a recipe names.

    Attributes:
      stage: Whose steps call it.
      key: The recipe's key that names it.
      dotted: Its name, ``module:function``.
      arguments: What it is called with; None where that depends on the recipe.
    """

    stage: Stage
    key: str
    dotted: str
    arguments: tuple[str, ...] | None


def own_functions(experiment: Experiment) -> Iterator[OwnFunction]:
    """Gives the functions that a recipe names, from data to report."""
    source, model = experiment.data.python, experiment.model
    if source is not None:
        # Its rows are read for every plan, and their content is part of every key.
        yield OwnFunction("data", "data.python.function", source.function, None if source.options else ())
    for name, column in experiment.features.items():
        if column.function:
            yield OwnFunction("transform", f"features.{name}.function", column.function, ("values",))
    if isinstance(model, CustomOptions):
        yield OwnFunction("network", "model.build", model.build, ("config", "inputs", "output"))
    yield from _of_the_fit(experiment.training)
    for check in experiment.validation.checks:
        yield OwnFunction("validate", "validation.checks", check.function, ("frames",))
    yield from _of_the_end(experiment)


def _of_the_end(experiment: Experiment) -> Iterator[OwnFunction]:
    """Gives the functions that a model which has been fitted meets."""
    for dotted in _own_metrics(experiment.evaluation):
        yield OwnFunction("evaluate", "evaluation.metrics", dotted, _LABELS_AND_ANSWERS)
    for dotted in experiment.evaluation.gates:
        yield OwnFunction("gate", "evaluation.gates", dotted, ("candidate", "baseline"))
    for dotted in experiment.report.pages:
        yield OwnFunction("report", "report.pages", dotted, ("figures",))
    for dotted in filter(is_own, experiment.schedule.thresholds if experiment.schedule else ()):
        yield OwnFunction("schedule", "schedule.thresholds", dotted, _LABELS_AND_ANSWERS)


def _own_metrics(evaluation: EvaluationOptions) -> list[str]:
    limited = [name for limits in evaluation.slice_thresholds.values() for name in limits]
    return [name for name in dict.fromkeys([*evaluation.metrics, *evaluation.thresholds, *limited]) if is_own(name)]


def _of_the_fit(training: TrainingOptions) -> Iterator[OwnFunction]:
    if training.loss is not None and is_own(training.loss):
        # More arguments come by name.
        taken = None if training.loss_arguments else _LABELS_AND_ANSWERS
        yield OwnFunction("fit", "training.loss", training.loss, taken)
    if is_own(training.optimizer):
        has_more = training.optimizer_arguments or training.clip_norm
        yield OwnFunction("fit", "training.optimizer", training.optimizer, None if has_more else ("learning_rate",))
    for dotted in training.metrics:
        yield OwnFunction("fit", "training.metrics", dotted, _LABELS_AND_ANSWERS)
    for dotted in training.callbacks:
        yield OwnFunction("fit", "training.callbacks", dotted, ())


def own_modules(experiment: Experiment, *stages: Stage) -> tuple[str, ...]:
    """Names the modules of a recipe's functions, for the keys of the steps that call them.

    Args:
      experiment: The recipe.
      *stages: Whose functions count; none stands for all.
    """
    found = [module_of(own.dotted) for own in own_functions(experiment) if not stages or own.stage in stages]
    return tuple(dict.fromkeys(found))


def check_own_functions(experiment: Experiment, base_dir: Path) -> None:
    """Refuses functions that are not there, or take other arguments; runs none of them.

    Raises:
      ConfigError: names the key, what was expected, and what there is.
    """
    for own in own_functions(experiment):
        check_function(own.key, own.dotted, base_dir, own.arguments)
