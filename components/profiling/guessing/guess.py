"""What a column seems to be, and what its guesses share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

# Who or what is numbered, where nothing parts it from what says so: schid, caseno, pidnum, but not acid, paid, grid.
NUMBERED = (
    "(p|s|u|sub|subj|subject|pat|patient|case|sch|school|stu|stud|student|tch|teacher|pers|person|resp|cust|customer"
    "|client|emp|employee|member|user|order|item|rec|record|obs|hh|house|household|fam|family|firm|dist|district|site|plot|sample|doc|pupil)"
)
GROUP_NAME = re.compile(rf"(^|[_\s.\-])(id|uuid|guid)$|[a-z](Id|ID)$|^(?i:{NUMBERED}id)$")
TIME_NAME = re.compile(
    r"(^|[_\W])(years?|yr|wave|round|period|months?|mon|quarters?|weeks?|visit|season|time|t|jahr|date|days?|hours?|minutes?"
    r"|seconds?)$",
    re.I,
)
FEWEST_FOR_ID = 20
MOST_READ = 5_000  # different values that are tried as dates and numbers


@dataclass
class ColumnGuess:
    """What a column seems to be.

    Attributes:
      name: of the column.
      kind: numeric, categorical, boolean, date, text, array, or drop.
      options: keys of its block in ``features:`` that are not what the run would choose by itself.
      why: what was seen, in a few words.
      missing: share of the rows without a value.
      distinct: different values in the rows that were looked at.
      remark: advice that the recipe does not follow by itself.
      group: whether rows of one value belong together, as those of one customer.
    """

    name: str
    kind: str
    why: str
    missing: float = 0.0
    distinct: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    remark: str = ""
    group: bool = False


def shown(value: Any) -> str:
    """Writes a value for the reader of a recipe: text in quotes, cut where it is long; numbers with six digits."""
    text = value if isinstance(value, str) else f"{value:g}"
    text = " ".join(text.split())
    return repr(text if len(text) <= 30 else text[:27] + "...") if isinstance(value, str) else text


def hidden_difference(texts: Collection[str]) -> str:
    """Says in what texts differ that mean the same to a reader; empty where none do."""
    if len({text.lower() for text in texts}) < len(texts):
        return "capital letters"
    stored = {" ".join(unicodedata.normalize("NFKC", text).split()) for text in texts}
    return "how their letters are stored (Unicode)" if len(stored) < len(texts) else ""
