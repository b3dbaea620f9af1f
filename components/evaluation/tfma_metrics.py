"""The metrics that TFMA computes in the Evaluator, in one pass as its own are, mergeable over workers and slices.

TFMA's own read a row at a time. These add up all rows of a slice in a batch at once, as ``tfma_extracts`` hands on.

Each takes ``code_version``, which decides nothing but the cache key of the Evaluator: its config is all that TFX looks
at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from tensorflow_model_analysis.metrics import metric_types

from kerasline.components.evaluation.metrics import (
    CALIBRATION_BINS,
    calibration_bins,
    macro_figure,
    one_hot_answers,
    precision_recall_area,
    row_log_losses,
    scored_hits,
    top_k_hits,
)
from kerasline.components.evaluation.own_metrics import figure_of
from kerasline.components.evaluation.tfma_sums import summed
from kerasline.components.models import Task


class CoefficientOfDetermination(metric_types.Metric):
    """R²: one minus the squared error over the squared spread of the labels; 0 for a model that answers the mean.

    Source: https://en.wikipedia.org/wiki/Coefficient_of_determination
    """

    def __init__(self, name: str = "r2", code_version: str = "") -> None:
        super().__init__(summed(_sum_squares, _r2), name=name)


class MeanError(metric_types.Metric):
    """The mean of the absolute or squared errors, or its root."""

    def __init__(self, power: int, root: bool = False, name: str = "error", code_version: str = "") -> None:
        def add_up(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
            errors = np.abs(labels.astype(np.float64) - predictions) ** power
            return np.array([errors.size, errors.sum()])

        super().__init__(summed(add_up, lambda sums: _mean(sums) ** (0.5 if root else 1)), name=name)


class RowCount(metric_types.Metric):
    """The rows of a slice."""

    def __init__(self, name: str = "example_count", code_version: str = "") -> None:
        super().__init__(summed(lambda labels, predictions: len(predictions), float), name=name)


class RightAnswers(metric_types.Metric):
    """The share of right answers: of the rows where one of several classes is the answer, else of all labels."""

    def __init__(self, name: str = "accuracy", code_version: str = "") -> None:
        super().__init__(summed(_sum_right, _mean), name=name)


class TopKAnswers(metric_types.Metric):
    """The share of rows whose class is among the ``k`` with the highest scores."""

    def __init__(self, k: int, name: str = "top_k", code_version: str = "") -> None:
        def add_up(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
            return np.array([len(labels), top_k_hits(k, labels[:, 0], predictions).sum()], np.float64)

        super().__init__(summed(add_up, _mean), name=name)


class AnswersOfYes(metric_types.Metric):
    """Precision, recall or F1 of yes or no; NaN, as TFMA says it, where there is nothing to divide by."""

    def __init__(self, figure: str, name: str = "figure", code_version: str = "") -> None:
        super().__init__(summed(_sum_answers, lambda sums: _yes_figure(figure, *sums)), name=name)


class LogLoss(metric_types.Metric):
    """The log loss, of yes or no averaged over the labels of a row; TFMA's own is NaN where one score is 0 or 1."""

    def __init__(self, name: str = "log_loss", code_version: str = "") -> None:
        super().__init__(summed(_sum_log_loss, _mean), name=name)


class MacroAverage(metric_types.Metric):
    """Precision, recall or F1, averaged over the classes that have rows."""

    def __init__(self, figure: str, name: str = "macro", code_version: str = "") -> None:
        super().__init__(summed(_sum_answers, lambda sums: macro_figure(figure, *sums)), name=name)


class AreaBelowROC(metric_types.Metric):
    """The area under the ROC curve of yes or no; 0, as TFMA says it, where all rows are the same."""

    def __init__(self, name: str = "auc", code_version: str = "") -> None:
        super().__init__(summed(_sum_thresholds, lambda sums: _known(_mean_area(sums))), name=name)


