"""Asks whether a model is better than one that ignores its inputs, in figures that can see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb, sqrt

import numpy as np

from kerasline.components.core import rounded
from kerasline.components.evaluation import (
    METRICS,
    EvaluationOptions,
    Figures,
    measure,
    metric_intervals,
    paired_interval,
)
from kerasline.components.gating.rows import FAILED, PASSED, Row
from kerasline.components.models import Task

# With fewer rows no outcome at all is clear of luck: even six wins of six are one chance in 64.
FEWEST_ROWS = 6
# Who always says yes misses nobody, and who answers with the shares of the classes is calibrated.
_TRIVIALLY_GOOD = ("recall", "calibration_error")
_Z = 1.959963984540054  # of the normal distribution, for 95 %
_FEWEST_ORDERS = 40  # of rows, of which one is perfect: 2.5 %
_MANY = 200  # rows with which intervals are as good as exact
_SURE = 2.5758293035489004  # of the normal distribution, for 99 %
# What is compared row by row, in words.
_LOSSES = {
    **dict.fromkeys(("rmse", "mse", "r2"), "squared error is"),
    "mae": "error is",
    "log_loss": "log loss is",
}
_WAY_OUT = "evaluation.beat_trivial: false pushes a model all the same"


@dataclass(frozen=True)
class Comparison:
    """A figure of the model beside that of the trivial one.

    Attributes:
      metric: a key of METRICS.
      value, trivial: the figures, None where they are not defined.
      text: what was asked, with the interval.
      is_better: whether the model is better beyond luck.
      found: the outcome in a few words.
    """

    metric: str
    value: float | None
    trivial: float | None
    text: str
    is_better: bool
    found: str


def judge_against_trivial(
    options: EvaluationOptions,
    labels: np.ndarray,
    predictions: np.ndarray,
    trivial: np.ndarray,
    task: Task,
    whole: Figures,
    weighs_classes: bool = False,
) -> Row:
    """Asks whether the model is better than one that ignores its inputs, beyond the luck of the eval rows.

    The main metric is asked first. Where it cannot tell, as accuracy cannot where one class has most rows, the other
    limited metrics, the log loss of scores or the squared error of numbers, and the ROC AUC are asked row by row, with
    a stricter interval, since one of several is more often right by luck.

    Args:
      options: the main metric is the first.
      labels, predictions: of the eval split.
      trivial: what the trivial model answers, [units].
      task: the task.
      whole: the model's figures as TFMA measured them.
      weighs_classes: whether rare classes weighed more in the loss, which accuracy and log loss pay for.
    """
    constant = np.tile(trivial.astype(np.float32), (len(labels), 1))
    names = _figures_to_ask(options, labels, constant, task, weighs_classes)
    first = METRICS[names[0]]
    blind = _why_blind(labels, task)
    if blind:
        return _cannot_show(blind, names[0], labels, predictions, constant, task, whole)
    compared = []
    for number, name in enumerate(names):
        if number == 0:
            compared.append(_compare_figure(name, labels, predictions, constant, task, whole))
        compared += _compare_rows(name, labels, predictions, constant, task, whole)
        better = next((one for one in compared if one.is_better), None)
        if better is not None:
            title = METRICS[better.metric].title
            return Row("trivial", better.metric, title, "", better.value, better.trivial, better.text, PASSED)
    main, *others = compared
    detail = "; ".join([*(one.found for one in others), _advice(len(labels)), _WAY_OUT])
    return Row("trivial", main.metric, first.title, "", main.value, main.trivial, main.text, FAILED, detail)


def _figures_to_ask(
    options: EvaluationOptions, labels: np.ndarray, constant: np.ndarray, task: Task, weighs_classes: bool
) -> list[str]:
    """Lists the metrics in which a model may prove its skill, the main one first."""
    if task in ("regression", "bounded_regression"):
        return list(dict.fromkeys([options.metrics[0], *options.thresholds, "rmse"]))
    names = dict.fromkeys(_figures_of_classes(options, task, weighs_classes))
    usable = [name for name in names if _can_tell(name, labels, constant, task)]
    return usable or ["log_loss"]


def _figures_of_classes(options: EvaluationOptions, task: Task, weighs_classes: bool) -> list[str]:
    """Lists the metrics of classes to ask, whether or not these rows can tell anything by them."""
    names = [options.metrics[0], *options.thresholds, "log_loss"]
    if task == "binary" and (weighs_classes or "auc" in options.metrics):
        names.append("auc")
    if weighs_classes and "accuracy" not in options.thresholds:
        # Weights trade accuracy for the rare classes, as they were asked to.
        names = [name for name in names if name != "accuracy"]
    return names


def _can_tell(name: str, labels: np.ndarray, constant: np.ndarray, task: Task) -> bool:
    known = measure([name], labels, constant, task)[name]
    return name not in _TRIVIALLY_GOOD and known not in (None, 1)


def _why_blind(labels: np.ndarray, task: Task) -> str:
    """Says why these rows can show no skill; empty where they can."""
    if len(labels) < FEWEST_ROWS:
        return f"so few eval rows ({len(labels)})"
    if task != "multilabel" and labels.min() == labels.max():
        return f"{len(labels)} eval rows of one and the same label"
    return ""


def _cannot_show(
    why: str,
    name: str,
    labels: np.ndarray,
    predictions: np.ndarray,
    constant: np.ndarray,
    task: Task,
    whole: Figures,
) -> Row:
    value = whole.get(name, measure([name], labels, predictions, task)[name])
    known = measure([name], labels, constant, task)[name]
    text = f"better than the trivial model, which {why} do not show"
    advice = "collect more rows, or give eval a larger share (data.split.eval)"
    if len(labels) >= FEWEST_ROWS:
        advice += ", and rows of every class with data.split.method: stratified"
    return Row("trivial", name, METRICS[name].title, "", value, known, text, FAILED, f"{advice}; {_WAY_OUT}")


def _advice(rows: int) -> str:
    if rows < 100:
        return f"{rows} eval rows show large differences only: collect more, or raise data.split.eval"
    return "a longer fit, other features or another model may do better"


def _compare_figure(
    name: str, labels: np.ndarray, predictions: np.ndarray, constant: np.ndarray, task: Task, whole: Figures
) -> Comparison:
    """Compares the main figure's interval with the trivial model's figure."""
    metric = METRICS[name]
    known = measure([name], labels, constant, task)[name]
    value = whole.get(name, measure([name], labels, predictions, task)[name])
    interval = metric_intervals([name], labels, predictions, task)[name]
    if interval is None or known is None:
        text = f"better than the trivial model, which these {len(labels)} eval rows do not show"
        return Comparison(name, value, known, text, False, "")
    low, high = interval
    text = f"95 % interval clear of the trivial model's {rounded(known)} (it is {rounded(low)} to {rounded(high)})"
    is_better = low > known if metric.higher_is_better else high < known
    is_luck = _may_be_luck(name, labels, predictions, constant, task, value)
    return Comparison(name, value, known, text, is_better and not is_luck, "")


def _compare_rows(
    name: str, labels: np.ndarray, predictions: np.ndarray, constant: np.ndarray, task: Task, whole: Figures
) -> Iterator[Comparison]:
    """Compares row by row, with an interval of 99 %; gives nothing for figures that are not made of rows."""
    title = METRICS[name].title
    value = whole.get(name, measure([name], labels, predictions, task)[name])
    known = measure([name], labels, constant, task)[name]
    if value is None or known is None:
        return
    both = f"{title} {rounded(value)}, the trivial model's {rounded(known)}"
    if name == "auc":
        least = 0.5 + _SURE * _chance_of_order(labels)
        text = f"above {rounded(least)}, what luck explains (the trivial model has {rounded(known)})"
        yield Comparison(name, value, known, text, value > least, f"{both}, and luck explains up to {rounded(least)}")
        return
    interval = paired_interval(name, labels, predictions, constant, task, _SURE)
    if interval is None:
        return
    low, high = interval
    told = f"row by row its {_LOSSES[name]} {_change(low)} to {_change(high)}, 99 % interval"
    text = f"better than the trivial model's {rounded(known)} ({told})"
    yield Comparison(name, value, known, text, low > 0, f"{both} ({told})")


def _change(part: float) -> str:
    return f"{abs(part):.1%} {'lower' if part > 0 else 'higher'}"


def _may_be_luck(
    name: str, labels: np.ndarray, predictions: np.ndarray, constant: np.ndarray, task: Task, value: float | None
) -> bool:
    """Asks exactly where intervals are too narrow: with few rows, or rows in perfect order."""
    if name == "auc":
        return value is None or value <= 0.5 + _Z * _chance_of_order(labels)
    if name != "accuracy" or task == "multilabel" or len(labels) >= _MANY:
        return False
    mine, theirs = (_hits(answers, labels, task) for answers in (predictions, constant))
    wins, losses = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    # The sign test of McNemar: heads of so many fair coins.
    coins = wins + losses
    return bool(sum(comb(coins, heads) for heads in range(wins, coins + 1)) > 0.025 * 2**coins)


def _hits(answers: np.ndarray, labels: np.ndarray, task: Task) -> np.ndarray:
    if task == "multiclass":
        return np.asarray(answers.argmax(axis=1) == labels)
    return np.asarray((answers[:, 0] > 0.5) == (labels.reshape(-1) > 0.5))


def _chance_of_order(labels: np.ndarray) -> float:
    """Returns the deviation of the ROC AUC of scores that know nothing.

    Source: H. B. Mann, D. R. Whitney: On a Test of Whether one of Two Random Variables is Stochastically Larger than
    the Other, Annals of Mathematical Statistics 18, 1947.
    """
    positives = int((labels.reshape(-1) > 0.5).sum())
    negatives = labels.size - positives
    if not positives or not negatives or comb(labels.size, positives) < _FEWEST_ORDERS:
        return float("inf")
    return sqrt((positives + negatives + 1) / (12 * positives * negatives))
