"""What pydantic finds wrong with a value, in the words of somebody who writes a recipe; light."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union

from kerasline.components.core.errors import cut, nearest, shown

# What a finding's type says of the value that was expected; {names} are of its context.
_EXPECTED = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "a number below {lt}",
    "less_than_equal": "{le} at most",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "missing": "this key, which is not there",
    "extra_forbidden": "no such key",
    "recursion_loop": "a block that does not contain itself",
    "none_required": "nothing",
}
_BEGINNINGS = (
    ("int_", "a whole number"),
    ("float_", "a number"),
    ("decimal_", "a number"),
    ("complex_", "a number"),
    ("bool_", "true or false"),
    ("string_", "text"),
    ("bytes_", "text"),
    ("list_", "a list such as [a, b]"),
    ("tuple_", "a list such as [a, b]"),
    ("set_", "a list such as [a, b]"),
    ("frozen_set_", "a list such as [a, b]"),
    ("iterable_", "a list such as [a, b]"),
    ("dict_", "a block of keys"),
    ("model_", "a block of keys"),
    ("dataclass_", "a block of keys"),
    ("mapping_", "a block of keys"),
    ("date_", "a date such as 2024-01-31"),
    ("datetime_", "a time such as 2024-01-31 12:00:00"),
    ("timezone_", "a time such as 2024-01-31 12:00:00"),
    ("time_", "a time such as 12:00:00"),
    ("url_", "an address such as https://example.org"),
    ("json_", "JSON"),
)
# A pattern says nothing to a reader.
PATTERNS = {
    r"^[0-9a-f]{64}$": "a sha256 of 64 digits, 0 to 9 and a to f",
    r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$": "lower-case letters, digits, - and _, with a letter or digit at both ends",
    r"^\d+(\.\d+)?[smh]$": "a time such as 90s, 20m or 2h",
    r"^https?://": "an address that begins with http:// or https://",
}
_MAY_BE_QUOTED = (int, float)
_ANOTHER = "another value"


def expected(kind: str, context: Mapping[str, Any]) -> str:
    """Says what a value should have been.

    Args:
      kind: Type of the finding, such as ``int_parsing``.
      context: Values that the finding's words need, such as the limit of a number.
    """
    if kind in ("literal_error", "enum"):
        choices = _choices(context)
        return choices[0] if len(choices) == 1 else f"one of {cut(', '.join(choices), 600)}"
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(str(context.get("pattern")), "text of another form")
    if kind not in _EXPECTED:
        return next((words for start, words in _BEGINNINGS if kind.startswith(start)), _ANOTHER)
    try:
        numbers = {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}
        return _EXPECTED[kind].format(**numbers)
    except KeyError:
        return _ANOTHER


def _choices(context: Mapping[str, Any]) -> list[str]:
    """Lists the values of which one was expected."""
    return [choice.strip("'") for choice in re.split(", | or ", str(context.get("expected", "")))]


def describe(findings: Sequence[Mapping[str, Any]]) -> str:
    """Says what is wrong with one value: what was expected, and what came.

    Args:
      findings: What pydantic says about this value, at least one; a value that may take several forms has one of each.
    """
    own = next((f for f in findings if f["type"] in ("value_error", "assertion_error")), None)
    if own is not None:
        return _own_words(own)
    came = findings[0]["input"]
    wanted = " or ".join(_wanted(findings))
    hint = _nearest_choice(came, findings)
    if wanted == "text" and isinstance(came, _MAY_BE_QUOTED):
        hint = "; put it in quotes"
    if wanted == "a whole number" and isinstance(came, float) and came.is_integer():
        wanted = "a whole number without a point"
    return f"expected {wanted}, got {shown(came)}{hint}"


def _wanted(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lists what the value might have been, each once."""
    # What has the right form and the wrong size says more than a form that was not meant.
    closer = [finding for finding in findings if finding["type"] in _EXPECTED] or findings
    return list(dict.fromkeys(expected(finding["type"], finding.get("ctx", {})) for finding in closer))


def _nearest_choice(came: Any, findings: Sequence[Mapping[str, Any]]) -> str:
    """Asks which choice was meant, by the first finding that offers one like what came; empty where none does."""
    offered = [finding["ctx"] for finding in findings if finding["type"] == "literal_error"]
    hints = (nearest(came, _choices(context), 0.6) for context in offered) if isinstance(came, str) else ()
    return next((f".{hint}" for hint in hints if hint), "")


def _own_words(finding: Mapping[str, Any]) -> str:
    """Returns what a check of ours says, with what came where it does not say that itself."""
    text = finding["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    came = finding["input"]
    is_told = "got" in text or isinstance(came, (dict, list, tuple)) or (isinstance(came, str) and repr(came) in text)
    if is_told or not isinstance(came, (str, int, float, bool, type(None))):
        return str(text)
    return f"{text}, got {shown(came)}"


def refuse_boolean(annotation: Any, value: Any) -> Any:
    """Refuses true and false where a number is wanted: Python would take them for 1 and 0.

    Raises:
      ValueError: says what was expected.
    """
    if isinstance(value, bool) and _is_number(annotation):
        raise ValueError(f"expected a number, got {shown(value)}")
    return value


@cache
def _is_number(annotation: Any) -> bool:
    """Says whether an annotation takes numbers, and neither booleans nor anything."""
    inner = getattr(annotation, "__args__", ())
    if not inner:
        return annotation in (int, float)
    if getattr(annotation, "__origin__", None) is Literal or bool in inner:
        return False
    is_union = getattr(annotation, "__origin__", None) in (Union, Annotated) or isinstance(annotation, UnionType)
    return is_union and any(_is_number(one) for one in inner)
