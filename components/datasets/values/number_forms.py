"""How a cell of text is read as a number: the one place that ingest, the transform graph, drift and ``init`` ask.

A :class:`NumberForm` is settled once for a column, by evidence over all of its cells (see ``number_evidence``). Its
patterns are read by Python (:func:`read_number`) and by TensorFlow's RE2 in the transform graph, so both see the same
numbers. They match whole cells in lower case, without spaces around them. What is read, and what is no number:

==============================  ==========================================================================
``3,730`` ``1,23,456``          marks between thousands (Indian ones too), where the decimal sign is a point
``3.730`` ``3.730,5``           the same where the decimal sign is a comma
``3 730`` ``3'730`` ``3_730``   with either sign, groups of three digits only: ``12 34`` is no number
``-5`` ``−5`` ``5-`` ``(5)``    negative, also with Unicode's minus, SAP's trailing one, or accountants' parentheses
``'5`` ``'-5``                  what spreadsheets and exports for them mark as text by an apostrophe
``839,-`` ``3.730,--`` ``5.-``  prices without cents: 839, 3730, 5
``$ -`` ``- €``                 what spreadsheets show for an amount of nothing: 0
``1e5`` ``1E+05`` ``+5``        scientific, and a leading plus
``$5`` ``5 €`` ``-$5``          a sign of currency before or behind; another currency than the column's is no number
``69.3%``                       percent: 69.3
``7.5k`` ``1.2 million``        words for thousand (k), million (mn, mio), billion (bn, mrd), trillion, lakh and crore
                                multiply, also with a point behind (Mio.); m, b and t do where the unit is ``number``
                                or a currency
``3 kg`` ``500 g``              masses in kilograms; likewise lengths in metres, bytes in bytes
``1h 30m`` ``90 min``           durations in seconds, also several parts; a year has 365.25 days, a month a twelfth
``1st`` ``22nd``                ordinals: 1, 22
``72 bpm``                      any other unit multiplies nothing and is passed over, the column's own only
``<5`` ``>=3`` ``~7`` ``10-20`` bounds, estimates and ranges are no numbers, nor are ``0x1F``, ``1.2.3`` or ``10:30``
==============================  ==========================================================================
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Decimal = Literal[".", ","]
# Units that are read as what they are; a column's ``unit`` is the name of one of these families, ``number`` (words for
# thousands, m, b and t among them), empty (no unit), or the one unit or currency that its numbers have.
_MONTH = 365.25 / 12 * 86_400
FAMILIES: dict[str, tuple[tuple[str, float], ...]] = {
    "duration": (
        (r"y|yr|yrs|years?|jahre?n?|ans?", 365.25 * 86_400),
        (r"mo|mos|months?|monate?n?|mois|mes|meses", _MONTH),
        (r"w|wk|wks|weeks?|wochen?|semaines?|semanas?", 604_800.0),
        (r"d|days?|tage?n?|jours?|dias?", 86_400.0), (r"h|hr|hrs|hours?|std|stunden?|heures?|horas?", 3600.0),
        (r"m|min|mins|minutes?|minuten|minutos?", 60.0),
        (r"s|sec|secs|seconds?|sek|sekunden?|secondes?|segundos?", 1.0),
        (r"ms|msecs?|milliseconds?", 1e-3), (r"[µμu]s|microseconds?", 1e-6), (r"ns|nanoseconds?", 1e-9),
    ),
    "byte": (
        (r"b|bytes?", 1.0), (r"kb", 1e3), (r"mb", 1e6), (r"gb", 1e9), (r"tb", 1e12), (r"pb", 1e15),
        (r"kib", 2.0**10), (r"mib", 2.0**20), (r"gib", 2.0**30), (r"tib", 2.0**40), (r"pib", 2.0**50),
    ),
    "mass": (
        (r"kgs?|kilos?|kilograms?", 1.0), (r"g|grams?", 1e-3), (r"mg", 1e-6), (r"[µμ]g|mcg", 1e-9),
        (r"t|tonnes?", 1e3), (r"lbs?|pounds?", 0.45359237), (r"oz|ounces?", 0.028349523125),
    ),
    "length": (
        (r"m|met(?:er|re)s?", 1.0), (r"mm", 1e-3), (r"cm", 1e-2), (r"dm", 1e-1), (r"km|kms", 1e3), (r"[µμ]m", 1e-6),
        (r"in|inch|inches", 0.0254), (r"ft|foot|feet", 0.3048), (r"yds?|yards?", 0.9144), (r"mi|miles?", 1609.344),
    ),
    "ordinal": ((r"st|nd|rd|th|\.", 1.0),),
}  # fmt: skip
# Words that multiply, wherever numbers have no unit of a family; and those that may also be metres, bytes or tonnes.
MAGNITUDES = (
    (r"k|tsd|thousand|thousands", 3), (r"lakhs?|lacs?", 5), (r"mn|mln|mio|millions?", 6), (r"crores?|cr", 7),
    (r"bn|mrd|billions?", 9), (r"tn|trillions?", 12),
)  # fmt: skip
SHORT_MAGNITUDES = ((r"m", 6), (r"b", 9), (r"t", 12))
NUMBER, ANY_UNIT = "number", None
CURRENCIES = {
    "$": r"us\$|\$|usd", "€": r"€|eur|euros?", "£": r"£|gbp", "¥": r"¥|jpy|yen", "₹": r"₹|inr|rs\.?", "chf": r"chf|sfr",
    "kr": r"kr\.?|sek|nok|dkk", "zł": r"zł|pln", "₽": r"₽|rub", "₩": r"₩|krw", "cny": r"cny|rmb", "r$": r"r\$|brl",
    "a$": r"a\$|aud", "c$": r"c\$|ca\$|cad",
}  # fmt: skip
PERCENT = "%"
ANY_CURRENCY = "|".join(sorted(CURRENCIES.values(), key=len, reverse=True))
# A unit of its own: letters, per cent, and what stands between them in km/h, kg/m² or °C.
SUFFIX = r"[a-zµμ°²³%‰º/·ω'\".]*[a-zµμ°²³%‰º'\"]"

Step = tuple[str, str]
# What every cell loses first: odd spaces, minus signs and quotes, parentheses and minus signs behind.
COMMON_CLEANING: tuple[Step, ...] = (
    ("[\\s\u00a0\u2007\u2009\u202f]+", " "),
    ("[−–－﹣]", "-"),
    ("[’ʼ´`]", "'"),
    (r"^'([-+]?[0-9.])", r"\1"),
    (rf"^(?:(?:{ANY_CURRENCY}) ?-+|-+ ?(?:{ANY_CURRENCY}))$", "0"),
    (r"([0-9][.,]) ?--?( ?[^0-9]*)$", r"\1\2"),
    (r"^\( ?(.*[^ ]) ?\)$", r"-\1"),
    (rf"^({ANY_CURRENCY}) ?\((.*)\)$", r"-\1\2"),
    (r"^([^-+]*[0-9]) ?-$", r"-\1"),
)
_MARKED = {".": r"[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3}", ",": r"[1-9]\d{0,2}(?:\.\d{3})+"}
_SPACED = r"[1-9]\d{0,2}(?: \d{3})+|[1-9]\d{0,2}(?:'\d{3})+|[1-9]\d{0,2}(?:_\d{3})+"


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Attributes:
      decimal: the decimal sign.
      unit: a family of units, ``number``, a currency, ``%``, another unit, empty for none, or None where nobody has
        looked: then any currency and any unit that multiplies nothing is passed over.
    """

    decimal: Decimal = "."
    unit: str | None = ANY_UNIT


