"""How a recipe writes its space, and what is wrong with it; light: imports no KerasTuner."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from kerasline.components.core import nearest, shown
from kerasline.components.features import is_feature_key

Space = Mapping[str, Mapping[str, Any]]
KINDS = ("choice", "float", "int", "boolean")
FAMILY = "model.family"
MOST_KEYS = 100
MOST_VALUES = 2_000  # choices and ends of ranges, those counted again that several families try
_FORMS = "one of {choice: [...]}, {float: [low, high], log: true}, {int: [low, high]} and {boolean: true}"
# What else an entry may have.
_WITH_NUMBERS = ("log", "scale", "step", "when")


def check_space(space: Space) -> None:
    """Refuses a space that is badly written.

    Raises:
      ValueError: starts with the key; says what was expected and what came.
    """
    if len(space) > MOST_KEYS:
        raise ValueError(
            f"{next(iter(space))}: expected at most {MOST_KEYS} keys in a space, got {len(space)}; search fewer"
        )
    for key, entry in space.items():
        _check_key(key)
        _check_form(key, entry)
    for key, entry in space.items():
        _check_conditions(key, entry, space)
    in_order(space)
    if next(islice(candidates(space), MOST_VALUES, None), None) is not None:
        key = max(space, key=lambda key: len(values_to_try(space[key])))
        raise ValueError(
            f"{key}: expected at most {MOST_VALUES:,} values to try in the whole space, got more; give a range such as "
            "{int: [low, high]} instead of single values"
        )


def kind_of(entry: Mapping[str, Any]) -> str:
    """Returns ``choice``, ``float``, ``int`` or ``boolean``."""
    return next(kind for kind in KINDS if kind in entry)


def is_logarithmic(entry: Mapping[str, Any]) -> bool:
    """Says whether small values of a range are to be as frequent as large ones."""
    return bool(entry.get("log")) or entry.get("scale") == "log"


def conditions(entry: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the keys that an entry depends on, each with the values at which it is searched."""
    return {key: value if isinstance(value, list) else [value] for key, value in (entry.get("when") or {}).items()}


def in_order(space: Space) -> list[str]:
    """Lists the keys so that each comes after those that it depends on.

    Raises:
      ValueError: some depend on each other.
    """
    ordered: list[str] = []
    waiting = list(space)
    while waiting:
        ready = [key for key in waiting if set(conditions(space[key])) <= set(ordered)]
        if not ready:
            raise ValueError(f"{waiting[0]}: expected conditions that end somewhere, but {' and '.join(waiting)} wait")
        # One at a time: keys that depend on nothing keep the order in which they were written.
        ordered.append(ready[0])
        waiting.remove(ready[0])
    return ordered


def values_to_try(entry: Mapping[str, Any]) -> list[Any]:
    """Returns every choice, or the ends of a range."""
    kind = kind_of(entry)
    return [True, False] if kind == "boolean" else list(entry[kind])


def feature_values(space: Space) -> dict[str, list[Any]]:
    """Returns the values of the keys that choose what the model reads."""
    return {key: values_to_try(entry) for key, entry in space.items() if is_feature_key(key)}


def candidates(space: Space) -> Iterator[tuple[str, dict[str, Any]]]:
    """Gives, for each key, every choice or end of its range, with the values of other keys beside which it is searched.

    A key of ``model`` without a condition is tried in every family that is searched.
    """
    known: dict[str, dict[str, Any]] = {}
    for key, entry in space.items():
        needed = _needed(space, key, known)
        families: list[Any] = [needed.get(FAMILY)]
        if FAMILY in space and key != FAMILY and key.startswith("model."):
            families = conditions(entry).get(FAMILY) or families
            families = values_to_try(space[FAMILY]) if families == [None] else families
        for family in families:
            beside = needed if family is None else {**needed, FAMILY: family}
            for value in values_to_try(entry):
                yield key, {**beside, key: value}


