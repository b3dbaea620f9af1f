"""Several feature plans in one transform graph: what a search over ``features.`` keys chooses among.

Preprocessing is analysed once, before the search, so each combination of the values that a space has for
``features.COLUMN.OPTION`` is a plan of its own, whose inputs the graph gives beside those of the others. A trial reads
the inputs of its plan; the Trainer, the exported model and all that comes after it read those of the winner.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from kerasline.components.core import ConfigError, Options, first_repeated, nearest
from kerasline.components.datasets.description import Dataset
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.pieces import tokenizer_in, with_tokenizer
from kerasline.components.features.plan import FeaturePlan, plan_features

MOST_ALTERNATIVES = 32
_ROOM = "features."


class Alternative(Options):
    """A plan, and the values of the searched keys that lead to it.

    Attributes:
      values: Config keys (``features.COLUMN.OPTION``) with their values.
      plan: What follows from them.
    """

    values: dict[str, Any]
    plan: FeaturePlan


def is_feature_key(key: str) -> bool:
    """Says whether a config key is an option of a column: ``features.COLUMN.OPTION``."""
    return key.startswith(_ROOM) and "." in key.removeprefix(_ROOM)


def split_feature_key(key: str) -> list[str]:
    """Splits ``features.COLUMN.OPTION``; there may be dots in the name of a column."""
    column, _, option = key.removeprefix(_ROOM).rpartition(".")
    return ["features", column, option]


def choose_plan(alternatives: Sequence[Alternative], changes: Mapping[str, Any]) -> FeaturePlan:
    """Finds the plan in which some keys have other values than in the first.

    Args:
      alternatives: Plans of one transform graph, the recipe's own first.
      changes: Config keys (``features.COLUMN.OPTION``) with the values that differ.

    Raises:
      ConfigError: no plan has these values.
    """
    own = alternatives[0].values if alternatives else {}
    for alternative in alternatives:
        if alternative.values == {**own, **changes}:
            return alternative.plan
    shown = ", ".join(f"{key} {value!r}" for key, value in changes.items())
    raise ConfigError(f"expected values of the space that was analysed, got {shown}; run again with them in the space")


def plan_alternatives(
    offered: Mapping[str, Sequence[Any]], dataset: Dataset, features: Mapping[str, ColumnOptions], plan: FeaturePlan
) -> tuple[Alternative, ...]:
    """Plans every combination of values.

    Args:
      offered: Config keys (``features.COLUMN.OPTION``) with the values that a search tries.
      dataset: The resolved data.
      features: The recipe's ``features:`` block, as ``plan`` was made from it.
      plan: The recipe's own plan.

    Returns:
      The recipe's own plan first, numbered as the transform graph names their inputs; empty where nothing is offered.

    Raises:
      ConfigError: a key is no option of an input column, a value does not suit it, or there are too many combinations.
    """
    if not offered:
        return ()
    own = {key: _own_value(key, plan, dataset) for key in offered}
    values = {key: [own[key], *(value for value in choices if value != own[key])] for key, choices in offered.items()}
    combinations = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    if len(combinations) > MOST_ALTERNATIVES:
        raise ConfigError(
            f"tuning.space: expected at most {MOST_ALTERNATIVES} combinations of values of its features. keys, the "
            f"recipe's own among them, since each is analysed before the search, got {len(combinations)}; leave out "
            "keys or values"
        )
    found = [Alternative(values=own, plan=plan)]
    for number, chosen in enumerate(combinations[1:], start=1):
        found.append(Alternative(values=chosen, plan=_plan_with(chosen, number, dataset, features, plan)))
    _check_names([alternative.plan for alternative in found])
    return tuple(found)


def _own_value(key: str, plan: FeaturePlan, dataset: Dataset) -> Any:
    """Returns what the recipe's own plan settled for a key."""
    _, column, option = split_feature_key(key)
    steps = {step.name: step for step in plan.steps}
    if column == dataset.label.name:
        raise ConfigError(
            f"tuning.space.{key}: expected an input column, got the label, in whose scale the trials are scored"
        )
    if column not in steps:
        raise ConfigError(
            f"tuning.space.{key}: expected a column that the model reads ({', '.join(steps)}), got {column!r}."
            f"{nearest(column, steps)}"
        )
    if option not in ColumnOptions.model_fields:
        raise ConfigError(
            f"tuning.space.{key}: expected an option of a column ({', '.join(ColumnOptions.model_fields)}), got "
            f"{option!r}.{nearest(option, ColumnOptions.model_fields)}"
        )
    if option == "missing_values":
        raise ConfigError(f"tuning.space.{key}: expected an option that the reading of the data does not depend on")
    if option == "kind":
        return steps[column].kind
    return steps[column].options.model_dump(mode="json")[option]


def _plan_with(
    chosen: Mapping[str, Any], number: int, dataset: Dataset, features: Mapping[str, ColumnOptions], plan: FeaturePlan
) -> FeaturePlan:
    blocks = {name: options.model_dump(mode="json", exclude_unset=True) for name, options in features.items()}
    for key, value in chosen.items():
        _, column, option = split_feature_key(key)
        blocks[column] = {**blocks.get(column, {}), option: value}
    shown = ", ".join(f"{key} {value!r}" for key, value in chosen.items())
    try:
        changed = {name: ColumnOptions.model_validate(block) for name, block in blocks.items()}
        other = with_tokenizer(plan_features(dataset, changed, plan.task), tokenizer_in(plan))
    except (ValidationError, ConfigError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise ConfigError(f"tuning.space: {shown} does not suit the data: {said}") from error
    lost = [name for name in plan.raw_arguments() if name not in other.raw_arguments()]
    if lost:
        raise ConfigError(
            f"tuning.space: expected features that read the same columns in every trial, since clients send them, but "
            f"with {shown} the model does not read {lost[0]!r}; compare two runs by 'kerasline compare' instead"
        )
    return other.model_copy(update={"number": number})


def _check_names(plans: Sequence[FeaturePlan]) -> None:
    """Refuses columns whose names look like those that inputs of another plan get."""
    names = [spec.name for plan in plans for spec in plan.inputs()]
    twice = first_repeated(names)
    if twice:
        raise ConfigError(f"tuning.space: expected columns whose names differ from {twice}; rename that column")
