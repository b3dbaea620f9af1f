"""Fits the Keras model and exports it: the Trainer's run_fn, and the one fit that the Tuner uses too."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from tfx.components.trainer.fn_args_utils import FnArgs

from components import progress
from components.errors import TrainingFailed
from components.inputs import Arrays, ExamplesReader, validation_mask
from components.models import build_model
from components.models.heads import direction, make_loss, make_metrics, resolve_loss
from components.settings import FitSettings
from components.signatures import export

HISTORY_FILE = "history.json"
SUMMARY_FILE = "summary.json"
PREDICTIONS_FILE = "predictions-{split}.npz"


@dataclass(frozen=True)
class FitData:
    """The train split in its two parts.

    Attributes:
      train, validation: in memory; both None where the data streams.
      stream: (part, batch size) to a tf.data stream of (inputs, label); None where the data is in memory.
      has_validation: whether any rows are held out.
    """

    train: Arrays | None
    validation: Arrays | None
    stream: Callable[[str, int], Any] | None
    has_validation: bool

    def for_fit(self, batch_size: int, encode: Callable[[Any], Any]) -> dict[str, Any]:
        """Returns the data arguments of ``model.fit``.

        Args:
          batch_size: rows in a batch.
          encode: gives labels the form that the loss reads.
        """
        if self.stream is not None:
            parts = {
                part: self.stream(part, batch_size).map(lambda x, y: (x, encode(y)))
                for part in ("train", "validation")[: 1 + self.has_validation]
            }
            return {"x": parts["train"], "validation_data": parts.get("validation")}
        assert self.train is not None
        held_out = (self.validation.inputs, encode(self.validation.labels)) if self.validation is not None else None
        return {
            "x": self.train.inputs,
            "y": encode(self.train.labels),
            "batch_size": batch_size,
            "validation_data": held_out,
            "validation_batch_size": max(batch_size, 256),
        }


def run_fn(fn_args: FnArgs) -> None:
    """Trains on the train split, exports the model, and writes its predictions on the other splits.

    Args:
      fn_args: TFX's arguments. ``custom_config`` holds ``settings`` (:class:`FitSettings` as JSON);
        ``hyperparameters`` the Tuner's winner, whose keys are config keys.

    Raises:
      TrainingFailed: the loss is not finite, or memory ran out.
    """
    settings = FitSettings.model_validate_json(fn_args.custom_config["settings"])
    if fn_args.hyperparameters:
        settings = settings.with_changes(decode_hyperparameters(fn_args.hyperparameters["values"]))
    reader = ExamplesReader(fn_args.transform_output, settings.plan)
    data = read_fit_data(reader, fn_args.train_files, settings)
    started = time.monotonic()
    model, history = fit(settings, data)
    fit_seconds = time.monotonic() - started
    label_units = reader.label_units(fn_args.train_files)
    export(fn_args.serving_model_dir, model, reader.graph, settings.plan, label_units)
    os.makedirs(fn_args.model_run_dir, exist_ok=True)
    for split, files in _other_splits(fn_args.eval_files).items():
        write_predictions(
            os.path.join(fn_args.model_run_dir, PREDICTIONS_FILE.format(split=split)), model, reader, files, label_units
        )
    _write_json(fn_args.model_run_dir, HISTORY_FILE, history)
    _write_json(
        fn_args.model_run_dir,
        SUMMARY_FILE,
        {
            "parameters": model.count_params(),
            "layers": [
                {"name": layer.name, "type": type(layer).__name__, "parameters": layer.count_params()}
                for layer in model.layers
            ],
            "epochs": len(history["loss"]),
            "fit_seconds": round(fit_seconds, 3),
            "input": "stream" if data.train is None else "memory",
            "rows": {"train": _rows(data.train), "validation": _rows(data.validation)},
            "settings": settings.model_dump(mode="json", exclude={"plan"}),
        },
    )


def decode_hyperparameters(values: dict[str, Any]) -> dict[str, Any]:
    """Reads a trial's values back: choices among lists travel as JSON text."""
    decoded = {}
    for key, value in values.items():
        if key.startswith("tuner/"):  # Hyperband's own bookkeeping
            continue
        is_json = isinstance(value, str) and value.startswith(("[", "{"))
        decoded[key] = json.loads(value) if is_json else value
    return decoded


