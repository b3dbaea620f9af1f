"""Finds text with digits that is read as no number, so that the recipe says what a person sees in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from kerasline.components.profiling.guessing.guess import ColumnGuess, shown
from kerasline.components.profiling.sampling import words_of

_MOST = 0.9  # of the values
_MOST_CODES = 0.8
_NUMBER = r"[-+−]?[0-9½¼¾⅓⅔]+(?:[.,][0-9]+)?[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]*"
_SIGN = r"(?:[/x×^:±°'’′\"”″,;–-]| and | to )"
_PAIR = rf"{_NUMBER} ?{_SIGN} ?(?:{_NUMBER} ?{_SIGN}? ?)+[NSEW]?"
_SEVERAL = re.compile(rf"\(?{_PAIR}\)?|[0-9]+ ?[½¼¾⅓⅔]")
_WEEK = re.compile(r"[0-9]{4}-?W[0-9]{2}(?:-?[1-7])?")
_MARKED = re.compile(rf"(?:[<>≤≥~≈±]|ca\.|about)*=? ?{_NUMBER} ?[*+†‡]*")
_JOINED = re.compile(r"(?=.*[0-9]{4})[0-9]+(?:[-–/][0-9]+)+")
_PLAIN = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")


def are_codes(values: Sequence[str]) -> bool:
    """Says whether values are codes such as UUIDs, versions, and addresses of a network, and no sentences."""
    return sum(map(_is_code, values)) >= _MOST_CODES * len(values)


def _is_code(value: str) -> bool:
    words = words_of(value)
    return 2 * sum(any(map(str.isdigit, word)) for word in words) > len(words)


def remark_on_numbers(guess: ColumnGuess, values: Sequence[str], distinct: int) -> ColumnGuess:
    """Adds to a guess what a person would read as numbers in text that is taken for something else.

    Args:
      guess: What the column is taken for.
      values: Its values, each once.
      distinct: How many there are.
    """
    told = _told(values) if distinct > 2 and not _are_joined_codes(guess, values) else ""
    if not told:
        return guess
    if guess.kind == "drop":
        guess.why = f"{guess.why}; {told}"
    else:
        guess.remark = "; ".join(filter(None, (guess.remark, told)))
    return guess


def _are_joined_codes(guess: ColumnGuess, values: Sequence[str]) -> bool:
    """Says whether values are numbers of telephones, places, seasons: long, and each row's own or as long as others."""
    joined = [value for value in values if _JOINED.fullmatch(value)]
    lengths = Counter(tuple(map(len, re.split("[-–/]", value))) for value in joined)
    alike = len(joined) if guess.kind == "drop" else max(lengths.values(), default=0)
    return alike >= _MOST * len(values)


def _told(values: Sequence[str]) -> str:
    if _are_mostly(_SEVERAL, values):
        return (
            f"each cell holds several numbers, such as {shown(values[0])}; to learn from their sizes, write them into "
            "columns of their own"
        )
    if _are_mostly(_WEEK, values):
        return f"weeks such as {shown(values[0])} are read as no dates; write their first day, such as 2024-01-29"
    plain = sum(map(bool, map(_PLAIN.fullmatch, values)))
    other = next((value for value in values if _MARKED.fullmatch(value) and not _PLAIN.fullmatch(value)), None)
    if other is None or not _are_mostly(_MARKED, values):
        return ""
    told = f"cells such as {shown(other)} are numbers with a mark, which are read as none; to learn from sizes, write "
    return told + (
        "numbers alone" if not plain else "numbers alone, or set kind: numeric, by which they count as missing"
    )


def _are_mostly(pattern: re.Pattern[str], values: Sequence[str]) -> bool:
    return sum(map(bool, map(pattern.fullmatch, values))) >= _MOST * len(values)
