"""The places at which a plan cuts the rows: per class for stratified splits, on the time axis for splits by time."""

from __future__ import annotations

import random
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import SplitPlan
from kerasline.components.datasets.splits.splits import position, row_key, stratum

# Of a larger class no places are kept: a hash alone then meets each share within 0.1 points.
_MAX_ROWS_PER_CLASS = 250_000
# Quantiles of more rows than this are taken from a sample of them.
_MAX_TIMES = 500_000
_ISO_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")

Row = Mapping[str, Any]


def class_cuts(plan: SplitPlan, rows: Iterable[Row]) -> dict[str, tuple[float, float]]:
    """Finds for each class where on the hash's range eval and test begin.

    The rows of a class are ordered by their hash; the first of them are train, the next eval, the last test, as many as
    the fractions ask. What rounding takes from one class is given to the next, so the whole is exact to one row and
    each class to one row. Equal rows have one hash and stay together, which can cost a class a row more.

    Args:
      plan: With the label as ``column``, or None for one class of all rows.
      rows: Those that the source did not assign.
    """
    places: dict[str, array[float] | None] = {}
    for row in rows:
        label = stratum(plan, row)
        found = places.setdefault(label, array("d"))
        if found is not None:
            found.append(position(plan.seed, row_key(row)))
            if len(found) > _MAX_ROWS_PER_CLASS:
                places[label] = None
    train, eval_ = plan.fractions["train"], plan.fractions["eval"]
    cuts: dict[str, tuple[float, float]] = {}
    before = later = wanted_eval = wanted_later = 0.0
    for label in sorted(places):
        found = places[label]
        if found is None:
            cuts[label] = (train, train + eval_)
            continue
        ordered, count = sorted(found), len(found)
        wanted_eval += count * eval_
        wanted_later += count * (1 - train)
        later_here = min(count - 1, round(wanted_later - later))
        eval_here = min(later_here, max(0, round(wanted_eval - before)))
        if plan.fractions["test"] == 0:
            eval_here = later_here
        later += later_here
        before += eval_here
        begin = count - later_here
        cuts[label] = (_place(ordered, begin), _place(ordered, begin + eval_here))
    return cuts


def time_boundaries(plan: SplitPlan, rows: Iterable[Row]) -> tuple[tuple[float | str, ...], tuple[str, ...]]:
    """Finds the first time of eval and, where there is one, of test.

    Rows of one time stay together: of the times that occur, those are chosen whose shares come nearest.

    Args:
      plan: With the column of times: numbers, or text that begins with a date as 2024-01-31.
      rows: Those that the source did not assign.

    Returns:
      The boundaries, and a note if rows have no time (they are train).

    Raises:
      ConfigError: other text, or too few different times.
    """
    column = plan.column or ""
    times, missing = _times(column, plan.seed, rows)
    different = sorted(set(times))
    has_test = plan.fractions["test"] > 0
    if len(different) < 2 + has_test:
        raise ConfigError(
            f"split.column {column!r} has {len(different)} different times, too few to divide; use another "
            "split.method."
        )
    starts = [bisect_left(times, value) / len(times) for value in different]
    last = len(different) - 1 - has_test
    begin = _nearest(starts, plan.fractions["train"], 1, last)
    found = [different[begin]]
    if has_test:
        end = _nearest(starts, plan.fractions["train"] + plan.fractions["eval"], begin + 1, len(different) - 1)
        found.append(different[end])
    if not missing:
        return tuple(found), ()
    note = counted(missing, f"row has no {column!r} and is train", f"rows have no {column!r} and are train")
    return tuple(found), (note,)


def _times(column: str, seed: int, rows: Iterable[Row]) -> tuple[list[Any], int]:
    """Collects the times of rows, sorted, a fair sample of very many; and how many rows have none."""
    times: list[Any] = []
    seen = missing = 0
    chooser = random.Random(seed)
    for row in rows:
        value = row[column]
        if value is None:
            missing += 1
            continue
        if isinstance(value, str) and not _ISO_DATE.match(value):
            raise ConfigError(
                f"split.column {column!r} must hold numbers or dates such as 2024-01-31, which sort as text, but one "
                f"row says {value!r}; write its dates in that form."
            )
        seen += 1
        if len(times) < _MAX_TIMES:
            times.append(value)
        elif (index := chooser.randrange(seen)) < _MAX_TIMES:  # a row that comes late has the same chance as the first
            times[index] = value
    return sorted(times), missing


def _nearest(starts: list[float], wanted: float, low: int, high: int) -> int:
    return min(range(low, high + 1), key=lambda index: abs(starts[index] - wanted))


def _place(ordered: list[float], index: int) -> float:
    return ordered[index] if index < len(ordered) else 1.0