class AreaBelowPrecisionRecall(metric_types.Metric):
    """The area below the precision-recall curve of yes or no; 0, as TFMA says it, where no row is yes."""

    def __init__(self, name: str = "auc_pr", code_version: str = "") -> None:
        super().__init__(summed(_sum_thresholds, lambda sums: _known(_mean_precision_recall_area(sums))), name=name)


class MacroAUC(metric_types.Metric):
    """The area under the ROC curve of each class against the rest, averaged over the classes that have one."""

    def __init__(self, name: str = "macro_auc", code_version: str = "") -> None:
        super().__init__(summed(_sum_scores, _mean_area), name=name)


class MacroAUCPR(metric_types.Metric):
    """The area below the precision-recall curve of each class against the rest, averaged over those that have rows."""

    def __init__(self, name: str = "macro_auc_pr", code_version: str = "") -> None:
        super().__init__(summed(_sum_scores, _mean_precision_recall_area), name=name)


class CalibrationError(metric_types.Metric):
    """How far scores are from how often they come true, averaged over bins by their rows."""

    def __init__(self, name: str = "calibration_error", code_version: str = "") -> None:
        super().__init__(summed(_sum_calibration, _calibration_error), name=name)


class OwnFunction(metric_types.Metric):
    """A metric of the user's own, of all rows of a slice at once."""

    def __init__(self, function: str, name: str = "own", code_version: str = "") -> None:
        def conclude(rows: _Rows) -> float:
            return figure_of(function, np.concatenate(rows.labels), np.concatenate(rows.predictions))

        super().__init__(summed(_gather, conclude), name=name)


for _metric in (
    *(CoefficientOfDetermination, MeanError, RowCount, RightAnswers, TopKAnswers, AnswersOfYes, LogLoss),
    *(AreaBelowROC, AreaBelowPrecisionRecall, MacroAverage, MacroAUC, MacroAUCPR, CalibrationError),
    OwnFunction,
):
    metric_types.register_metric(_metric)


@dataclass(frozen=True)
class _Rows:
    """Rows of which nothing can be added up but the rows."""

    labels: tuple[np.ndarray, ...]
    predictions: tuple[np.ndarray, ...]

    def __add__(self, other: _Rows) -> _Rows:
        return _Rows(self.labels + other.labels, self.predictions + other.predictions)


def _gather(labels: np.ndarray, predictions: np.ndarray) -> _Rows:
    return _Rows((labels,), (predictions,))


