"""Which cells of a column seem to mean that there is no value: decided for each column by what else stands in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kerasline.components.core import counted, percent
from kerasline.components.datasets.description import MISSING_VALUES
from kerasline.components.datasets.tables.csv import parse
from kerasline.components.datasets.values import evidence_of, missing_words, read_number

# What spreadsheets and databases write for no value in any column ...
ALWAYS_MISSING = frozenset(
    {
        *("#N/A", "#NA", "#N/V", "#NV", "#N/D", "#VALUE!", "#WERT!", "#VALEUR!", "#¡VALOR!", "#DIV/0!", "#¡DIV/0!"),
        *("#REF!", "#BEZUG!", "#NULL!", "#NUM!", "#ZAHL!", "#NAME?", "<NA>", "NaT", "(null)", "<null>", "<NULL>"),
        "\\N",
    }
)
# ... and what people write for it, which may be a category in a column of text.
_MAY_BE_MISSING = frozenset(
    {
        *("-", "--", "---", "–", "—", ".", "..", "*", "none", "None", "NONE", "n.a.", "N.A.", "na", "Na", "nil", "n/k"),
        *("missing", "Missing", "unknown", "Unknown", "UNKNOWN", "k.A.", "k. A.", "o.A.", "s/d", "S/D", "n/d", "N/D"),
        *("n.d.", "N.D.", "nd", "ND", "b.d.", "н/д", "不明", "unbekannt", "Unbekannt", "inconnu", "desconocido"),
    }
)
_KNOWN = ALWAYS_MISSING.union(_MAY_BE_MISSING, MISSING_VALUES)
_MOST_STRAYS = 3  # different words that nobody knows
_FEWEST_NUMBERS = 10  # different ones beside them
_MOST_CLASSES = 20
_FREQUENT = 0.05
_SLIPS = 0.005  # of the rows, or one, may have a number that nobody can read
_FEWEST_CODES = 3
_MARK = re.compile(r"[^\w\s]")


@dataclass(frozen=True)
class Words:
    """What means no value in one column.

    Attributes:
      own: the column's own list, in place of the file's, or None where that one is right.
      why: what the list was chosen by.
      remark: for the reader of the recipe: rows of a label that are left out, or may have to be.
    """

    own: tuple[str, ...] | None = None
    why: str = ""
    remark: str = ""

    def missing(self, name: str, shared: Sequence[str]) -> frozenset[str]:
        """Returns what means no value in a column: its own words, or those of the file."""
        return missing_words({"missing_values": shared if self.own is None else self.own}, name)


def shared_words(columns: Iterable[Collection[str]]) -> list[str]:
    """Lists what means no value in every column, besides the usual words."""
    return sorted({word for cells in columns for word in ALWAYS_MISSING.intersection(cells)})


def decide_words(counts: Mapping[str, int], shared: Sequence[str], is_label: bool) -> Words:
    """Decides what means no value in a column of a text table.

    Args:
      counts: Rows of each cell.
      shared: Words of the file besides the usual ones.
      is_label: Whether rows without a value are left out.
    """
    usual = list(filter(None, (*MISSING_VALUES, *shared)))
    no_values = {"", *usual}
    others = {word: count for word, count in counts.items() if word not in no_values}
    strays = _find_strays(others, is_label)
    if strays:
        return _words_and(strays, usual, others, is_label)
    seen = [word for word in usual if word in counts]
    values = [word for word in seen if _is_value(word, others)]
    if values:
        return _words_but(values, usual, others)
    return _words_of_label(counts, seen, usual, others) if is_label else Words()


def decide_typed_words(counts: Mapping[str, int], is_label: bool) -> Words:
    """Decides what means no value in a column of text of a typed table, in which no word does by itself.

    Args:
      counts: Rows of each text.
      is_label: Whether rows without a value are left out.
    """
    strays = _find_strays(counts, is_label)
    usual = [word for word in MISSING_VALUES if word and word not in strays]
    return _words_and(strays, usual, counts, is_label) if strays else Words()


def _find_strays(others: Mapping[str, int], is_label: bool) -> list[str]:
    """Finds the words of a column that stand for no value in it, though not in every column."""
    strays = _strays_among_numbers(others)
    return _without_classes(strays, others) if strays and is_label else strays


def _words_and(strays: Sequence[str], usual: Sequence[str], others: Mapping[str, int], is_label: bool) -> Words:
    """Adds words that stand for no value in this column to the usual ones.

    Args:
      strays: Words to add.
      usual: Words of the whole file.
      others: Rows of each cell that has none of the usual words.
      is_label: Whether rows without a value are left out.
    """
    told = _quoted(strays)
    count = sum(others[word] for word in strays)
    rows = counted(count, "row")
    left_out = f"{rows} whose label is {told} {'is' if count == 1 else 'are'} left out" if is_label else ""
    return Words((*usual, *strays), f"{told} among numbers: no value in {rows}", left_out)


def _quoted(words: Iterable[str]) -> str:
    return " and ".join(map(repr, words))


def _words_but(values: Sequence[str], usual: Sequence[str], others: Mapping[str, int]) -> Words:
    """Takes words that are values of this column from the usual ones."""
    why = f"{_quoted(values)} is one of the column's values, as {next(iter(others))!r} is"
    return Words(_without(values, usual), why)


def _without(words: Sequence[str], usual: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in usual if word not in words)


def remark_on_classes(counts: Mapping[str, int]) -> str:
    """Says which class of a label may mean that there is none."""
    for word, rows in counts.items():
        if word in _MAY_BE_MISSING or word in MISSING_VALUES:
            return (
                f"{word!r} is a class here ({counted(rows, 'row')}); if it means that there is no label, give the "
                f"label missing_values: ['{word}'] under features"
            )
    return ""


def _words_of_label(
    counts: Mapping[str, int], seen: Sequence[str], usual: Sequence[str], others: Mapping[str, int]
) -> Words:
    """Leaves out rows whose label says NA or the like, unless empty cells say so and the word is frequent.

    Args:
      counts: Rows of each cell.
      seen: Usual words that stand in the column.
      usual: Words of the whole file.
      others: Rows of each cell that has none of the usual words.
    """
    if not seen or not _are_texts(others):
        return Words()
    rows = sum(others.values())
    frequent = [word for word in seen if counts[word] > _FREQUENT * (rows + counts[word])]
    if frequent and counts.get("", 0):
        why = f"{_quoted(frequent)} is frequent, and rows without a label have an empty cell: a class"
        return Words(_without(frequent, usual), why)
    remark = _remark_on_left_out({word: counts[word] for word in seen}, rows)
    if frequent:
        # Written out, so that whoever reads the recipe sees what so many rows are left out for.
        return Words(tuple(usual), "read as: no label", remark)
    return Words(remark=remark)


def _remark_on_left_out(counts: Mapping[str, int], others: int) -> str:
    """Says how many rows of each word are left out, and their share beside the ``others`` that have a label."""
    told = " and ".join(f"{counted(count, 'row')} whose label is {word!r}" for word, count in counts.items())
    left_out = sum(counts.values())
    share = left_out / (others + left_out)
    return f"left out: {told} ({percent(share)}); if that is a class, write missing_values: [] for the label"


def _are_texts(cells: Iterable[str]) -> bool:
    """Whether there are cells, and they are not all numbers."""
    listed = list(cells)
    return bool(listed) and parse(listed)[0] == "string"


def _strays_among_numbers(others: Mapping[str, int]) -> list[str]:
    """Finds the few words of a column whose other values are numbers."""
    if not _are_texts(others):
        return []
    known, unknown = _words_among(others)
    if len(unknown) > _MOST_STRAYS:
        return _strays_among_written(others)
    strays = [*known, *unknown]
    numbers = [word for word in others if word not in set(strays)]
    if not numbers or _are_texts(numbers):
        return []
    return strays if not unknown or _stand_out(unknown, numbers, others) else []


def _strays_among_written(others: Mapping[str, int]) -> list[str]:
    """Finds the few words of a column whose other values are numbers in writing, such as $1,200 and 12.5 %."""
    known, unknown = _words_among(others, _may_be_written)
    strays = {*known, *unknown}
    if not strays or len(unknown) > _MOST_STRAYS:
        return []
    numbers = {cell: count for cell, count in others.items() if cell not in strays}
    stand_out = not unknown or _stand_out(unknown, list(numbers), others)
    return [*known, *unknown] if stand_out and _are_written(numbers) else []


def _are_written(numbers: Mapping[str, int]) -> bool:
    found = evidence_of(numbers)
    return found is not None and not found.problem


def _is_plain(cell: str) -> bool:
    return parse([cell])[0] != "string"


def _may_be_written(cell: str) -> bool:
    """Whether a cell has a digit, or is an amount of nothing, such as ``$ -``."""
    return any(map(str.isdecimal, cell)) or evidence_of([cell]) is not None


def _words_among(cells: Iterable[str], is_number: Callable[[str], bool] = _is_plain) -> tuple[list[str], list[str]]:
    """Lists the cells that are no numbers: those that may mean no value, and others up to one too many."""
    known: list[str] = []
    unknown: list[str] = []
    for word in cells:
        if is_number(word):
            continue
        (known if word in _KNOWN else unknown).append(word)
        # A column of text has thousands of them, of which no more need be looked at.
        if len(unknown) > _MOST_STRAYS:
            break
    return known, unknown


def _stand_out(unknown: Sequence[str], numbers: Sequence[str], others: Mapping[str, int]) -> bool:
    """Whether words that nobody knows stand out among numbers enough to mean that there is none."""
    most_are_numbers = 2 * sum(others[word] for word in numbers) >= sum(others.values())
    # A word with a digit may be a number that is written in a form of its own, but for a slip in a few rows.
    are_rare = sum(others[word] for word in unknown) <= max(1, _SLIPS * sum(others.values()))
    forms = [word for word in unknown if re.search(r"\d", word) and (not are_rare or _is_read_with(word, others))]
    return len(numbers) >= _FEWEST_NUMBERS and most_are_numbers and not forms


def _is_read_with(word: str, cells: Mapping[str, int]) -> bool:
    """Whether a word is a number in the form that the cells have: 1 200 among 0.5 and 1.5, but not 1,5."""
    found = evidence_of(cells)
    return found is not None and read_number(word, found.form) is not None


def _without_classes(strays: Sequence[str], others: Mapping[str, int]) -> list[str]:
    """Keeps words beside a few whole numbers as the classes that they may be: 1, 2, 3 and unknown."""
    numbers = {word: count for word, count in others.items() if word not in strays}
    rows = sum(numbers.values())
    if len(numbers) > _MOST_CLASSES or rows < 5 * len(numbers) or parse(list(numbers))[0] != "int":
        return list(strays)
    return [word for word in strays if others[word] <= _FREQUENT * rows]


def _is_value(word: str, others: Mapping[str, int]) -> bool:
    """Says whether a word that usually means no value is one of its like: NA among countries, ? among marks."""
    like = re.compile(r"[A-Z]{2}") if word == "NA" else _MARK if word == "?" else None
    if like is None:
        return False
    # Other words that may mean no value, such as unknown, say nothing of what the values are like.
    like_it = {other: bool(like.fullmatch(other)) for other in others}
    same = Counter(alike for other, alike in like_it.items() if alike or other not in _MAY_BE_MISSING)
    return same[True] >= _FEWEST_CODES and same[True] >= 0.9 * same.total()
