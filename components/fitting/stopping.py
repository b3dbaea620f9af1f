"""Which epoch's weights a fit ends with; light: plain numbers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.models.heads import direction
from components.options import TrainingOptions


def kept_epoch(history: Mapping[str, Sequence[float]], options: TrainingOptions) -> int:
    """Returns the epoch whose weights a fit ends with: the last, or the best where early stopping restores it.

    It goes through the history as Keras' EarlyStopping did, with Keras' meaning of ``patience`` and ``min_delta``.

    Args:
      history: metric name to a value for each epoch; those of a second phase follow those of the first.
      options: of the fit, with the number of epochs that it had.

    Returns:
      An index of the history, from 0.
    """
    epochs = len(history["loss"])
    stopping = options.early_stopping
    if stopping is None:
        return epochs - 1
    sign = 1 if direction(stopping.monitor) == "max" else -1
    values = [sign * value for value in history[stopping.monitor]]
    first = best = 0
    for epoch in range(epochs):
        if epoch == first or values[epoch] - stopping.min_delta > values[best]:
            best = epoch
        has_ended = epoch + 1 == options.epochs or epoch - best >= max(1, stopping.patience)
        if has_ended and first == 0 and epoch + 1 < epochs:  # a second phase follows
            first = epoch + 1
    return best
