"""Guesses what a column is from its values and its name: number, category, date, text, or nothing to learn from."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kerasline.components.datasets.description import is_row_name
from kerasline.components.datasets.values import (
    CURRENCIES,
    DATE_PATTERNS,
    NUMBER,
    PERCENT,
    UNIX_UNITS,
    evidence_of,
    read_date,
    read_number,
    reads_as_date,
)
from kerasline.components.features import ONE_HOT_LIMIT
from kerasline.components.profiling.sampling import SampledColumn, words_of

_BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"})
_ID_NAME = re.compile(r"(^|[_\s.\-])(id|ids|uuid|guid|index|idx|row|rownum|row_number|nr|no|number|key|hash)$", re.I)
_ID_CAMEL = re.compile(r"[a-z](Id|ID|Key|Nr|No)$")
_GROUP_NAME = re.compile(r"(^|[_\s.\-])(id|uuid|guid)$|[a-z](Id|ID)$")
_CODE_NAME = re.compile(
    r"(^|[_\s.\-])(code|zip|zipcode|postcode|postal|plz|type|class|category|group|region)($|[_\s.\-])", re.I
)
_PERSON_NAME = re.compile(r"(^|[_\s.\-])(sur|last|first|middle|fore|given|family|maiden|full)[_\s.\-]?name$", re.I)
_TIME_NAME = re.compile(r"(^|[_\s.\-])(time|date|timestamp|stamp|ts|epoch|created|updated|at|when)($|[_\s.\-])", re.I)
_PARTS_OF_SECONDS = ("", "milli", "micro", "nano")
_MOST_READ = 5_000  # different values that are tried as dates and numbers
_MOST_UNREADABLE = 0.1
_FEWEST_FOR_ID = 20
_MOST_MISSING = 0.98
_FEWEST_TO_JUDGE = 100  # rows, for the share of missing values to mean something
_LONGEST_NAME = 5  # words, on average
_FEW_REPEATS = 1.25  # rows of each id of a table in which some came twice
_FEW_ROWS_EACH = 20  # of people's names: fewer say little of the next row
_MANY_NAMES = 100
_RARE_ROWS = 3  # a category in fewer rows shares the place of unknown ones
_SENTINELS = (-9999.0, -999.0, -99.0, 999.0, 9999.0, 99999.0)


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


def guess_column(column: SampledColumn, rows: int, complete: bool) -> ColumnGuess:
    """Guesses what one input column is.

    Args:
      column: its values.
      rows: of the whole table.
      complete: whether the values are those of the whole table.
    """
    if column.dtype == "array":
        return ColumnGuess(column.name, "array", "lists of numbers of one length")
    present = column.present
    counts: Counter[Any] = Counter(present)
    guess = _guess(column, present, counts, rows, complete)
    if column.words.own is not None and guess.kind != "drop":
        guess.options["missing_values"] = list(column.words.own)
        guess.why += f"; {column.words.why}"
    guess.missing = 1 - len(present) / max(1, len(column.values))
    guess.distinct = len(counts)
    return guess


def _guess(
    column: SampledColumn, present: Sequence[Any], counts: Counter[Any], rows: int, complete: bool
) -> ColumnGuess:
    name = column.name
    if not present:
        return ColumnGuess(name, "drop", "no value in any row")
    if len(counts) == 1 and len(present) == len(column.values):
        return ColumnGuess(name, "drop", f"always {_shown(present[0])}")
    share = 1 - len(present) / len(column.values)
    if share > _MOST_MISSING and len(column.values) >= _FEWEST_TO_JUDGE:
        why = f"{share:.1%} of the rows have no value, too few to learn from; if having one says something, keep it"
        return ColumnGuess(name, "drop", why)
    if column.dtype == "string":
        return _guess_text(name, present, counts, rows, complete)
    return _guess_number(name, column.dtype, present, counts)


def _guess_number(name: str, dtype: str, present: Sequence[Any], counts: Counter[Any]) -> ColumnGuess:
    finite = sorted(value for value in present if math.isfinite(value))
    if not finite:
        return ColumnGuess(name, "drop", "infinite wherever it has a value")
    low, high, distinct = finite[0], finite[-1], len(counts)
    span = f"{low:g} to {high:g}"
    if dtype == "int":
        special = _guess_whole_number(name, finite, counts)
        if special is not None:
            return special
    guess = ColumnGuess(name, "numeric", span)
    if len(finite) < len(present):
        guess.options["indicator"] = True
        guess.why += f"; {len(present) - len(finite)} infinite values count as missing"
    if distinct == 1:
        guess.why = f"{low:g} or missing"
    magnitude = sorted(map(abs, finite))
    typical = magnitude[int(0.75 * (len(magnitude) - 1))]
    if distinct > 20 and typical > 0 and magnitude[-1] > 50 * typical:
        guess.options["scale"] = "log"
        guess.why += f", three quarters within ±{typical:g}: the logarithm keeps the large ones from ruling"
    sentinel = _sentinel(finite, counts)
    if sentinel is not None:
        guess.remark = (
            f"{sentinel:g} stands far outside and may mean a missing value; if so, give the column missing_values: "
            f"['{sentinel:g}']"
        )
    return guess


def _guess_whole_number(name: str, finite: Sequence[int], counts: Counter[Any]) -> ColumnGuess | None:
    """Finds the whole numbers that are no quantities."""
    low, high, distinct = finite[0], finite[-1], len(counts)
    repeats = len(finite) / distinct
    if set(counts) == {0, 1}:
        return ColumnGuess(name, "boolean", "0 or 1", options={"kind": "boolean"})
    if distinct >= _FEWEST_FOR_ID and repeats < 1.02:
        if high - low + 1 == distinct and len(finite) == distinct:
            return ColumnGuess(name, "drop", f"numbers the rows, {low} to {high}")
        if is_row_name(name):
            return ColumnGuess(name, "drop", f"names the rows, {low} to {high} with gaps, as a filtered table has them")
        if _is_id(name):
            return ColumnGuess(name, "drop", "an id: every row has its own")
    if distinct >= _FEWEST_FOR_ID and repeats < _FEW_REPEATS and _is_id(name):
        told = f"an id: {distinct} different ones in {len(finite)} rows"
        return ColumnGuess(name, "drop", told, group=True)
    if _GROUP_NAME.search(name) and distinct > 50:
        return ColumnGuess(name, "drop", f"an id of about {repeats:.1f} rows each", group=True)
    some = list(counts)[:_MOST_READ]
    shortest, longest = len(str(low)), len(str(high))
    if (
        shortest == longest
        and longest in (8, 12, 14)
        and 19 <= int(str(low)[:2]) <= int(str(high)[:2]) <= 21
        and all(read_date(str(value), "ymd") for value in some)
    ):
        return ColumnGuess(name, "date", f"dates such as {finite[0]}", options={"kind": "date"})
    if _TIME_NAME.search(name):
        for (form, unit), part in zip(UNIX_UNITS.items(), _PARTS_OF_SECONDS, strict=True):
            if 631_152_000 * unit <= low and high <= 4_102_444_800 * unit:  # 1990 to 2100
                options = {"kind": "date", "date_format": form}
                return ColumnGuess(name, "date", f"{part}seconds since 1970, such as {low}", options=options)
    if distinct >= _FEWEST_FOR_ID and _is_long_code(finite):
        told = f"codes of {len(str(low))} digits such as {low}, no quantities"
        if distinct > len(finite) / 3:
            return ColumnGuess(name, "drop", told)
        return ColumnGuess(name, "categorical", told, options={"kind": "categorical"})
    codes = _CODE_NAME.search(name) and distinct <= 1000 or _GROUP_NAME.search(name) and distinct <= 50
    if codes and distinct > 2 and repeats >= 3:
        return ColumnGuess(
            name, "categorical", f"{distinct} codes such as {finite[0]}", options={"kind": "categorical"}
        )
    return None


def _is_long_code(finite: Sequence[int]) -> bool:
    """Says whether whole numbers are codes of one length, most of which begin alike; times since 1970 are none."""
    low, high = finite[0], finite[-1]
    if low < 10**8 or len(str(low)) != len(str(high)):
        return False
    if any(631_152_000 * unit <= low and high <= 4_102_444_800 * unit for unit in UNIX_UNITS.values()):
        return False
    return Counter(str(value)[:2] for value in finite).most_common(1)[0][1] > len(finite) / 2


def _guess_text(name: str, present: Sequence[str], counts: Counter[str], rows: int, complete: bool) -> ColumnGuess:
    distinct = len(counts)
    if {value.lower() for value in counts} in _BOOLEANS:
        return ColumnGuess(name, "boolean", " or ".join(sorted(counts)[:2]), options={"kind": "boolean"})
    some = list(counts)[:_MOST_READ]
    special = (_guess_date(name, some, counts) or _guess_written_number(name, counts)) if distinct > 2 else None
    if special is not None:
        return special
    words = [len(words_of(value)) for value in some]
    mean_words = sum(words) / len(words)
    unique = distinct / len(present)
    if unique > 0.5 and distinct >= _FEWEST_FOR_ID and mean_words < _LONGEST_NAME and _are_names(some):
        why = f"names, such as {_shown(present[0])}, {unique:.0%} of them different; to learn from their words set "
        return ColumnGuess(name, "drop", why + "kind: text")
    if mean_words >= 4 or (unique > 0.5 and mean_words >= 2.5):
        frequent = Counter(word for value in present[:20_000] for word in set(words_of(value)))
        kept = sum(1 for count in frequent.values() if count >= 5) or min(len(frequent), 100)
        options: dict[str, Any] = {"kind": "text", "vocabulary_size": max(10, min(1000, kept))}
        return ColumnGuess(name, "text", f"about {mean_words:.0f} words a row", options=options)
    if unique > 0.9 and distinct >= _FEWEST_FOR_ID:
        return ColumnGuess(name, "drop", f"almost every row has its own, such as {_shown(present[0])}: an id or a name")
    if _GROUP_NAME.search(name) and distinct > 50:
        return ColumnGuess(name, "drop", f"an id of about {1 / unique:.1f} rows each", group=True)
    if _PERSON_NAME.search(name) and distinct > _MANY_NAMES and unique * _FEW_ROWS_EACH > 1:
        told = f"{distinct} names of about {1 / unique:.1f} rows each: learnt by heart, they say little of other rows; "
        return ColumnGuess(name, "drop", told + "take it off this list to keep it")
    return _guess_category(name, present, counts, rows, complete)


def _are_names(values: Sequence[str]) -> bool:
    """Says whether texts are names: words with capital letters, and no sentences."""
    words = [word for value in values for word in value.split()]
    capital = sum(1 for word in words if word[:1].isupper() or not word[:1].isalpha())
    return capital >= 0.8 * len(words) and any(word[:1].isupper() for word in words)


def _guess_category(name: str, present: Sequence[str], counts: Counter[str], rows: int, complete: bool) -> ColumnGuess:
    distinct = len(counts)
    guess = ColumnGuess(name, "categorical", f"{distinct} values, most often {_shown(counts.most_common(1)[0][0])}")
    frequent = sum(1 for count in counts.values() if count >= _RARE_ROWS)
    covered = sum(count for count in counts.values() if count >= _RARE_ROWS) / len(present)
    if distinct > 1000 or not complete:
        guess.options["kind"] = "categorical"  # the whole table may have more values than a category usually has
    if distinct == 1:
        guess.options["kind"] = "categorical"
        guess.why = f"{_shown(present[0])} or missing"
    elif distinct > ONE_HOT_LIMIT and covered < 0.5:
        guess.options |= {"kind": "categorical", "encode": "hash"}
        guess.why += ", few of them in more than two rows: hashed"
    elif frequent < distinct and frequent > 1:
        guess.options["vocabulary_size"] = frequent
        guess.why += f"; the {distinct - frequent} rare ones share a place"
    elif distinct > 1000:
        guess.options["vocabulary_size"] = distinct
    lowered = {value.lower() for value in counts}
    if len(lowered) < distinct:
        guess.remark = "some values differ in capital letters only"
    return guess


def _guess_date(name: str, values: Sequence[str], counts: Counter[str]) -> ColumnGuess | None:
    total = sum(counts[value] for value in values)
    read = {
        form: sum(counts[value] for value in values if reads_as_date(value, form)) / total
        for form in (*DATE_PATTERNS, "time")
    }
    best = max(read, key=lambda form: read[form])
    if read[best] < 1 - _MOST_UNREADABLE:
        return None
    options: dict[str, Any] = {"kind": "date"}
    remark = ""
    if read["dmy"] == read["mdy"] > 0:
        # Both can be; Americans write slashes.
        slashes = sum("/" in value for value in values) > len(values) / 2
        best = "mdy" if slashes else "dmy"
        if any(re.match(r"\d{1,2}\D+\d", value) for value in values):
            other = "day first: dmy" if slashes else "month first: mdy"
            remark = (
                f"could also be {other}; no day is above 12, so the values do not tell, and "
                f"{'slashes are' if slashes else 'dots and dashes are'} all that speaks for {best}"
            )
    if best != "ymd":
        options["date_format"] = best
    why = f"{'times, in hours,' if best == 'time' else 'dates'} such as {values[0]}"
    if read[best] < 1:
        options["indicator"] = True
        why += f"; {1 - read[best]:.1%} are none and count as missing"
    return ColumnGuess(name, "date", why, options=options, remark=remark)


def _guess_written_number(name: str, counts: Counter[str]) -> ColumnGuess | None:
    """Finds numbers with signs, units, decimal commas or some stray text among them."""
    numbers = evidence_of(counts)
    if numbers is None:
        return None
    if numbers.problem:
        why = f"numbers that cannot be compared: {numbers.problem}; write them alike, or keep the column with "
        return ColumnGuess(
            name, "drop", why + f"features: {{{name}: {{kind: numeric, unit: {numbers.unit or NUMBER}}}}}"
        )
    options: dict[str, Any] = {"kind": "numeric"}
    remark = ""
    if numbers.decimal == ",":
        options["decimal"] = ","
    elif not numbers.certain:
        options["decimal"] = "."
        remark = f"{numbers.why}: read as thousands; if it is the decimal sign, set decimal: ','"
    if numbers.unit not in ("", PERCENT, *CURRENCIES):
        options["unit"] = numbers.unit
    readable = [value for value in counts if read_number(value, numbers.form) is not None]
    why = f"text that holds numbers, such as {_shown(next((v for v in readable if _odd(v)), readable[0]))}"
    if numbers.unit_name and numbers.unit_name != numbers.unit:
        why += f", in {numbers.unit_name}"
    if numbers.share < 1:
        stray = next((value for value in counts if read_number(value, numbers.form) is None), "")
        options["indicator"] = True
        shown = f" such as {_shown(stray)}" if stray else ""
        why += f"; other cells{shown} count as missing ({1 - numbers.share:.1%})"
    return ColumnGuess(name, "numeric", why, options=options, remark=remark)


def _odd(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return True
    return False


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
    return bool(_ID_NAME.search(name) or _ID_CAMEL.search(name) or re.fullmatch(r"column_1", name))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else f"{value:g}"
    text = " ".join(text.split())
    return repr(text if len(text) <= 30 else text[:27] + "...") if isinstance(value, str) else text
