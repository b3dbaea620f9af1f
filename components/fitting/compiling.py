"""Compiles a model: optimizer, learning-rate schedule, loss and metrics from the training options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras

from kerasline.components.core import ConfigError
from kerasline.components.fitting.own_parts import make_own_loss, make_own_metrics, make_own_optimizer
from kerasline.components.fitting.settings import (
    OPTIMIZERS,
    SCHEDULES,
    FitSettings,
    TrainingOptions,
    find_schedule,
    in_epochs,
    loss_of,
    watched_metrics,
)
from kerasline.components.models import make_loss, make_metrics
from kerasline.components.own_code import is_own

# A call of TensorFlow costs milliseconds of Python, as much as a whole step of a small network.
MOST_TOGETHER = 8
_LIGHT_STEP = 1e9  # multiplications of the forward pass: some tenths of a second of a few cores
_LIGHT_EPOCH = 8e9

# The mean of weights (use_ema) reaches back as far as Keras' own default, though not beyond a tenth of the epochs that
# are asked for: further back, the weights of a short fit are those of a network that has hardly learned.
_MEAN_STEPS = 100
_MEAN_SHARE = 0.1


def compile_model(
    model: keras.Model,
    settings: FitSettings,
    *,
    steps: int,
    learning_rate: float | None = None,
    together: int = 1,
) -> None:
    """Compiles with the configured optimizer and the task's loss and metrics.

    Args:
      model: A network that was built from the settings.
      settings: Training options and task.
      steps: Batches in an epoch, in which schedules count.
      learning_rate: A constant rate instead of that of the options and their schedule.
      together: Steps that Keras makes before it looks at its callbacks; see :func:`steps_together`.

    Raises:
      ConfigError: the optimizer, the schedule or the loss does not take a value that it was given.
    """
    options = settings.training
    form = loss_of(settings)[1]
    metrics = make_metrics(settings.output(), watched_metrics(settings), one_hot=form == "one_hot")
    model.compile(
        optimizer=make_optimizer(options, steps, learning_rate),
        loss=_make_loss(settings),
        metrics=[*metrics, *make_own_metrics(settings, form)],
        steps_per_execution=together,
    )


def _make_loss(settings: FitSettings) -> keras.losses.Loss:
    options = settings.training
    loss, form = loss_of(settings)
    if is_own(loss):
        return make_own_loss(loss, options.loss_arguments, settings, form)
    smoothing = {"label_smoothing": options.label_smoothing} if options.label_smoothing else {}
    return make_loss(loss, **options.loss_arguments, **smoothing)


def steps_together(model: keras.Model, batch_size: int, steps: int) -> int:
    """Returns how many steps a call of TensorFlow makes: a light epoch's all, some light ones, or one.

    The result is the same. After each call progress shows, and a loss that is no number stops the fit. A network whose
    work cannot be told from its layers counts as heavy.

    Args:
      model: The network that is fitted.
      batch_size: Rows in a step.
      steps: Steps in an epoch.
    """
    work = 0
    for layer in model.layers:
        if not layer.count_params():
            continue
        try:
            shape = keras.tree.flatten(layer.input)[0].shape
        except (AttributeError, ValueError):  # the layers of a model that is a class of its own
            return 1
        # Weights are used at every position of an image or a series.
        positions = shape[1:-1]
        if None in positions:
            return 1
        work += layer.count_params() * math.prod(positions)
    if batch_size * work * steps < _LIGHT_EPOCH:
        return steps
    return MOST_TOGETHER if batch_size * work < _LIGHT_STEP else 1


def make_optimizer(
    options: TrainingOptions, steps: int, learning_rate: float | None = None
) -> keras.optimizers.Optimizer:
    """Makes the configured optimizer.

    Args:
      options: Training options.
      steps: Batches in an epoch, in which schedules count.
      learning_rate: A constant rate instead of that of the options and their schedule.

    Raises:
      ConfigError: it does not take a value that it was given.
    """
    rate: Any = learning_rate or options.learning_rate
    if options.learning_rate_schedule and learning_rate is None:
        rate = make_schedule(options, steps)
    arguments = hold_mean(options, steps)
    if options.clip_norm:
        arguments["clipnorm"] = options.clip_norm
    if is_own(options.optimizer):
        return make_own_optimizer(options, rate, arguments)
    try:
        return getattr(keras.optimizers, OPTIMIZERS[options.optimizer].keras_class)(rate, **arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"training.optimizer_arguments: {options.optimizer} does not take {arguments} ({_line(error)}); see "
            "keras.optimizers for their values"
        ) from error


def hold_mean(options: TrainingOptions, steps: int) -> dict[str, Any]:
    """Returns the optimizer's arguments, with how far a mean of weights reaches back where they do not say it.

    Args:
      options: Training options, whose epochs count even where early stopping or a refit makes fewer.
      steps: Batches in an epoch.
    """
    arguments = dict(options.optimizer_arguments)
    if arguments.get("use_ema") and not is_own(options.optimizer):
        reach = min(_MEAN_STEPS, max(1.0, _MEAN_SHARE * steps * options.epochs))
        arguments.setdefault("ema_momentum", 1 - 1 / reach)
    return arguments


def make_schedule(options: TrainingOptions, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Makes the configured schedule; what is given in epochs, or not at all, becomes steps.

    Args:
      options: Training options, with a schedule.
      steps: Batches in an epoch.

    Raises:
      ConfigError: the schedule does not take a value that it was given.
    """
    block = dict(options.learning_rate_schedule or {})
    name = find_schedule(block)
    arguments = _schedule_arguments(name, block, options.epochs, steps)
    if name != "PiecewiseConstantDecay":
        arguments["initial_learning_rate"] = options.learning_rate
    try:
        return getattr(keras.optimizers.schedules, name)(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"training.learning_rate_schedule: {name} does not take {arguments} ({_line(error)}); see "
            "keras.optimizers.schedules for its values"
        ) from error


def _schedule_arguments(name: str, block: Mapping[str, Any], epochs: int, steps: int) -> dict[str, Any]:
    """Returns the arguments that a schedule's block gives, with epochs counted in steps."""
    arguments: dict[str, Any] = {}
    # The warm-up stands before the decay, which has what it leaves.
    for argument in [known for known in SCHEDULES[name].arguments if not known.endswith("_epochs")]:
        if argument in block:
            arguments[argument] = block[argument]
        elif in_epochs(argument) in block:
            arguments[argument] = _to_steps(block[in_epochs(argument)], steps)
        elif argument in ("decay_steps", "first_decay_steps"):
            warmup = arguments.get("warmup_steps", 0)
            arguments[argument] = max(1, _to_steps(epochs, steps) - warmup)
    return arguments


def _to_steps(epochs: Any, steps: int) -> Any:
    if isinstance(epochs, (list, tuple)):
        return [_to_steps(value, steps) for value in epochs]
    return max(1, math.ceil(float(epochs) * steps))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
