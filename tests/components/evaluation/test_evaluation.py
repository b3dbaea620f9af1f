"""What TFMA is told, and that it measures what ``measure`` measures."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from kerasline.components.evaluation.metrics import METRICS, measure
from kerasline.components.evaluation.options import EvaluationOptions
from kerasline.components.features.plan import FeaturePlan
from kerasline.components.models.description.spec import Task

pytestmark = pytest.mark.slow

ROWS = 400


@pytest.fixture(scope="module", autouse=True)
def tfx() -> Any:
    """TFX before TFDV and TFMA: it stubs a module that they import."""
    import tfx.v1

    return tfx.v1


def plan(task: Task, classes: tuple[str, ...] | None = ("no", "yes"), dtype: str = "string") -> FeaturePlan:
    """A plan with a label and nothing else."""
    return FeaturePlan(steps=(), label="ill", label_dtype=dtype, classes=classes, label_scale="none", task=task)


def config_of(task: Task, classes: tuple[str, ...] | None = ("no", "yes"), dtype: str = "string", **block: Any) -> Any:
    """The EvalConfig of an ``evaluation:`` block."""
    from kerasline.components.evaluation.tfma_config import eval_config

    return eval_config(EvaluationOptions.model_validate(block), plan(task, classes, dtype))


def test_two_models_are_read_through_their_evaluation_signature() -> None:
    config = config_of("binary", metrics=["accuracy"])
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [("candidate", False), ("baseline", True)]
    for spec in config.model_specs:
        assert (spec.signature_name, spec.prediction_key, spec.label_key) == ("evaluation", "prediction", "label_index")
        assert list(spec.preprocessing_function_names) == ["label_index"]


@pytest.mark.parametrize(
    ("task", "classes", "dtype"), [("regression", None, "float"), ("multilabel", ("old", "new"), "multi")]
)
def test_numbers_and_vectors_are_labels_as_they_are(task: Task, classes: tuple[str, ...] | None, dtype: str) -> None:
    for spec in config_of(task, classes, dtype, metrics=["mae"] if classes is None else ["accuracy"]).model_specs:
        assert spec.label_key == "ill"
        assert not spec.preprocessing_function_names


def test_slices_always_begin_with_the_whole() -> None:
    slices = config_of("binary", metrics=["accuracy"], slices=["city", ["city", "sex"]]).slicing_specs
    assert [list(spec.feature_keys) for spec in slices] == [[], ["city"], ["city", "sex"]]


def test_thresholds_go_in_the_direction_of_their_metric() -> None:
    import tensorflow_model_analysis as tfma

    limits = {
        "accuracy": {"min": 0.9, "max_drop": 0.02},
        "log_loss": {"max": 0.5, "max_drop": 0.1},
        "auc": {"min": 0.5, "max": 0.999},
    }
    config = config_of("binary", metrics=["accuracy", "log_loss", "auc", "recall"], thresholds=limits)
    found = {json.loads(m.config)["name"]: m.threshold for m in config.metrics_specs[0].metrics if m.config}
    accuracy, log_loss, auc = found["accuracy"], found["log_loss"], found["auc"]
    assert accuracy.value_threshold.lower_bound.value == 0.9
    assert not accuracy.value_threshold.HasField("upper_bound")
    assert accuracy.change_threshold.direction == tfma.MetricDirection.HIGHER_IS_BETTER
    assert accuracy.change_threshold.absolute.value == pytest.approx(-0.02, abs=1e-5)
    assert log_loss.value_threshold.upper_bound.value == 0.5
    assert log_loss.change_threshold.direction == tfma.MetricDirection.LOWER_IS_BETTER
    assert log_loss.change_threshold.absolute.value == pytest.approx(0.1, abs=1e-5)
    assert (auc.value_threshold.lower_bound.value, auc.value_threshold.upper_bound.value) == (0.5, 0.999)
    assert not auc.HasField("change_threshold")
    assert not found["recall"].ByteSize(), "measured, not limited"


def made_up(task: Task) -> tuple[np.ndarray, np.ndarray, tuple[str, ...] | None, str]:
    """Labels, predictions, classes and the label's type of a task."""
    generator = np.random.default_rng(3)
    if task == "binary":
        scores = generator.random((ROWS, 1), np.float32)
        return (generator.random(ROWS) < scores[:, 0]).astype(np.int64), scores, ("no", "yes"), "string"
    if task == "multiclass":
        scores = generator.random((ROWS, 5), np.float32) ** 3
        scores /= scores.sum(axis=1, keepdims=True)
        return generator.integers(0, 5, ROWS), scores, tuple("abcde"), "string"
    if task == "multilabel":
        labels = generator.integers(0, 2, (ROWS, 3)).astype(np.float32)
        return labels, generator.random((ROWS, 3), np.float32), tuple("abc"), "multi"
    labels = generator.normal(100, 20, ROWS).astype(np.float32)
    return labels, (labels[:, None] + generator.normal(2, 9, (ROWS, 1))).astype(np.float32), None, "float"


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_tfma_measures_the_same(task: Task) -> None:
    import pandas as pd
    import tensorflow_model_analysis as tfma

    labels, predictions, classes, dtype = made_up(task)
    names = [name for name, metric in METRICS.items() if task in metric.tfma]
    config = config_of(task, classes, dtype, metrics=names)
    config = tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key="label", prediction_key="prediction")],
        metrics_specs=config.metrics_specs, slicing_specs=[tfma.SlicingSpec()],
    )  # fmt: skip
    result = tfma.analyze_raw_data(pd.DataFrame({"label": list(labels), "prediction": list(predictions)}), config)
    ((_, values),) = result.slicing_metrics
    found = {name: value["doubleValue"] for name, value in values[""][""].items()}
    assert found.pop("example_count") == ROWS
    # TFMA's areas are sums over 10,000 thresholds, ours over a fourth as many steps of the odds, where rows of one step
    # count as equal: half right for the ROC curve, but not for the other.
    tolerance = {name: 2e-4 if "auc" in name else 2e-6 for name in names} | {"macro_auc_pr": 1e-3}
    ours = measure(names, labels, predictions, task)
    assert set(found) == set(names)
    for name in names:
        assert ours[name] == pytest.approx(found[name], rel=tolerance[name]), name


