"""Values that training has never shown: found by the version's own transform graph, told in words.

The model answers such a row as if the value were missing, or like any other unknown one. A version marks them with
``unseen_default`` and ``unseen_raw`` beside its signatures (see ``training/signatures.py``) and names their
columns in its record; one that was pushed without them says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kerasline.components.core import counted
from kerasline.components.features import FAR, MISSING, UNKNOWN, UNREADABLE
from kerasline.components.prediction.reading import Block

WORDS = {
    UNKNOWN: "is no value that the model learned",
    UNREADABLE: "cannot be read as training read the column",
    FAR: "is far outside of the range in training",
    MISSING: "is missing, which it never was in training",
}
RAW = "serving_raw"
SIGNATURES = {"serving_default": "unseen_default", RAW: "unseen_raw"}
_EXAMPLES = 5
_LETTERS = 80


def find_marker(model: Any, record: Mapping[str, Any], signature: str) -> Any | None:
    """Returns the function that marks what a signature is asked, or None where the version has none."""
    marking = getattr(model, "marking", None)
    if not marking or not record.get("watched") or signature not in SIGNATURES:
        return None
    marker = marking[SIGNATURES[signature]]
    # Older versions have it untraced; to look for the one that fits takes twice the time.
    return next(iter(getattr(marker, "concrete_functions", [marker])))


def news_only(record: Mapping[str, Any], marks: np.ndarray) -> np.ndarray:
    """Takes the marks of missing values away in columns where training had missing values, too."""
    complete = {column["name"] for column in record["columns"] if not column["missing"]}
    usual = np.array([name not in complete for name in record["watched"]], bool)
    return np.where((marks == MISSING) & usual, 0, marks)


def say_unseen(column: str, mark: int, value: Any) -> str:
    """Says in a few words what is the matter with a value."""
    if mark == MISSING:
        return f"column {column!r} {WORDS[MISSING]}"
    return f"{show(value)} in column {column!r} {WORDS[mark]}"


def show(value: Any) -> str:
    """Shows a value as it was given, cut where it is long."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, np.generic):
        value = value.item()
    text = f"{value:g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LETTERS else text[: _LETTERS - 3] + "..."


def first_unseen(watched: Sequence[str], marks: np.ndarray, values: Mapping[str, Any], row: int) -> str:
    """Says what is the matter with the first marked value of a row, and how many more there are."""
    places = np.flatnonzero(marks).tolist()
    name = watched[places[0]]
    more = f" (and {counted(len(places) - 1, 'more column')})" if len(places) > 1 else ""
    return say_unseen(name, int(marks[places[0]]), values[name][row]) + more


def name_unseen(watched: Sequence[str], marks: np.ndarray) -> np.ndarray:
    """Names the marked columns of each row, joined by ``|``; None where there are none: object [rows]."""
    named = np.full(len(marks), None, object)
    for row in np.flatnonzero(marks.any(axis=1)).tolist():
        named[row] = "|".join(watched[place] for place in np.flatnonzero(marks[row]).tolist())
    return named


def values_by_column(block: Block) -> Mapping[str, Any]:
    """Gives the values of a block's columns, whatever they are read from."""
    return block.columns if block.examples is None else features_of(block.examples)


def features_of(examples: Sequence[bytes]) -> Mapping[str, Any]:
    """Gives the first value of each feature of tf.Examples, by its name; None where a row has none."""
    return _Features(examples)


class _Features(dict[str, list[Any]]):
    """The columns of tf.Examples, each read when it is first asked for."""

    def __init__(self, examples: Sequence[bytes]) -> None:
        super().__init__()
        self._examples = examples

    def __missing__(self, name: str) -> list[Any]:
        import tensorflow as tf

        self[name] = [_first_value(tf.train.Example, example, name) for example in self._examples]
        return self[name]


def _first_value(kind: Any, example: bytes, name: str) -> Any:
    try:
        feature = kind.FromString(example).features.feature.get(name)
    except Exception:  # protobuf's DecodeError differs between its backends; the model refuses such rows
        return None
    listed = getattr(feature, feature.WhichOneof("kind")).value if feature and feature.WhichOneof("kind") else []
    return listed[0] if listed else None


def count_unseen(watched: Sequence[str], marks: np.ndarray, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Counts the marks of some rows.

    Args:
      watched: names of the columns.
      marks: int64 [rows, columns].
      values: of the rows, by column, each something that is indexed by row.

    Returns:
      By column, where there are any: ``values`` (how many), ``why`` (in words, with the number of each) and
      ``examples`` (a few of them, as text).
    """
    found: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(watched):
        rows = np.flatnonzero(marks[:, place])
        if not rows.size:
            continue
        kinds, numbers = np.unique(marks[rows, place], return_counts=True)
        examples = (show(values[name][row]) for row in rows.tolist() if marks[row, place] != MISSING)
        found[name] = {
            "values": len(rows),
            "why": {WORDS[int(kind)]: int(number) for kind, number in zip(kinds, numbers, strict=True)},
            "examples": _first_few(examples),
        }
    return found


def join_counts(counts: Iterable[Mapping[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Adds up what :func:`count_unseen` returned for parts of the rows."""
    joined: dict[str, dict[str, Any]] = {}
    for part in counts:
        for name, more in part.items():
            whole = joined.setdefault(name, {"values": 0, "why": {}, "examples": []})
            whole["values"] += more["values"]
            for words, number in more["why"].items():
                whole["why"][words] = whole["why"].get(words, 0) + number
            whole["examples"] = _first_few([*whole["examples"], *more["examples"]])
    return joined


def _first_few(examples: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for example in examples:
        found[example] = None
        if len(found) == _EXAMPLES:
            break
    return list(found)
