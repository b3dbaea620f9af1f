"""The Keras model families: one file each, the same models under every Keras backend.

A model is called with a dict of tensors keyed by :attr:`InputSpec.name` and gives one float32 tensor
(batch, units). Image inputs are float32 in [0, 1]; what else a network wants of its pixels happens inside the
model. Importing this package imports no Keras; :func:`build_model` does.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from kerasline.components.core import ConfigError, nearest
from kerasline.components.models.description import (
    CnnOptions,
    CustomOptions,
    HubOptions,
    InputSpec,
    MlpOptions,
    ModelOptions,
    OutputSpec,
    SequenceOptions,
    TabularOptions,
    TransferOptions,
)
from kerasline.components.models.parts import check_output

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Family:
    """A family: its options, and the module whose ``build(options, inputs, output)`` makes the model."""

    options: type[BaseModel]
    module: str


MODEL_FAMILIES: dict[str, Family] = {
    "mlp": Family(MlpOptions, "kerasline.components.models.mlp"),
    "tabular": Family(TabularOptions, "kerasline.components.models.tabular"),
    "cnn": Family(CnnOptions, "kerasline.components.models.cnn"),
    "sequence": Family(SequenceOptions, "kerasline.components.models.sequence"),
    "transfer": Family(TransferOptions, "kerasline.components.models.transfer"),
    "hub": Family(HubOptions, "kerasline.components.models.hub"),
    "custom": Family(CustomOptions, "kerasline.components.models.custom"),
}


def build_model(
    options: ModelOptions, inputs: Sequence[InputSpec], output: OutputSpec, *, seed: int | None = None
) -> keras.Model:
    """Builds an uncompiled model.

    Args:
      options: Options of one family.
      inputs: What the model is called with.
      output: What decides the last layer.
      seed: Seed that Python, NumPy and Keras get first, so that the same options give the same weights.

    Returns:
      A Keras model: dict of tensors keyed by input name -> float32 (batch, units).

    Raises:
      ConfigError: the inputs do not suit the family (says which family would), or do not fit its options.
    """
    if options.family not in MODEL_FAMILIES:
        hint = nearest(options.family, MODEL_FAMILIES)
        raise ConfigError(f"model.family must be one of {', '.join(MODEL_FAMILIES)}, not {options.family!r}.{hint}")
    if not inputs:
        raise ConfigError("A model needs at least one input, got none; leave at least one column besides the label.")
    check_output(output)
    module = importlib.import_module(MODEL_FAMILIES[options.family].module)
    if seed is not None:
        import keras

        keras.utils.set_random_seed(seed)
    return module.build(options, list(inputs), output)
