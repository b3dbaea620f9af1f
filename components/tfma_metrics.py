"""Metrics that TFMA does not have, computed as it computes its own: in one pass, mergeable over workers and slices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util

_Sums = tuple[int, float, float, float]


class CoefficientOfDetermination(metric_types.Metric):
    """R²: one minus the squared error over the squared spread of the labels; 0 for a model that answers the mean.

    Source: https://en.wikipedia.org/wiki/Coefficient_of_determination
    """

    def __init__(self, name: str = "r2") -> None:
        super().__init__(metric_util.merge_per_key_computations(_r2_computations), name=name)


def _r2_computations(
    name: str, eval_config: tfma.EvalConfig | None = None, model_name: str = "", output_name: str = "", **_: Any
) -> metric_types.MetricComputations:
    key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=_R2Combiner(key, eval_config))]


class _R2Combiner(beam.CombineFn):
    """Sums rows, labels, squared labels and squared errors."""

    def __init__(self, key: metric_types.MetricKey, eval_config: tfma.EvalConfig | None) -> None:
        self._key, self._eval_config = key, eval_config

    def create_accumulator(self) -> _Sums:
        return 0, 0.0, 0.0, 0.0

    def add_input(self, accumulator: _Sums, element: metric_types.StandardMetricInputs) -> _Sums:
        rows, total, squares, errors = accumulator
        for label, prediction, _ in metric_util.to_label_prediction_example_weight(
            element, eval_config=self._eval_config, model_name=self._key.model_name, output_name=self._key.output_name
        ):
            truth, guess = float(np.asarray(label).item()), float(np.asarray(prediction).item())
            rows, total = rows + 1, total + truth
            squares, errors = squares + truth**2, errors + (truth - guess) ** 2
        return rows, total, squares, errors

    def merge_accumulators(self, accumulators: Iterable[_Sums]) -> _Sums:
        rows, *sums = (sum(values) for values in zip(*accumulators, strict=True))
        return rows, *sums

    def extract_output(self, accumulator: _Sums) -> dict[metric_types.MetricKey, float]:
        rows, total, squares, errors = accumulator
        spread = squares - total**2 / rows if rows else 0.0
        return {self._key: 1.0 - errors / spread if spread > 0 else 0.0}


metric_types.register_metric(CoefficientOfDetermination)
