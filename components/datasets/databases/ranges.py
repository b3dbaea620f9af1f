"""A query divided into ranges of one of its columns, each of which is asked for by itself and in one order.

The parts follow each other over one connection, in one transaction, so that all of them see one state. Each comes in
the order of its columns: the same rows are the same data, whatever order the database would give them in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, nearest, shown
from kerasline.components.datasets.databases.queries import escaped, inner

if TYPE_CHECKING:
    from sqlalchemy import Connection

ROWS_A_PART = 250_000  # on average: the ranges are of equal width
_ORDERED = (int, float, Decimal, date)  # a time is a date, too
_WANTED = "expected whole numbers, fractions, dates or times"

Rows = Iterator[Sequence[Sequence[Any]]]


@dataclass(frozen=True)
class _Extent:
    """What a query has of a column: its smallest and largest value, its rows, and those with a value."""

    low: Any
    high: Any
    rows: int
    known: int


def check_column(column: str, names: Sequence[str], where: str) -> None:
    """Refuses a column that a query does not give.

    Raises:
      ConfigError: names those that it gives.
    """
    if column not in names:
        raise ConfigError(
            f"data.sql.partition_column: expected a column of the query to {where}, got {shown(column)}; "
            f"its columns are {', '.join(names)}.{nearest(column, names)}"
        )


def read_ranges(connection: Connection, query: str, names: Sequence[str], column: str, together: int) -> Rows:
    """Reads a query range by range, and at last its rows without a value in the column.

    Args:
      connection: In a transaction that sees one state.
      query: One that reads.
      names: Of its columns.
      column: That it is divided by, one of them.
      together: How many rows are fetched at once.

    Yields:
      Some rows at a time.

    Raises:
      ConfigError: the column has no order that ranges could follow, or the query gives other rows when it is asked
        again.
    """
    quoted = connection.dialect.identifier_preparer.quote_identifier(column)
    extent = _measure(connection, query, quoted, column)
    order = f"ORDER BY {quoted}, {', '.join(str(place) for place in range(1, len(names) + 1))}"
    read = 0
    for condition, bounds in _conditions(extent, quoted):
        text = f"SELECT * FROM {inner(query)} WHERE {condition} {order}"
        streamed = connection.execution_options(stream_results=True, yield_per=together)
        for rows in streamed.execute(escaped(text, bounds), bounds).partitions(together):
            read += len(rows)
            yield rows
    if read != extent.rows:
        raise ConfigError(
            f"data.sql.partition_column: the query has {extent.rows:,} rows and its ranges of {column!r} have "
            f"{read:,}, so it gives other rows each time that it is asked; take out what is random, and give a LIMIT "
            "an ORDER BY, or leave partition_column out."
        )


def _measure(connection: Connection, query: str, quoted: str, column: str) -> _Extent:
    """Asks for a column's extent; its kind first, since not every database knows the smallest of all kinds.

    Raises:
      ConfigError: its values have no order that ranges could follow.
    """
    one = f"SELECT {quoted} FROM {inner(query)} WHERE {quoted} IS NOT NULL LIMIT 1"
    _check_kind(connection.execute(escaped(one)).scalar(), column)
    asked = f"MIN({quoted}), MAX({quoted}), COUNT(*), COUNT({quoted})"
    extent = _Extent(*connection.execute(escaped(f"SELECT {asked} FROM {inner(query)}")).one())
    for value in (extent.low, extent.high):
        _check_kind(value, column)
    return extent


def _check_kind(value: Any, column: str) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, _ORDERED):
        raise ConfigError(
            f"data.sql.partition_column: {_WANTED} in {column!r}, got {shown(value)}; name another column, or CAST it."
        )
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ConfigError(
            f"data.sql.partition_column: {_WANTED} in {column!r}, got {value} among them; name another column, or "
            "leave such rows out of the query."
        )


def _conditions(extent: _Extent, quoted: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Gives what each part's rows fulfil: every row is in one part, and NULL, which no range holds, in the last."""
    if extent.known:
        edges = _edges(extent)
        for lower, upper in zip([None, *edges], [*edges, None], strict=True):
            conditions, bounds = [f"{quoted} IS NOT NULL"], dict[str, Any]()
            for name, sign, edge in (("kerasline_lower", ">=", lower), ("kerasline_upper", "<", upper)):
                if edge is not None:
                    conditions.append(f"{quoted} {sign} :{name}")
                    bounds[name] = edge
            yield " AND ".join(conditions), bounds
    if extent.known < extent.rows:
        yield f"{quoted} IS NULL", {}


def _edges(extent: _Extent) -> list[Any]:
    """Cuts from the smallest to the largest value into ranges of equal width; gives what lies between two of them."""
    parts = -(-extent.known // ROWS_A_PART)
    low, high = extent.low, extent.high
    if isinstance(low, datetime) or not isinstance(low, date):
        edges = [low + _share(high - low, part, parts) for part in range(1, parts)]
    else:
        first, last = low.toordinal(), high.toordinal()
        edges = [date.fromordinal(first + (last - first) * part // parts) for part in range(1, parts)]
    return sorted({edge for edge in edges if low < edge <= high})


def _share(width: Any, part: int, parts: int) -> Any:
    return width * part // parts if isinstance(width, int) else width * part / parts
