"""The loss table: last layers, losses that suit them, metrics and their directions."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.models import InputSpec, MlpOptions, OutputSpec, build_model
from kerasline.components.models.parts.heads import (
    HEADS,
    LOSS_CLASSES,
    METRICS,
    check_loss,
    direction,
    make_loss,
    make_metrics,
    output_layer,
    resolve_loss,
)

UNITS = {"binary": 1, "multiclass": 6, "multilabel": 3, "regression": 1, "bounded_regression": 1}


@pytest.mark.parametrize(
    ("task", "activation", "loss"),
    [
        ("binary", "sigmoid", "binary_crossentropy"),
        ("multiclass", "softmax", "sparse_categorical_crossentropy"),
        ("multilabel", "sigmoid", "binary_crossentropy"),
        ("regression", "linear", "mean_squared_error"),
        ("bounded_regression", "sigmoid", "mean_squared_error"),
    ],
)
def test_the_table_is_law(task: str, activation: str, loss: str) -> None:
    layer = output_layer(OutputSpec(task, UNITS[task]))
    assert (layer.units, layer.activation.__name__, layer.name) == (UNITS[task], activation, "output")
    assert check_loss(task, "auto") == loss


def test_blended_labels_need_one_hot() -> None:
    assert resolve_loss("multiclass") == ("sparse_categorical_crossentropy", "indices")
    assert resolve_loss("multiclass", soft_labels=True) == ("categorical_crossentropy", "one_hot")
    assert resolve_loss("multiclass", "categorical_crossentropy") == ("categorical_crossentropy", "one_hot")
    assert resolve_loss("binary", soft_labels=True) == ("binary_crossentropy", "float")
    with pytest.raises(ConfigError, match="reads class indices, which mixup and label smoothing cannot blend"):
        resolve_loss("multiclass", "sparse_categorical_crossentropy", soft_labels=True)


@pytest.mark.parametrize(
    ("task", "loss", "message"),
    [
        ("regression", "binary_crossentropy", "does not suit task regression, whose last layer is linear"),
        ("binary", "categorical_crossentropy", "does not suit task binary, whose last layer is sigmoid"),
        ("multiclass", "binary_crossentropy", "sparse_categorical_crossentropy"),
        ("multiclass", "huber", "does not suit"),
        ("regression", "mean_square_error", "Did you mean 'mean_squared_error'?"),
    ],
)
def test_a_loss_that_does_not_suit_is_refused(task: str, loss: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_loss(task, loss)
    assert message in str(caught.value)


def test_short_names_of_losses() -> None:
    assert check_loss("regression", "mse") == "mean_squared_error"
    assert check_loss("binary", "bce") == "binary_crossentropy"


def test_loss_arguments() -> None:
    assert make_loss("categorical_crossentropy", label_smoothing=0.1).label_smoothing == 0.1
    with pytest.raises(ConfigError, match=r"'mean_squared_error' does not take label_smoothing=0.1"):
        make_loss("mean_squared_error", label_smoothing=0.1)


@pytest.mark.parametrize(("task", "units"), [("binary", 2), ("regression", 3), ("multiclass", 1), ("multilabel", 0)])
def test_the_number_of_outputs_must_suit_the_task(task: str, units: int) -> None:
    with pytest.raises(ConfigError, match=task):
        output_layer(OutputSpec(task, units))


@pytest.mark.parametrize("task", list(HEADS))
def test_every_loss_and_metric_of_a_task_gives_a_finite_number(task: str, generator: np.random.Generator) -> None:
    output = OutputSpec(task, UNITS[task])
    model = build_model(MlpOptions(units=4), [InputSpec("x", "dense", (3,))], output, seed=1)
    x = {"x": generator.random((32, 3), dtype=np.float32)}
    classes = generator.integers(0, 6, 32)
    names = [name for name, of in METRICS if of == task]
    for loss, form in HEADS[task].losses.items():
        arguments = {"q": 0.5} if loss == "categorical_generalized_cross_entropy" else {}
        if form == "float":
            shape = (32,) if output.units == 1 else (32, output.units)
            y = generator.integers(0, 2, shape).astype(np.float32)
        else:
            y = classes if form == "indices" else np.eye(6, dtype=np.float32)[classes]
        metrics = make_metrics(output, names, one_hot=form == "one_hot")
        model.compile("sgd", make_loss(loss, **arguments), metrics=metrics)
        figures = model.evaluate(x, y, verbose=0, return_dict=True)
        assert set(figures) == {"loss", *names}
        assert all(np.isfinite(value) for value in figures.values()), (loss, figures)


def test_crossentropy_metric_agrees_with_the_loss(generator: np.random.Generator) -> None:
    model = build_model(MlpOptions(units=4), [InputSpec("x", "dense", (3,))], OutputSpec("binary", 1), seed=1)
    model.compile(
        "sgd", make_loss("binary_crossentropy"), metrics=make_metrics(OutputSpec("binary", 1), ["crossentropy"])
    )
    y = generator.integers(0, 2, 40).astype(np.float32)
    figures = model.evaluate({"x": generator.random((40, 3), dtype=np.float32)}, y, verbose=0, return_dict=True)
    assert figures["crossentropy"] == pytest.approx(figures["loss"], rel=1e-5)


def test_default_metrics_and_unknown_ones() -> None:
    assert [metric.name for metric in make_metrics(OutputSpec("binary", 1))] == ["accuracy", "auc"]
    with pytest.raises(ConfigError, match="Metric 'accuracy' does not exist for task regression; use one of: mae"):
        make_metrics(OutputSpec("regression", 1), ["accuracy"])
    with pytest.raises(ConfigError, match="'top_5_accuracy' is 1 for any model of 5 classes"):
        make_metrics(OutputSpec("multiclass", 5), ["top_5_accuracy"])


def test_directions() -> None:
    assert [direction(name) for name in ("val_accuracy", "val_loss", "rmse", "val_auc")] == ["max", "min", "min", "max"]
    with pytest.raises(ConfigError, match="Did you mean 'accuracy'?"):
        direction("val_acuracy")


def test_every_named_loss_exists_in_keras() -> None:
    assert [name for name, known in LOSS_CLASSES.items() if not hasattr(keras.losses, known)] == []
    assert {loss for head in HEADS.values() for loss in head.losses} == set(LOSS_CLASSES)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_output_is_float32_under_mixed_precision(precision: str, generator: np.random.Generator) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = build_model(MlpOptions(), [InputSpec("x", "dense", (3,))], OutputSpec("multiclass", 3), seed=1)
        assert model.get_layer("dense1").compute_dtype == precision.removeprefix("mixed_")
        assert model.output.dtype == "float32"
        scores = model.predict({"x": generator.random((5, 3), dtype=np.float32)}, verbose=0)
    finally:
        keras.config.set_dtype_policy(before)
    assert scores.dtype == np.float32
    assert scores.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
