"""How dates and numbers look where a column holds them as text.

The patterns are read by Python when a table is looked at and by TensorFlow (RE2) in the transform graph, so both see
the same cells as dates and numbers. They match whole cells in lower case, without spaces around them.
"""

from __future__ import annotations

import re
from typing import Literal

DateFormat = Literal["ymd", "dmy", "mdy", "unix", "unix_ms"]

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(\d{{1,2}}|(?:{'|'.join(MONTHS)})[a-z]*)"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(\d{4}|\d{2})"
_BETWEEN = r"[-/., ]+"
# Hour, and a or p where twelve hours are counted twice; minutes and zones are passed over.
_TIME = (
    r"(?:[t, ]+(\d{1,2}):\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:([ap])\.?m\.?)?\s*(?:z|utc|gmt)?\s*(?:[-+]\d{2}:?\d{2})?)?"
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
FIRST_YEAR_OF_TWO_DIGITS = 1970  # 69 is 2069, 70 is 1970

# What is taken out of a cell, one after the other, before it is read as a number.
_SPACES = "[\\s\u00a0\u202f'’_]+"
_CURRENCIES = "[$€£¥₹]|usd|eur|gbp|chf|jpy|inr"
NUMBER_CLEANING: tuple[tuple[str, str], ...] = (
    (_SPACES, ""),
    (r"^\((.+)\)$", r"-\1"),  # accountants' negative numbers
    (rf"^([-+]?)(?:{_CURRENCIES})", r"\1"),
    (rf"(?:%|{_CURRENCIES})$", ""),
    (r"([0-9.,])[a-zµ°²³/]{1,6}$", r"\1"),  # a unit
)
# A number once it is clean, by its decimal sign; the other sign may stand between thousands.
NUMBER_PATTERNS: dict[str, str] = {
    ".": r"[-+]?(?:(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?",
    ",": r"[-+]?(?:(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d*)?|,\d+)(?:e[-+]?\d+)?",
}


def read_date(cell: str, form: str) -> tuple[int, int, int] | None:
    """Reads year, month and day as the transform graph does, or None where the cell is no such date.

    Args:
      cell: the text.
      form: ``ymd``, ``dmy`` or ``mdy``.
    """
    pattern, groups = DATE_PATTERNS[form]
    match = re.fullmatch(pattern, cell.strip().lower(), re.ASCII)
    if match is None:
        return None
    year, month, day = (match.expand(group) for group in groups[:3])
    number = int(month) if month.isdigit() else MONTHS.index(month[:3]) + 1
    if not (1 <= number <= 12 and 1 <= int(day) <= 31):
        return None
    return _full_year(year), number, int(day)


def read_number(cell: str, decimal: str = ".") -> float | None:
    """Reads a number with signs around it as the transform graph does, or None where the cell is none.

    Args:
      cell: such as ``$1,200``, ``12.5 %`` or ``3 kg``.
      decimal: the decimal sign, ``.`` or ``,``.
    """
    text = cell.strip().lower()
    for pattern, replacement in NUMBER_CLEANING:
        text = re.sub(pattern, replacement, text, flags=re.ASCII)
    if re.fullmatch(NUMBER_PATTERNS[decimal], text, re.ASCII) is None:
        return None
    return float(text.replace("." if decimal == "," else ",", "").replace(",", "."))


def _full_year(year: str) -> int:
    number = int(year)
    if len(year) == 4:
        return number
    century = FIRST_YEAR_OF_TWO_DIGITS // 100 * 100
    return century + number + (100 if century + number < FIRST_YEAR_OF_TWO_DIGITS else 0)
