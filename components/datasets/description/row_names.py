"""Columns that name the rows: the index of a data frame, numbers of rows, R's row names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kerasline.components.datasets.description.spec import Column

# What pandas, R and SQL call them; column_1 is a first column whose header has no name, X what R reads such a one as
# (a small x is the quantity of a curve).
_NAMES = re.compile(
    r"unnamed: ?\d+|(level_|unnamed_)\d+|index|idx|row\W?(name|number|num|nr|id)?s?|rownum|row_?names?|column_1"
    r"|(?-i:X\.?1?)",
    re.I,
)
_EACH_ITS_OWN = 0.98  # of the rows


def is_row_name(name: str) -> bool:
    """Says whether a column is called as the names of rows are."""
    return _NAMES.fullmatch(name.strip()) is not None


def row_name_notes(columns: Iterable[Column], rows: int, has_header: bool = True) -> list[str]:
    """Notes the inputs that are called like names of rows and have another whole number in each of them."""
    return [
        f"column {column.name!r} seems to number the rows, which says nothing of new ones; leave it out with drop: "
        f"[{column.name!r}]"
        for column in columns
        if column.dtype == "int" and is_row_name(column.name) and (has_header or column.name != "column_1")
        if column.distinct is None or column.distinct >= max(20, _EACH_ITS_OWN * rows)
    ]
