"""What watches a fit: progress, early stopping, checkpoints and TensorBoard."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasline.components.core import progress, rounded, seconds_of
from kerasline.components.fitting.settings import EarlyStopping, TrainingOptions
from kerasline.components.fitting.watching.checkpoints import CheckpointFile, FitState


class MeanWeights(keras.callbacks.SwapEMAWeights):
    """Lets the running mean of the weights, which an optimizer with ``use_ema`` keeps, be what is measured and kept.

    It stands before early stopping in the list, so that the best weights are such means; Keras itself puts the mean in
    place after the last epoch alone.
    """

    def __init__(self) -> None:
        super().__init__(swap_on_epoch=True)

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Leaves the mean in place until the next epoch begins."""

    def settle(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keeps the mean for good where this is the last epoch, as other callbacks may have decided before."""
        if self.model.stop_training or epoch == self.params["epochs"] - 1:
            self._finalize_ema_values()


# The counters of callbacks that decide what they do next.
_COUNTERS: dict[type[keras.callbacks.Callback], tuple[str, ...]] = {
    MeanWeights: ("_ema_weights_in_model",),
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
}


class EpochProgress(keras.callbacks.Callback):
    """Reports every epoch, and the steps inside long ones.

    Args:
      epochs: Epochs of the whole fit.
      unit: Unit of the figures, where it is not the label's own; the final ones are in the label's.
    """

    def __init__(self, epochs: int, unit: str = "") -> None:
        super().__init__()
        self.epochs, self.unit = epochs, unit
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
            progress.report(
                "epoch", self._epoch, self.epochs, f"step {_steps_done(self, batch)}/{self.params['steps']}"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Reports the figures of the epoch."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        text = "  ".join(f"{name} {rounded(value)}" for name, value in figures.items())
        progress.report("epoch", epoch + 1, self.epochs, f"{text}  {self.unit}".rstrip(), figures=figures)


def _steps_done(callback: keras.callbacks.Callback, batch: int) -> int:
    """Counts an epoch's steps; where Keras makes several at once, it may count the last ones beyond the end."""
    return min(batch + 1, int(callback.params["steps"]))


class StopAtNaN(keras.callbacks.Callback):
    """Stops after the batch, or the few batches that Keras takes at once, whose loss is not finite, and says where.

    Attributes:
      found: Epoch from 1, batches such as "batch 3" or "batches 1 to 8", and loss; None where there was nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: tuple[int, str, float] | None = None
        self._epoch = self._first = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remembers which epoch runs."""
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Remembers where it begins."""
        self._first = batch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Looks at the loss."""
        loss = float((logs or {}).get("loss", 0.0))
        if self.found is None and not math.isfinite(loss):
            last = _steps_done(self, batch)
            batches = f"batch {last}" if last == self._first else f"batches {self._first} to {last}"
            self.found = (self._epoch + 1, batches, loss)
            self.model.stop_training = True


class EndInTime(keras.callbacks.Callback):
    """Ends a fit whose time is over; looks after every step, or the few light ones that Keras takes at once.

    Args:
      options: Training options; ``budget`` is the time, which begins now.

    Attributes:
      is_over: Whether it has ended the fit.
    """

    def __init__(self, options: TrainingOptions) -> None:
        super().__init__()
        self._budget = options.budget
        self._end = math.inf if options.budget is None else time.monotonic() + seconds_of(options.budget)
        self.is_over = False
        self._epoch = self._steps = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Remembers which epoch runs."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Looks at the clock."""
        self._steps = _steps_done(self, batch)
        if time.monotonic() >= self._end:
            self.is_over = self.model.stop_training = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Says that the time was over, and if it was too short for anything."""
        if not self.is_over:
            return
        steps, epochs = self.params["steps"], self.params["epochs"]
        text = f"training.budget {self._budget} ended the fit in epoch {self._epoch + 1} of {epochs}"
        if self._epoch == 0 and self._steps < steps:
            text += f", after {self._steps} of its {steps} steps: shorter than an epoch, so raise it"
        progress.report("epoch", self._epoch + 1, epochs, text, permanent=True)


class SaveEpochs(keras.callbacks.Callback):
    """Saves the fit after every epoch, and puts a saved one back before the first.

    It stands after early stopping and the plateau in the list, so that it sees what they did, and after
    ``on_train_begin`` has reset their counters.

    Args:
      file: Where the state is saved.
      phase: 0, or 1 while fine-tuning.
      watched: Callbacks whose counters belong to the state.
      history: History of the epochs before this fit began.
      resumed: The state to continue from, None to begin.
    """

    def __init__(
        self,
        file: CheckpointFile,
        phase: int,
        watched: Sequence[keras.callbacks.Callback],
        history: dict[str, list[float]],
        resumed: FitState | None,
    ) -> None:
        super().__init__()
        self._file, self._phase, self._resumed = file, phase, resumed
        self._watched = [callback for callback in watched if type(callback) in _COUNTERS]
        self._history = {name: list(values) for name, values in history.items()}

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Puts the resumed state into the model, its optimizer and the watched callbacks."""
        if self._resumed is not None:
            restore_state(self._resumed, self.model, self._watched)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves, unless the loss says that there is nothing worth keeping."""
        logs = logs or {}
        for name, value in logs.items():
            self._history.setdefault(name, []).append(float(value))
        if math.isfinite(logs.get("loss", 0.0)):
            self._file.save(capture_state(self.model, self._watched, self._phase, epoch + 1, self._history))


def capture_state(
    model: keras.Model,
    watched: Sequence[keras.callbacks.Callback],
    phase: int,
    epoch: int,
    history: dict[str, list[float]],
) -> FitState:
    """Copies all that the next epoch depends on.

    Args:
      model: The network, with its optimizer.
      watched: Callbacks whose counters belong to the state.
      phase: 0, or 1 while fine-tuning.
      epoch: The next epoch, counted over both phases.
      history: Metric name to a value for each epoch so far.
    """
    state = FitState(phase, epoch, bool(model.stop_training), history)
    for kind, variables in _variables(model).items():
        state.put(kind, [keras.ops.convert_to_numpy(variable) for variable in variables])
    for callback in watched:
        counters = {name: getattr(callback, name) for name in _COUNTERS[type(callback)]}
        state.callbacks[type(callback).__name__] = {
            name: float(value) if isinstance(value, (float, np.floating)) else value for name, value in counters.items()
        }
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.best_weights is not None:
            state.put("best", callback.best_weights)
    return state


def restore_state(state: FitState, model: keras.Model, watched: Sequence[keras.callbacks.Callback]) -> None:
    """Puts a copied state back."""
    for kind, variables in _variables(model).items():
        for variable, value in zip(variables, state.take(kind), strict=True):
            variable.assign(value)
    for callback in watched:
        for name, value in state.callbacks.get(type(callback).__name__, {}).items():
            setattr(callback, name, value)
        if isinstance(callback, keras.callbacks.EarlyStopping):
            callback.best_weights = state.take("best") or None


def _variables(model: keras.Model) -> dict[str, list[Any]]:
    """Lists what changes during a fit; the state of dropout and augmentation is among the model's."""
    return {
        "model": [*model.trainable_variables, *model.non_trainable_variables],
        "optimizer": list(model.optimizer.variables),
    }


class TensorBoardLog(keras.callbacks.Callback):
    """Writes the figures of every epoch where TensorBoard finds them, those before an interruption among them.

    Args:
      folder: Folder that receives ``train`` and ``validation``.
      history: History of the epochs before this fit began.
    """

    def __init__(self, folder: str, history: dict[str, list[float]]) -> None:
        super().__init__()
        self._folder, self._history = folder, history
        self._writers: dict[str, Any] = {}

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Writes the earlier epochs."""
        for name, values in self._history.items():
            for epoch, value in enumerate(values):
                self._write(epoch, name, value)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the epoch's figures."""
        for name, value in (logs or {}).items():
            self._write(epoch, name, float(value))
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _write(self, epoch: int, name: str, value: float) -> None:
        import tensorflow as tf

        part = "validation" if name.startswith("val_") else "train"
        if part not in self._writers:
            self._writers[part] = tf.summary.create_file_writer(f"{self._folder}/{part}")
        with self._writers[part].as_default():
            # The names that Keras' own callback gives, so that curves of both lie in one plot.
            tf.summary.scalar(f"epoch_{name.removeprefix('val_')}", value, step=epoch)


def watchers(options: TrainingOptions, optimizer: keras.optimizers.Optimizer) -> list[keras.callbacks.Callback]:
    """Makes the callbacks that the options and the optimizer ask for: mean weights, early stopping and the plateau."""
    made: list[keras.callbacks.Callback] = []
    if getattr(optimizer, "inner_optimizer", optimizer).use_ema:
        made.append(MeanWeights())
    stopping, plateau = options.early_stopping, options.reduce_on_plateau
    if stopping is None and options.kept_by():
        # It never stops, and puts the best weights back when the time is over.
        stopping = EarlyStopping(monitor=options.kept_by(), patience=options.epochs)
    if stopping:
        made.append(
            keras.callbacks.EarlyStopping(
                monitor=stopping.monitor,
                mode=stopping.way(),
                patience=stopping.patience,
                min_delta=stopping.min_delta,
                restore_best_weights=True,
            )
        )
    if plateau:
        made.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor=plateau.monitor,
                mode=plateau.way(),
                factor=plateau.factor,
                patience=plateau.patience,
                min_lr=plateau.min_learning_rate,
            )
        )
    return made


def settlers(watched: Sequence[keras.callbacks.Callback]) -> list[keras.callbacks.Callback]:
    """Makes what keeps mean weights for good when a fit ends, to stand behind every callback that may end it.

    Args:
      watched: What :func:`watchers` made.
    """
    means = (callback for callback in watched if isinstance(callback, MeanWeights))
    return [keras.callbacks.LambdaCallback(on_epoch_end=mean.settle) for mean in means]