@dataclass(frozen=True)
class Reading:
    """A form as regular expressions.

    Attributes:
      cleaning: what is replaced in a cell, one step after the other.
      patterns: of the whole cell, each with the groups that hold numbers and what these are multiplied by.
      marks: what stands between thousands, taken out of the numbers.
      decimal: the decimal sign that a point takes the place of.
    """

    cleaning: tuple[Step, ...]
    patterns: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    marks: str
    decimal: str


def number_pattern(decimal: str) -> str:
    """Returns the pattern of a number without sign and unit."""
    sign = re.escape(decimal)
    return rf"(?:(?:\d+|{_MARKED[decimal]}|{_SPACED})(?:{sign}\d*)?|{sign}\d+)(?:e[-+]?\d+)?"


@lru_cache
def reading_of(form: NumberForm) -> Reading:
    """Settles the expressions of a form."""
    number = number_pattern(form.decimal)
    cleaning = [*COMMON_CLEANING]
    family = FAMILIES.get(form.unit or "")
    if family is None:
        cleaning += _plain_cleaning(form.unit)
        patterns: list[tuple[str, tuple[tuple[str, float], ...]]] = [(rf"([-+]?{number})", ((r"\1", 1.0),))]
    else:
        patterns = [(rf"([-+]?{number}) ?(?:{unit})\.?", ((r"\1", factor),)) for unit, factor in family]
        patterns.append((r"([-+]?0+)", ((r"\1", 1.0),)))  # nothing is nothing in any unit
        if form.unit == "duration":
            patterns.append(_compound(number, family))
    return Reading(tuple(cleaning), tuple(patterns), r"[ '_.]" if form.decimal == "," else r"[ '_,]", form.decimal)


