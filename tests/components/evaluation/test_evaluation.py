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
    found = {json.loads(m.config)["name"]: m.threshold for m in config.metrics_specs[0].metrics[:-1]}
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


def analyzed(labels: np.ndarray, predictions: np.ndarray, metrics: Any) -> dict[str, float]:
    """What TFMA measures with metrics or their specs, a row at a time."""
    import pandas as pd
    import tensorflow_model_analysis as tfma

    config = tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key="label", prediction_key="prediction")],
        metrics_specs=metrics,
        slicing_specs=[tfma.SlicingSpec()],
    )
    result = tfma.analyze_raw_data(pd.DataFrame({"label": list(labels), "prediction": list(predictions)}), config)
    ((_, values),) = result.slicing_metrics
    return {name: float(value["doubleValue"]) for name, value in values[""][""].items()}


# Metrics that TFMA, or Keras through it, has as well.
THEIRS: dict[Task, dict[str, tuple[str, dict[str, Any]]]] = {
    "binary": {
        "accuracy": ("BinaryAccuracy", {}),
        "auc": ("AUC", {"num_thresholds": 10_000}),
        "auc_pr": ("AUCPrecisionRecall", {"num_thresholds": 10_000}),
        "precision": ("Precision", {}),
        "recall": ("Recall", {}),
        "f1": ("F1Score", {}),
    },
    "multiclass": {
        "accuracy": ("SparseCategoricalAccuracy", {}),
        "top_2_accuracy": ("SparseTopKCategoricalAccuracy", {"k": 2}),
    },
    "multilabel": {"accuracy": ("BinaryAccuracy", {})},
    "regression": {
        "mae": ("MeanAbsoluteError", {}),
        "mse": ("MeanSquaredError", {}),
        "rmse": ("RootMeanSquaredError", {}),
    },
}


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_tfma_measures_the_same(task: Task) -> None:
    import tensorflow_model_analysis as tfma

    labels, predictions, classes, dtype = made_up(task)
    names = [name for name, metric in METRICS.items() if task in metric.tfma]
    (specs,) = config_of(task, classes, dtype, metrics=names).metrics_specs
    for name, (class_name, arguments) in THEIRS[task].items():
        config = json.dumps({"name": f"{name} of TFMA", **arguments})
        specs.metrics.append(tfma.MetricConfig(class_name=class_name, config=config))
    found = analyzed(labels, predictions, [specs])
    for name in THEIRS[task]:
        same = 2e-4 if "auc" in name else 2e-6
        assert found[name] == pytest.approx(found.pop(f"{name} of TFMA"), rel=same), name
    assert found.pop("example_count") == ROWS
    # The areas of yes or no are sums over 100,000 thresholds, those of classes over fewer steps of the odds, where rows
    # of one step count as equal: half right for the ROC curve, but not for the other.
    tolerance = {name: 2e-6 for name in names} | {"auc": 2e-5, "auc_pr": 2e-5, "macro_auc": 2e-4, "macro_auc_pr": 1e-3}
    ours = measure(names, labels, predictions, task)
    assert set(found) == set(names)
    for name in names:
        assert ours[name] == pytest.approx(found[name], rel=tolerance[name]), name


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
def test_certain_scores_and_rows_that_are_all_no() -> None:
    import tensorflow_model_analysis as tfma

    labels, predictions, classes, dtype = made_up("binary")
    predictions[:40], predictions[40:60] = 1, 0
    (specs,) = config_of("binary", classes, dtype, metrics=["log_loss", *THEIRS["binary"]]).metrics_specs
    for name, (class_name, arguments) in THEIRS["binary"].items():
        config = json.dumps({"name": f"{name} of TFMA", **arguments})
        specs.metrics.append(tfma.MetricConfig(class_name=class_name, config=config))
    no = labels == 0
    found = analyzed(labels[no], predictions[no], [specs])
    assert found["log_loss"] == pytest.approx(
        measure(["log_loss"], labels[no], predictions[no], "binary")["log_loss"], rel=1e-6
    )
    assert 0.5 < found["log_loss"] < 5
    for name in THEIRS["binary"]:
        same = 2e-4 if "auc" in name else 2e-6
        assert found[name] == pytest.approx(found[f"{name} of TFMA"], rel=same, nan_ok=True), name


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_metrics_add_up_over_workers_and_over_rows_that_come_together(task: Task) -> None:
    import tensorflow_model_analysis as tfma
    from tensorflow_model_analysis.metrics import metric_types

    from kerasline.components.evaluation import tfma_metrics

    config = tfma.EvalConfig(model_specs=[tfma.ModelSpec()])
    labels, predictions, _, _ = made_up(task)
    # TFMA has the labels of a batch as a column, but for class indices.
    column = labels if task == "multiclass" else labels.reshape(ROWS, -1)

    def accumulate(combiner: Any, *elements: Any) -> Any:
        sums = combiner.create_accumulator()
        for rows in elements:
            inputs = metric_types.StandardMetricInputs(label=column[rows], prediction=predictions[rows])
            sums = combiner.add_input(sums, inputs)
        return combiner.compact(sums) if len(elements) % 2 else sums

    for name in (name for name, metric in METRICS.items() if task in metric.tfma):
        class_name, arguments = METRICS[name].tfma[task]
        metric = getattr(tfma_metrics, class_name)(name=name, **arguments)
        (computation,) = metric.computations(eval_config=config, model_names=[""], output_names=[""])
        combiner = computation.combiner
        parts = [
            accumulate(combiner, *range(7)),
            accumulate(combiner),
            accumulate(combiner, slice(7, 100), 100, slice(101, ROWS)),
        ]
        (value,) = combiner.extract_output(combiner.merge_accumulators(parts)).values()
        expected = measure([name], labels, predictions, task)[name]
        assert value == pytest.approx(expected, rel=1e-3 if "auc" in name else 2e-6), name
        (nothing,) = combiner.extract_output(combiner.create_accumulator()).values()
        assert np.isnan(nothing)


