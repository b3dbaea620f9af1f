"""The Trainer's run_fn: fits the model, exports it, and writes its predictions on the splits that it has not seen."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from tfx.components.trainer.fn_args_utils import FnArgs

from kerasline.components.features import LabelUnits
from kerasline.components.fitting import (
    Arrays,
    CheckpointFile,
    ExamplesReader,
    FitSettings,
    checkpoint_key,
    choose_place,
    decode_hyperparameters,
    expand,
    make_reader,
    read_fit_data,
    score_training_rows,
)
from kerasline.components.training.keras_file import KERAS_FILE, save_keras
from kerasline.components.training.own_network import check_own_network
from kerasline.components.training.signatures import export
from kerasline.components.training.whole_fit import checkpoints_of, fit_whole

HISTORY_FILE = "history.json"
SUMMARY_FILE = "summary.json"
PLAN_FILE = "plan.json"
PREDICTIONS_FILE = "predictions-{split}.npz"
LOG_FOLDER = "tensorboard"


def run_fn(fn_args: FnArgs) -> None:
    """Trains on the train split, exports the model, and writes its predictions on the other splits.

    Args:
      fn_args: TFX's arguments. ``custom_config`` holds ``settings`` (:class:`FitSettings` as JSON), ``code_version``,
        ``checkpoints``, the folder where a fit that is killed leaves its last epoch, ``formats``, those that are wanted
        beside the SavedModel, and ``missing_words``, by column as JSON, which the exported model takes for no value;
        ``hyperparameters`` the Tuner's winner, whose keys are config keys.

    Raises:
      TrainingFailed: the loss is not finite, or memory ran out.
      ConfigError: a user's own network cannot be saved, and a format needs it.
    """
    settings = FitSettings.model_validate_json(fn_args.custom_config["settings"])
    if fn_args.hyperparameters:
        settings = settings.with_changes(decode_hyperparameters(fn_args.hyperparameters["values"]))
    check_own_network(settings, fn_args.custom_config.get("formats") or [])
    reader = make_reader(fn_args.transform_output, settings)
    data = read_fit_data(reader, fn_args.train_files, settings)
    checkpoint = _checkpoint(fn_args, settings)
    os.makedirs(fn_args.model_run_dir, exist_ok=True)
    logs = os.path.join(fn_args.model_run_dir, LOG_FOLDER) if settings.training.tensorboard else None
    started = time.monotonic()
    fitted = fit_whole(settings, data, checkpoint, logs)
    model, history = fitted.model, fitted.history
    fit_seconds = time.monotonic() - started
    label_units = reader.label_units(fn_args.train_files)
    words = json.loads(fn_args.custom_config.get("missing_words") or "{}")
    export(fn_args.serving_model_dir, model, reader.graph, settings.plan, label_units, words)
    keras_problem = save_keras(os.path.join(fn_args.model_run_dir, KERAS_FILE), model, label_units)
    for split, files in _other_splits(fn_args.eval_files).items():
        write_predictions(
            os.path.join(fn_args.model_run_dir, PREDICTIONS_FILE.format(split=split)), model, reader, files, label_units
        )
    _write_json(fn_args.model_run_dir, HISTORY_FILE, history)
    # A search may have chosen other features than the recipe's; what comes after the Trainer reads them here.
    _write_json(fn_args.model_run_dir, PLAN_FILE, settings.plan.model_dump(mode="json"))
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
            "keras_problem": keras_problem,
            "fit_seconds": round(fit_seconds, 3),
            **fitted.told,
            "input": "stream" if data.train is None else "memory",
            "rows": {"train": _rows(data.train), "validation": _rows(data.validation)},
            "train_metrics": score_training_rows(model, settings, data),
            "weights_sha256": hash_weights(model),
            "place": choose_place(settings.training).describe(),
            "features": settings.chosen_features(),
            "settings": settings.model_dump(mode="json", exclude={"plan", "alternatives"}),
        },
    )
    for kept in checkpoints_of(checkpoint, settings):
        kept.remove()


def _checkpoint(fn_args: FnArgs, settings: FitSettings) -> CheckpointFile | None:
    folder = fn_args.custom_config.get("checkpoints")
    if not folder:
        return None
    texts = [settings.model_dump_json(), str(fn_args.custom_config.get("code_version", ""))]
    return CheckpointFile(folder, checkpoint_key(texts, [fn_args.transform_output], expand(fn_args.train_files)))


def hash_weights(model: keras.Model) -> str:
    """Returns the sha256 over all weights, to compare two runs bit by bit."""
    digest = hashlib.sha256()
    for values in model.get_weights():
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def write_predictions(
    path: str, model: keras.Model, reader: ExamplesReader, files: Sequence[str], label_units: LabelUnits
) -> None:
    """Writes a split's labels and the fitted model's own predictions, in the order of the files.

    The parity check compares the exported model with them, the report shows them.
    ``predictions`` is float32 [rows, units] and ``labels`` [rows], both in the label's units for regression.

    Args:
      path: The NPZ file to write, a path or an address.
      model: The fitted network.
      reader: Reads and transforms the rows.
      files: Patterns of the split's GZIP TFRecord files.
      label_units: What gives a regression label its own units.
    """
    names = reader.names
    predictions, labels = [], []
    for batch in reader.batches(files).prefetch(2):
        predictions.append(np.asarray(model.predict_on_batch({name: batch[name] for name in names}), np.float32))
        labels.append(batch["label"].numpy())
    scaled = np.concatenate(predictions) if predictions else np.zeros((0, 1), np.float32)
    known = np.concatenate(labels) if labels else np.zeros((0,), np.float32)
    np.savez_compressed(path, predictions=label_units.restore(scaled, np), labels=label_units.restore(known, np))


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
