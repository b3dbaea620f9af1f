"""Compiles a model: optimizer, learning-rate schedule, loss and metrics from the training options."""

from __future__ import annotations

import math
from typing import Any

import keras

from components.errors import ConfigError, TrainingFailed
from components.fitting.checks import loss_of
from components.fitting.names import OPTIMIZERS, SCHEDULES, find_schedule, in_epochs
from components.models.heads import make_loss, make_metrics
from components.options import TrainingOptions
from components.settings import FitSettings


def compile_model(
    model: keras.Model, settings: FitSettings, *, steps: int | None, learning_rate: float | None = None
) -> None:
    """Compiles with the configured optimizer and the task's loss and metrics.

    Args:
      model: built from the settings.
      settings: the training options and the task.
      steps: batches in an epoch, None where unknown; schedules that count in epochs need it.
      learning_rate: a constant one instead of that of the options and their schedule.
    """
    options = settings.training
    loss, form = loss_of(settings)
    smoothing = {"label_smoothing": options.label_smoothing} if options.label_smoothing else {}
    model.compile(
        optimizer=make_optimizer(options, steps, learning_rate),
        loss=make_loss(loss, **options.loss_arguments, **smoothing),
        metrics=make_metrics(settings.output(), one_hot=form == "one_hot"),
    )


def make_optimizer(
    options: TrainingOptions, steps: int | None, learning_rate: float | None = None
) -> keras.optimizers.Optimizer:
    """Makes the configured optimizer.

    Raises:
      ConfigError: it does not take a value that it was given.
      TrainingFailed: the schedule counts in epochs, and their steps are unknown.
    """
    rate: Any = learning_rate or options.learning_rate
    if options.learning_rate_schedule and learning_rate is None:
        rate = make_schedule(options, steps)
    arguments = dict(options.optimizer_arguments)
    if options.clip_norm:
        arguments["clipnorm"] = options.clip_norm
    try:
        return getattr(keras.optimizers, OPTIMIZERS[options.optimizer].keras_class)(rate, **arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"training.optimizer_arguments: {options.optimizer} does not take {arguments} ({_line(error)}); see "
            "keras.optimizers for their values"
        ) from error


def make_schedule(options: TrainingOptions, steps: int | None) -> keras.optimizers.schedules.LearningRateSchedule:
    """Makes the configured schedule; what is given in epochs, or not at all, becomes steps.

    Raises:
      ConfigError: the schedule does not take a value that it was given.
      TrainingFailed: it counts in epochs, and their steps are unknown.
    """
    block = dict(options.learning_rate_schedule or {})
    name = find_schedule(block)
    arguments: dict[str, Any] = {}
    for argument in (a for a in SCHEDULES[name].arguments if not a.endswith("_epochs")):
        epochs_key = in_epochs(argument)
        if argument in block:
            arguments[argument] = block[argument]
        elif epochs_key != argument and epochs_key in block:
            arguments[argument] = _to_steps(block[epochs_key], steps, epochs_key)
        elif argument in ("decay_steps", "first_decay_steps"):
            warmup = arguments.get("warmup_steps", 0)
            arguments[argument] = max(1, _to_steps(options.epochs, steps, epochs_key) - warmup)
    if name != "PiecewiseConstantDecay":
        arguments["initial_learning_rate"] = options.learning_rate
    try:
        return getattr(keras.optimizers.schedules, name)(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"training.learning_rate_schedule: {name} does not take {arguments} ({_line(error)}); see "
            "keras.optimizers.schedules for its values"
        ) from error


def _to_steps(epochs: Any, steps: int | None, key: str) -> Any:
    if steps is None:
        raise TrainingFailed(
            f"training.learning_rate_schedule: expected steps, since the data streams and its epochs have no known "
            f"length; give {key.replace('_epochs', '_steps')} instead of {key}, or raise training.memory_limit_mb"
        )
    if isinstance(epochs, (list, tuple)):
        return [_to_steps(value, steps, key) for value in epochs]
    return max(1, math.ceil(float(epochs) * steps))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
