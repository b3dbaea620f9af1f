"""A user's own network, looked at before anything runs: whether it builds, is trained as the recipe says, is saved."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerasline.components.fitting import FitSettings, check_own_training
from kerasline.components.models import CustomOptions, build_model
from kerasline.components.training.keras_file import check_savable


def check_own_network(settings: FitSettings, formats: Sequence[str]) -> None:
    """Builds the network of the custom family and refuses what its fit, or a format after it, would end with.

    Args:
      settings: Model and training options; any other family, and a network for another backend than this process has,
        passes.
      formats: Formats of ``push.formats`` beside the SavedModel.

    Raises:
      ConfigError: it cannot be built or saved, or was compiled with what the recipe would replace.
    """
    if not isinstance(settings.model, CustomOptions) or settings.training.backend != keras.backend.backend():
        return
    model = build_model(settings.model, settings.plan.inputs(), settings.output())
    check_own_training(model, settings)
    check_savable(model, formats)
    keras.utils.clear_session()  # layers that are built later have the names that they would have had
