"""How truth is written: the one place that ingest, the transform graph, ``predict`` and ``init`` ask.

A column whose cells are true and false in any case is stored as ``true`` and ``false``, whatever the file: CSV's
``True``, Parquet's booleans and JSON's ``true`` are the same to a model, and so are the classes of a label. Yes and no,
on and off keep the words of the table; as ``kind: boolean`` they are read here. The patterns are Python's and RE2's.
"""

from __future__ import annotations

import re
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


def mixes_spellings(classes: Iterable[str]) -> bool:
    """Says whether classes are true and false in more than one way of writing, such as 0, 1, True and False.

    Letters alone may be other classes: t, f and n are not said to be these.
    """
    known = {re.sub(r"\.0+$", "", name.lower()) for name in classes}
    if len(known) < 3 or all(len(name) == 1 and name.isalpha() for name in known):
        return False
    return all(re.fullmatch(f"{TRUE_PATTERN[4:]}|{FALSE_PATTERN[4:]}", name) for name in known)


def read_boolean(cell: str) -> float | None:
    """Returns 1 and 0 for true and false, for columns of these numbers, or None for any other cell."""
    return {TRUE: 1.0, FALSE: 0.0}.get(cell.lower())
