"""All fits that a model is made of: members of an ensemble, each perhaps again on all rows; and a temperature."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from kerasline.components.core import TrainingFailed, counted, progress, seconds_of
from kerasline.components.fitting import (
    CheckpointFile,
    FitData,
    FitSettings,
    TrainingOptions,
    fit,
    hold_mean,
    hold_schedule,
)
from kerasline.components.models import average, with_temperature
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
      TrainingFailed: a fit failed, or the rows that are asked for are not there.
    """
    _check_rows(settings, data)
    seeds = [settings.seed + number for number in range(ensemble_of(settings))]
    whole = data.whole() if settings.training.refit else None
    members = []
    for number, seed in enumerate(seeds):
        if len(seeds) > 1:
            progress.report("fit", number + 1, len(seeds), f"of seed {seed}", permanent=True)
        own, kept_at = settings.model_copy(update={"seed": seed}), _checkpoint_of(number, checkpoint)
        members.append(_fit_member(own, data, whole, kept_at, None if number else log_folder))
    final, calibration = average([member.final for member in members]), None
    if settings.training.calibration == "temperature":
        # The rows that show the temperature are those that the first fits have not seen.
        calibration = _calibrate(average([member.first for member in members]), settings, data)
        final = with_temperature(final, settings.plan.task, calibration["temperature"])
    return Fitted(final, members[0].history, {
        "ensemble": {"seeds": seeds} if len(seeds) > 1 else None,
        "refit": _tell_refits(members, whole),
        "calibration": calibration,
    })  # fmt: skip


@dataclass(frozen=True)
class _Member:
    """One network of the model.

    Attributes:
      first: As the first fit leaves it.
      final: After the refit; the same where there is none.
      history: History of the first fit.
      epochs: Epochs of the refit, 0 where there is none.
    """

    first: keras.Model
    final: keras.Model
    history: History
    epochs: int = 0


def _fit_member(
    settings: FitSettings, data: FitData, whole: FitData | None, checkpoint: CheckpointFile | None, logs: str | None
) -> _Member:
    """Fits a network, and fits it anew where ``whole`` has all rows for it."""
    end = _end_of_budget(settings.training)
    first, history = fit(_first(settings), data, checkpoint=checkpoint, log_folder=logs)
    if whole is None:
        return _Member(first, first, history)
    epochs = best_epoch(settings, history)
    text = f"again, on train and validation rows, {counted(epochs, 'epoch')}"
    progress.report("fit", 1, 1, text, permanent=True)
    again = refit(settings, whole, epochs, end)
    return _Member(first, first, history) if again is None else _Member(first, again, history, epochs)


def _tell_refits(members: Sequence[_Member], whole: FitData | None) -> dict[str, Any] | None:
    """Returns the epochs of the refits, the rows, and how many refits the budget had no time for; None without any."""
    if whole is None:
        return None
    epochs = [member.epochs for member in members if member.epochs]
    return {"epochs": epochs, "rows": whole.rows, "late": len(members) - len(epochs)}


def ensemble_of(settings: FitSettings) -> int:
    """Returns how many networks are fitted."""
    return int(getattr(settings.model, "ensemble", 1))


def best_epoch(settings: FitSettings, history: History) -> int:
    """Returns after how many epochs the kept weights were reached."""
    monitor = settings.training.kept_by()
    series = history.get(monitor, [])
    if not series:
        return len(history["loss"])
    return series.index(min(series) if settings.training.is_kept_by() == "min" else max(series)) + 1


def _end_of_budget(options: TrainingOptions) -> float:
    """Returns when a fit that begins now, and its refit with it, has to be done; infinite without a budget."""
    return math.inf if options.budget is None else time.monotonic() + seconds_of(options.budget)


def _first(settings: FitSettings) -> FitSettings:
    """Leaves the refit so much of the budget that it can go as far with its rows, which are more."""
    options = settings.training
    if options.budget is None or not options.refit:
        return settings
    held_out = options.validation_fraction
    return _with(settings, budget=_time(seconds_of(options.budget) * (1 - held_out) / (2 - held_out)))


