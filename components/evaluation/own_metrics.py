"""Metrics of the user's own: functions of labels and answers, and metrics of Keras, named as ``module:function``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from kerasline.components.core import ConfigError
from kerasline.components.evaluation.options import EvaluationOptions, Threshold
from kerasline.components.models import Task
from kerasline.components.own_code import call_own, is_own, load_function, module_of

if TYPE_CHECKING:
    from kerasline.components.evaluation.metrics import Metric

SIGNATURE = "(y_true, y_pred) -> a number"
_KEY = "evaluation.metrics"


class KnownMetrics(dict[str, "Metric"]):
    """Metrics by name; one of the user's own is known from when it is first asked for."""

    def __missing__(self, name: str) -> Metric:
        if not isinstance(name, str) or not is_own(name):
            raise KeyError(name)
        self[name] = _own_metric(name)
        return self[name]


def _own_metric(dotted: str) -> Metric:
    from kerasline.components.evaluation.metrics import Metric

    function = load_function(_KEY, dotted, SIGNATURE)
    higher = getattr(function, "higher_is_better", None)
    if not isinstance(higher, bool):
        name = dotted.partition(":")[2]
        raise ConfigError(
            f"{_KEY}: expected {dotted} to say which way is better; write {name}.higher_is_better = True, or False, "
            "below the function"
        )

    def compute(labels: np.ndarray, predictions: np.ndarray, task: Task) -> float:
        return figure_of(dotted, labels, predictions)

    tfma: dict[Task, tuple[str, dict[str, Any]]] = dict.fromkeys(get_args(Task), ("OwnFunction", {"function": dotted}))
    return Metric(dotted.partition(":")[2].replace("_", " "), higher, tfma, compute)


def figure_of(dotted: str, labels: np.ndarray, predictions: np.ndarray) -> float:
    """Computes a metric of the user's own.

    Args:
      dotted: Its name.
      labels: [rows], [rows, 1] or [rows, labels].
      predictions: [rows, units].

    Returns:
      The figure; the mean where the function gives one for each row.

    Raises:
      ConfigError: the function fails, or gives something else than a number.
    """
    function = load_function(_KEY, dotted, SIGNATURE)
    # The function has arrays of its own, which it may change.
    y_true, y_pred = _plain_rows(np.array(labels), np.array(predictions))
    if inspect.isclass(function) and hasattr(function, "update_state"):
        metric = call_own(_KEY, dotted, function)
        call_own(_KEY, dotted, metric.update_state, y_true, y_pred)
        result = call_own(_KEY, dotted, metric.result)
    else:
        result = call_own(_KEY, dotted, function, y_true, y_pred)
    return _number(dotted, result, len(y_pred))


def _plain_rows(labels: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gives one number a row where there is one, and numbers of classes as whole numbers."""
    if predictions.ndim < 2 or predictions.shape[1] == 1:
        return labels.reshape(-1), predictions.reshape(-1)
    if labels.ndim < 2 or labels.shape[1] != predictions.shape[1]:
        return labels.reshape(-1).astype(np.int64), predictions
    return labels, predictions


def _number(dotted: str, result: Any, rows: int) -> float:
    try:
        values = np.asarray(result, np.float64)
    except (TypeError, ValueError):
        values = None
    if values is None or values.shape not in ((), (rows,)):
        got = type(result).__name__ if values is None else f"an array of shape {values.shape}"
        raise ConfigError(
            f"{_KEY}: expected a number, or one for each of {rows} rows, from {dotted}, but it returned {got}"
        )
    return float(values.mean())


def modules_of(names: Iterable[str]) -> tuple[str, ...]:
    """Names the modules of those metrics that are the user's own."""
    return tuple(dict.fromkeys(module_of(name) for name in names if is_own(name)))


def check_own_metrics(options: EvaluationOptions, known: dict[str, Metric]) -> None:
    """Loads the metrics of the user's own as they are now, and refuses limits that go the wrong way.

    Raises:
      ConfigError: one cannot be loaded, or only the worst models would keep its limits.
    """
    limits = [("thresholds", options.thresholds)]
    limits += [(f"slice_thresholds.{key}", value) for key, value in options.slice_thresholds.items()]
    named = [*options.metrics, *(name for _, block in limits for name in block)]
    for name in filter(is_own, named):
        known.pop(name, None)  # a notebook may have edited it
        known[name]  # what is not known is loaded
    for key, by_metric in limits:
        check_own_limits(f"evaluation.{key}", by_metric, known)


def check_own_limits(key: str, limits: Mapping[str, Threshold], known: Mapping[str, Metric]) -> None:
    """Refuses limits for metrics of the user's own that go the wrong way.

    Args:
      key: The recipe's key that has them.
      limits: By metric.
      known: Metrics by name.

    Raises:
      ConfigError: one cannot be loaded, or only the worst models would keep its limits.
    """
    for name in filter(is_own, limits):
        _check_limit(f"{key}.{name}", name, limits[name], known[name])


def _check_limit(key: str, name: str, limit: Threshold, metric: Metric) -> None:
    wrong, right = ("max", "min") if metric.higher_is_better else ("min", "max")
    if getattr(limit, wrong) is not None and getattr(limit, right) is None:
        raise ConfigError(
            f"{key}: expected {right}, as {name}.higher_is_better says, got {wrong} alone, which only the worst "
            "models meet"
        )
