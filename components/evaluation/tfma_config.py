"""What the Evaluator measures and what a model must reach: the recipe's ``evaluation:`` block as a TFMA EvalConfig."""

from __future__ import annotations

import json
from typing import Any

import tensorflow_model_analysis as tfma

from kerasline.components.core import code_version
from kerasline.components.evaluation import tfma_extracts, tfma_metrics
from kerasline.components.evaluation.metrics import METRICS
from kerasline.components.evaluation.options import EvaluationOptions, Threshold
from kerasline.components.evaluation.own_metrics import modules_of
from kerasline.components.evaluation.slices import crossing, parse_slice
from kerasline.components.features import FeaturePlan

CANDIDATE, BASELINE = "candidate", "baseline"
# Where the Evaluator finds how rows are handed to the metrics.
EXTRACTORS = tfma_extracts.__name__


def eval_config(options: EvaluationOptions, plan: FeaturePlan) -> tfma.EvalConfig:
    """Builds the EvalConfig that compares a candidate with the baseline.

    TFMA has no limit for the rows of a slice, so small ones fail here too; the model gate lets them pass.

    Args:
      options: metrics, slices and thresholds, as settle_evaluation gives them.
      plan: decides the task, and how the label becomes the number that the metrics count in.

    Returns:
      A config with one model spec for each of the two models, read through their ``evaluation`` signature.
    """
    metrics = [_metric_config(name, plan, options) for name in options.metrics]
    metrics.append(_own_metric("RowCount"))
    slices: list[Any] = [tfma.SlicingSpec()]
    slices += [tfma.SlicingSpec(feature_keys=crossing(entry)) for entry in options.slices]
    return tfma.EvalConfig(
        model_specs=[_model_spec(CANDIDATE, plan), _model_spec(BASELINE, plan)],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
        slicing_specs=slices,
    )


def _model_spec(name: str, plan: FeaturePlan) -> tfma.ModelSpec:
    spec = tfma.ModelSpec(
        name=name, signature_name="evaluation", prediction_key="prediction", is_baseline=name == BASELINE
    )
    if plan.classes is None or plan.label_dtype == "multi":
        spec.label_key = plan.label
    else:
        spec.label_key = "label_index"
        spec.preprocessing_function_names.append("label_index")
    return spec


def _metric_config(name: str, plan: FeaturePlan, options: EvaluationOptions) -> tfma.MetricConfig:
    class_name, arguments = METRICS[name].tfma[plan.task]
    config = _own_metric(class_name, *modules_of([name]), name=name, **arguments)
    is_higher_better = METRICS[name].higher_is_better
    threshold = options.thresholds.get(name)
    if threshold:
        config.threshold.CopyFrom(_threshold(threshold, is_higher_better))
    for key, limits in options.slice_thresholds.items():
        if name in limits:
            specs = _slicing_specs(key, options)
            config.per_slice_thresholds.add(slicing_specs=specs, threshold=_threshold(limits[name], is_higher_better))
    return config


def _own_metric(class_name: str, *modules: str, **arguments: Any) -> tfma.MetricConfig:
    arguments["code_version"] = code_version(tfma_metrics.__name__, tfma_extracts.__name__, *modules)
    return tfma.MetricConfig(class_name=class_name, module=tfma_metrics.__name__, config=json.dumps(arguments))


def _slicing_specs(key: str, options: EvaluationOptions) -> list[tfma.SlicingSpec]:
    parts = parse_slice(key)
    if not parts:
        return [tfma.SlicingSpec(feature_keys=crossing(entry)) for entry in options.slices]
    columns = [column for column, value in parts.items() if value is None]
    values = {column: value for column, value in parts.items() if value is not None}
    return [tfma.SlicingSpec(feature_keys=columns, feature_values=values)]


def _threshold(limits: Threshold, higher_is_better: bool) -> tfma.MetricThreshold:
    threshold = tfma.MetricThreshold()
    if limits.min is not None:
        threshold.value_threshold.lower_bound.value = limits.min
    if limits.max is not None:
        threshold.value_threshold.upper_bound.value = limits.max
    if limits.max_drop is not None:
        change = threshold.change_threshold
        change.direction = (
            tfma.MetricDirection.HIGHER_IS_BETTER if higher_is_better else tfma.MetricDirection.LOWER_IS_BETTER
        )
        # TFMA wants the difference strictly beyond the limit, so equal models need room for float32 noise.
        margin = limits.max_drop + 1e-6
        change.absolute.value = -margin if higher_is_better else margin
    return threshold
