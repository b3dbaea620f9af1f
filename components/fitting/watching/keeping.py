"""Keeps a fit's compiled network for more fits of the same settings, such as the folds of a trial.

Tracing it takes TensorFlow about a second, as long as many small fits.
"""

from __future__ import annotations

import keras

from kerasline.components.fitting.settings import FitSettings
from kerasline.components.fitting.watching.callbacks import capture_state, restore_state
from kerasline.components.fitting.watching.checkpoints import FitState


class KeptModel:
    """One compiled network, as it was before its first fit.

    Each fit of the same settings trains this very network, so the model that an earlier one returned changes with it.
    """

    def __init__(self) -> None:
        self._model: keras.Model | None = None
        self._settings: FitSettings | None = None
        self._start: FitState | None = None
        self._steps = 0

    def take(self, settings: FitSettings) -> keras.Model | None:
        """Returns the network with its first weights and a new optimizer's state, or None if there is none of these."""
        if self._model is None or self._start is None or self._settings != settings:
            return None
        restore_state(self._start, self._model, ())
        return self._model

    def is_compiled(self, model: keras.Model, steps: int) -> bool:
        """Says whether a model is the one that is kept, compiled for epochs of so many steps; schedules count them."""
        return model is self._model and steps == self._steps

    def put(self, model: keras.Model, settings: FitSettings, steps: int) -> None:
        """Keeps a network that is compiled, whose optimizer is built, and that is not fitted yet."""
        self._model, self._settings, self._steps = model, settings, steps
        self._start = capture_state(model, (), 0, 0, {})