def _time(seconds: float) -> str:
    """Writes a time as ``training.budget`` has it."""
    return f"{max(seconds, 0.001):.3f}".rstrip("0").rstrip(".") + "s"


def _with(settings: FitSettings, **changes: Any) -> FitSettings:
    return settings.model_copy(update={"training": settings.training.model_copy(update=changes)})


def refit(settings: FitSettings, whole: FitData, epochs: int, end: float = math.inf) -> keras.Model | None:
    """Fits anew on all rows, for so many epochs; the rate falls as it did in the first fit.

    Args:
      settings: Those of the first fit.
      whole: Train and validation rows, all to train on.
      epochs: How many epochs were best in the first fit.
      end: When it has to be done, on the clock of ``time.monotonic``.

    Returns:
      The model, None where the end came before the last of these epochs was done: with its rate still high, such a
      model is worse than that of the first fit.
    """
    options, left = settings.training, end - time.monotonic()
    changes: dict[str, Any] = {"epochs": epochs, "early_stopping": None, "validation_fraction": 0.0}
    # The epochs were chosen with a mean of weights that reached as far back.
    changes["optimizer_arguments"] = hold_mean(options, math.ceil(whole.rows / options.batch_size))
    changes["budget"] = None if options.budget is None else _time(left)
    if options.learning_rate_schedule is not None:
        changes["learning_rate_schedule"] = hold_schedule(options.learning_rate_schedule, options.epochs)
    model, _ = fit(_with(settings, **changes), whole) if left > 0 else (None, {})
    if time.monotonic() < end:
        return model
    text = f"training.budget {options.budget} is spent before the refit is done; the first fit's network is kept"
    progress.report("fit", 1, 1, text, permanent=True)
    return None


def _check_rows(settings: FitSettings, data: FitData) -> None:
    asked = {"refit": settings.training.refit, "calibration": settings.training.calibration != "none"}
    key = next((name for name, is_asked in asked.items() if is_asked), None)
    if key is not None and not data.has_validation:
        raise TrainingFailed(
            f"training.{key}: expected validation rows, but none of the {data.rows} rows of the train split is "
            "held out: raise training.validation_fraction, or give the train split more rows"
        )


def _calibrate(model: keras.Model, settings: FitSettings, data: FitData) -> dict[str, Any]:
    scores, labels = [], []
    for inputs, known in _validation_parts(data):
        scores.append(np.asarray(model.predict_on_batch(inputs), np.float32))
        labels.append(np.asarray(known))
    return calibrate(np.concatenate(labels), np.concatenate(scores), settings.plan.task)


def _validation_parts(data: FitData) -> Iterator[tuple[Any, Any]]:
    """Yields inputs and labels of the rows that are held out, some at a time."""
    rows = data.validation
    if rows is None:
        assert data.stream is not None
        yield from ((inputs, labels) for inputs, labels, *_ in data.stream("validation", _BATCH, lambda: 0))
        return
    for start in range(0, len(rows), _BATCH):
        part = slice(start, start + _BATCH)
        yield {name: values[part] for name, values in rows.inputs.items()}, rows.labels[part]


def checkpoints_of(checkpoint: CheckpointFile | None, settings: FitSettings) -> Sequence[CheckpointFile]:
    """Lists the checkpoints that the fits may have left."""
    members = [_checkpoint_of(number, checkpoint) for number in range(ensemble_of(settings))]
    return [member for member in members if member is not None]


def _checkpoint_of(number: int, checkpoint: CheckpointFile | None) -> CheckpointFile | None:
    """Returns where a member of an ensemble keeps its state: the first where it was asked for, others beside it."""
    if checkpoint is None or number == 0:
        return checkpoint
    return replace(checkpoint, key=f"{checkpoint.key}-{number}")
