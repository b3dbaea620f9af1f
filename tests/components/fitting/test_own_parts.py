"""Losses, optimizers, metrics and callbacks of a user's: they count in the fit, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError, TrainingFailed
from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.own_parts import make_own_loss, make_own_metrics, make_own_optimizer
from kerasline.components.fitting.rows.rows import FitData
from kerasline.components.fitting.scoring import score
from kerasline.components.fitting.settings.checks import check_fit
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.models import CustomOptions, InputSpec, OutputSpec, build_model
from kerasline.components.training.whole_fit import best_epoch
from kerasline.pipeline.templates import write_module

Make = Callable[..., FitSettings]

CODE = """
import keras

def seven(y_true, y_pred, plus=0.0):
    return 7.0 + plus + 0.0 * keras.ops.sum(y_pred, axis=-1)

class Eight(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return 8.0 + 0.0 * keras.ops.sum(y_pred, axis=-1)

def right(y_true, y_pred):
    return keras.ops.cast(keras.ops.argmax(y_pred, axis=-1) == keras.ops.cast(y_true, "int32"), "float32")

class Rows(keras.metrics.Sum):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(keras.ops.ones_like(y_pred[:, 0]))

def sure(y_true, y_pred):
    return keras.ops.max(y_pred, axis=-1)

class TwoEpochs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1

class Breaks(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise RuntimeError("not today")

def still(learning_rate, factor=0.0):
    return keras.optimizers.SGD(learning_rate * factor)

def distance(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

def matrix(y_true, y_pred): return y_pred
def nothing(*anything): return None
def text(y_true, y_pred): return "low"
def whole(y_true, y_pred): return keras.ops.argmax(y_pred, axis=-1)
def fails(y_true, y_pred): raise RuntimeError("not today")
"""


def test_each_part_counts(settings: Make, rows: FitData, own: str) -> None:
    chosen = settings(
        loss=f"{own}:seven", loss_arguments={"plus": 0.5}, metrics=[f"{own}:right", f"{own}:Rows"],
        callbacks=[f"{own}:TwoEpochs"], optimizer=f"{own}:still",
    )  # fmt: skip
    model, history = fit(chosen, rows)
    assert history["loss"] == pytest.approx([7.5, 7.5])
    assert history["right"] == pytest.approx(history["accuracy"])
    assert history["val_Rows"] == [30, 30]
    start, _ = fit(chosen.model_copy(update={"training": chosen.training.model_copy(update={"epochs": 1})}), rows)
    for mine, theirs in zip(model.get_weights(), start.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert score(model, chosen, rows)["val_right"] == pytest.approx(history["val_accuracy"][-1])


@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_fit_stops_by_a_metric_of_ones_own(settings: Make, rows: FitData, own: str, mode: str) -> None:
    """A network grows surer with each epoch: by the one way the last epoch is the best, by the other the first."""
    stopping = {"monitor": "val_sure", "mode": mode, "patience": 2}
    chosen = settings(metrics=[f"{own}:sure"], early_stopping=stopping, epochs=6, learning_rate=0.01)
    check_fit(chosen)
    model, history = fit(chosen, rows)
    series = history["val_sure"]
    best = int(np.argmax(series) if mode == "max" else np.argmin(series))
    assert (len(series), best) == ((6, 5) if mode == "max" else (3, 0))
    assert best_epoch(chosen, history) == best + 1
    assert score(model, chosen, rows)["val_sure"] == pytest.approx(series[best], abs=1e-6)


def test_a_class_of_keras_and_blended_labels(settings: Make, rows: FitData, own: str) -> None:
    assert fit(settings(loss=f"{own}:Eight", epochs=1), rows)[1]["loss"] == [pytest.approx(8.0)]
    assert len(fit(settings(loss=f"{own}:distance", mixup=0.2, epochs=1), rows)[1]["loss"]) == 1


def test_labels_of_one_output_have_its_form(settings: Make, own: str) -> None:
    chosen = settings(task="regression", classes=None)
    loss = make_own_loss(f"{own}:distance", {}, chosen, "float")
    assert float(loss(np.array([1.0, 2.0], np.float32), np.array([[1.0], [4.0]], np.float32))) == 1.0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "matrix",
            r"expected one number for each row, shape \(rows,\), of a float type, .*:matrix, but .* \(3, 3\)",
        ),
        ("nothing", "but for 3 rows it returned NoneType"),
        ("text", "but for 3 rows it returned str"),
        ("whole", r"but for 3 rows it returned shape \(3,\) of int"),
        ("fails", r"raised RuntimeError in .*, line \d+: not today; mend it"),
        ("none", "has no function 'none'"),
    ],
)
def test_what_a_loss_or_metric_may_not_be(settings: Make, own: str, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        make_own_loss(f"{own}:{name}", {}, settings(), "indices")
    assert str(caught.value).startswith("training.loss: ")
    with pytest.raises(ConfigError, match=said):
        make_own_metrics(settings(metrics=[f"{own}:{name}"]), "indices")


def test_what_an_optimizer_and_a_callback_may_not_be(settings: Make, rows: FitData, own: str) -> None:
    with pytest.raises(ConfigError, match=r"training.optimizer: expected .*:nothing\(learning_rate.* NoneType"):
        make_own_optimizer(settings(optimizer=f"{own}:nothing").training, 0.1, {})
    with pytest.raises(ConfigError, match=r"training.optimizer: .*:still raised TypeError.* 'nesterov'"):
        make_own_optimizer(settings(optimizer=f"{own}:still").training, 0.1, {"nesterov": True})
    with pytest.raises(ConfigError, match=r"training.callbacks: expected .*:nothing\(\).* NoneType"):
        fit(settings(callbacks=[f"{own}:nothing"]), rows)


def test_what_fails_within_a_fit_is_told_by_its_key_and_line(settings: Make, rows: FitData, own: str) -> None:
    line = CODE.splitlines().index('        raise RuntimeError("not today")') + 1
    callbacks = [f"{own}:TwoEpochs", f"{own}:Breaks"]
    said = rf"^training.callbacks: {own}:Breaks raised RuntimeError in .*{own}.py, line {line}: not today; mend it$"
    with pytest.raises(TrainingFailed, match=said):
        fit(settings(callbacks=callbacks), rows)


@pytest.mark.parametrize(("task", "form"), [("multiclass", "indices"), ("multiclass", "one_hot"), ("binary", "float")])
def test_the_templates_are_losses_and_the_like(
    settings: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, form: Any
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for kind in ("loss", "optimizer", "callbacks"):
        write_module(kind, f"own_first_{kind}_{task}_{form}", tmp_path)
    chosen = settings(task=task, classes=("a", "b") if task == "binary" else ("a", "b", "c"))
    loss = make_own_loss(f"own_first_loss_{task}_{form}:own_first_loss_{task}_{form}", {}, chosen, form)
    known = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0)
    answers = np.array([[0.2], [0.9]] if task == "binary" else [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]], np.float32)
    whole = np.concatenate([1 - answers, answers], 1) if task == "binary" else answers
    labels = {"indices": np.array([2, 1]), "one_hot": np.eye(3, dtype=np.float32)[[2, 1]]}.get(form, np.array([1, 0]))
    truth = np.eye(whole.shape[1], dtype=np.float32)[[1, 0] if task == "binary" else [2, 1]]
    assert float(loss(labels, answers)) == pytest.approx(float(known(truth, whole)), rel=1e-5)
    name = f"own_first_optimizer_{task}_{form}"
    optimizer = make_own_optimizer(settings(optimizer=f"{name}:{name}").training, 0.1, {})
    assert float(optimizer.learning_rate) == pytest.approx(0.1)


def test_the_template_of_a_model_takes_every_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    write_module("model", "own_first_model", tmp_path)
    inputs = [
        InputSpec("features", "dense", (3,)),
        InputSpec("town", "ids", (1,), 9),
        InputSpec("text", "tokens", (4,), 5),
    ]
    options = CustomOptions(build="own_first_model:own_first_model", config={"units": [6]})
    model = build_model(options, inputs, OutputSpec("multiclass", 3))
    assert model.count_params() == 9 * 8 + 5 * 8 + (3 + 8 + 32 + 1) * 6 + (6 + 1) * 3


def test_the_mean_of_the_weights_is_kept_where_a_callback_ends_the_fit(settings: Make, rows: FitData, own: str) -> None:
    means = {"optimizer_arguments": {"use_ema": True}, "callbacks": [f"{own}:TwoEpochs"]}
    chosen = settings(epochs=6, learning_rate=0.1, **means)
    model, history = fit(chosen, rows)
    assert len(history["val_loss"]) == 2
    assert score(model, chosen, rows)["val_loss"] == pytest.approx(history["val_loss"][-1], rel=1e-5)
