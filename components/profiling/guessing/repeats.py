"""Tells tables whose rows are mostly equal to one another, as those of counted cases are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from kerasline.components.profiling.sampling import SampledColumn

_FEWEST = 200  # rows, all different, of which a share is divided evenly enough by a hash
_LEAST_COPIES = 4


def equal_rows(columns: Sequence[SampledColumn], used: Collection[str]) -> int:
    """Returns how many different rows there are, where a hash of them would make the splits a matter of luck; else 0.

    Equal rows have one hash and reach one split together. Rows of unequal numbers of copies divide as evenly as so many
    of one copy each: the square of their sum over the sum of their squares.

    Args:
      columns: of the table.
      used: names of the inputs and the label.
    """
    kept = [column for column in columns if column.name in used]
    if any(column.dtype == "array" for column in kept):
        return 0
    copies = Counter(zip(*(column.values for column in kept), strict=True))
    rows = sum(copies.values())
    spread = rows**2 / max(1, sum(count**2 for count in copies.values()))
    return len(copies) if spread < min(_FEWEST, rows / _LEAST_COPIES) else 0
