"""How truth is written: the one place that ingest, the transform graph, ``predict`` and ``init`` ask.

A column whose cells are true and false in any case is stored as ``true`` and ``false``, whatever the file: CSV's
``True``, Parquet's booleans and JSON's ``true`` are the same to a model, and so are the classes of a label. Yes and no,
on and off keep the words of the table; as ``kind: boolean`` they are read here. The patterns are Python's and RE2's.
"""

from __future__ import annotations

from collections.abc import Iterable

TRUE, FALSE = "true", "false"
TRUE_PATTERN = r"(?i)(true|yes|y|t|1|1\.0*|on)"
FALSE_PATTERN = r"(?i)(false|no|n|f|0|0\.0*|off)"
_WORDS = frozenset({TRUE, FALSE})


def are_booleans(cells: Iterable[str]) -> bool:
    """Says whether cells are true and false, in any case."""
    return _WORDS.issuperset(map(str.lower, set(cells)))


def plain_boolean(cell: str | None) -> str | None:
    """Writes a truth value as every format does: in lower case."""
    return None if cell is None else cell.lower()


def read_boolean(cell: str) -> float | None:
    """Returns 1 and 0 for true and false, for columns of these numbers, or None for any other cell."""
    return {TRUE: 1.0, FALSE: 0.0}.get(cell.lower())
