"""Fits a model as the settings say: in this process, or in one of its own where the place asks for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from kerasline.components.core import TrainingFailed, progress
from kerasline.components.fitting.batches import Batches, read_batches
from kerasline.components.fitting.compiling import compile_model
from kerasline.components.fitting.own_parts import make_own_callbacks
from kerasline.components.fitting.own_training import (
    CheckFigures,
    build_metrics,
    check_own_training,
    explain_failure,
    for_trainee,
    trainee_of,
)
from kerasline.components.fitting.places import Place, choose_place, settled
from kerasline.components.fitting.rows import WHOLE, Feed, FitData, Share
from kerasline.components.fitting.settings import FitSettings
from kerasline.components.fitting.watching import (
    CheckpointFile,
    EndInTime,
    EpochProgress,
    FitState,
    KeptModel,
    SaveEpochs,
    StopAtNaN,
    TensorBoardLog,
    settlers,
    watchers,
)
from kerasline.components.models import build_model

History = dict[str, list[float]]


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs with one set of trainable layers and one learning rate.

    Attributes:
      number: 0, or 1 while fine-tuning.
      first: Its first epoch, counted over both phases.
      last: The epoch that it ends before, counted over both phases.
      learning_rate: A constant rate; None is what the options say.
      from_layer: The first layer of the base that trains; None leaves all as built.
    """

    number: int
    first: int
    last: int
    learning_rate: float | None = None
    from_layer: str | None = None


def phases(settings: FitSettings) -> list[Phase]:
    """Lists the phases of a fit."""
    options = settings.training
    made = [Phase(0, 0, options.epochs)]
    tune = options.fine_tune
    if tune is not None:
        made.append(Phase(1, options.epochs, options.epochs + tune.epochs, tune.learning_rate, tune.from_layer))
    return made


def _unit(settings: FitSettings) -> str:
    """Says what the figures of an epoch are in: a scaled label's error is not in the label's units."""
    units = {
        "z_score": "(in standard deviations of the label)",
        "log": "(in standard deviations of the label's logarithm)",
    }
    return units.get(settings.plan.label_scale, "")


def fit(
    settings: FitSettings,
    data: FitData,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    *,
    checkpoint: CheckpointFile | None = None,
    log_folder: str | None = None,
    kept: KeptModel | None = None,
) -> tuple[keras.Model, History]:
    """Builds, compiles and fits the model.

    Args:
      settings: Model and training options.
      data: Rows as ``read_fit_data`` returns them.
      callbacks: More Keras callbacks; a fit in a process of its own tells them only the ends of its epochs.
      checkpoint: Where to keep the state of every epoch, and to look for one to continue from.
      log_folder: Folder for TensorBoard logs, None for none.
      kept: Where fits of the same settings pass their network on; a fit of two phases, or in a process of its own,
        leaves it alone.

    Returns:
      The model, in float32 and under the backend of this process, and its history: metric name to a value for each
      epoch.

    Raises:
      TrainingFailed: the loss is not finite, memory ran out, or the data does not suit the place.
      ConfigError: the model does not suit the data, or the machine lacks what the options name.
    """
    place = choose_place(settings.training)
    has_to_stream = data.train is None
    if has_to_stream and (place.backend != "tensorflow" or place.strategy != "none"):
        raise TrainingFailed(
            f"training.backend {place.backend} with strategy {place.strategy} reads from memory, but the data is "
            "larger than training.memory_limit_mb and streams; raise that limit, or use backend: tensorflow and "
            "strategy: none"
        )
    if place.own_process and not has_to_stream:
        from kerasline.components.fitting.places import fit_in_process

        weights, history = fit_in_process(settings, data, place, callbacks, checkpoint, log_folder)
    else:
        # The second phase compiles the network anew.
        kept = kept if settings.training.fine_tune is None else None
        model, history = fit_here(
            settings, data, place, callbacks, checkpoint=checkpoint, log_folder=log_folder, kept=kept
        )
        if place.precision == "float32":
            return model, history
        weights = model.get_weights()
    # Weights are float32 under every policy; built anew, the model computes in float32 wherever it is served.
    model = build_model(settings.model, settings.plan.inputs(), settings.output(), seed=settings.seed)
    model.set_weights(weights)
    return model, history


