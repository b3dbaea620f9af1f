"""What to search in each family when a config gives no space of its own; light: plain data in the config's notation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SCHEDULE = "training.learning_rate_schedule"
_RATE: dict[str, Any] = {"float": [1e-4, 1e-2], "log": True}
_DROPOUT: dict[str, Any] = {"float": [0.0, 0.6]}
_DECAY: dict[str, Any] = {"choice": [None, {"name": "CosineDecay"}]}

DEFAULT_SPACES: dict[str, dict[str, dict[str, Any]]] = {
    "mlp": {
        "model.units": {"choice": [[32], [64], [128, 64], [256, 128], [128, 64, 32]]},
        "model.activation": {"choice": ["relu", "gelu", "tanh"]},
        "model.dropout": _DROPOUT,
        "model.batch_normalization": {"boolean": True},
        "training.learning_rate": {"float": [1e-4, 1e-1], "log": True},
        _SCHEDULE: _DECAY,
    },
    "tabular": {
        "model.units": {"choice": [[96, 96], [192, 192], [384, 384], [192, 192, 192]]},
        "model.members": {"choice": [4, 8, 16]},
        "model.bins": {"choice": [8, 16, 32]},
        "model.number_dim": {"choice": [4, 8, 16]},
        "model.dropout": {"float": [0.0, 0.4]},
        "training.learning_rate": {"float": [3e-4, 6e-3], "log": True},
        _SCHEDULE: _DECAY,
    },
    "cnn": {
        "model.filters": {"choice": [[16, 32], [32, 64], [32, 64, 64], [32, 64, 128]]},
        "model.kernel_size": {"choice": [3, 5]},
        "model.batch_normalization": {"boolean": True},
        "model.dense": {"choice": [[], [64], [128]]},
        "model.dropout": _DROPOUT,
        "training.learning_rate": _RATE,
        _SCHEDULE: _DECAY,
    },
    "sequence": {
        "model.layer": {"choice": ["gru", "lstm", "conv1d"]},
        "model.units": {"choice": [[32], [64], [128], [64, 64]]},
        "model.dropout": _DROPOUT,
        "training.learning_rate": _RATE,
        _SCHEDULE: _DECAY,
    },
    "transfer": {
        "model.dense": {"choice": [[], [128], [256]]},
        "model.pooling": {"choice": ["average", "max"]},
        "model.dropout": _DROPOUT,
        "training.learning_rate": _RATE,
        _SCHEDULE: _DECAY,
    },
    "hub": {
        "model.trainable": {"boolean": True},
        "model.dense": {"choice": [[], [128]]},
        "model.dropout": {"float": [0.0, 0.5]},
        "training.learning_rate": {"float": [1e-5, 1e-3], "log": True},
        _SCHEDULE: _DECAY,
    },
    "custom": {"training.learning_rate": _RATE, _SCHEDULE: _DECAY},
}


def default_space(family: str, training: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns a family's space, less what the config's own training options leave no choice of.

    Args:
      family: A key of :data:`DEFAULT_SPACES`.
      training: The config's ``training:`` block.
    """
    space = DEFAULT_SPACES[family]
    # Two things cannot set one rate.
    taken = {_SCHEDULE} if training.get("reduce_on_plateau") else set()
    return {key: entry for key, entry in space.items() if key not in taken}
