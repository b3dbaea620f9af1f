"""The recipe's space in KerasTuner's terms: hyperparameters named by config key."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as hp_module
from pydantic import ValidationError

from kerasline.components.core import ConfigError
from kerasline.components.fitting import AS_JSON, UNCHANGED, FitSettings
from kerasline.components.tuning.space.notation import (
    Space,
    conditions,
    in_order,
    is_logarithmic,
    kind_of,
    values_to_try,
)


def declare_space(space: Space) -> keras_tuner.HyperParameters:
    """Turns the recipe's space into KerasTuner's hyperparameters."""
    hyperparameters = keras_tuner.HyperParameters()
    for key in in_order(space):
        entry = space[key]
        kind = kind_of(entry)
        sampling = "log" if is_logarithmic(entry) else "linear"
        with contextlib.ExitStack() as scopes:
            for parent, values in conditions(entry).items():
                known = [encode(value, space[parent]) for value in values]
                scopes.enter_context(hyperparameters.conditional_scope(parent, known))
            if kind == "choice":
                hyperparameters.Choice(key, [encode(value, entry) for value in entry["choice"]])
            elif kind == "float":
                low, high = map(float, entry["float"])
                hyperparameters.Float(key, low, high, step=entry.get("step"), sampling=sampling)
            elif kind == "int":
                low, high = map(int, entry["int"])
                hyperparameters.Int(key, low, high, step=entry.get("step"), sampling=sampling)
            else:
                hyperparameters.Boolean(key)
    return hyperparameters


def encode(value: Any, entry: Mapping[str, Any]) -> Any:
    """Gives a value the form in which KerasTuner takes it.

    Numbers and text stay what they are; choices among other things (lists, null, values of several types) travel as
    JSON text, since KerasTuner knows lists of one plain type only.
    """
    types = _plain_types(entry)
    # True is an int of Python, and no number here.
    if type(value) in types:
        return value
    if type(value) in (int, float) and types in ({int}, {float}):
        return float(value) if types == {float} else value
    return AS_JSON + json.dumps(value)


def _plain_types(entry: Mapping[str, Any]) -> set[type]:
    """Returns the types whose values KerasTuner takes as they are, numbers as the widest of them; none of a mixture."""
    of_kind: dict[str, set[type]] = {"boolean": {bool, int, float}, "int": {int}, "float": {float}}
    kind = kind_of(entry)
    if kind != "choice":
        return of_kind[kind]
    choices = entry["choice"]
    types = {type(choice) for choice in choices}
    if types <= {int, float}:
        return {float} if float in types else {int}
    is_text = types == {str} and not any(choice.startswith(AS_JSON) for choice in choices)
    return {str} if is_text else set()


def untuned_values(settings: FitSettings, space: Space) -> dict[str, Any]:
    """Returns the config's own value for each key of the space that is searched beside its own values of the others."""
    config = settings.model_dump(mode="json")
    found: dict[str, Any] = {}
    own = settings.alternatives[0].values if settings.alternatives else {}
    for key in in_order(space):
        needed = conditions(space[key])
        if any(parent not in found or found[parent] not in values for parent, values in needed.items()):
            continue
        found[key] = own[key] if key in own else _as_offered(settings, key, _value_at(config, key), space[key])
    return {key: _encode_own(value, space[key]) for key, value in found.items()}


def _value_at(config: Mapping[str, Any], key: str) -> Any:
    """Returns what a config has under a dotted key, None where it has nothing there."""
    place: Any = config
    for part in key.split("."):
        place = place.get(part) if isinstance(place, dict) else None
    return place


def _encode_own(value: Any, entry: Mapping[str, Any]) -> Any:
    """Gives a config's own value the form in which KerasTuner takes it, though the space may not offer it."""
    if value is None and None not in entry.get("choice", []):
        return UNCHANGED
    return encode(value, entry)


def _as_offered(settings: FitSettings, key: str, value: Any, entry: Mapping[str, Any]) -> Any:
    """Returns the choice that means what the config says, such as a block without its defaults; else the value."""
    choices = entry.get("choice", [])
    if value is None or value in choices:
        return value
    return next((choice for choice in choices if _is_the_same(settings, key, choice)), value)


def _is_the_same(settings: FitSettings, key: str, choice: Any) -> bool:
    try:
        return settings.with_changes({key: choice}) == settings
    except (ConfigError, ValidationError):  # it is offered beside other values than the config's
        return False


def start_values(untuned: Mapping[str, Any], start: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Puts an earlier winner's values over the untuned ones, for the keys that are searched beside them."""
    values: dict[str, Any] = {}
    for key in in_order(space):
        needed = conditions(space[key])
        is_active = all(
            values.get(parent) in [encode(value, space[parent]) for value in allowed]
            for parent, allowed in needed.items()
        )
        if not is_active:
            continue
        if key in start:
            values[key] = encode(start[key], space[key])
        else:
            # KerasTuner would draw what is missing at random, and not by the seed.
            values[key] = untuned.get(key, encode(values_to_try(space[key])[0], space[key]))
    return values


def fit_into(values: Mapping[str, Any], space: list[hp_module.HyperParameter]) -> dict[str, Any]:
    """Moves values that the space does not offer to the nearest that it does, for what computes with their place."""
    fitted = dict(values)
    for hyperparameter in space:
        if hyperparameter.name in fitted:
            fitted[hyperparameter.name] = _nearest(fitted[hyperparameter.name], hyperparameter)
    return fitted


def _nearest(value: Any, hyperparameter: hp_module.HyperParameter) -> Any:
    is_number = type(value) in (int, float)
    if isinstance(hyperparameter, (hp_module.Float, hp_module.Int)):
        if not is_number:
            return hyperparameter.default
        return min(max(value, hyperparameter.min_value), hyperparameter.max_value)
    offered = list(hyperparameter.values)
    if value in offered:
        return value
    if is_number and all(type(one) in (int, float) for one in offered):
        return min(offered, key=lambda one: abs(one - value))
    return hyperparameter.default


def combinations(space: list[hp_module.HyperParameter]) -> Iterator[dict[str, Any]]:
    """Gives every combination of values that can occur together, the last key changing fastest."""

    def grow(position: int, chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if position == len(space):
            yield chosen
            return
        hyperparameter = space[position]
        if all(condition.is_active(chosen) for condition in hyperparameter.conditions):
            for value in _offered(hyperparameter):
                yield from grow(position + 1, {**chosen, hyperparameter.name: value})
        else:
            yield from grow(position + 1, chosen)

    return grow(0, {})


def _offered(hyperparameter: hp_module.HyperParameter) -> list[Any]:
    """Lists the values of a hyperparameter, of a range without steps ten that are spread over it."""
    values = list(hyperparameter.values)
    if isinstance(hyperparameter, hp_module.Int):
        return sorted({int(value) for value in values})
    return sorted(values) if isinstance(hyperparameter, hp_module.Float) else values