def test_certain_scores_have_a_log_loss_the_wrong_ones_too() -> None:
    import pandas as pd
    import tensorflow_model_analysis as tfma

    labels, predictions, classes, dtype = made_up("binary")
    predictions[:40], predictions[40:60] = 1, 0
    config = tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key="label", prediction_key="prediction")],
        metrics_specs=config_of("binary", classes, dtype, metrics=["log_loss"]).metrics_specs,
        slicing_specs=[tfma.SlicingSpec()],
    )
    result = tfma.analyze_raw_data(pd.DataFrame({"label": list(labels), "prediction": list(predictions)}), config)
    ((_, values),) = result.slicing_metrics
    found = values[""][""]["log_loss"]["doubleValue"]
    assert found == pytest.approx(measure(["log_loss"], labels, predictions, "binary")["log_loss"], rel=1e-6)
    assert 0.5 < found < 5


def test_r2_adds_up_over_workers() -> None:
    import tensorflow_model_analysis as tfma
    from tensorflow_model_analysis.metrics import metric_types

    from kerasline.components.evaluation.tfma_metrics import CoefficientOfDetermination

    config = tfma.EvalConfig(model_specs=[tfma.ModelSpec()])
    (computation,) = CoefficientOfDetermination(name="r2").computations(
        eval_config=config, model_names=[""], output_names=[""]
    )
    labels, predictions, _, _ = made_up("regression")

    def accumulate(rows: slice) -> Any:
        sums = computation.combiner.create_accumulator()
        for label, prediction in zip(labels[rows], predictions[rows], strict=True):
            inputs = metric_types.StandardMetricInputs(label=np.array([label]), prediction=prediction)
            sums = computation.combiner.add_input(sums, inputs)
        return sums

    parts = [accumulate(slice(0, 7)), accumulate(slice(7, 7)), accumulate(slice(7, ROWS))]
    (value,) = computation.combiner.extract_output(computation.combiner.merge_accumulators(parts)).values()
    assert value == pytest.approx(measure(["r2"], labels, predictions, "regression")["r2"])
    (nothing,) = computation.combiner.extract_output(computation.combiner.create_accumulator()).values()
    assert np.isnan(nothing)


def test_the_code_of_our_own_metrics_is_part_of_the_config() -> None:
    from kerasline.components.core.code_hash import code_version

    config = config_of("regression", None, "float", metrics=["mae", "r2"])
    arguments = [json.loads(metric.config) for metric in config.metrics_specs[0].metrics if metric.config]
    assert arguments == [
        {"name": "mae"},
        {"name": "r2", "code_version": code_version("kerasline.components.evaluation.tfma_metrics")},
    ]


def test_limits_of_slices() -> None:
    limits = {"city, sex=female": {"accuracy": {"min": 0.8}}, "*": {"accuracy": {"max_drop": 0.1}}}
    config = config_of("binary", metrics=["accuracy"], slices=["city", ["city", "sex"]], slice_thresholds=limits)
    named, every = config.metrics_specs[0].metrics[0].per_slice_thresholds
    (spec,) = named.slicing_specs
    assert (list(spec.feature_keys), dict(spec.feature_values)) == (["city"], {"sex": "female"})
    assert named.threshold.value_threshold.lower_bound.value == 0.8
    assert [list(spec.feature_keys) for spec in every.slicing_specs] == [["city"], ["city", "sex"]]
    assert every.threshold.change_threshold.absolute.value == pytest.approx(-0.1, abs=1e-5)