def _sum_squares(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    truth, guess = labels.astype(np.float64)[:, 0], predictions.astype(np.float64)[:, 0]
    return np.array([len(truth), truth.sum(), (truth**2).sum(), ((truth - guess) ** 2).sum()])


def _r2(sums: np.ndarray) -> float:
    rows, total, squares, errors = (float(value) for value in sums)
    spread = squares - total**2 / rows
    return 1.0 - errors / spread if spread > 0 else 0.0


def _mean(sums: np.ndarray) -> float:
    return float(sums[1] / sums[0])


def _sum_log_loss(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    losses = row_log_losses(
        labels[:, 0] if _is_class(labels, predictions) else labels, predictions, _task(labels, predictions)
    )
    return np.array([len(losses), losses.sum()])


def _is_class(labels: np.ndarray, predictions: np.ndarray) -> bool:
    """Knows by the shapes whether a label is the number of a class, or one number for each of the predictions."""
    return bool(labels.shape[1] != predictions.shape[1])


def _task(labels: np.ndarray, predictions: np.ndarray) -> Task:
    return "multiclass" if _is_class(labels, predictions) else "multilabel"


def _sum_right(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    if _is_class(labels, predictions):
        right = predictions.argmax(axis=1) == labels[:, 0]
    else:
        right = (predictions > 0.5) == (labels > 0.5)
    return np.array([right.size, right.sum()], np.float64)


def _sum_answers(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    truth, guessed = one_hot_answers(labels, predictions, _task(labels, predictions))
    return np.stack([(truth & guessed).sum(axis=0), guessed.sum(axis=0), truth.sum(axis=0)])


def _yes_figure(figure: str, hits: np.ndarray, guessed: np.ndarray, truth: np.ndarray) -> float:
    below = {"precision": guessed, "recall": truth, "f1": (guessed + truth) / 2}[figure].sum()
    return float(hits.sum() / below) if below else float("nan")


# Scores of yes or no are counted between ten times as many thresholds as TFMA has: those of a model that knows little
# lie close together.
_THRESHOLDS = 100_000
# Those of classes, most of which are small, by their logarithm of odds, in steps so small that two scores in one are
# equal for any purpose.
_STEPS_PER_UNIT, _MOST_ODDS = 64, 20
_STEPS = 2 * _MOST_ODDS * _STEPS_PER_UNIT + 1


def _sum_thresholds(labels: np.ndarray, predictions: np.ndarray) -> csr_array:
    steps = np.ceil(np.clip(predictions.astype(np.float64), 0, 1) * (_THRESHOLDS - 1)).astype(int)
    return _counted(labels > 0.5, steps, _THRESHOLDS)


def _sum_scores(labels: np.ndarray, predictions: np.ndarray) -> csr_array:
    truth, _ = one_hot_answers(labels, predictions, _task(labels, predictions))
    scores = np.clip(predictions.astype(np.float64), 1e-12, 1 - 1e-12)
    odds = np.clip(np.log(scores / (1 - scores)), -_MOST_ODDS, _MOST_ODDS)
    return _counted(truth, np.round((odds + _MOST_ODDS) * _STEPS_PER_UNIT).astype(int), _STEPS)


def _counted(truth: np.ndarray, steps: np.ndarray, all_steps: int) -> csr_array:
    """Counts the rows in each step: sparse [2 x classes, steps], first the rows that are not of a class.

    Args:
      truth: Which classes rows have, bool [rows, classes].
      steps: Where their scores lie, int [rows, classes].
      all_steps: How many steps there are.
    """
    classes = truth.shape[1]
    curves = (truth * classes + np.arange(classes)).reshape(-1)
    ones = np.ones(curves.size, np.int64)
    # Most slices have rows in few of the steps.
    return csr_array((ones, (curves, steps.reshape(-1))), shape=(2 * classes, all_steps))


def _mean_area(sums: csr_array) -> float:
    negatives, positives = np.split(_without_empty_steps(sums).astype(np.float64), 2)
    below = np.cumsum(negatives, axis=1) - negatives
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    ordered = (positives * (below + negatives / 2)).sum(axis=1)
    return float((ordered[pairs > 0] / pairs[pairs > 0]).mean()) if (pairs > 0).any() else float("nan")


def _mean_precision_recall_area(sums: csr_array) -> float:
    # From the highest score to the lowest; scores that no row has are no steps.
    all_negatives, all_positives = np.split(_without_empty_steps(sums)[:, ::-1], 2)
    areas = []
    for negatives, positives in zip(all_negatives, all_positives, strict=True):
        rows = negatives + positives
        if positives.any():
            areas.append(precision_recall_area(np.cumsum(positives)[rows > 0], np.cumsum(rows)[rows > 0]))
    return float(np.mean(areas)) if areas else float("nan")


def _without_empty_steps(sums: csr_array) -> np.ndarray:
    """Gives the counts of the steps that have rows, from the lowest score on: int64 [2 x classes, steps]."""
    return np.asarray(sums[:, np.unique(sums.indices)].toarray())


def _known(area: float) -> float:
    return 0.0 if np.isnan(area) else area


def _sum_calibration(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    scores, hits = scored_hits(labels, predictions, _task(labels, predictions))
    bins = calibration_bins(scores)
    surplus = np.bincount(bins, weights=scores.astype(np.float64) - hits, minlength=CALIBRATION_BINS)
    return np.stack([np.bincount(bins, minlength=CALIBRATION_BINS), surplus])


def _calibration_error(sums: np.ndarray) -> float:
    return float(np.abs(sums[1]).sum() / sums[0].sum())
