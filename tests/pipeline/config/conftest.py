"""What the tests of recipes share: the smallest recipe, and the sentence that a wrong one gets."""

from __future__ import annotations

from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.config.experiment import parse_experiment

SMALLEST: dict[str, Any] = {"name": "flowers", "data": {"dataset": "iris"}}
METRIC_NAMES = (
    "accuracy, auc, auc_pr, crossentropy, f1, loss, mae, mape, mse, precision, r2, recall, rmse, top_5_accuracy"
)


def complaint(changes: tuple[str, ...] = (), **blocks: Any) -> str:
    """Returns the message that the smallest recipe gets with other blocks and with changes as ``--set`` makes them."""
    with pytest.raises(ConfigError) as caught:
        parse_experiment({**SMALLEST, **blocks}, changes)
    return str(caught.value)
