"""What to search in each family when a config gives no space of its own; light: plain data in the config's notation."""

from __future__ import annotations

from typing import Any

_RATE: dict[str, Any] = {"float": [1e-4, 1e-2], "log": True}
_DROPOUT: dict[str, Any] = {"float": [0.0, 0.6]}

DEFAULT_SPACES: dict[str, dict[str, dict[str, Any]]] = {
    "mlp": {
        "model.units": {"choice": [[32], [64], [128, 64], [256, 128], [128, 64, 32]]},
        "model.activation": {"choice": ["relu", "tanh"]},
        "model.dropout": _DROPOUT,
        "model.batch_normalization": {"boolean": True},
        "training.learning_rate": {"float": [1e-4, 1e-1], "log": True},
    },
    "cnn": {
        "model.filters": {"choice": [[16, 32], [32, 64], [32, 64, 64], [32, 64, 128]]},
        "model.kernel_size": {"choice": [3, 5]},
        "model.batch_normalization": {"boolean": True},
        "model.dense": {"choice": [[], [64], [128]]},
        "model.dropout": _DROPOUT,
        "training.learning_rate": _RATE,
    },
    "sequence": {
        "model.layer": {"choice": ["gru", "lstm", "conv1d"]},
        "model.units": {"choice": [[32], [64], [128], [64, 64]]},
        "model.dropout": _DROPOUT,
        "training.learning_rate": _RATE,
    },
    "transfer": {
        "model.dense": {"choice": [[], [128], [256]]},
        "model.pooling": {"choice": ["average", "max"]},
        "model.dropout": _DROPOUT,
        "training.learning_rate": _RATE,
    },
    "custom": {"training.learning_rate": _RATE},
}
