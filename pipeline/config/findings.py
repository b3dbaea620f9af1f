"""All that is wrong with a config, in sentences: key, line, what was expected, what came, the nearest key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from kerasline.components.core import ConfigError, cut, describe, nearest, shown
from kerasline.components.models import MODEL_FAMILIES
from kerasline.pipeline.config.known_keys import elsewhere, known_keys
from kerasline.pipeline.config.recipe_text import Location, Origin

Finding = tuple[Location, str]

_MOST_FINDINGS = 20
_TABLES = ("csv", "parquet", "spans")
_TAKES = {
    "mlp": "tables and whatever else can be flattened",
    "tabular": "tables",
    "cnn": "images, series and volumes",
    "sequence": "series and texts",
    "transfer": "images",
    "hub": "texts and images",
}


def refusal(findings: Sequence[Finding], origin: Origin) -> ConfigError:
    """Makes the error of a config: its first fault as the sentence, and all of them in the lines before it."""
    told = [f"{origin.place(location)}: {text}" for location, text in findings[:_MOST_FINDINGS]]
    if len(findings) == 1:
        return ConfigError(told[0])
    order = sorted(range(len(told)), key=lambda index: origin.line(findings[index][0]))
    details = [told[index] for index in order]
    if len(findings) > len(told):
        details.append(f"and {len(findings) - len(told)} more")
    return ConfigError(f"{told[0]} (and {len(findings) - 1} more)", details=details)


def find(error: ValidationError, raw: Mapping[str, Any], root: type[BaseModel]) -> list[Finding]:
    """Puts all that pydantic found into sentences, unknown keys first.

    Args:
      error: what pydantic found.
      raw: the config that it was given.
      root: the type of the whole config.

    Returns:
      Places and sentences; the sentences of what is not shown are empty.
    """
    grouped: dict[Location, list[Mapping[str, Any]]] = {}
    for found in error.errors(include_url=False):
        location = _location(found["loc"], raw, is_missing=found["type"] == "missing")
        grouped.setdefault(location, []).append(found)
    family = _family(raw)
    kept = [entry for entry in grouped.items() if not _is_superseded(*entry, grouped)]
    # A required key that is misspelt is both missing and unknown, and the second says more.
    kept.sort(key=lambda entry: not _has_unknown(entry[1]))
    return [
        (location, _word(location, group, raw, family, root) if index < _MOST_FINDINGS else "")
        for index, (location, group) in enumerate(kept)
    ]


def _has_unknown(group: Sequence[Mapping[str, Any]]) -> bool:
    return any(found["type"] == "extra_forbidden" for found in group)


def _word(
    location: Location, group: Sequence[Mapping[str, Any]], raw: Mapping[str, Any], family: str, root: type[BaseModel]
) -> str:
    return _unknown(location, raw, family, root) if _has_unknown(group) else _wrong(location, group)


def _wrong(location: Location, group: Sequence[Mapping[str, Any]]) -> str:
    key, first = cut(".".join(location), 200), group[0]
    if first["type"] == "missing":
        return f"expected the key {key!r}, which is not there"
    if first["type"].startswith("union_tag"):
        came = first["input"]
        tag = came.get("family") if isinstance(came, Mapping) else came
        hint = nearest(str(tag), MODEL_FAMILIES)
        return (
            f"{key}.family: expected one of {', '.join(MODEL_FAMILIES)}, got {shown(tag)}{'.' + hint if hint else ''}"
        )
    text = describe(group)
    return f"{key}: {text}" if key else text


def _unknown(location: Location, raw: Mapping[str, Any], family: str, root: type[BaseModel]) -> str:
    """Words an unknown key: by its siblings, by the other families, and by the whole tree."""
    *parents, last = location
    key = repr(cut(".".join(location), 200))
    known = known_keys(root, parents, family)
    if len(location) == 2 and parents == ["model"]:
        others = [name for name, entry in MODEL_FAMILIES.items() if last in entry.options.model_fields]
        if others and family in MODEL_FAMILIES:
            return _of_another_family(location, family, others, raw)
    hint = nearest(last, known, 0.75) or elsewhere(root, last) or nearest(last, known, 0.6)
    listed = ", ".join(sorted(known)[:40])
    return f"unknown key {key}.{hint or f' Known keys: {listed}.'}"


def _of_another_family(location: Location, family: str, others: Sequence[str], raw: Mapping[str, Any]) -> str:
    own = ", ".join(sorted(set(MODEL_FAMILIES[family].options.model_fields) - {"family"}))
    text = (
        f"{'.'.join(location)}: expected keys of model.family {family} ({own}), got one of family "
        f"{' and '.join(others)}"
    )
    data = raw.get("data")
    if isinstance(data, Mapping) and any(source in data for source in _TABLES) and family in ("cnn", "transfer"):
        return f"{text}; {family} reads {_TAKES[family]}, and a table is for family mlp: use model.family: mlp"
    reads = f"; {family} reads {_TAKES[family]}" if family in _TAKES else ""
    return f"{text}{reads}; leave it out, or change the whole block: --set 'model={{family: {family}}}'"


def _is_superseded(location: Location, group: Sequence[Mapping[str, Any]], grouped: Mapping[Location, Any]) -> bool:
    """Says whether a finding is that a value is no number, where another finding is about an item of that list."""
    if any(found["type"] in ("value_error", "assertion_error", "missing", "extra_forbidden") for found in group):
        return False
    came = group[0]["input"]
    deeper = any(len(other) > len(location) and other[: len(location)] == location for other in grouped)
    return isinstance(came, (list, tuple, dict)) and deeper


def _family(raw: Mapping[str, Any]) -> str:
    model = raw.get("model")
    return str(model.get("family", "mlp")) if isinstance(model, Mapping) else "mlp"


def _location(found: Sequence[str | int], raw: Any, *, is_missing: bool) -> Location:
    """Leaves out of pydantic's location what stands in no config: the names of a union's alternatives."""
    location = []
    for part in found[:-1] if is_missing else found:
        known = range(len(raw)) if isinstance(raw, (list, tuple)) else raw if isinstance(raw, Mapping) else ()
        if part in known:
            location.append(str(part))
            raw = raw[part]
    return (*location, str(found[-1])) if is_missing else tuple(location)
