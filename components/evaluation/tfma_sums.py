"""Metrics of TFMA that follow from sums over rows, of one row or of many that come together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

_ROWS_TOGETHER = 512
# NumPy's and SciPy's sparse arrays alike: what can be added to another of its kind.
Sums = Any
# Labels [rows, 1] or [rows, labels] and predictions [rows, units] to their sums.
AddUp = Callable[[np.ndarray, np.ndarray], Sums]
Conclude = Callable[[Sums], float]


def summed(add_up: AddUp, conclude: Conclude) -> Callable[..., metric_types.MetricComputations]:
    """Makes the computations of a metric that follows from sums over rows.

    Args:
      add_up: Sums rows up.
      conclude: Turns the sums of all rows into the figure.

    Returns:
      What a TFMA metric is made with.
    """

    def computations(name: str = "", model_name: str = "", output_name: str = "") -> metric_types.MetricComputations:
        key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
        combiner = _SumCombiner(key, add_up, conclude)
        return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]

    merged: Callable[..., metric_types.MetricComputations] = metric_util.merge_per_key_computations(computations)
    return merged


@dataclass
class _Gathered:
    """The sums so far, None for none, and rows that are still to be added."""

    sums: Sums = None
    labels: list[np.ndarray] = field(default_factory=list)
    predictions: list[np.ndarray] = field(default_factory=list)
    rows: int = 0


class _SumCombiner(beam.CombineFn):
    """Adds up the rows of a slice, on any number of workers."""

    def __init__(self, key: metric_types.MetricKey, add_up: AddUp, conclude: Conclude) -> None:
        self._key, self._add_up, self._conclude = key, add_up, conclude

    def create_accumulator(self) -> _Gathered:
        return _Gathered()

    def add_input(self, accumulator: _Gathered, element: metric_types.StandardMetricInputs) -> _Gathered:
        labels, predictions = self._rows(element)
        accumulator.labels.append(labels)
        accumulator.predictions.append(predictions)
        accumulator.rows += len(predictions)
        # An array is added in nearly the same time whether it has one row or some hundred.
        return self.compact(accumulator) if accumulator.rows >= _ROWS_TOGETHER else accumulator

    def merge_accumulators(self, accumulators: Iterable[_Gathered]) -> _Gathered:
        total = _Gathered()
        for gathered in accumulators:
            sums = self.compact(gathered).sums
            if sums is not None:
                total.sums = sums if total.sums is None else total.sums + sums
        return total

    def compact(self, accumulator: _Gathered) -> _Gathered:
        """Adds the rows that were gathered."""
        if not accumulator.rows:
            return accumulator
        sums = self._add_up(np.concatenate(accumulator.labels), np.concatenate(accumulator.predictions))
        return _Gathered(sums if accumulator.sums is None else accumulator.sums + sums)

    def extract_output(self, accumulator: _Gathered) -> dict[metric_types.MetricKey, float]:
        sums = self.compact(accumulator).sums
        return {self._key: float("nan") if sums is None else self._conclude(sums)}

    def _rows(self, element: metric_types.StandardMetricInputs) -> tuple[np.ndarray, np.ndarray]:
        """Gives labels [rows, 1] or [rows, labels] and predictions [rows, units] of one row or of many."""
        predictions = np.asarray(element.get_predictions(self._key.model_name, self._key.output_name))
        if predictions.ndim < 2:
            predictions = predictions.reshape(1, -1)
        labels = np.asarray(element.get_labels(self._key.model_name, self._key.output_name))
        return labels.reshape(len(predictions), -1), predictions
