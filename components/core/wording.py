"""Words of messages."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable

_WITHOUT_EXPONENT = 1e15


def counted(count: int, noun: str, many: str | None = None) -> str:
    """Returns a number of things in words: ``1 row``, ``1,200 rows``.

    Args:
      count: How many there are.
      noun: Word for one of them, perhaps with what follows it: ``row``.
      many: Word for several; by default the noun with an s.
    """
    return f"{count:,} {noun if count == 1 else many or f'{noun}s'}"


def new_name(name: str, names: Collection[str]) -> str:
    """Returns a name, with as many underscores behind it as it takes to be none of the others."""
    while name in names:
        name += "_"
    return name


def first_repeated(names: Iterable[str]) -> str | None:
    """Returns the first name that has come before, or None where each comes once."""
    seen = set[str]()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def rate(rows_per_second: float) -> str:
    """Returns how fast rows go: ``1,200 rows/s``; slow ones have digits that tell them from none: ``0.4 rows/s``."""
    return f"{rows_per_second:,.0f} rows/s" if rows_per_second >= 10 else f"{rows_per_second:.2g} rows/s"


def rounded(value: float | None, digits: int = 4) -> str:
    """Writes a figure as people do: 12,430 and not 1.243e+04.

    Args:
      value: Figure; None, of what is not defined, is an empty text.
      digits: How many of its digits matter; those behind them are zeros or left out.
    """
    if value is None:
        return ""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text and abs(value) < _WITHOUT_EXPONENT else text


def percent(share: float, digits: int = 1) -> str:
    """Writes a share so that few do not look like none, and most not like all: ``<0.1%``, ``12.5%``, ``>99.9%``."""
    least = 0.01 / 10**digits
    if 0 < share <= least / 2:
        return f"<{least:.{digits}%}"
    return f">{1 - least:.{digits}%}" if 1 - least / 2 <= share < 1 else f"{share:.{digits}%}"


def first_line(error: BaseException, otherwise: str | None = None) -> str:
    """Returns the first line of an error's message.

    Args:
      error: Of any kind.
      otherwise: What is returned of an error that says nothing; by default the name of its type.
    """
    return (str(error).strip().splitlines() or [otherwise or type(error).__name__])[0]


def last_line(text: str, otherwise: str = "no message") -> str:
    """Returns the last line of what a program has said, where a traceback has its error."""
    return (text.strip().splitlines() or [otherwise])[-1]


def printable(text: str) -> str:
    """Writes characters that would steer a terminal, such as the escape of a colour, as their codes; lines stay."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _steers(c) else c.encode("unicode_escape").decode() for c in text)


def _steers(character: str) -> bool:
    """Says whether a character is of Unicode's control characters, or divides lines or paragraphs."""
    category = unicodedata.category(character)
    return category.startswith("C") or category in ("Zl", "Zp")
