"""Words of messages."""

from __future__ import annotations

import unicodedata

_WITHOUT_EXPONENT = 1e15


def counted(count: int, noun: str, many: str | None = None) -> str:
    """Returns a number of things in words: ``1 row``, ``1,200 rows``.

    Args:
      count: How many there are.
      noun: Word for one of them, perhaps with what follows it: ``row``.
      many: Word for several; by default the noun with an s.
    """
    return f"{count:,} {noun if count == 1 else many or f'{noun}s'}"


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


def printable(text: str) -> str:
    """Writes characters that would steer a terminal, such as the escape of a colour, as their codes; lines stay."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _steers(c) else c.encode("unicode_escape").decode() for c in text)


def _steers(character: str) -> bool:
    """Says whether a character is of Unicode's control characters, or divides lines or paragraphs."""
    category = unicodedata.category(character)
    return category.startswith("C") or category in ("Zl", "Zp")