def fit_here(
    settings: FitSettings,
    data: FitData,
    place: Place,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    *,
    share: Share = WHOLE,
    start: Sequence[np.ndarray] | None = None,
    checkpoint: CheckpointFile | None = None,
    log_folder: str | None = None,
    kept: KeptModel | None = None,
) -> tuple[keras.Model, History]:
    """Fits under the backend of this process.

    Args:
      settings: Model and training options.
      data: Rows as ``read_fit_data`` returns them.
      place: Where the fit runs; the backend is that of this process.
      callbacks: More Keras callbacks.
      share: Part of each batch that this process reads.
      start: Initial weights, in the order of ``model.get_weights()``; None leaves them as built.
      checkpoint: Where to keep the state of every epoch, and to look for one to continue from.
      log_folder: Folder for TensorBoard logs, None for none.
      kept: Where fits of the same settings pass their network on.

    Returns:
      The model under ``place.precision``, and its history.

    Raises:
      TrainingFailed: the loss is not finite, or memory ran out.
      ConfigError: the model does not suit the data.
    """
    keras.utils.set_random_seed(settings.seed)
    state = checkpoint.load() if checkpoint else None
    clock = EndInTime(settings.training)
    with settled(place) as scope, scope:
        model = _take_or_build(settings, start, kept)
        trainee = trainee_of(model)
        read = read_batches(trainee, settings, data, share)
        if trainee is not model:
            read, kept = for_trainee(read, trainee, settings), None
        history = {} if state is None else {name: list(values) for name, values in state.history.items()}
        course = _Course(settings, trainee, read, clock, history, callbacks, checkpoint, log_folder)
        for phase in phases(settings):
            if phase.from_layer is not None:
                _unfreeze(model, phase.from_layer)
            is_done = state is not None and state.phase > phase.number
            if clock.is_over or is_done:
                continue
            _compile_unless_kept(model, course, phase, kept)
            # A state belongs to the phase that it was saved in; the next one begins at its own beginning.
            resumed, state = state, None
            _fit_phase(course, phase, resumed)
    return model, course.history


@dataclass(frozen=True)
class _Course:
    """What the phases of a fit have in common.

    Attributes:
      settings: Model and training options.
      trainee: The network that ``fit`` is called on.
      read: Its batches.
      clock: Ends the fit when its time is over.
      history: Metric name to a value for each epoch so far; grows with every phase.
      callbacks: More Keras callbacks.
      checkpoint: Where the state of every epoch is kept, None for nowhere.
      log_folder: Folder for TensorBoard logs, None for none.
    """

    settings: FitSettings
    trainee: keras.Model
    read: Batches
    clock: EndInTime
    history: History
    callbacks: Sequence[keras.callbacks.Callback]
    checkpoint: CheckpointFile | None
    log_folder: str | None


def _take_or_build(settings: FitSettings, start: Sequence[np.ndarray] | None, kept: KeptModel | None) -> keras.Model:
    """Takes the network that an earlier fit left, or builds one, and gives it the weights to start from."""
    model = None if kept is None else kept.take(settings)
    if model is None:
        model = build_model(settings.model, settings.plan.inputs(), settings.output(), seed=settings.seed)
    if start is not None:
        model.set_weights(list(start))
    check_own_training(model, settings)
    return model


def _compile_unless_kept(model: keras.Model, course: _Course, phase: Phase, kept: KeptModel | None) -> None:
    """Compiles, unless the network that was taken is compiled for as many steps already."""
    steps = course.read.steps
    if kept is not None and kept.is_compiled(model, steps):
        return
    _compile(course.trainee, course.settings, course.read, phase.learning_rate)
    if kept is not None:
        kept.put(model, course.settings, steps)


