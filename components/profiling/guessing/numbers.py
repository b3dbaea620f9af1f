"""Guesses what a column of numbers is: a quantity, or whole numbers that name, date or count something."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from kerasline.components.core import counted, rounded
from kerasline.components.datasets.description import is_row_name
from kerasline.components.datasets.values import (
    UNIX_UNITS,
    read_date,
)
from kerasline.components.profiling.guessing.guess import (
    FEWEST_FOR_ID,
    GROUP_NAME,
    MOST_READ,
    NUMBERED,
    TIME_NAME,
    ColumnGuess,
)

_ID_NAME = re.compile(r"(^|[_\s.\-])(id|ids|uuid|guid|index|idx|row|rownum|row_number|nr|no|number|key|hash)$", re.I)
_ID_JOINED = re.compile(rf"{NUMBERED}(id|no|nr|num|idnum)", re.I)
_ID_CAMEL = re.compile(r"[a-z](Id|ID|Key|Nr|NR|No|Num|Number)$")
_CODE_NAME = re.compile(
    r"(^|[_\s.\-])(code|zip|zipcode|postcode|postal|plz|type|class|category|group|region)($|[_\s.\-])", re.I
)
_MOMENT_NAME = re.compile(r"(^|[_\s.\-])(time|date|timestamp|stamp|ts|epoch|created|updated|at|when)($|[_\s.\-])", re.I)
_PARTS_OF_SECONDS = ("", "milli", "micro", "nano")
_FEW_REPEATS = 1.25  # rows of each id of a table in which some came twice
_BITS = 24  # of a float32's digits
_COARSE = 0.01  # of a deviation
_SENTINELS = (-9999.0, -999.0, -99.0, -9.0, 99.0, 999.0, 9999.0, 99999.0)


def guess_number(name: str, dtype: str, present: Sequence[Any], counts: Counter[Any]) -> ColumnGuess:
    """Guesses what a column of numbers is.

    Args:
      name: Name of the column.
      dtype: ``int`` or ``float``.
      present: Its values, without those that are missing.
      counts: Rows of each value.
    """
    finite = sorted(value for value in present if math.isfinite(value))
    if not finite:
        return ColumnGuess(name, "drop", "infinite wherever it has a value")
    special = _guess_whole_number(name, finite, counts) if dtype == "int" else None
    if special is not None:
        return special
    low, high = finite[0], finite[-1]
    guess = ColumnGuess(name, "numeric", f"{low:g} to {high:g}" if len(counts) > 1 else f"{low:g} or missing")
    if len(finite) < len(present):
        guess.options["indicator"] = True
        infinite = counted(len(present) - len(finite), "infinite value counts", "infinite values count")
        guess.why += f"; {infinite} as missing"
    if len(counts) > 20:
        _choose_scale(guess, finite)
    guess.remark = _remark(name, dtype, finite, counts)
    return guess


def _remark(name: str, dtype: str, finite: Sequence[float], counts: Counter[Any]) -> str:
    """Gives advice that the recipe does not follow by itself."""
    if dtype == "int" and len(finite) >= FEWEST_FOR_ID and _counts_on(finite, len(counts)):
        return (
            "each row has the next number, as in a table that is kept over time; drop it if it only numbers the rows, "
            f"and to predict the future from the past, split by {{method: time, column: {name}}}"
        )
    sentinel = _sentinel(finite, counts)
    if sentinel is None:
        return lost_digits(finite) if dtype == "float" else ""
    return (
        f"{sentinel:g} stands far outside and may mean a missing value; if so, give the column missing_values: "
        f"['{sentinel:g}']"
    )


def lost_digits(finite: Sequence[float]) -> str:
    """Says that float32, as which rows are kept, has too few digits for what tells some numbers apart, if so."""
    largest, mean = max(map(abs, finite)), math.fsum(finite) / len(finite)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in finite) / len(finite))
    step = math.ldexp(1.0, math.frexp(largest)[1] - _BITS)
    if not 0 < _COARSE * deviation < step or all(math.fmod(value, step) == 0 for value in finite):
        return ""
    return (
        f"numbers of this size are kept in steps of {step:g}, and these deviate by no more than {deviation:.3g}; "
        f"write how far they are from {rounded(min(finite))}, so that no digits are lost"
    )


def _choose_scale(guess: ColumnGuess, finite: Sequence[float]) -> None:
    """Takes the logarithm of a quantity, given sorted, whose largest values are far beyond the others."""
    typical = _three_quarters_within(finite)
    if 0 < 50 * typical < max(-finite[0], finite[-1]):
        guess.options["scale"] = "log"
        guess.why += f", three quarters within ±{typical:g}: the logarithm keeps the large ones from ruling"


def _three_quarters_within(finite: Sequence[float]) -> float:
    """Returns the magnitude that three quarters of some numbers do not exceed."""
    magnitude = sorted(map(abs, finite))
    return magnitude[int(0.75 * (len(magnitude) - 1))]


def _guess_whole_number(name: str, finite: Sequence[int], counts: Counter[Any]) -> ColumnGuess | None:
    """Finds the whole numbers that are no quantities.

    Args:
      name: Name of the column.
      finite: Its numbers, sorted.
      counts: Rows of each.
    """
    if set(counts) == {0, 1}:
        return ColumnGuess(name, "boolean", "0 or 1", options={"kind": "boolean"})
    some = list(counts)[:MOST_READ]
    return (
        _guess_id(name, finite, len(counts))
        or _guess_written_date(name, finite, some)
        or _guess_time_since_1970(name, finite)
        or _guess_code(name, finite, len(counts))
    )


def _guess_id(name: str, finite: Sequence[int], distinct: int) -> ColumnGuess | None:
    """Finds numbers of rows, and ids of rows and of groups of rows."""
    repeats = len(finite) / distinct
    told = _told_of_row_number(name, finite, distinct) if repeats < 1.02 else ""
    if told:
        return ColumnGuess(name, "drop", told)
    if distinct >= FEWEST_FOR_ID and repeats < _FEW_REPEATS and _is_id(name):
        told = f"an id: {distinct} different ones in {len(finite)} rows"
        return ColumnGuess(name, "drop", told, group=True)
    if GROUP_NAME.search(name) and distinct > 50:
        return ColumnGuess(name, "drop", f"an id of about {repeats:.1f} rows each", group=True)
    return None


def _told_of_row_number(name: str, finite: Sequence[int], distinct: int) -> str:
    """Says in what way numbers of which (nearly) every row has its own tell rows apart; empty where they do not."""
    if distinct < FEWEST_FOR_ID and not (is_row_name(name) and name.strip() != "X"):
        return ""  # in a short table numbers may follow one another by chance, and X and Y be all that it has
    low, high = finite[0], finite[-1]
    if _counts_on(finite, distinct):
        return "" if TIME_NAME.search(name) else f"numbers the rows, {low} to {high}"
    if is_row_name(name):
        return f"names the rows, {low} to {high} with gaps, as a filtered table has them"
    return "an id: every row has its own" if _is_id(name) else ""


def _counts_on(finite: Sequence[float], distinct: int) -> bool:
    """Says whether sorted whole numbers follow one another, each once."""
    return finite[-1] - finite[0] + 1 == distinct == len(finite)


def _guess_written_date(name: str, finite: Sequence[int], some: Sequence[int]) -> ColumnGuess | None:
    """Finds dates that are written as one number, such as 20240131."""
    first, last = str(finite[0]), str(finite[-1])
    if len(first) != len(last) or len(last) not in (8, 12, 14):
        return None
    # The years of the twentieth and the two centuries around it.
    if not 19 <= int(first[:2]) <= int(last[:2]) <= 21 or not all(read_date(str(value), "ymd") for value in some):
        return None
    return ColumnGuess(name, "date", f"dates such as {finite[0]}", options={"kind": "date"})


def _guess_time_since_1970(name: str, finite: Sequence[int]) -> ColumnGuess | None:
    """Finds times as computers count them, in columns whose name speaks of time."""
    if not _MOMENT_NAME.search(name):
        return None
    for (form, unit), part in zip(UNIX_UNITS.items(), _PARTS_OF_SECONDS, strict=True):
        if _are_times(finite, unit):
            options = {"kind": "date", "date_format": form}
            return ColumnGuess(name, "date", f"{part}seconds since 1970, such as {finite[0]}", options=options)
    return None


def _are_times(finite: Sequence[int], unit: float) -> bool:
    """Whether sorted numbers are times from 1990 to 2100, in so many parts of a second since 1970."""
    return 631_152_000 * unit <= finite[0] and finite[-1] <= 4_102_444_800 * unit


def _guess_code(name: str, finite: Sequence[int], distinct: int) -> ColumnGuess | None:
    """Finds numbers that name something: long ones of one length, and few under the name of a code."""
    if distinct >= FEWEST_FOR_ID and _is_long_code(finite):
        told = f"codes of {len(str(finite[0]))} digits such as {finite[0]}, no quantities"
        if distinct > len(finite) / 3:
            return ColumnGuess(name, "drop", told)
        return ColumnGuess(name, "categorical", told, options={"kind": "categorical"})
    codes = _CODE_NAME.search(name) and distinct <= 1000 or GROUP_NAME.search(name) and distinct <= 50
    if codes and distinct > 2 and len(finite) / distinct >= 3:
        told = f"{distinct} codes such as {finite[0]}"
        return ColumnGuess(name, "categorical", told, options={"kind": "categorical"})
    return None


def _is_long_code(finite: Sequence[int]) -> bool:
    """Says whether whole numbers are codes of one length, most of which begin alike; times since 1970 are none."""
    low, high = finite[0], finite[-1]
    if low < 10**8 or len(str(low)) != len(str(high)):
        return False
    if any(_are_times(finite, unit) for unit in UNIX_UNITS.values()):
        return False
    return Counter(str(value)[:2] for value in finite).most_common(1)[0][1] > len(finite) / 2


def _sentinel(finite: Sequence[float], counts: Counter[Any]) -> float | None:
    low, high = finite[0], finite[-1]
    for value in _SENTINELS:
        if value not in (low, high) or counts[value] < 0.005 * len(finite) or counts[value] == len(finite):
            continue
        others = [other for other in finite if other != value]
        gap = others[0] - value if value == low else value - others[-1]
        if gap > (others[-1] - others[0]):
            return value
    return None


def _is_id(name: str) -> bool:
    return bool(_ID_NAME.search(name) or _ID_CAMEL.search(name) or _ID_JOINED.fullmatch(name) or name == "column_1")