def read_fit_data(reader: ExamplesReader, files: Sequence[str], settings: FitSettings) -> FitData:
    """Reads the train split in its two parts, from memory where it fits ``training.memory_limit_mb``."""
    options = settings.training
    arrays = reader.load(files, options.memory_limit_mb * 2**20)
    fraction, seed = options.validation_fraction, settings.seed
    if arrays is None:

        def stream(part: str, batch_size: int) -> Any:
            return reader.stream(files, batch_size, part, fraction, seed)

        return FitData(None, None, stream, fraction > 0)
    mask = validation_mask(len(arrays), fraction, seed)
    train, validation = arrays.take(~mask), arrays.take(mask)
    if not len(train):
        raise TrainingFailed(
            f"expected rows to train on, but the train split holds {len(arrays)}; give it a larger share in data.split"
        )
    return FitData(train, validation if len(validation) else None, None, len(validation) > 0)


def fit(
    settings: FitSettings, data: FitData, epochs: int | None = None, callbacks: Sequence[keras.callbacks.Callback] = ()
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Builds, compiles and fits the model.

    Args:
      settings: model and training options.
      data: from :func:`read_fit_data`.
      epochs: instead of ``training.epochs``.
      callbacks: more Keras callbacks.

    Returns:
      The model and its history: metric name to a value for each epoch.

    Raises:
      TrainingFailed: the loss is not finite, or memory ran out.
    """
    keras.utils.set_random_seed(settings.seed)
    model = build_model(settings.model, settings.plan.inputs(), settings.output(), seed=settings.seed)
    compile_model(model, settings)
    total = epochs or settings.training.epochs
    units, one_hot = settings.output().units, _loss(settings)[1] == "one_hot"

    def encode(labels: Any) -> Any:
        return keras.ops.one_hot(labels, units) if one_hot else labels

    every = [EpochProgress(total), keras.callbacks.TerminateOnNaN(), *_callbacks(settings, data), *callbacks]
    class_weight = _class_weights(settings, data)
    try:
        history = model.fit(
            **data.for_fit(settings.training.batch_size, encode),
            epochs=total,
            verbose=0,
            shuffle=True,
            callbacks=every,
            class_weight=class_weight,
        ).history
    except Exception as error:
        if "ResourceExhausted" in type(error).__name__ or isinstance(error, MemoryError):
            raise TrainingFailed(
                f"out of memory with training.batch_size {settings.training.batch_size}; try "
                f"--set training.batch_size={max(1, settings.training.batch_size // 2)}"
            ) from error
        raise
    values = {name: [float(v) for v in series] for name, series in history.items()}
    if not all(math.isfinite(v) for v in values["loss"]):
        raise TrainingFailed(
            f"the loss became {values['loss'][-1]} in epoch {len(values['loss'])} of {total}; try a lower rate, such as "
            f"--set training.learning_rate={settings.training.learning_rate / 10:g}, or --set training.clip_norm=1"
        )
    return model, values


def compile_model(model: keras.Model, settings: FitSettings) -> None:
    """Compiles with the configured optimizer and the task's loss and metrics."""
    options, task = settings.training, settings.plan.task
    rate: Any = options.learning_rate
    if options.learning_rate_schedule:
        arguments = dict(options.learning_rate_schedule)
        schedule = getattr(keras.optimizers.schedules, str(arguments.pop("name", "")), None)
        if schedule is None:
            raise TrainingFailed(
                "training.learning_rate_schedule: expected the name of a class in keras.optimizers.schedules, "
                f"got {options.learning_rate_schedule.get('name')!r}"
            )
        rate = schedule(rate, **arguments)
    optimizer = keras.optimizers.get(
        {"class_name": options.optimizer, "config": {"learning_rate": rate, **options.optimizer_arguments}}
    )
    if options.clip_norm:
        optimizer.clipnorm = options.clip_norm
    loss, form = _loss(settings)
    smoothing = {"label_smoothing": options.label_smoothing} if options.label_smoothing else {}
    model.compile(
        optimizer=optimizer,
        loss=make_loss(loss, **smoothing),
        metrics=make_metrics(settings.output(), one_hot=form == "one_hot"),
    )


def _loss(settings: FitSettings) -> tuple[str, str]:
    """Returns the loss' full name and the form of the labels that it reads."""
    options = settings.training
    blended = options.label_smoothing > 0 and settings.plan.task == "multiclass"
    return resolve_loss(settings.plan.task, options.loss or "auto", soft_labels=blended)


class EpochProgress(keras.callbacks.Callback):
    """Reports every epoch, and the steps inside long ones."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs
        self._epoch = 0
        self._last = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remembers which epoch runs."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Reports at most twice a second."""
        now = time.monotonic()
        if now - self._last > 0.5:
            self._last = now
            steps = self.params.get("steps")
            progress.report("epoch", self._epoch, self.epochs, f"step {batch + 1}/{steps or '?'}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Reports the figures of the epoch."""
        figures = "  ".join(f"{name} {value:.4g}" for name, value in (logs or {}).items())
        progress.report("epoch", epoch + 1, self.epochs, figures)


def _callbacks(settings: FitSettings, data: FitData) -> list[keras.callbacks.Callback]:
    options, callbacks = settings.training, []
    stopping, plateau = options.early_stopping, options.reduce_on_plateau
    for block in (stopping, plateau):
        if block and block.monitor.startswith("val_") and not data.has_validation:
            raise TrainingFailed(
                f"training monitors {block.monitor}, but there is no validation data: set training.validation_fraction "
                "above 0, or give the train split more rows"
            )
    if stopping:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor=stopping.monitor,
                mode=direction(stopping.monitor),
                patience=stopping.patience,
                min_delta=stopping.min_delta,
                restore_best_weights=True,
            )
        )
    if plateau:
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor=plateau.monitor,
                mode=direction(plateau.monitor),
                factor=plateau.factor,
                patience=plateau.patience,
                min_lr=plateau.min_learning_rate,
            )
        )
    return callbacks