def _fit_phase(course: _Course, phase: Phase, resumed: FitState | None) -> None:
    """Fits the epochs of one phase, and adds their figures to the history.

    Args:
      course: What the phases have in common.
      phase: The phase.
      resumed: State of an interrupted fit to continue from, None to begin.
    """
    settings, history = course.settings, course.history
    first = phase.first
    if resumed is not None:
        first = phase.last if resumed.stopped else resumed.epoch
        _tell_resumed(resumed, phase)
    watched = watchers(settings.training, course.trainee.optimizer)
    nan = StopAtNaN()
    figures = CheckFigures([callback.monitor for callback in watched if hasattr(callback, "monitor")])
    shown = EpochProgress(phases(settings)[-1].last, _unit(settings))
    every = [course.read.order, shown, nan, course.clock, figures, *watched, *course.callbacks]
    every += make_own_callbacks(settings.training)
    every += settlers(watched)
    if course.log_folder:
        every.append(TensorBoardLog(course.log_folder, history))
    if course.checkpoint:
        every.append(SaveEpochs(course.checkpoint, phase.number, watched, history, resumed))
    fitted = _run(course.trainee, course.read, every, first, phase.last, settings)
    for name, values in fitted.items():
        history.setdefault(name, []).extend(float(value) for value in values)
    _check_finite(nan, history, phase.last, settings)


def _compile(trainee: keras.Model, settings: FitSettings, read: Batches, rate: float | None) -> None:
    try:
        compile_model(trainee, settings, steps=read.steps, learning_rate=rate, together=read.together)
        trainee.optimizer.build(trainee.trainable_variables)
        build_metrics(trainee, read)
    except Exception as error:
        failure = explain_failure(error, trainee, settings)
        if failure is None:
            raise
        raise failure from error


def _run(
    model: keras.Model,
    read: Batches,
    callbacks: list[keras.callbacks.Callback],
    first: int,
    last: int,
    settings: FitSettings,
) -> History:
    try:
        history: History = model.fit(
            read.train,
            validation_data=read.validation,
            # Without it Keras makes two iterators for an epoch; other backends' batches are no iterators.
            steps_per_epoch=None if isinstance(read.train, Feed) else read.steps,
            validation_steps=read.validation_steps,
            initial_epoch=first,
            epochs=last,
            verbose=0,
            shuffle=False,
            callbacks=callbacks,
        ).history
    except Exception as error:
        if _is_out_of_memory(error):
            size = settings.training.batch_size
            raise TrainingFailed(
                f"out of memory with training.batch_size {size}; try --set training.batch_size={max(1, size // 2)}"
            ) from error
        failure = explain_failure(error, model, settings)
        if failure is None:
            raise
        raise failure from error
    return history


def _is_out_of_memory(error: Exception) -> bool:
    """Knows it by TensorFlow's and PyTorch's class, and by the text of JAX's."""
    name = type(error).__name__
    return (
        isinstance(error, MemoryError)
        or "ResourceExhausted" in name
        or "OutOfMemory" in name
        or "RESOURCE_EXHAUSTED" in str(error)
    )


def _check_finite(nan: StopAtNaN, history: History, epochs: int, settings: FitSettings) -> None:
    losses = history.get("loss", [])
    found = nan.found
    if found is None and losses and not math.isfinite(losses[-1]):
        found = (len(losses), "", losses[-1])
    if found is None:
        return
    epoch, batches, loss = found
    where = f"in {batches} of epoch {epoch}" if batches else f"in epoch {epoch}"
    rate = settings.training.learning_rate / 10
    raise TrainingFailed(
        f"the loss became {loss} {where} of {epochs}, so training stopped; try a lower rate, such as "
        f"--set training.learning_rate={rate:g}, or --set training.clip_norm=1"
    )


def _unfreeze(model: keras.Model, from_layer: str) -> None:
    from kerasline.components.models import unfreeze

    unfreeze(model, None if from_layer == "all" else from_layer)


def _tell_resumed(state: FitState, phase: Phase) -> None:
    text = f"continuing in epoch {min(state.epoch + 1, phase.last)} of {phase.last}"
    progress.report("epoch", state.epoch, phase.last, text, permanent=True)
