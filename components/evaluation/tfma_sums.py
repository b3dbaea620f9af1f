"""Metrics of TFMA that follow from sums over rows: rows are gathered as they come, and added many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util

_ROWS_TOGETHER = 512
# Labels [rows, 1] or [rows, labels] and predictions [rows, units] to sums that can be added to others.
Sum = Callable[[np.ndarray, np.ndarray], np.ndarray]
Conclude = Callable[[np.ndarray], float]


def summed(add_up: Sum, conclude: Conclude) -> Callable[..., metric_types.MetricComputations]:
    """Makes the computations of a metric that follows from sums over rows.

    Args:
      add_up: sums rows up.
      conclude: turns the sums of all rows into the figure.
    """

    def computations(
        name: str = "",
        eval_config: tfma.EvalConfig | None = None,
        model_name: str = "",
        output_name: str = "",
        **_: Any,
    ) -> metric_types.MetricComputations:
        key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
        combiner = _SumCombiner(key, eval_config, add_up, conclude)
        return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]

    merged: Callable[..., Any] = metric_util.merge_per_key_computations(computations)
    return merged


@dataclass
class _Gathered:
    """The sums so far, None for none, and rows that are still to be added."""

    sums: np.ndarray | None = None
    labels: list[np.ndarray] = field(default_factory=list)
    predictions: list[np.ndarray] = field(default_factory=list)


class _SumCombiner(beam.CombineFn):
    """Adds up the rows of a slice, on any number of workers."""

    def __init__(
        self, key: metric_types.MetricKey, eval_config: tfma.EvalConfig | None, add_up: Sum, conclude: Conclude
    ) -> None:
        self._key, self._eval_config, self._add_up, self._conclude = key, eval_config, add_up, conclude
        self._place = f"{__name__} {key.model_name} {key.output_name}"

    def create_accumulator(self) -> _Gathered:
        return _Gathered()

    def add_input(self, accumulator: _Gathered, element: metric_types.StandardMetricInputs) -> _Gathered:
        for label, prediction in self._rows(element):
            accumulator.labels.append(label)
            accumulator.predictions.append(prediction)
        if len(accumulator.labels) >= _ROWS_TOGETHER:
            self.compact(accumulator)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[_Gathered]) -> _Gathered:
        total = _Gathered()
        for gathered in accumulators:
            sums = self.compact(gathered).sums
            if sums is not None:
                total.sums = sums if total.sums is None else total.sums + sums
        return total

    def compact(self, accumulator: _Gathered) -> _Gathered:
        """Adds the rows that were gathered."""
        if accumulator.labels:
            sums = self._add_up(np.stack(accumulator.labels), np.stack(accumulator.predictions))
            accumulator.sums = sums if accumulator.sums is None else accumulator.sums + sums
            accumulator.labels, accumulator.predictions = [], []
        return accumulator

    def extract_output(self, accumulator: _Gathered) -> dict[metric_types.MetricKey, float]:
        sums = self.compact(accumulator).sums
        return {self._key: float("nan") if sums is None else self._conclude(sums)}

    def _rows(self, element: metric_types.StandardMetricInputs) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns label and prediction, kept with the element for the other metrics and slices of the same model."""
        if self._place not in element:
            element[self._place] = [
                (np.asarray(label).reshape(-1), np.asarray(prediction).reshape(-1))
                for label, prediction, _ in metric_util.to_label_prediction_example_weight(
                    element,
                    eval_config=self._eval_config,
                    model_name=self._key.model_name,
                    output_name=self._key.output_name,
                    flatten=False,
                )
            ]
        rows: list[tuple[np.ndarray, np.ndarray]] = element[self._place]
        return rows
