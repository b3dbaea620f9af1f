"""How truth is written: the one place that ingest, the transform graph, ``predict`` and ``init`` ask.

A column whose cells are true and false in any case is stored as ``true`` and ``false``, whatever the file: CSV's
``True``, a German Excel's ``WAHR``, Parquet's booleans and JSON's ``true`` are the same to a model, and so are the
classes of a label. Yes and no, on and off keep the words of the table; as ``kind: boolean`` they are read here. The
patterns are Python's and RE2's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from pyarrow import Array

TRUE, FALSE = "true", "false"
# What spreadsheets write into text for truth, by the language that they are set to.
_TRUE_WORDS = (
    *(TRUE, "wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar", "prawda", "igaz", "истина"),
    *("sand", "sant", "sann", "tosi", "pravda", "doğru"),
)
_FALSE_WORDS = (
    *(FALSE, "falsch", "faux", "falso", "onwaar", "fałsz", "hamis", "ложь"),
    # The last is YANLIŞ in small letters for programs that know no Turkish.
    *("falsk", "falskt", "usann", "epätosi", "nepravda", "yanlış", "yanliş"),
)
_SAID = dict.fromkeys(_TRUE_WORDS, TRUE) | dict.fromkeys(_FALSE_WORDS, FALSE)
TRUE_PATTERN = rf"(?i)({'|'.join(_TRUE_WORDS)}|yes|y|t|1|1\.0*|on|ja|oui|sí|si|sì|sim|tak|да)"
FALSE_PATTERN = rf"(?i)({'|'.join(_FALSE_WORDS)}|no|n|f|0|0\.0*|off|nein|nee|non|não|nao|nie|нет)"


def are_booleans(cells: Iterable[str]) -> bool:
    """Says whether cells are true and false, in any case and in a language that is listed here."""
    return _SAID.keys() >= set(map(str.lower, set(cells)))


def are_true_and_false(classes: Collection[str] | None) -> bool:
    """Says whether the classes of a label are truth as it is stored; other words, as of folders, are names."""
    return bool(classes) and {TRUE, FALSE}.issuperset(classes or ())


@overload
def plain_boolean(cell: str) -> str: ...
@overload
def plain_boolean(cell: None) -> None: ...
def plain_boolean(cell: str | None) -> str | None:
    """Writes a truth value as every format does: ``true`` and ``false``, and any other text in lower case."""
    return None if cell is None else _SAID.get(cell.lower(), cell.lower())


def plain_booleans(cells: Array) -> Array:
    """Does so with a column of text of Arrow."""
    import pyarrow as pa

    found = cells.dictionary_encode()
    plain = pa.array([plain_boolean(cell) for cell in found.dictionary.to_pylist()], pa.string())
    return plain.take(found.indices)


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
    said = _SAID.get(cell.lower())
    return None if said is None else float(said == TRUE)
