"""Rows that add up the others, as people write them below a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

LINES_LOOKED_AT = 3  # from the end; a source or a date may stand below the sum
_TOTAL = re.compile(
    r'[\s",;|]*((?:grand |sub)?totals?|sum|summe|gesamt|insgesamt)\b[\s":]*(?:[,;\t|]|$)', re.IGNORECASE
)


def total_word(lines: Sequence[str]) -> str | None:
    """Returns the word with which one of the last lines of a table says that it is a sum, or None.

    Args:
      lines: The end of the table; cells are parted by any usual sign.
    """
    filled = [line for line in lines if line.strip()]
    found = filter(None, map(_TOTAL.match, filled[-LINES_LOOKED_AT:]))
    return next((match[1] for match in found), None)
