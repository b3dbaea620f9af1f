"""A fit that continues ends as one that was never interrupted, and each option does what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config

from kerasline.components.core.errors import TrainingFailed
from kerasline.components.core.progress import Progress, listen
from kerasline.components.fitting.compiling import steps_together
from kerasline.components.fitting.one_fit import fit, phases
from kerasline.components.fitting.rows.rows import Arrays, FitData
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.fitting.watching import callbacks
from kerasline.components.fitting.watching.checkpoints import CheckpointFile
from kerasline.components.fitting.watching.keeping import KeptModel
from kerasline.components.models import build_model

Make = Callable[..., FitSettings]


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


class KillIn(keras.callbacks.Callback):
    """Kills a fit in the middle of an epoch (from 0)."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch = epoch
        self.epochs: list[int] = []
        self.calls = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.calls += 1
        if self.epochs[-1] == self._epoch and batch >= 1:
            raise Killed


def fit_with_a_kill(
    settings: FitSettings, data: FitData, folder: Path, epoch: int
) -> tuple[keras.Model, dict[str, list[float]], list[int]]:
    """Kills a fit in an epoch, then fits again; returns that fit's outcome and the epochs that it ran."""
    file = CheckpointFile(str(folder), "key")
    with pytest.raises(Killed):
        fit(settings, data, callbacks=[KillIn(epoch)], checkpoint=file)
    watcher = KillIn(-1)
    model, history = fit(settings, data, callbacks=[watcher], checkpoint=file)
    return model, history, watcher.epochs


def assert_same(
    first: tuple[keras.Model, dict[str, list[float]]], second: tuple[keras.Model, dict[str, list[float]]]
) -> None:
    assert first[1] == second[1]
    for mine, theirs in zip(first[0].get_weights(), second[0].get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    "options",
    [
        {"model": {"units": [8], "dropout": 0.4}, "learning_rate_schedule": {"name": "CosineDecay"}},
        {"optimizer": "sgd", "optimizer_arguments": {"momentum": 0.9}, "mixup": 0.3, "label_smoothing": 0.1},
        {"learning_rate": 0.05, "reduce_on_plateau": {"patience": 0, "factor": 0.3}},
        {"optimizer_arguments": {"use_ema": True, "ema_momentum": 0.9}, "early_stopping": {"patience": 6}},
    ],
    ids=["dropout", "mixup", "plateau", "mean weights"],
)
def test_a_fit_that_was_killed_ends_as_one_that_was_not(
    settings: Make, rows: FitData, tmp_path: Path, options: dict[str, Any]
) -> None:
    chosen = settings(epochs=6, **options)
    model, history, epochs = fit_with_a_kill(chosen, rows, tmp_path, 3)
    assert epochs == [3, 4, 5]
    assert_same((model, history), fit(chosen, rows))


def test_early_stopping_remembers_the_best_epoch_through_a_kill(settings: Make, rows: FitData, tmp_path: Path) -> None:
    # At this rate the validation loss is best in an early epoch, which only the checkpoint knows of.
    chosen = settings(epochs=30, learning_rate=0.5, early_stopping={"monitor": "val_loss", "patience": 5})
    whole = fit(chosen, rows)
    best = int(np.argmin(whole[1]["val_loss"]))
    assert best + 6 == len(whole[1]["loss"]) < 30
    model, history, epochs = fit_with_a_kill(chosen, rows, tmp_path, best + 2)
    assert epochs[0] == best + 2
    assert_same((model, history), whole)


def test_a_fit_killed_after_its_last_epoch_only_finishes(settings: Make, rows: FitData, tmp_path: Path) -> None:
    chosen = settings(epochs=30, learning_rate=0.5, early_stopping={"patience": 2})
    file = CheckpointFile(str(tmp_path), "key")
    first = fit(chosen, rows, checkpoint=file)
    watcher = KillIn(-1)
    assert_same(first, fit(chosen, rows, callbacks=[watcher], checkpoint=file))
    assert watcher.epochs == []