def _needed(space: Space, key: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Chooses values of the keys that a key depends on, directly or not; what it found stays in ``known``."""
    if key not in known:
        needed: dict[str, Any] = {}
        for parent, values in conditions(space[key]).items():
            needed |= _needed(space, parent, known) | {parent: values[0]}
        known[key] = needed
    return known[key]


def _check_key(key: str) -> None:
    room = key.split(".")[0]
    if room == "features" and not is_feature_key(key):
        raise ValueError(f"{key}: expected features.COLUMN.OPTION, such as features.area.scale, got {key}")
    if room not in ("model", "training", "features") or "." not in key:
        raise ValueError(
            f"{key}: expected a config key that starts with model., training. or features., got {key}; a search "
            "changes the network, how it is trained and what it reads, and all else is the same in every trial"
        )
    if key in ("training.validation_fraction", "training.sample_weight", "training.memory_limit_mb"):
        raise ValueError(
            f"{key}: expected a key that leaves the rows alone, got {key}; all trials are fitted and scored on the "
            "same rows, or their scores could not be compared"
        )


def _check_form(key: str, entry: Mapping[str, Any]) -> None:
    kinds = [kind for kind in KINDS if kind in entry]
    _check_names(key, entry, kinds)
    if is_feature_key(key) and kinds not in (["choice"], ["boolean"]):
        raise ValueError(
            f"{key}: expected {{choice: [...]}} or {{boolean: true}}, got {dict(entry)}; each value of a features. key "
            "is analysed before the search"
        )
    if kinds == ["boolean"]:
        return
    values = entry[kinds[0]]
    if not isinstance(values, list) or not values:
        raise ValueError(f"{key}: expected a list of values, got {shown(values)}")
    if kinds == ["choice"]:
        _check_choices(key, values)
    else:
        _check_range(key, entry, kinds[0])


def _check_names(key: str, entry: Mapping[str, Any], kinds: Sequence[str]) -> None:
    """Refuses an entry that is of no kind, of several, or has a word that its kind does not have."""
    allowed = _WITH_NUMBERS if kinds in (["float"], ["int"]) else ("when",)
    is_off = kinds == ["boolean"] and entry["boolean"] is not True
    if len(kinds) == 1 and not set(entry) - {*kinds, *allowed} and not is_off:
        return
    unknown = [name for name in entry if name not in (*KINDS, *_WITH_NUMBERS)]
    hint = nearest(unknown[0], (*KINDS, *_WITH_NUMBERS)) if unknown else ""
    raise ValueError(f"{key}: expected {_FORMS}, got {dict(entry)}{hint and '.' + hint}")


def _check_choices(key: str, values: Sequence[Any]) -> None:
    texts = [json.dumps(value, sort_keys=True, default=str) for value in values]
    if len(set(texts)) < len(texts):
        raise ValueError(f"{key}: expected different values, got {shown(values)}")


def _check_range(key: str, entry: Mapping[str, Any], kind: str) -> None:
    values = entry[kind]
    if len(values) != 2 or not all(map(_is_number, values)) or not values[0] < values[1]:
        raise ValueError(f"{key}: expected [low, high] with low below high, got {shown(values)}")
    if kind == "int" and any(value != int(value) for value in values):
        raise ValueError(f"{key}: expected whole numbers, got {shown(values)}; use float for others")
    _check_scale(key, entry)
    if is_logarithmic(entry) and values[0] <= 0:
        raise ValueError(f"{key}: expected a range above 0 on a logarithmic scale, got {shown(values)}")
    if entry.get("step") is not None:
        _check_step(key, entry, kind)


def _check_scale(key: str, entry: Mapping[str, Any]) -> None:
    """Refuses a scale that there is not, and log: and scale: that contradict each other."""
    scale, log = entry.get("scale"), entry.get("log")
    if entry.get("scale", "linear") not in ("linear", "log") or entry.get("log", False) not in (True, False):
        raise ValueError(f"{key}: expected scale: linear or log, got {dict(entry)}")
    if (log is False and scale == "log") or (log and scale == "linear"):
        raise ValueError(f"{key}: expected log and scale to agree, got {dict(entry)}")


def _check_step(key: str, entry: Mapping[str, Any], kind: str) -> None:
    """Refuses a step that leaves the range at once, or that falls between whole numbers."""
    (low, high), step = entry[kind], entry["step"]
    least, most, meaning = (1, high / low, "factor") if is_logarithmic(entry) else (0, high - low, "distance")
    if not _is_number(step) or not least < step <= most or (kind == "int" and step != int(step)):
        whole = "a whole number" if kind == "int" else "a number"
        raise ValueError(
            f"{key}: expected step, the {meaning} from a value to the next, to be {whole} above {least} and at most "
            f"{most:g}, got {step!r}"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_conditions(key: str, entry: Mapping[str, Any], space: Space) -> None:
    when = entry.get("when", {})
    if not isinstance(when, Mapping) or ("when" in entry and not when):
        raise ValueError(f"{key}: expected when: {{KEY: VALUE}} with another key of the space, got {shown(when)}")
    for parent, values in conditions(entry).items():
        _check_condition(key, parent, values or [None], space)


def _check_condition(key: str, parent: str, values: Sequence[Any], space: Space) -> None:
    """Refuses a condition on a key that is not searched, that is a range, or that never has one of the values."""
    others = [other for other in space if other != key]
    if parent not in others:
        raise ValueError(
            f"{key}: expected when to name another key of the space ({', '.join(others)}), got "
            f"{parent}.{nearest(parent, others)}"
        )
    if kind_of(space[parent]) not in ("choice", "boolean"):
        raise ValueError(f"{key}: expected when to name a choice or a boolean, but {parent} is a range")
    offered = values_to_try(space[parent])
    for value in values:
        if not any(_is_same(value, one) for one in offered):
            raise ValueError(
                f"{key}: expected when: {{{parent}: ...}} with one of {shown(offered)}, got {shown(value)}"
            )


def _is_same(value: Any, other: Any) -> bool:
    """Whether two values of a recipe are the same; in Python, True equals 1."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
