"""Metrics that TFMA does not have or computes slowly, in one pass as its own are, mergeable over workers and slices.

TFMA hands on a row at a time. Here rows are gathered and added some hundred at once, which costs a tenth.

Each takes ``code_version``, which decides nothing but the cache key of the Evaluator: its config is all that TFX looks
at.
"""

from __future__ import annotations

import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from kerasline.components.evaluation.metrics import (
    CALIBRATION_BINS,
    calibration_bins,
    macro_figure,
    one_hot_answers,
    precision_recall_area,
    row_log_losses,
    scored_hits,
)
from kerasline.components.evaluation.tfma_sums import summed
from kerasline.components.models import Task


class CoefficientOfDetermination(metric_types.Metric):
    """R²: one minus the squared error over the squared spread of the labels; 0 for a model that answers the mean.

    Source: https://en.wikipedia.org/wiki/Coefficient_of_determination
    """

    def __init__(self, name: str = "r2", code_version: str = "") -> None:
        super().__init__(summed(_sum_squares, _r2), name=name)


class RightAnswers(metric_types.Metric):
    """The share of right answers: of the rows where one of several classes is the answer, else of all labels."""

    def __init__(self, name: str = "accuracy", code_version: str = "") -> None:
        super().__init__(summed(_sum_right, _mean), name=name)


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


for _metric in (
    *(CoefficientOfDetermination, RightAnswers, AnswersOfYes, LogLoss),
    *(MacroAverage, MacroAUC, MacroAUCPR, CalibrationError),
):
    metric_types.register_metric(_metric)


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
    return labels.shape[1] != predictions.shape[1]


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


# Scores are counted by their logarithm of odds, in steps so small that two scores in one are equal for any purpose.
_STEPS_PER_UNIT, _MOST_ODDS = 64, 20
_STEPS = 2 * _MOST_ODDS * _STEPS_PER_UNIT + 1


def _sum_scores(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    truth, _ = one_hot_answers(labels, predictions, _task(labels, predictions))
    scores = np.clip(predictions.astype(np.float64), 1e-12, 1 - 1e-12)
    odds = np.clip(np.log(scores / (1 - scores)), -_MOST_ODDS, _MOST_ODDS)
    steps = np.round((odds + _MOST_ODDS) * _STEPS_PER_UNIT).astype(int)
    classes = predictions.shape[1]
    places = (truth * classes + np.arange(classes)) * _STEPS + steps
    return np.bincount(places.reshape(-1), minlength=2 * classes * _STEPS).reshape(2, classes, _STEPS)


def _mean_area(sums: np.ndarray) -> float:
    negatives, positives = sums.astype(np.float64)
    below = np.cumsum(negatives, axis=1) - negatives
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    ordered = (positives * (below + negatives / 2)).sum(axis=1)
    return float((ordered[pairs > 0] / pairs[pairs > 0]).mean()) if (pairs > 0).any() else float("nan")


def _mean_precision_recall_area(sums: np.ndarray) -> float:
    # From the highest score to the lowest; scores that no row has are no steps.
    counts = sums[:, :, ::-1]
    areas = []
    for negatives, positives in zip(counts[0], counts[1], strict=True):
        rows = negatives + positives
        if positives.any():
            areas.append(precision_recall_area(np.cumsum(positives)[rows > 0], np.cumsum(rows)[rows > 0]))
    return float(np.mean(areas)) if areas else float("nan")


def _sum_calibration(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    scores, hits = scored_hits(labels, predictions, _task(labels, predictions))
    bins = calibration_bins(scores)
    surplus = np.bincount(bins, weights=scores.astype(np.float64) - hits, minlength=CALIBRATION_BINS)
    return np.stack([np.bincount(bins, minlength=CALIBRATION_BINS), surplus])


def _calibration_error(sums: np.ndarray) -> float:
    return float(np.abs(sums[1]).sum() / sums[0].sum())