def test_a_stream_continues_too(settings: Make, rows: FitData, tmp_path: Path) -> None:
    schedule = {"name": "CosineDecay"}
    chosen = settings(epochs=5, mixup=0.2, class_weights={"setosa": 3.0}, learning_rate_schedule=schedule)
    assert rows.train is not None
    train = tf.data.Dataset.from_tensor_slices((rows.train.inputs, rows.train.labels))

    def stream(part: str, batch_size: int, epoch: Callable[[], int]) -> tf.data.Dataset:
        if part == "validation":
            return train.take(30).batch(batch_size)
        numbers = tf.data.Dataset.from_generator(lambda: iter([epoch()]), output_signature=tf.TensorSpec((), tf.int64))
        return numbers.flat_map(lambda n: train.shuffle(50, seed=n, reshuffle_each_iteration=False)).batch(batch_size)

    data = FitData(None, None, stream, True, len(rows.train))
    model, history, epochs = fit_with_a_kill(chosen, data, tmp_path, 2)
    assert epochs == [2, 3, 4]
    assert_same((model, history), fit(chosen, data))


def test_the_steps_of_a_stream_are_known(settings: Make, rows: FitData) -> None:
    assert rows.train is not None
    train = tf.data.Dataset.from_tensor_slices((rows.train.inputs, rows.train.labels))
    data = FitData(None, None, lambda part, batch_size, epoch: train.batch(batch_size), False, len(rows.train))
    counted = KillIn(-1)
    fit(settings(batch_size=50), data, callbacks=[counted])
    assert counted.params["steps"] == 3
    assert counted.calls == 3 * 4


