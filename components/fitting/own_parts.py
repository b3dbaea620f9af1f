"""Parts of a fit that are the user's: a loss, an optimizer, metrics and callbacks, named as ``module:function``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from kerasline.components.core import ConfigError
from kerasline.components.fitting.settings import FitSettings, TrainingOptions
from kerasline.components.own_code import call_own, load_function, name_of

LOSS = "(y_true, y_pred) -> one loss for each row, or a class of keras.losses.Loss"
OPTIMIZER = "(learning_rate, **optimizer_arguments) -> keras.optimizers.Optimizer"
METRIC = "(y_true, y_pred) -> one figure for each row, or a class of keras.metrics.Metric"
CALLBACK = "() -> keras.callbacks.Callback"
_PROBE_ROWS = 3


class _OfFunction(keras.losses.Loss):
    """A loss whose rows a function gives; Keras has one for its own functions alone."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str) -> None:
        super().__init__(name=name)
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns a loss for each row."""
        return self._function(y_true, y_pred)


def make_own_loss(dotted: str, arguments: Mapping[str, Any], settings: FitSettings, form: str) -> keras.losses.Loss:
    """Makes a Keras loss of a user's function or class, and tries it on rows of the form that it will be given.

    Args:
      dotted: Name of the function or class.
      arguments: ``training.loss_arguments``.
      settings: Task and classes, of which the rows follow.
      form: Form of the labels: ``float``, ``indices`` or ``one_hot``.

    Raises:
      ConfigError: it cannot be called so, or returns something else than a loss for each row.
    """
    key = "training.loss"
    loss = _made(key, dotted, LOSS, arguments, keras.losses.Loss)
    if isinstance(loss, keras.losses.Loss):
        _check_figures(key, dotted, call_own(key, dotted, loss, *_probe(settings, form)), ((),))
        return loss

    def call(y_true: Any, y_pred: Any) -> Any:
        return loss(_like(y_true, y_pred), y_pred, **arguments)

    _check_figures(key, dotted, call_own(key, dotted, call, *_probe(settings, form)), ((_PROBE_ROWS,), ()))
    return _OfFunction(call, name_of(dotted))


def make_own_metrics(settings: FitSettings, form: str) -> list[keras.metrics.Metric]:
    """Makes Keras metrics of the functions and classes of ``training.metrics``, and tries each.

    Args:
      settings: Their names, and the task.
      form: Form of the labels.

    Raises:
      ConfigError: one cannot be called so, or returns something else than a figure for each row.
    """
    return [_own_metric(dotted, settings, form) for dotted in settings.training.metrics]


def _own_metric(dotted: str, settings: FitSettings, form: str) -> keras.metrics.Metric:
    key, rows = "training.metrics", _probe(settings, form)
    metric = _made(key, dotted, METRIC, {}, keras.metrics.Metric, name=name_of(dotted))
    if isinstance(metric, keras.metrics.Metric):
        call_own(key, dotted, metric.update_state, *rows)
        _check_figures(key, dotted, call_own(key, dotted, metric.result), ((),))
        metric.reset_state()
        return metric

    def call(y_true: Any, y_pred: Any) -> Any:
        return metric(_like(y_true, y_pred), y_pred)

    _check_figures(key, dotted, call_own(key, dotted, call, *rows), ((_PROBE_ROWS,), ()))
    return keras.metrics.MeanMetricWrapper(call, name=name_of(dotted))


def make_own_optimizer(options: TrainingOptions, rate: Any, arguments: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """Calls a user's function or class for an optimizer.

    Args:
      options: Its name.
      rate: Learning rate, or a schedule.
      arguments: ``training.optimizer_arguments``.

    Raises:
      ConfigError: it cannot be called so, or returns something else.
    """
    key, dotted = "training.optimizer", options.optimizer
    made = call_own(key, dotted, load_function(key, dotted, OPTIMIZER), rate, **arguments)
    _check_kind(key, dotted, made, keras.optimizers.Optimizer, OPTIMIZER)
    return made


def make_own_callbacks(options: TrainingOptions) -> list[keras.callbacks.Callback]:
    """Calls the functions and classes of ``training.callbacks``, for one fit.

    Raises:
      ConfigError: one cannot be called so, or returns something else.
    """
    key, made = "training.callbacks", []
    for dotted in options.callbacks:
        callback = call_own(key, dotted, load_function(key, dotted, CALLBACK))
        _check_kind(key, dotted, callback, keras.callbacks.Callback, CALLBACK)
        made.append(callback)
    return made


def _made(key: str, dotted: str, signature: str, arguments: Mapping[str, Any], kind: type, **named: Any) -> Any:
    """Returns a function as it is, and an object of a class, which is given those of ``named`` that it takes."""
    found: Callable[..., Any] = load_function(key, dotted, signature)
    if not (inspect.isclass(found) and issubclass(found, kind)):
        return found
    taken = {one: value for one, value in named.items() if one in inspect.signature(found).parameters}
    return call_own(key, dotted, found, **arguments, **taken)


def _like(y_true: Any, y_pred: Any) -> Any:
    """Gives labels (batch,) of one output its second axis, so that they are not spread over one another."""
    if len(y_pred.shape) == 2 and y_pred.shape[-1] == 1 and len(y_true.shape) == 1:
        return keras.ops.expand_dims(y_true, -1)
    return y_true


def _probe(settings: FitSettings, form: str) -> tuple[Any, Any]:
    """Returns labels and answers of some rows, as a step has them."""
    units = settings.output().units
    y_pred = keras.ops.full((_PROBE_ROWS, units), 1.0 / max(units, 2), "float32")
    if form == "indices":
        return keras.ops.zeros((_PROBE_ROWS,), "int64"), y_pred
    shape = (_PROBE_ROWS, units) if form == "one_hot" or units > 1 else (_PROBE_ROWS,)
    return keras.ops.ones(shape, "float32"), y_pred


def _check_figures(key: str, dotted: str, result: Any, shapes: tuple[tuple[int, ...], ...]) -> None:
    """Refuses a result that is no tensor of numbers in one of these shapes."""
    shape = tuple(getattr(result, "shape", ())) if not isinstance(result, (int, float)) else ()
    is_number = isinstance(result, (int, float)) or "float" in str(getattr(result, "dtype", ""))
    if is_number and shape in shapes:
        return
    got = (
        f"shape {shape} of {keras.backend.standardize_dtype(result.dtype)}"
        if hasattr(result, "dtype")
        else type(result).__name__
    )
    wanted = "one number for each row, shape (rows,)" if len(shapes) > 1 else "one number"
    raise ConfigError(
        f"{key}: expected {wanted}, of a float type, from {dotted}, but for {_PROBE_ROWS} rows it returned {got}; "
        "average over the last axis, and cast with keras.ops.cast where it counts"
    )


def _check_kind(key: str, dotted: str, made: Any, kind: type, signature: str) -> None:
    if not isinstance(made, kind):
        raise ConfigError(
            f"{key}: expected {dotted}{signature}, but it returned {type(made).__name__}; return an object of that kind"
        )
