"""How dates and times look where a column holds them as text.

The patterns are read by Python when a table is looked at and by TensorFlow (RE2) in the transform graph, so both see
the same cells as dates. They match whole cells in lower case, without spaces around them. Hours are those that are
written: zones and offsets are passed over, since habits follow the clock on the wall.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

DateFormat = Literal["ymd", "dmy", "mdy", "time", "unix", "unix_ms", "unix_us", "unix_ns"]
UNIX_UNITS: dict[str, float] = {"unix": 1.0, "unix_ms": 1e3, "unix_us": 1e6, "unix_ns": 1e9}  # in a second

# How the name of each month begins, in English, German, French, Spanish, Italian, Portuguese and Dutch.
MONTHS = (
    "jan|gen|ene", "feb|fev|fév", "mar|mär|mrz|mrt", "apr|abr|avr", "may|mai|mei|mag", "jun|juin|giu", "jul|juil|lug",
    "aug|ago|aou|aoû", "sep|set", "oct|okt|out|ott", "nov", "dec|dez|dic|déc",
)  # fmt: skip
_NAME = rf"(?:{'|'.join(MONTHS)})[a-zà-ÿ]*"
_MONTH = rf"(\d{{1,2}}|{_NAME})"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(\d{4}|\d{2})"
_BETWEEN = r"[-/., ]+"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_ZONE = r"(?:z|utc|gmt|[a-z]{1,5}|[a-z]+(?:/[a-z_+-]+)+)?\s*(?:[-+]\d{2}(?::?\d{2}){0,2})?(?: utc| [a-z]{3,5})?"
# Hour, and a or p where twelve hours are counted twice; minutes are passed over.
_TIME = r"(?:[t, ]+(\d{1,2}):\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:([ap])\.?m\.?)?)?"

# What is done to a cell, one after the other, before it is read as a date: rare forms become the usual ones.
DATE_CLEANING: tuple[tuple[str, str], ...] = (
    (r"\s*[\[(][a-z0-9 ,/_+:-]+[\])]$", ""),  # [Europe/Berlin] of java.time, (Central European Time) of JavaScript
    (r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[., ]+", ""),
    (r"\s+(?:at|um|à|o'clock|uhr)(\s+|$)", r"\1"),
    (r"^(\d{4})(\d{2})(\d{2})[t ]?(\d{2})(\d{2})(\d{2}(?:[.,]\d+)?)?(z|[-+ ].*)?$", r"\1-\2-\3 \4:\5\7"),
    (r"^(\d{4}-\d{2}-\d{2})[t ](\d{2})(z?)$", r"\1 \2:00"),
    (r"^(\d{1,2}/[a-z]{3}/\d{4}):(\d{2}:)", r"\1 \2"),  # a web server's log
    (r"^(\d{1,2})([a-z]{3})(\d{4}|\d{2})$", r"\1-\2-\3"),  # DATE9. of SAS
    (r"^(\d{1,2})([a-z]{3})(\d{4}|\d{2})[: ](\d{2}:)", r"\1-\2-\3 \4"),  # its DATETIME20.
    (r"^(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]", r"\1-\2-\3"),
    (r"^(\d):(\d{2}\.\d+)$", r"0:0\1:\2"),  # minutes and seconds with decimals, as stopwatches have them
    (r"^(\d{2}):(\d{2}\.\d+)$", r"0:\1:\2"),
    (rf"({_CLOCK}(?:\s*[ap]\.?m\.?)?)\s*{_ZONE}$", r"\1"),
    (rf"^([a-z]+\.? +\d{{1,2}}),? +({_CLOCK})(?: +[a-z]{{1,5}})? +(\d{{4}})$", r"\1 \3 \2"),  # C's ctime, date
    (r"^(\d{4})[-/](\d{1,2})$", r"\1-\2-01"),
    (r"^(\d{1,2})[-/](\d{4})$", r"\2-\1-01"),
    (rf"^({_NAME})[-/., ]+(\d{{4}})$", r"1/\1/\2"),
    (rf"^({'|'.join(MONTHS)})\.?-(\d{{2}})$", r"1/\1/\2"),  # a month of spreadsheets
    *(
        (rf"^(?:(\d{{4}})[-/ ]?q{quarter}|q{quarter}[-/ ]?(\d{{4}}))$", rf"\1\2-{3 * quarter - 2:02d}-01")
        for quarter in (1, 2, 3, 4)
    ),
)
# Pattern of each written format, and the groups that hold year, month, day, hour and half of the day.
DATE_PATTERNS: dict[str, tuple[str, tuple[str, str, str, str, str]]] = {
    "ymd": (
        r"(\d{4})(?:[-/.](\d{1,2})[-/.](\d{1,2})|(\d{2})(\d{2}))" + _TIME,
        (r"\1", r"\2\4", r"\3\5", r"\6", r"\7"),
    ),
    "dmy": (_DAY + _BETWEEN + _MONTH + _BETWEEN + _YEAR + _TIME, (r"\3", r"\2", r"\1", r"\4", r"\5")),
    "mdy": (_MONTH + _BETWEEN + _DAY + _BETWEEN + _YEAR + _TIME, (r"\3", r"\1", r"\2", r"\4", r"\5")),
}
EXAMPLES = {"ymd": "1970-01-01", "dmy": "01-01-1970", "mdy": "01-01-1970", "time": "0:00"}
FIRST_YEAR_OF_TWO_DIGITS = 1970  # 69 is 2069, 70 is 1970

# A time of day or a duration, as a clock or as ISO 8601 writes it; the groups hold sign, days, hours, minutes, seconds
# and half of the day.
TIME_PATTERNS = (
    r"(-?)(?:(\d+) days?(?:,? +\+?|$))?(?:(\d{1,4}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\s*(?:([ap])\.?m\.?)?)?",
    r"(-?)p(?:(\d+)d)?(?:t(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?)?()",
)


def read_date(cell: str, form: str) -> tuple[int, int, int] | None:
    """Reads year, month and day as the transform graph does, or None where the cell is no such date.

    Args:
      cell: The text.
      form: One of ``ymd``, ``dmy`` or ``mdy``.
    """
    found = read_date_and_hour(cell, form)
    return None if found is None else found[:3]


def read_date_and_hour(cell: str, form: str) -> tuple[int, int, int, int] | None:
    """Reads year, month, day and hour as the transform graph does, or None where the cell is no such date."""
    pattern, groups = DATE_PATTERNS[form]
    match = re.fullmatch(pattern, clean_date(cell), re.ASCII)
    if match is None:
        return None
    year, month, day, hour, half = (match.expand(group) for group in groups)
    number = int(month) if month.isdigit() else _month(month)
    clock = int(_on_the_day(int(hour or 0), half))
    if not (1 <= number <= 12 and 1 <= int(day) <= 31 and clock <= 24):
        return None
    return _full_year(year), number, int(day), clock


def read_hours(cell: str) -> float | None:
    """Reads a time of day or a duration in hours as the transform graph does, or None where the cell is none."""
    text = clean_date(cell)
    sign, *numbers, half = _parts_of_time(text)
    if not any(numbers):
        return None
    days, hours, minutes, seconds = (float(number or 0) for number in numbers)
    total = _on_the_day(hours, half) + minutes / 60 + seconds / 3600
    if not sign:
        return 24 * days + total
    # A negative timedelta of Python is written as -1 day, 23:00:00: its days alone are negative.
    is_timedelta = numbers[0] and ":" in text
    return total - 24 * days if is_timedelta else -(24 * days + total)


def _parts_of_time(text: str) -> tuple[str, ...]:
    """Returns sign, days, hours, minutes, seconds and half of the day, empty where they are not written."""
    for pattern in TIME_PATTERNS if text else ():
        match = re.fullmatch(pattern, text, re.ASCII)
        if match is not None:
            return match.groups("")
    return ("",) * 6


def _on_the_day(hour: float, half: str) -> float:
    """Counts an hour from midnight; ``half`` is a or p where twelve hours are counted twice, else empty."""
    if not half:
        return hour
    return hour % 12 + (12 if half == "p" else 0)


def reads_as_date(cell: str, form: str) -> bool:
    """Says whether a cell is a date, or a time, of a written format."""
    return read_hours(cell) is not None if form == "time" else read_date_and_hour(cell, form) is not None


@lru_cache(1 << 16)
def clean_date(cell: str) -> str:
    """Brings a cell into one of the usual forms."""
    text = cell.strip().lower()
    for pattern, replacement in DATE_CLEANING:
        text = re.sub(pattern, replacement, text, flags=re.ASCII)
    return text


def _month(name: str) -> int:
    return next(number for number, begins in enumerate(MONTHS, start=1) if re.match(begins, name))


def _full_year(year: str) -> int:
    number = int(year)
    if len(year) == 4:
        return number
    century = FIRST_YEAR_OF_TWO_DIGITS // 100 * 100
    return century + number + (100 if century + number < FIRST_YEAR_OF_TWO_DIGITS else 0)
