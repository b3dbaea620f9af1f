"""All fits that a model is made of: members of an ensemble, each perhaps again on all rows; and a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from kerasline.components.core import TrainingFailed, counted, progress
from kerasline.components.fitting import CheckpointFile, FitData, FitSettings, fit, hold_schedule
from kerasline.components.models import average, direction, with_temperature
from kerasline.components.training.calibrating import calibrate

History = dict[str, list[float]]
_BATCH = 1024


@dataclass(frozen=True)
class Fitted:
    """What came of them.

    Attributes:
      model: The model that is exported.
      history: History of the first member's first fit.
      told: What the summary tells: ``ensemble``, ``refit`` and ``calibration``, None for what was not asked for.
    """

    model: keras.Model
    history: History
    told: dict[str, Any]


def fit_whole(
    settings: FitSettings, data: FitData, checkpoint: CheckpointFile | None = None, log_folder: str | None = None
) -> Fitted:
    """Fits what the settings ask for.

    Args:
      settings: Model and training options; ``model.ensemble``, ``training.refit`` and ``training.calibration`` say
        which fits there are.
      data: Rows as ``read_fit_data`` returns them.
      checkpoint: Where the first fit keeps its state; others have theirs beside it.
      log_folder: Folder for TensorBoard logs of the first fit.

    Raises:
      TrainingFailed: a fit failed, or the rows that are asked for stream or are not there.
    """
    _check_rows(settings, data)
    seeds = [settings.seed + number for number in range(ensemble_of(settings))]
    firsts, finals, refits = [], [], []
    history: History = {}
    for number, seed in enumerate(seeds):
        own = settings.model_copy(update={"seed": seed})
        if len(seeds) > 1:
            progress.report("fit", number + 1, len(seeds), f"of seed {seed}", permanent=True)
        logs = None if number else log_folder
        model, curves = fit(own, data, checkpoint=_checkpoint_of(number, checkpoint), log_folder=logs)
        history = history or curves
        firsts.append(model)
        if settings.training.refit:
            refits.append(best_epoch(own, curves))
            text = f"again, on train and validation rows, {counted(refits[-1], 'epoch')}"
            progress.report("fit", number + 1, len(seeds), text, permanent=True)
            model = refit(own, data, refits[-1])
        finals.append(model)
    final, calibration = average(finals), None
    if settings.training.calibration == "temperature":
        # The rows that show the temperature are those that the first fits have not seen.
        calibration = _calibrate(average(firsts), settings, data)
        final = with_temperature(final, settings.plan.task, calibration["temperature"])
    return Fitted(final, history, {
        "ensemble": {"seeds": seeds} if len(seeds) > 1 else None,
        "refit": {"epochs": refits, "rows": _rows_of_refit(data)} if refits else None,
        "calibration": calibration,
    })  # fmt: skip


def ensemble_of(settings: FitSettings) -> int:
    """Returns how many networks are fitted."""
    return int(getattr(settings.model, "ensemble", 1))


def best_epoch(settings: FitSettings, history: History) -> int:
    """Returns after how many epochs the kept weights were reached."""
    monitor = settings.training.kept_by()
    series = history.get(monitor, [])
    if not series:
        return len(history["loss"])
    return series.index(min(series) if direction(monitor) == "min" else max(series)) + 1


def refit(settings: FitSettings, data: FitData, epochs: int) -> keras.Model:
    """Fits anew on train and validation rows, for so many epochs; the rate falls as it did in the first fit."""
    assert data.train is not None and data.validation is not None
    options = settings.training
    changes: dict[str, Any] = {"epochs": epochs, "early_stopping": None, "budget": None, "validation_fraction": 0.0}
    if options.learning_rate_schedule is not None:
        changes["learning_rate_schedule"] = hold_schedule(options.learning_rate_schedule, options.epochs)
    whole = FitData(data.train.join(data.validation), None, None, False)
    model, _ = fit(settings.model_copy(update={"training": options.model_copy(update=changes)}), whole)
    return model


def _check_rows(settings: FitSettings, data: FitData) -> None:
    asked = {"refit": settings.training.refit, "calibration": settings.training.calibration != "none"}
    key = next((name for name, is_asked in asked.items() if is_asked), None)
    if key is None:
        return
    if data.train is None:
        raise TrainingFailed(
            f"training.{key}: expected rows in memory, but they are more than training.memory_limit_mb takes; raise "
            "that limit, or leave the key out"
        )
    if data.validation is None:
        raise TrainingFailed(
            f"training.{key}: expected validation rows, but none of the {len(data.train)} rows of the train split is "
            "held out: raise training.validation_fraction, or give the train split more rows"
        )


def _calibrate(model: keras.Model, settings: FitSettings, data: FitData) -> dict[str, Any]:
    rows = data.validation
    assert rows is not None
    parts = [model.predict_on_batch(_part(rows.inputs, start)) for start in range(0, len(rows), _BATCH)]
    return calibrate(rows.labels, np.concatenate([np.asarray(part, np.float32) for part in parts]), settings.plan.task)


def _part(inputs: dict[str, np.ndarray], start: int) -> dict[str, np.ndarray]:
    return {name: values[start : start + _BATCH] for name, values in inputs.items()}


def _rows_of_refit(data: FitData) -> int:
    return sum(len(part) for part in (data.train, data.validation) if part is not None)


def checkpoints_of(checkpoint: CheckpointFile | None, settings: FitSettings) -> Sequence[CheckpointFile]:
    """Lists the checkpoints that the fits may have left."""
    members = [_checkpoint_of(number, checkpoint) for number in range(ensemble_of(settings))]
    return [member for member in members if member is not None]


def _checkpoint_of(number: int, checkpoint: CheckpointFile | None) -> CheckpointFile | None:
    """Returns where a member of an ensemble keeps its state: the first where it was asked for, others beside it."""
    if checkpoint is None or number == 0:
        return checkpoint
    return replace(checkpoint, key=f"{checkpoint.key}-{number}")