def _plain_cleaning(unit: str | None) -> list[Step]:
    """Takes a unit that multiplies nothing away, and writes words for thousands as exponents."""
    if unit is None:
        return [*_without_currency(ANY_CURRENCY), *_powers(MAGNITUDES), *_without_any_unit()]
    if unit in CURRENCIES:
        return [*_without_currency(CURRENCIES[unit]), *_powers(MAGNITUDES + SHORT_MAGNITUDES)]
    if unit == NUMBER:
        return _powers(MAGNITUDES + SHORT_MAGNITUDES)
    own = [(rf"([0-9.,]) ?{re.escape(unit.lower())}s?\.?$", r"\1")] if unit else []
    return [*_powers(MAGNITUDES), *own]


def _without_currency(signs: str) -> list[Step]:
    return [(rf"^([-+]?) ?(?:{signs}) ?([-+]?)", r"\1\2"), (rf"([0-9.,a-z]) ?(?:{signs})$", r"\1")]


def _powers(magnitudes: tuple[tuple[str, int], ...]) -> list[Step]:
    return [(rf"([0-9][.,]?) ?(?:{words})\.?$", rf"\1e{power}") for words, power in magnitudes]


def _without_any_unit() -> list[Step]:
    """Passes over units that multiply nothing, and makes no number of those that do, such as g or min.

    These are read only where the column is known to have such units.
    """
    units = "|".join(words for family in FAMILIES.values() for words, factor in family if factor != 1)
    return [(rf"([0-9.,]) ?(?:{units}|m|b|t)\.?$", r"\1?"), (rf"([0-9.,]) ?{SUFFIX}\.?$", r"\1")]


def _compound(number: str, family: tuple[tuple[str, float], ...]) -> tuple[str, tuple[tuple[str, float], ...]]:
    """Returns the pattern of durations in several parts, the longest first, such as ``1 day, 2h 30m``."""
    parts = "".join(rf"(?:({number}) ?(?:{unit})\.?(?:,? |,)?)?" for unit, _ in family[:7])
    return parts, tuple((rf"\{place}", factor) for place, (_, factor) in enumerate(family[:7], start=1))


@lru_cache(1 << 16)
def read_number(cell: str, form: NumberForm | str = NumberForm()) -> float | None:
    """Reads a number with signs around it as the transform graph does, or None where the cell is none.

    Args:
      cell: such as ``$1,200``, ``12.5 %`` or ``3 kg``.
      form: of the column, or its decimal sign alone.
    """
    reading = reading_of(NumberForm(form) if isinstance(form, str) else form)  # type: ignore[arg-type]
    text = clean(cell, reading.cleaning)
    for pattern, terms in reading.patterns:
        match = _compiled(pattern).fullmatch(text)
        if match is not None and text:
            number = sum(_plain(match.expand(group), reading) * factor for group, factor in terms)
            return number if math.isfinite(number) else None
    return None


def clean(cell: str, steps: tuple[Step, ...]) -> str:
    """Replaces in a cell what the steps say."""
    text = cell.strip().lower()
    for pattern, replacement in steps:
        text = _compiled(pattern).sub(replacement, text)
    return text


@lru_cache(1 << 10)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiles a pattern; ``re`` keeps them, too, but takes longer to look one up than to match a cell."""
    return re.compile(pattern, re.ASCII)


def _plain(text: str, reading: Reading) -> float:
    number = re.sub(reading.marks, "", text).replace(reading.decimal, ".")
    return float(number) if number else 0.0
