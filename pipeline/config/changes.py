"""What one config says otherwise than another, or than the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.pipeline.config.experiment import Experiment

_NOT_SHOWN = ("name", "description", "run", "schedule", "serve")  # they change nothing about the model
_MISSING = object()


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turns nested mappings into dotted keys; lists, and empty mappings, are values."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def config_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lists the keys whose values differ: ``key``, ``before`` and ``now``, None where a config has no such key."""
    old, new = flatten(_shown(before)), flatten(_shown(now))
    keys = [*new, *(key for key in old if key not in new)]
    changes = [
        {"key": key, "before": old.get(key), "now": new.get(key)}
        for key in keys
        if old.get(key, _MISSING) != new.get(key, _MISSING)
    ]
    blocks = _told_by_their_keys(changes)
    return [change for change in changes if change["key"] not in blocks]


def _told_by_their_keys(changes: Sequence[Mapping[str, Any]]) -> set[str]:
    """Finds blocks that are there in one config only: None or {} in the other, while their keys say it all."""
    changed = [str(change["key"]) for change in changes]
    empty = [str(change["key"]) for change in changes if any(change[side] in (None, {}) for side in ("now", "before"))]
    return {parent for parent in empty if any(key.startswith(f"{parent}.") for key in changed)}


def changed_from_defaults(experiment: Experiment) -> dict[str, list[Any]]:
    """Returns the keys that a recipe sets to something else than their default, each with [value, default].

    The default is None where there is none: for required keys, and within blocks that are not there by default.
    """
    model = experiment.model
    # Where a run is logged says nothing of it.
    report = experiment.report.model_copy(update={"mlflow": None})
    told = experiment.model_copy(update={"report": report})
    given = flatten(_shown(told.model_dump(mode="json", exclude_defaults=True)))
    usual = Experiment.model_fields["model"].default.family
    given |= {"model.family": model.family} if model.family != usual else {}
    required = {name: getattr(model, name) for name, field in type(model).model_fields.items() if field.is_required()}
    plain = Experiment(name=experiment.name, data=experiment.data, model=type(model)(**required))
    defaults = flatten(plain.model_dump(mode="json"))
    defaults |= {"model.family": usual} | {f"model.{name}": None for name in required}
    return {
        key: [value, None if key.startswith("data.") else defaults.get(key)] for key, value in sorted(given.items())
    }


def _shown(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in _NOT_SHOWN}
