"""Words of messages."""

from __future__ import annotations

import unicodedata


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


def printable(text: str) -> str:
    """Writes characters that would steer a terminal, such as the escape of a colour, as their codes; lines stay."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _steers(c) else c.encode("unicode_escape").decode() for c in text)


def _steers(character: str) -> bool:
    """Says whether a character is of Unicode's control characters, or divides lines or paragraphs."""
    category = unicodedata.category(character)
    return category.startswith("C") or category in ("Zl", "Zp")
