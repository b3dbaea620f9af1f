"""What can be told about a search before anything runs; light: imports neither Keras nor KerasTuner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from kerasline.components.core import ConfigError
from kerasline.components.fitting import FitSettings, check_fit, explain_refusal, must_stream
from kerasline.components.models import HEADS, Task
from kerasline.components.tuning.space.notation import candidates
from kerasline.components.tuning.space.options import TuningOptions


def check_objective(objective: str, task: Task, own: Sequence[str] = ()) -> None:
    """Refuses an objective that trials do not compute.

    Args:
      objective: Its name.
      task: What is learnt.
      own: Names of the metrics of ``training.metrics``.

    Raises:
      ConfigError: names those that they do.
    """
    computed = [f"val_{name}" for name in ("loss", *HEADS[task].metrics, *own)]
    if objective not in computed:
        raise ConfigError(
            f"tuning.objective: expected what is computed for task {task} ({', '.join(computed)}), got {objective}"
        )


def check_search(settings: FitSettings, options: TuningOptions) -> None:
    """Refuses a search whose trials could not be scored, or values that do not suit the task, inputs or model.

    Raises:
      ConfigError: names the key, what was expected, and what came.
    """
    check_objective(options.objective, settings.plan.task, settings.training.own_figures())
    _check_meaning(options, settings.plan.task)
    if settings.training.validation_fraction == 0:
        raise ConfigError(
            "tuning: expected validation rows to score trials on, but training.validation_fraction is 0; set it above 0"
        )
    for key, changes in candidates(options.space):
        try:
            check_fit(settings.with_changes(changes))
        except ConfigError as error:
            raise ConfigError(f"tuning.space.{key}: {changes[key]!r} does not suit the data: {error}") from error


def check_memory_of_search(settings: FitSettings, options: TuningOptions, rows: int) -> None:
    """Refuses what reads the rows of a search from memory where they do not fit into it.

    Args:
      settings: Model and training options.
      options: The ``tuning:`` block.
      rows: Train rows, by the plan of the splits.

    Raises:
      ConfigError: names the key, what was expected, and what came.
    """
    key = "parallel" if options.parallel > 1 else "folds"
    value = options.parallel if key == "parallel" else options.folds
    if value not in ("auto", 1) and must_stream(settings, rows):
        raise ConfigError(
            f"tuning.{key}: expected rows that fit into memory with {value}, but about {rows:,} train rows are larger "
            f"than training.memory_limit_mb {settings.training.memory_limit_mb} and stream; raise that limit, or use "
            f"tuning.{key}: 1"
        )


# What changes val_loss without a change in what the model answers.
_IN_THE_LOSS = {
    "model.l1": "the penalty on weights is a part of it",
    "model.l2": "the penalty on weights is a part of it",
    "training.loss": "it is that loss",
    "training.label_smoothing": "it counts the distance from smoothed labels",
}


def _check_meaning(options: TuningOptions, task: Task) -> None:
    """Refuses to compare losses that mean different things."""
    for key, why in _IN_THE_LOSS.items():
        if key in options.space and options.objective == "val_loss":
            others = " or ".join(f"val_{name}" for name in HEADS[task].metrics)
            raise ConfigError(
                f"tuning.objective: expected a figure that means the same in every trial, such as {others}, got "
                f"val_loss, while the space has {key}: {why}"
            )


def usable_start(settings: FitSettings, options: TuningOptions, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of an earlier winner's values whose keys are still searched.

    Raises:
      ConfigError: the config does not take them any more.
    """
    known = {key: value for key, value in values.items() if key in options.space}
    try:
        check_fit(settings.with_changes(known))
    except ValidationError as error:
        raise ConfigError(explain_refusal(error)) from error
    return known
