"""Words of messages."""

from __future__ import annotations


def counted(count: int, noun: str, many: str | None = None) -> str:
    """Returns a number of things in words: ``1 row``, ``1,200 rows``.

    Args:
      count: how many.
      noun: of one of them, perhaps with what follows it: ``row``.
      many: of several; default: the noun with an s.
    """
    return f"{count:,} {noun if count == 1 else many or f'{noun}s'}"