def _class_weights(settings: FitSettings, data: FitData) -> dict[int, float] | None:
    wanted, classes = settings.training.class_weights, settings.plan.classes
    if wanted is None or classes is None:
        return None
    if wanted == "balanced":
        if data.train is None:
            raise TrainingFailed(
                "training.class_weights: balanced needs data in memory; give a weight for each class by name, or raise "
                "training.memory_limit_mb"
            )
        counts = np.bincount(data.train.labels.astype(np.int64), minlength=len(classes))
        return {i: float(counts.sum() / (len(classes) * max(count, 1))) for i, count in enumerate(counts)}
    unknown = set(wanted) - set(classes)
    if unknown:
        raise TrainingFailed(
            f"training.class_weights: expected the names of classes ({', '.join(classes)}), got {', '.join(unknown)}"
        )
    return {i: float(wanted.get(name, 1.0)) for i, name in enumerate(classes)}


def write_predictions(
    path: str, model: keras.Model, reader: ExamplesReader, files: Sequence[str], label_units: tuple[float, float]
) -> None:
    """Writes a split's labels and the fitted model's own predictions, in the order of the files.

    The parity check compares the exported model with them, the report shows them.
    ``predictions`` is float32 [rows, units] and ``labels`` [rows], both in the label's units for regression.
    """
    names = [spec.name for spec in reader.plan.inputs()]
    predictions, labels = [], []
    for batch in reader.batches(files).prefetch(2):
        predictions.append(np.asarray(model.predict_on_batch({name: batch[name] for name in names}), np.float32))
        labels.append(batch["label"].numpy())
    scale, shift = label_units
    scaled = np.concatenate(predictions) if predictions else np.zeros((0, 1), np.float32)
    known = np.concatenate(labels) if labels else np.zeros((0,), np.float32)
    if (scale, shift) != (1.0, 0.0):
        scaled = scaled * np.float32(scale) + np.float32(shift)
        known = known * np.float32(scale) + np.float32(shift)
    np.savez_compressed(path, predictions=scaled, labels=known)


def _rows(arrays: Arrays | None) -> int | None:
    return None if arrays is None else len(arrays)


def _other_splits(patterns: Sequence[str]) -> dict[str, list[str]]:
    """Groups file patterns by the split whose folder (``Split-eval``) they are in."""
    splits: dict[str, list[str]] = {}
    for pattern in patterns:
        folder = os.path.basename(os.path.dirname(pattern))
        splits.setdefault(folder.removeprefix("Split-"), []).append(pattern)
    return splits


def _write_json(folder: str, name: str, value: Any) -> None:
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