def test_slices_have_the_rows_that_tfma_gives_them() -> None:
    import pyarrow as pa
    import tensorflow_model_analysis as tfma
    from tensorflow_model_analysis.slicer import slicer_lib
    from tensorflow_model_analysis.utils import util

    from kerasline.components.evaluation.tfma_extracts import rows_by_slice

    batch = pa.record_batch(
        {
            "sex": pa.array([[b"f"], [b"m"], [b"f"], [b"m"], [b"f"]]),
            "town": pa.array([[b"Kyoto"], None, [b"Nara"], [], [b"Kyoto"]]),
            "grade": pa.array([[3], [1], [3], [1], [2]]),
            "tags": pa.array([[b"a", b"b"], [b"b"], [b"a"], [b"b", b"b"], [b"c", b"a"]]),
            "height": pa.array([[1.5], [0.25], [1.5], [1.5], [2.0]], pa.list_(pa.float32())),
            "gone": pa.array([[b"x"], None, [b"x"], [b"y"], None]),
            "pair": pa.array([[1, 2], [2, 1], [1, 2], [2, 2], [1, 1]]),
        }
    )
    specs = [
        tfma.SlicingSpec(),
        *(tfma.SlicingSpec(feature_keys=[column]) for column in batch.schema.names),
        tfma.SlicingSpec(feature_keys=["sex", "town"]),
        tfma.SlicingSpec(feature_keys=["town"], feature_values={"grade": "3"}),
        tfma.SlicingSpec(feature_values={"sex": "f"}),
        tfma.SlicingSpec(feature_keys=["nowhere"]),
    ]
    features = util.record_batch_to_tensor_values(batch)
    slices = [slicer_lib.SingleSliceSpec(spec=spec) for spec in specs]
    expected: dict[Any, list[int]] = {}
    for place, row in enumerate(util.split_extracts({"features": features})):
        keys = slicer_lib.get_slices_for_features_dicts([], row["features"], slices)
        for key in set(keys):
            expected.setdefault(key, []).append(place)
    found = rows_by_slice(features, specs, batch.num_rows)
    assert {key: places.tolist() for key, places in found.items()} == expected
    assert expected[(("sex", "f"), ("town", "Kyoto"))] == [0, 4]


def test_a_batch_is_cut_once_for_each_slice() -> None:
    import tensorflow_model_analysis as tfma

    from kerasline.components.evaluation.tfma_extracts import cut_by_slice

    labels, predictions = np.array([0, 1, 1]), np.array([[0.1], [0.8], [0.4]], np.float32)
    extracts = {
        "input": np.array([b"a", b"b", b"c"], object),
        "features": {"sex": np.array([[b"f"], [b"m"], [b"f"]], object)},
        "labels": {"candidate": labels, "baseline": labels},
        "predictions": {"candidate": predictions, "baseline": 1 - predictions},
        "example_weights": {"candidate": None, "baseline": None},
    }
    parts = list(cut_by_slice(extracts, [tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["sex"])]))
    found = {part["_slice_key_types"].item(): part for part in parts}
    assert set(found) == {(), (("sex", "f"),), (("sex", "m"),)}
    women = found[(("sex", "f"),)]
    assert women["labels"]["baseline"].tolist() == [0, 1]
    assert women["predictions"]["candidate"].tolist() == predictions[[0, 2]].tolist()
    assert women["example_weights"] == {"candidate": None, "baseline": None}
    assert found[()]["predictions"]["baseline"].tolist() == (1 - predictions).tolist()


def test_the_code_of_the_metrics_is_part_of_the_config() -> None:
    from kerasline.components.core.machine.code_hash import code_version

    config = config_of("regression", None, "float", metrics=["mae", "r2"])
    arguments = [json.loads(metric.config) for metric in config.metrics_specs[0].metrics]
    room = "kerasline.components.evaluation"
    version = {"code_version": code_version(f"{room}.tfma_metrics", f"{room}.tfma_extracts")}
    assert arguments == [{"name": "mae", "power": 1, **version}, {"name": "r2", **version}, version]


def test_limits_of_slices() -> None:
    limits = {"city, sex=female": {"accuracy": {"min": 0.8}}, "*": {"accuracy": {"max_drop": 0.1}}}
    config = config_of("binary", metrics=["accuracy"], slices=["city", ["city", "sex"]], slice_thresholds=limits)
    named, every = config.metrics_specs[0].metrics[0].per_slice_thresholds
    (spec,) = named.slicing_specs
    assert (list(spec.feature_keys), dict(spec.feature_values)) == (["city"], {"sex": "female"})
    assert named.threshold.value_threshold.lower_bound.value == 0.8
    assert [list(spec.feature_keys) for spec in every.slicing_specs] == [["city"], ["city", "sex"]]
    assert every.threshold.change_threshold.absolute.value == pytest.approx(-0.1, abs=1e-5)
