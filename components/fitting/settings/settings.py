"""What the Tuner and the Trainer are told, as one value that dotted config keys can change."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from kerasline.components.core import Options, describe
from kerasline.components.features import (
    Alternative,
    FeaturePlan,
    choose_plan,
    expand_shorthand,
    is_feature_key,
    split_feature_key,
)
from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.models import MODEL_FAMILIES, ModelOptions, OutputSpec


class FitSettings(Options):
    """Everything that decides the weights a fit ends with, apart from the data."""

    plan: FeaturePlan
    model: ModelOptions
    training: TrainingOptions
    seed: int
    alternatives: tuple[Alternative, ...] = ()  # of the plan, for a search; the first is the recipe's own

    def output(self) -> OutputSpec:
        """Returns what the last layer must give."""
        classes = self.plan.classes
        units = len(classes) if classes is not None and self.plan.task in ("multiclass", "multilabel") else 1
        return OutputSpec(self.plan.task, units)

    def chosen_features(self) -> dict[str, Any]:
        """Returns the values of the searched ``features.`` keys in this plan."""
        return next((dict(one.values) for one in self.alternatives if one.plan.number == self.plan.number), {})

    def with_changes(self, changes: Mapping[str, Any]) -> FitSettings:
        """Returns a copy in which dotted config keys (``model.dropout``) have other values; see `change_config`.

        Raises:
          ConfigError: the transform graph has no such features.
        """
        features = {key: value for key, value in changes.items() if is_feature_key(key)}
        others = {key: value for key, value in changes.items() if key not in features}
        changed = change_config(self.model_dump(exclude={"plan", "alternatives"}), others)
        plan = choose_plan(self.alternatives, features) if features else self.plan
        return FitSettings.model_validate({**changed, "plan": plan, "alternatives": self.alternatives})


AS_JSON = "json:"  # before values of which KerasTuner knows no type
UNCHANGED = AS_JSON  # alone: the config's own value


def decode_hyperparameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Reads a trial's values back as config keys and values; keys that are left as they are do not occur."""
    decoded = {}
    for key, value in values.items():
        if key.startswith("tuner/") or value == UNCHANGED:  # the former are Hyperband's own bookkeeping
            continue
        is_json = isinstance(value, str) and value.startswith(AS_JSON)
        decoded[key] = json.loads(value.removeprefix(AS_JSON)) if is_json else value
    return decoded


def change_config(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a deep copy of a config in which dotted keys have new values.

    Another ``model.family`` starts from that family's defaults: the options of one say nothing about those of another.
    """
    family = changes.get("model.family")
    model = config.get("model")
    own = model.get("family", "mlp") if isinstance(model, Mapping) else "mlp"
    return set_keys(config if family in (None, own) else {**config, "model": {}}, changes)


def explain_refusal(error: ValidationError) -> str:
    """Says in a line which key a changed config refuses, and why."""
    findings = error.errors(include_url=False)
    # Among the keys are the names of a union's alternatives.
    parts = [str(part) for part in findings[0]["loc"]]
    named = [part for part in parts if part.isalnum() or part.isidentifier()]
    key = ".".join(part for part in named if part not in (*MODEL_FAMILIES, "int", "float", "str", "bool"))
    return f"{key}: {describe(findings[:1])}"


def set_keys(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a deep copy of nested dicts in which dotted keys have new values."""
    result = copy.deepcopy(dict(config))
    for key, value in changes.items():
        *parents, last = split_feature_key(key) if is_feature_key(key) else key.split(".")
        place = result
        for parent in parents:
            # A column's options may be written as one word.
            found = expand_shorthand(place.get(parent)) if place is result.get("features") else place.get(parent)
            place[parent] = found if isinstance(found, dict) else {}
            place = place[parent]
        place[last] = value
    return result
