"""The recipe's space in KerasTuner's terms: hyperparameters named by config key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras_tuner

from components.settings import FitSettings


def declare_space(space: Mapping[str, Mapping[str, Any]]) -> keras_tuner.HyperParameters:
    """Turns the recipe's space into KerasTuner's hyperparameters."""
    hyperparameters = keras_tuner.HyperParameters()
    for key, spec in space.items():
        sampling = "log" if spec.get("log") or spec.get("scale") == "log" else "linear"
        if "choice" in spec:
            hyperparameters.Choice(key, [encode_choice(value) for value in spec["choice"]])
        elif "float" in spec:
            low, high = spec["float"]
            hyperparameters.Float(key, low, high, step=spec.get("step"), sampling=sampling)
        elif "int" in spec:
            low, high = spec["int"]
            hyperparameters.Int(key, low, high, step=spec.get("step"), sampling=sampling)
        else:
            hyperparameters.Boolean(key)
    return hyperparameters


def encode_choice(value: Any) -> Any:
    """Gives a list or mapping the form of JSON text, since KerasTuner knows numbers, text and booleans only."""
    return json.dumps(value) if isinstance(value, (list, tuple, dict)) else value


def untuned_values(settings: FitSettings, space: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config's own value for each key of the space."""
    config = settings.model_dump(mode="json")
    values = {}
    for key in space:
        place: Any = config
        for part in key.split("."):
            place = place.get(part) if isinstance(place, dict) else None
        values[key] = encode_choice(place)
    return values
