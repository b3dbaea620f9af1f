"""What counts as no value: decided here for every column, whoever reads it.

The words of a text table (``csv.missing_values``) stand for all of its columns, a column's own
(``features.COLUMN.missing_values``) take their place. So a word that is missing among numbers stays a class of the
label, and a country may be NA.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerasline.components.core import ConfigError, counted

# Of the rows with a label; more that go for a word which nobody chose are no accident.
_MOST_LOST = 0.05

Named = Mapping[str, Sequence[str] | None]


def missing_words(reading: Mapping[str, Any], column: str) -> frozenset[str]:
    """Returns the cells of a column that are no value; the empty one always is none.

    Args:
      reading: ``missing_values`` of the file, and perhaps ``missing_in``, a column's own words by its name.
      column: its name.
    """
    own = reading.get("missing_in", {}).get(column)
    words = {word.strip() for word in (reading["missing_values"] if own is None else own)}
    return frozenset({"", *words, *(other for word in words for other in _other_spellings(word))})


def own_words(named: Named) -> dict[str, list[str]]:
    """Returns the columns that have words of their own, with these."""
    return {name: list(words) for name, words in named.items() if words is not None}


def without(words: frozenset[str]) -> Callable[[Any], Any]:
    """Returns a function that makes None of a typed value that one of the words stands for."""
    numbers = numbers_of(words)

    def known(value: Any) -> Any:
        if isinstance(value, str):
            return None if value.strip() in words else value
        return None if isinstance(value, int | float) and value in numbers else value

    return known


def numbers_of(words: frozenset[str]) -> frozenset[float]:
    """Returns the numbers among the words, such as -999."""
    return frozenset(number for word in words if (number := _number(word)) is not None)


def describe_lost(lost: Mapping[str, int], where: str) -> str:
    """Says how many rows have no label, by what stands there instead.

    Args:
      lost: rows for each cell, the empty one among them.
      where: such as ``lines 3, 7``, empty where it is not known.
    """
    told = [counted(lost[""], "row") + " without a label"] if lost.get("") else []
    ordered = sorted((word for word in lost if word), key=lambda word: -lost[word])
    told += [f"{counted(lost[word], 'row')} whose label is {word!r}" for word in ordered]
    return " and ".join(told) + (f" ({where})" if where else "")


def check_lost(label: str, lost: Mapping[str, int], kept: int, origin: str) -> None:
    """Refuses to lose many rows of a label of classes for a word that nobody said is missing.

    Args:
      label: its column.
      lost: rows for each cell that was taken for missing.
      kept: rows with a label.
      origin: of the data, for the message.

    Raises:
      ConfigError: with the word, its rows and both ways out.
    """
    words = Counter({word: count for word, count in lost.items() if word})
    for word, count in words.most_common(1):
        share = count / (kept + count)
        if kept and share > _MOST_LOST:
            raise ConfigError(
                f"{counted(count, 'row')} of {origin} ({share:.0%}) would be left out because label {label!r} says "
                f"{word!r} there, which is read as missing; if it is a class, set features: {{{label}: "
                f"{{missing_values: []}}}}, and if it means that there is no label: {{missing_values: ['{word}']}}."
            )


def _other_spellings(word: str) -> list[str]:
    """Gives the other ways to write a whole number: -999 is -999.0, too."""
    number = _number(word)
    if number is None or not number.is_integer() or abs(number) > 1e15:
        return []
    return [f"{number:.0f}", f"{number:.1f}", f"{number:.2f}"]


def _number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None
