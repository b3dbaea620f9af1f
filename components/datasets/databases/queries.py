"""The text of a query: what its colons are, and how another query reads from it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import TextClause


def escaped(query: str, names: Iterable[str] = ()) -> TextClause:
    """Returns a query for SQLAlchemy, to which a colon stands for a parameter, and times such as 12:30 have one.

    Args:
      query: As the recipe has it, or around that.
      names: Of the parameters that are given.
    """
    from sqlalchemy import text

    known = "".join(rf"(?!{name}\b)" for name in names)
    return text(re.sub(rf"(?<![:\\]):(?=\w){known}", r"\\:", query))


def inner(query: str) -> str:
    """Returns a query as a table that another one reads from."""
    # A line of its own: the query may end in a comment.
    return f"({query.strip().rstrip(';')}\n) AS kerasline_rows"