def test_rows_that_stream_are_weighed_by_their_class_as_those_in_memory_are(settings: Make, rows: FitData) -> None:
    assert rows.train is not None
    few = np.concatenate([np.flatnonzero(rows.train.labels > 0), np.flatnonzero(rows.train.labels == 0)[:4]])
    train = rows.train.take(few[: len(few) // 8 * 8])
    batches = tf.data.Dataset.from_tensor_slices((train.inputs, train.labels)).batch(8)
    streamed = FitData(
        None, None, lambda *_: batches, False, len(train), read_labels=lambda: train.labels.astype(np.int64)
    )
    chosen = settings(batch_size=8, epochs=1, learning_rate=1e-9, class_weights="balanced", validation_fraction=0)
    _, expected = fit(chosen, FitData(train, None, None, False))
    _, found = fit(chosen, streamed)
    _, plain = fit(settings(batch_size=8, epochs=1, learning_rate=1e-9, validation_fraction=0), streamed)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    assert found["loss"] != pytest.approx(plain["loss"], rel=1e-2)


def test_fits_of_the_same_settings_share_a_network(settings: Make, rows: FitData) -> None:
    """Each of them ends as it would alone, also after one with other steps in an epoch."""
    chosen = settings(
        model={"units": [8], "dropout": 0.4, "batch_normalization": True}, early_stopping={"patience": 1}, epochs=6,
        learning_rate_schedule={"name": "CosineDecay"}, deterministic=True,
    )  # fmt: skip
    assert rows.train is not None
    fewer = FitData(rows.train.take(np.arange(60)), rows.validation, None, True)
    alone = {id(data): fit(chosen, data) for data in (rows, fewer)}
    kept, models = KeptModel(), []
    for data in (rows, fewer, rows):
        model, history = fit(chosen, data, kept=kept)
        assert_same((model, history), alone[id(data)])
        models.append(model)
    assert all(model is models[0] for model in models)
    assert fit(settings(), rows, kept=kept)[0] is not models[0]


def test_whoever_continues_is_told(settings: Make, rows: FitData, tmp_path: Path) -> None:
    said: list[Progress] = []
    stop = listen(said.append)
    try:
        fit_with_a_kill(settings(epochs=6), rows, tmp_path, 3)
    finally:
        stop()
    assert "continuing in epoch 4 of 6" in [progress.text for progress in said if progress.permanent]


def test_the_same_seed_gives_the_same_weights(settings: Make, rows: FitData) -> None:
    chosen = settings(model={"units": [8], "dropout": 0.4}, deterministic=True)
    first = fit(chosen, rows)
    assert_same(first, fit(chosen, rows))
    other = fit(settings(model={"units": [8], "dropout": 0.4}, deterministic=True, seed=8), rows)
    assert other[1]["loss"] != first[1]["loss"]
    # The steps after training may use operations that have no deterministic form.
    assert config.is_op_determinism_enabled() is False


@pytest.mark.parametrize("options", [{}, {"mixup": 0.2}, {"label_smoothing": 0.1}], ids=str)
def test_steps_made_together_give_what_single_steps_give(
    settings: Make, rows: FitData, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    chosen = settings(
        model={"units": [8], "dropout": 0.4, "batch_normalization": True}, deterministic=True, epochs=4, batch_size=6,
        learning_rate_schedule={"name": "CosineDecay"}, **options,
    )  # fmt: skip
    assert rows.train is not None
    batches = -(-len(rows.train) // 6)
    assert batches % 8 and batches > 8
    fits, calls = [], []
    for light_step, light_epoch in ((1e9, 8e9), (1e9, 0), (0, 0)):
        monkeypatch.setattr("kerasline.components.fitting.compiling._LIGHT_STEP", light_step)
        monkeypatch.setattr("kerasline.components.fitting.compiling._LIGHT_EPOCH", light_epoch)
        counted = KillIn(-1)
        fits.append(fit(chosen, rows, callbacks=[counted]))
        calls.append(counted.calls)
    assert calls == [4, 4 * -(-batches // 8), 4 * batches]
    for other in fits[1:]:
        assert_same(fits[0], other)


def test_only_light_steps_are_made_together() -> None:
    flat, image = keras.Input((4,)), keras.Input((224, 224, 3))
    light = keras.Sequential([flat, keras.layers.Dense(8)])
    assert [steps_together(light, 32, steps) for steps in (1, 50, 10**9)] == [1, 50, 8]
    convolution = keras.Sequential([image, keras.layers.Conv2D(64, 3)])
    assert steps_together(convolution, 32, 50) == 1
    assert steps_together(keras.Sequential([image, keras.layers.Flatten()]), 32, 50) == 50
    of_any_size = keras.Input((None, 32, 3))
    assert steps_together(keras.Model(of_any_size, keras.layers.Conv2D(4, 3)(of_any_size)), 1, 50) == 1

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = keras.layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    own = Own()
    own(np.zeros((1, 4), np.float32))
    assert steps_together(own, 1, 50) == 1


def test_a_loss_that_is_not_finite_stops_at_once(settings: Make, rows: FitData, tmp_path: Path) -> None:
    assert rows.train is not None
    rows.train.inputs["features"][17] = np.nan
    file = CheckpointFile(str(tmp_path), "key")
    with pytest.raises(TrainingFailed) as caught:
        fit(settings(epochs=50, learning_rate=0.01, model={"units": []}), rows, checkpoint=file)
    assert "the loss became nan in batches 1 to" in str(caught.value) and "of epoch 1 of 50" in str(caught.value)
    assert "--set training.learning_rate=0.001" in str(caught.value)
    assert file.load() is None


def test_a_rate_that_is_far_too_high_stops_with_advice(settings: Make, rows: FitData) -> None:
    chosen = settings(
        task="regression", classes=None, optimizer="sgd", learning_rate=1e12, epochs=50, model={"units": [8]}
    )
    assert rows.train is not None
    labels = rows.train.labels.astype(np.float32)
    with pytest.raises(TrainingFailed, match=r"the loss became (nan|inf) in batch(es \d+ to)? \d+ of epoch \d+ of 50"):
        fit(chosen, FitData(Arrays(rows.train.inputs, labels), None, None, False))


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
        MemoryError(),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1099511627776 bytes."),
    ],
    ids=["tensorflow", "numpy", "jax"],
)
def test_out_of_memory_names_a_smaller_batch(
    settings: Make, rows: FitData, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def exhaust(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(keras.Model, "fit", exhaust)
    with pytest.raises(TrainingFailed, match="training.batch_size 16; try --set training.batch_size=8"):
        fit(settings(), rows)


def test_weights_of_rows_and_classes_count(settings: Make) -> None:
    # One input, two answers: only the weights say which of them is right.
    inputs = {"features": np.ones((200, 4), np.float32)}
    labels = np.tile([0, 1], 100)
    chosen = {"task": "binary", "classes": ("no", "yes"), "model": {"units": []}}
    chosen |= {"epochs": 30, "batch_size": 200, "learning_rate": 0.05}
    weights = np.where(labels == 1, 9.0, 1.0).astype(np.float32)

    def answer(data: Arrays, **more: Any) -> float:
        model, _ = fit(settings(**chosen, **more), FitData(data, None, None, False))
        return float(model.predict({"features": np.ones((1, 4), np.float32)}, verbose=0)[0, 0])

    assert answer(Arrays(inputs, labels)) == pytest.approx(0.5, abs=0.05)
    assert answer(Arrays(inputs, labels, weights)) == pytest.approx(0.9, abs=0.05)
    assert answer(Arrays(inputs, labels), class_weights={"yes": 9.0}) == pytest.approx(0.9, abs=0.05)
    assert answer(Arrays(inputs, labels, weights), class_weights={"no": 9.0}) == pytest.approx(0.5, abs=0.05)


def test_mixed_precision_gives_back_a_float32_model(settings: Make, rows: FitData) -> None:
    model, history = fit(settings(precision="mixed_bfloat16", epochs=8, learning_rate=0.02), rows)
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    full = fit(settings(epochs=8, learning_rate=0.02), rows)[1]
    assert history["loss"] != full["loss"]
    assert history["loss"][-1] == pytest.approx(full["loss"][-1], abs=0.05)


def test_tensorboard_gets_every_epoch_once_through_a_kill(settings: Make, rows: FitData, tmp_path: Path) -> None:
    file = CheckpointFile(str(tmp_path / "checkpoints"), "key")
    with pytest.raises(Killed):
        fit(settings(epochs=5), rows, callbacks=[KillIn(3)], checkpoint=file, log_folder=str(tmp_path / "first"))
    folder = tmp_path / "second"
    _, history = fit(settings(epochs=5), rows, checkpoint=file, log_folder=str(folder))
    assert read_scalars(folder / "validation")["epoch_loss"] == pytest.approx(dict(enumerate(history["val_loss"])))
    assert read_scalars(folder / "train")["epoch_accuracy"] == pytest.approx(dict(enumerate(history["accuracy"])))


def read_scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Reads TensorBoard's files: name to step to value."""
    found: dict[str, dict[int, float]] = {}
    for path in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert event.step not in found.get(value.tag, {})
                found.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    return found


@pytest.fixture
def photographs(settings: Make) -> tuple[FitSettings, FitData]:
    """A transfer model with a random, frozen base, and images that differ in their brightness."""
    steps = [{"name": "image", "kind": "image", "dtype": "image", "shape": [32, 32, 3], "options": {}}]
    chosen = settings(
        steps=steps, classes=("dark", "bright"), task="binary", epochs=2, learning_rate=0.01,
        model={"family": "transfer", "base": "squeezenet", "weights": "none", "freeze": "all", "input_size": 32},
        fine_tune={"from_layer": "fire9", "epochs": 2, "learning_rate": 0.001},
    )  # fmt: skip
    labels = np.tile([0, 1], 16)
    images = (labels[:, None, None, None] * 0.5 + np.random.default_rng(0).random((32, 32, 32, 3)) / 2).astype("f4")
    return chosen, FitData(Arrays({"image": images}, labels), None, None, False)


def test_fine_tuning_trains_the_end_of_the_base_at_its_own_rate(
    photographs: tuple[FitSettings, FitData], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen, data = photographs
    assert [(phase.first, phase.last, phase.from_layer) for phase in phases(chosen)] == [(0, 2, None), (2, 4, "fire9")]
    rates: list[float] = []
    original = callbacks.EpochProgress.on_epoch_end

    def note(self: callbacks.EpochProgress, epoch: int, logs: Any = None) -> None:
        rates.append(round(float(self.model.optimizer.learning_rate), 6))
        original(self, epoch, logs)

    monkeypatch.setattr(callbacks.EpochProgress, "on_epoch_end", note)
    before = build_model(chosen.model, chosen.plan.inputs(), chosen.output(), seed=chosen.seed)
    model, history = fit(chosen, data)
    assert rates == [0.01, 0.01, 0.001, 0.001]
    assert len(history["loss"]) == 4
    changed = {
        layer.name.split("_")[0]
        for layer, old in zip(model.get_layer("squeezenet").layers, before.get_layer("squeezenet").layers, strict=True)
        if any((a != b).any() for a, b in zip(layer.get_weights(), old.get_weights(), strict=True))
    }
    assert changed == {"fire9"}
    again, same, epochs = fit_with_a_kill(chosen, data, tmp_path, 3)
    assert epochs == [3]
    assert_same((again, same), (model, history))
