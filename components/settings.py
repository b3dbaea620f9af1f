"""What the Tuner and the Trainer are told, as one value that dotted config keys can change."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from components.features import FeaturePlan
from components.models import ModelOptions, OutputSpec
from components.options import Options, TrainingOptions


class FitSettings(Options):
    """Everything that decides the weights a fit ends with, apart from the data."""

    plan: FeaturePlan
    model: ModelOptions
    training: TrainingOptions
    seed: int

    def output(self) -> OutputSpec:
        """Returns what the last layer must give."""
        classes = self.plan.classes
        units = len(classes) if classes is not None and self.plan.task in ("multiclass", "multilabel") else 1
        return OutputSpec(self.plan.task, units)

    def with_changes(self, changes: Mapping[str, Any]) -> FitSettings:
        """Returns a copy in which dotted config keys (``model.dropout``) have other values."""
        return FitSettings.model_validate(set_keys(self.model_dump(), changes))


def decode_hyperparameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Reads a trial's values back as config keys and values: choices among lists travel as JSON text."""
    decoded = {}
    for key, value in values.items():
        if key.startswith("tuner/"):  # Hyperband's own bookkeeping
            continue
        is_json = isinstance(value, str) and value.startswith(("[", "{"))
        decoded[key] = json.loads(value) if is_json else value
    return decoded


def set_keys(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a deep copy of nested dicts in which dotted keys have new values."""
    result = copy.deepcopy(dict(config))
    for key, value in changes.items():
        *parents, last = key.split(".")
        place = result
        for parent in parents:
            if not isinstance(place.get(parent), dict):
                place[parent] = {}
            place = place[parent]
        place[last] = value
    return result
