"""Metrics that TFMA does not have, computed as it computes its own: in one pass, mergeable over workers and slices.

Each takes ``code_version``, which decides nothing but the cache key of the Evaluator: its config is all that TFX looks
at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util

from kerasline.components.evaluation.metrics import (
    CALIBRATION_BINS,
    calibration_bins,
    macro_figure,
    one_hot_answers,
    precision_recall_area,
    row_log_losses,
    scored_hits,
)
from kerasline.components.models import Task

_Row = tuple[np.ndarray, np.ndarray]  # label [1] or [labels], prediction [units]


class CoefficientOfDetermination(metric_types.Metric):
    """R²: one minus the squared error over the squared spread of the labels; 0 for a model that answers the mean.

    Source: https://en.wikipedia.org/wiki/Coefficient_of_determination
    """

    def __init__(self, name: str = "r2", code_version: str = "") -> None:
        super().__init__(_summed(_add_squares, _r2), name=name)


class BinaryLogLoss(metric_types.Metric):
    """The log loss of yes or no, averaged over the labels of a row; TFMA's own is NaN where one score is 0 or 1."""

    def __init__(self, name: str = "log_loss", code_version: str = "") -> None:
        super().__init__(_summed(_add_log_loss, lambda sums: float(sums[1] / sums[0])), name=name)


class MacroAverage(metric_types.Metric):
    """Precision, recall or F1, averaged over the classes that have rows."""

    def __init__(self, figure: str, name: str = "macro", code_version: str = "") -> None:
        super().__init__(_summed(_add_answers, lambda sums: macro_figure(figure, *sums)), name=name)


class MacroAUC(metric_types.Metric):
    """The area under the ROC curve of each class against the rest, averaged over the classes that have one."""

    def __init__(self, name: str = "macro_auc", code_version: str = "") -> None:
        super().__init__(_summed(_add_scores, _mean_area), name=name)


class MacroAUCPR(metric_types.Metric):
    """The area below the precision-recall curve of each class against the rest, averaged over those that have rows."""

    def __init__(self, name: str = "macro_auc_pr", code_version: str = "") -> None:
        super().__init__(_summed(_add_scores, _mean_precision_recall_area), name=name)


class CalibrationError(metric_types.Metric):
    """How far scores are from how often they come true, averaged over bins by their rows."""

    def __init__(self, name: str = "calibration_error", code_version: str = "") -> None:
        super().__init__(_summed(_add_calibration, _calibration_error), name=name)


for _metric in (CoefficientOfDetermination, BinaryLogLoss, MacroAverage, MacroAUC, MacroAUCPR, CalibrationError):
    metric_types.register_metric(_metric)


def _summed(
    add: Callable[[np.ndarray | None, _Row], np.ndarray], conclude: Callable[[np.ndarray], float]
) -> Callable[..., metric_types.MetricComputations]:
    """Makes the computations of a metric that follows from sums over rows.

    Args:
      add: adds a row to the sums, in place; None stands for none yet.
      conclude: turns the sums into the figure.
    """

    def computations(
        name: str = "",
        eval_config: tfma.EvalConfig | None = None,
        model_name: str = "",
        output_name: str = "",
        **_: Any,
    ) -> metric_types.MetricComputations:
        key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
        combiner = _SumCombiner(key, eval_config, add, conclude)
        return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]

    merged: Callable[..., Any] = metric_util.merge_per_key_computations(computations)
    return merged


class _SumCombiner(beam.CombineFn):
    """Adds up the rows of a slice, on any number of workers."""

    def __init__(
        self,
        key: metric_types.MetricKey,
        eval_config: tfma.EvalConfig | None,
        add: Callable[[np.ndarray | None, _Row], np.ndarray],
        conclude: Callable[[np.ndarray], float],
    ) -> None:
        self._key, self._eval_config, self._add, self._conclude = key, eval_config, add, conclude

    def create_accumulator(self) -> np.ndarray | None:
        return None

    def add_input(self, accumulator: np.ndarray | None, element: metric_types.StandardMetricInputs) -> Any:
        for label, prediction, _ in metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
            flatten=False,
        ):
            accumulator = self._add(accumulator, (np.asarray(label).reshape(-1), np.asarray(prediction).reshape(-1)))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[np.ndarray | None]) -> np.ndarray | None:
        total: np.ndarray | None = None
        for sums in accumulators:
            if sums is not None:
                total = sums if total is None else total + sums
        return total

    def extract_output(self, accumulator: np.ndarray | None) -> dict[metric_types.MetricKey, float]:
        return {self._key: float("nan") if accumulator is None else self._conclude(accumulator)}


def _add_squares(sums: np.ndarray | None, row: _Row) -> np.ndarray:
    truth, guess = float(row[0].item()), float(row[1].item())
    own = np.array([1.0, truth, truth**2, (truth - guess) ** 2])
    return own if sums is None else sums + own


def _r2(sums: np.ndarray) -> float:
    rows, total, squares, errors = (float(value) for value in sums)
    spread = squares - total**2 / rows
    return 1.0 - errors / spread if spread > 0 else 0.0


def _add_log_loss(sums: np.ndarray | None, row: _Row) -> np.ndarray:
    own = np.array([1.0, row_log_losses(row[0][np.newaxis], row[1][np.newaxis], "binary")[0]])
    return own if sums is None else sums + own


def _task(row: _Row) -> Task:
    """Knows by the shapes what the numbers mean."""
    return "multilabel" if len(row[0]) == len(row[1]) else "multiclass"


def _add_answers(sums: np.ndarray | None, row: _Row) -> np.ndarray:
    truth, guessed = one_hot_answers(row[0][np.newaxis], row[1][np.newaxis], _task(row))
    own = np.stack([truth & guessed, guessed, truth])[:, 0].astype(np.int64)
    return own if sums is None else sums + own


# Scores are counted by their logarithm of odds, in steps so small that two scores in one are equal for any purpose.
_STEPS_PER_UNIT, _MOST_ODDS = 64, 20


def _add_scores(sums: np.ndarray | None, row: _Row) -> np.ndarray:
    label, prediction = row
    if sums is None:
        sums = np.zeros((2, len(prediction), 2 * _MOST_ODDS * _STEPS_PER_UNIT + 1), np.int64)
    truth, _ = one_hot_answers(label[np.newaxis], prediction[np.newaxis], _task(row))
    scores = np.clip(prediction.astype(np.float64), 1e-12, 1 - 1e-12)
    odds = np.clip(np.log(scores / (1 - scores)), -_MOST_ODDS, _MOST_ODDS)
    steps = np.round((odds + _MOST_ODDS) * _STEPS_PER_UNIT).astype(int)
    sums[truth[0].astype(int), np.arange(len(prediction)), steps] += 1
    return sums


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


def _add_calibration(sums: np.ndarray | None, row: _Row) -> np.ndarray:
    if sums is None:
        sums = np.zeros((2, CALIBRATION_BINS))
    scores, hits = scored_hits(row[0], row[1][np.newaxis], _task(row))
    bins = calibration_bins(scores)
    sums[0] += np.bincount(bins, minlength=CALIBRATION_BINS)
    sums[1] += np.bincount(bins, weights=scores.astype(np.float64) - hits, minlength=CALIBRATION_BINS)
    return sums


def _calibration_error(sums: np.ndarray) -> float:
    return float(np.abs(sums[1]).sum() / sums[0].sum())
