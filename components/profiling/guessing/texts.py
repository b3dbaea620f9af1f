"""Guesses what a column of text is: dates, numbers in writing, categories, sentences, or names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.core import percent
from kerasline.components.datasets.description import is_row_name
from kerasline.components.datasets.images import SUFFIXES
from kerasline.components.datasets.values import (
    CURRENCIES,
    DATE_PATTERNS,
    FAMILIES,
    NUMBER,
    PERCENT,
    WrittenNumbers,
    evidence_of,
    is_unit,
    plain_boolean,
    read_number,
    reads_as_date,
)
from kerasline.components.features import ONE_HOT_LIMIT
from kerasline.components.profiling.guessing.guess import (
    FEWEST_FOR_ID,
    GROUP_NAME,
    MOST_READ,
    ColumnGuess,
    hidden_difference,
    shown,
)
from kerasline.components.profiling.guessing.unread import are_codes, remark_on_numbers
from kerasline.components.profiling.sampling import words_of

_BOOLEANS = (
    *({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"}, {"ja", "nein"}, {"ja", "nee"}),
    *({"oui", "non"}, {"sí", "no"}, {"si", "no"}, {"sì", "no"}, {"sim", "não"}, {"sim", "nao"}, {"tak", "nie"}),
    {"да", "нет"},
)
_IMAGES = "to learn from them: data: {{images: {{path: FOLDER, labels_csv: this file, path_column: {}}}}}"
_NO_WORD = re.compile(r"[\d\s.,+-]+")
_MOST_UNITS = 3  # of a column of numbers
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.\w+")
_PERSON_NAME = re.compile(r"(^|[_\s.\-])(sur|last|first|middle|fore|given|family|maiden|full)[_\s.\-]?name$", re.I)
_MOST_UNREADABLE = 0.1
_TEXTS_READ = 20_000  # for the vocabulary
_LONGEST_NAME = 5  # words, on average
_FEW_ROWS_EACH = 20  # of names of people and images: fewer say little of the next row
_MANY_NAMES = 100
_ROWS_EACH = 5  # of values that look like numbers of unknown units: with as many they name something
_RARE_ROWS = 3  # a category in fewer rows shares the place of unknown ones


def guess_text(name: str, present: Sequence[str], counts: Counter[str], rows: int, complete: bool) -> ColumnGuess:
    """Guesses what a column of text is.

    Args:
      name: Name of the column.
      present: Its values, without those that are missing.
      counts: Rows of each value.
      rows: Rows of the whole table.
      complete: Whether the values are those of the whole table.
    """
    if set(map(plain_boolean, counts)) in _BOOLEANS:
        return ColumnGuess(name, "boolean", " or ".join(sorted(counts)[:2]), options={"kind": "boolean"})
    some = list(counts)[:MOST_READ]
    if _name_images(some, len(counts), len(counts) / len(present)):
        return ColumnGuess(name, "drop", f"names of images, such as {shown(some[0])}; {_IMAGES.format(name)}")
    special = (_guess_date(name, some, counts) or _guess_written_number(name, counts)) if len(counts) > 2 else None
    if special:
        return special
    found = (
        _guess_words(name, present, some, len(counts))
        or _guess_names(name, present, len(counts))
        or _guess_category(name, present, counts, rows, complete)
    )
    return remark_on_numbers(found, some, len(counts))


def _guess_words(name: str, present: Sequence[str], some: Sequence[str], distinct: int) -> ColumnGuess | None:
    """Finds texts of several words, and names that hardly come twice."""
    unique = distinct / len(present)
    if _are_no_sentences(some, distinct, unique):
        return None
    words = [len(words_of(value)) for value in some]
    mean_words = sum(words) / len(words)
    is_unique = unique > 0.5
    if is_unique and distinct >= FEWEST_FOR_ID and mean_words < _LONGEST_NAME and _are_names(some):
        why = f"names, such as {shown(present[0])}, {unique:.0%} of them different; to learn from their words set "
        return ColumnGuess(name, "drop", why + "kind: text")
    # A few words that come again are a category; where they do not, they are a text sooner.
    if mean_words < (2.5 if is_unique else 4):
        return None
    options: dict[str, Any] = {"kind": "text", "vocabulary_size": _choose_vocabulary(present)}
    return ColumnGuess(name, "text", f"about {mean_words:.0f} words a row", options=options)


def _are_no_sentences(some: Sequence[str], distinct: int, unique: float) -> bool:
    """Says whether texts of many words are codes, addresses, or so few that they are the answers of a survey."""
    are_choices = distinct <= ONE_HOT_LIMIT and unique * _FEW_ROWS_EACH <= 1
    return are_choices or are_codes(some) or all(map(_EMAIL.fullmatch, some))


def _choose_vocabulary(texts: Sequence[str]) -> int:
    """Chooses how many words are learnt: those in several rows, or in a small table some of any."""
    rows = Counter(word for text in texts[:_TEXTS_READ] for word in set(words_of(text)))
    in_several = sum(1 for count in rows.values() if count >= 5)
    return max(10, min(1000, in_several or min(len(rows), 100)))


def _name_images(values: Sequence[str], distinct: int, unique: float) -> bool:
    """Says whether values name images of few rows each: those of many rows, as symbols have, tell something."""
    has_own = unique > 0.9 or _are_many(distinct, unique)
    return has_own and all(value.lower().endswith(SUFFIXES) for value in values)


def _are_many(distinct: int, unique: float) -> bool:
    return distinct > _MANY_NAMES and unique * _FEW_ROWS_EACH > 1


def _guess_names(name: str, present: Sequence[str], distinct: int) -> ColumnGuess | None:
    """Finds ids and names that say little of rows with others."""
    unique = distinct / len(present)
    if unique > 0.9 and (distinct >= FEWEST_FOR_ID or is_row_name(name) and unique == 1):
        return ColumnGuess(name, "drop", f"almost every row has its own, such as {shown(present[0])}: an id or a name")
    if GROUP_NAME.search(name) and distinct > 50:
        return ColumnGuess(name, "drop", f"an id of about {1 / unique:.1f} rows each", group=True)
    if _PERSON_NAME.search(name) and _are_many(distinct, unique):
        told = f"{distinct} names of about {1 / unique:.1f} rows each: learnt by heart, they say little of other rows; "
        return ColumnGuess(name, "drop", told + "take it off this list to keep it")
    return None


def _are_names(values: Sequence[str]) -> bool:
    """Says whether texts are names: words with capital letters, and no sentences."""
    words = [word for value in values for word in value.split()]
    capital = sum(1 for word in words if word[:1].isupper() or not word[:1].isalpha())
    return capital >= 0.8 * len(words) and any(word[:1].isupper() for word in words)


def _guess_category(name: str, present: Sequence[str], counts: Counter[str], rows: int, complete: bool) -> ColumnGuess:
    distinct = len(counts)
    guess = ColumnGuess(name, "categorical", f"{distinct} values, most often {shown(counts.most_common(1)[0][0])}")
    if distinct > 1000 or not complete:
        # The whole table may have more values than a category usually has.
        guess.options["kind"] = "categorical"
    if distinct == 1:
        guess.options["kind"] = "categorical"
        guess.why = f"{shown(present[0])} or missing"
    else:
        _choose_encoding(guess, counts, len(present))
    if alike := hidden_difference(counts):
        guess.remark = f"some values differ in {alike} only"
    return guess


def _choose_encoding(guess: ColumnGuess, counts: Counter[str], rows: int) -> None:
    """Lets rare values of a category share a place, or all of them, where hardly any is frequent."""
    distinct = len(counts)
    frequent = [count for count in counts.values() if count >= _RARE_ROWS]
    if distinct > ONE_HOT_LIMIT and sum(frequent) / rows < 0.5:
        guess.options |= {"kind": "categorical", "encode": "hash"}
        guess.why += ", few of them in more than two rows: hashed"
    elif 1 < len(frequent) < distinct:
        guess.options["vocabulary_size"] = len(frequent)
        guess.why += f"; the {distinct - len(frequent)} rare ones share a place"
    elif distinct > 1000:
        guess.options["vocabulary_size"] = distinct


def _guess_date(name: str, values: Sequence[str], counts: Counter[str]) -> ColumnGuess | None:
    total = sum(counts[value] for value in values)
    read = {
        form: sum(counts[value] for value in values if reads_as_date(value, form)) / total
        for form in (*DATE_PATTERNS, "time")
    }
    best = max(read, key=lambda form: read[form])
    if read[best] < 1 - _MOST_UNREADABLE:
        return _guess_mixed_dates(name, values, read)
    remark = ""
    if read["dmy"] == read["mdy"] > 0:
        best, remark = _day_or_month_first(values)
    options: dict[str, Any] = {"kind": "date"}
    if best != "ymd":
        options["date_format"] = best
    why = f"{'times, in hours,' if best == 'time' else 'dates'} such as {values[0]}"
    if read[best] < 1:
        options["indicator"] = True
        why += f"; {percent(1 - read[best])} are none and count as missing"
    return ColumnGuess(name, "date", why, options=options, remark=remark)


def _guess_mixed_dates(name: str, values: Sequence[str], read: Mapping[str, float]) -> ColumnGuess | None:
    """Leaves out dates of which each form reads a part only."""
    first, second, *_ = sorted(DATE_PATTERNS, key=lambda form: -read[form])
    others = [value for value in values if not reads_as_date(value, first)]
    unread = [value for value in others if not any(reads_as_date(value, form) for form in DATE_PATTERNS)]
    if not read[second] or len(unread) > _MOST_UNREADABLE * len(values):
        return None
    one = next(value for value in values if reads_as_date(value, first))
    told = f"dates that are written in several ways, such as {shown(one)} and {shown(others[0])}: write them alike"
    return ColumnGuess(name, "drop", told)


def _day_or_month_first(values: Sequence[str]) -> tuple[str, str]:
    """Chooses between two forms that suit all dates alike: Americans, who begin with the month, write slashes.

    Returns:
      The form, and a remark where the other one would do as well.
    """
    slashes = sum("/" in value for value in values) > len(values) / 2
    form, other = ("mdy", "day first: dmy") if slashes else ("dmy", "month first: mdy")
    if not any(re.match(r"\d{1,2}\D+\d", value) for value in values):
        return form, ""
    signs = "slashes are" if slashes else "dots and dashes are"
    told = f"could also be {other}; no day is above 12, so the values do not tell, and {signs} all that speaks for"
    return form, f"{told} {form}"


def _guess_written_number(name: str, counts: Counter[str]) -> ColumnGuess | None:
    """Finds numbers with signs, units, decimal commas or some stray text among them."""
    numbers = evidence_of(counts)
    if numbers is None or _are_numbered_names(numbers, counts):
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
    if numbers.share < 1:
        options["indicator"] = True
    return ColumnGuess(name, "numeric", _told_numbers(numbers, counts), options=options, remark=remark)


def _are_numbered_names(numbers: WrittenNumbers, counts: Counter[str]) -> bool:
    """Says whether values name something: codes such as 89A and 24D, or 1.SP and 3.NL that come again and again."""
    if not numbers.problem:
        return False
    words = {_NO_WORD.sub("", value).lower() for value in counts} - {""}
    if len(words) > _MOST_UNITS:
        are_amounts = any(" " in value.strip() for value in counts)
        known = any(is_unit(word) for word in words if len(word) > 1)  # a letter may be of a code, as g and d are
        return not (are_amounts or known)
    has_unit = numbers.unit in ("", NUMBER, PERCENT, *CURRENCIES, *FAMILIES)
    return not has_unit and counts.total() >= _ROWS_EACH * len(counts)


def _told_numbers(numbers: WrittenNumbers, counts: Counter[str]) -> str:
    """Says what numbers in a text look like: with an example, their unit, and what else stands among them."""
    readable = [value for value in counts if read_number(value, numbers.form) is not None]
    told = f"text that holds numbers, such as {shown(next(filter(_odd, readable), readable[0]))}"
    if numbers.unit_name and numbers.unit_name != numbers.unit:
        told += f", in {numbers.unit_name}"
    if numbers.share == 1:
        return told
    stray = next((value for value in counts if read_number(value, numbers.form) is None), "")
    example = f" such as {shown(stray)}" if stray else ""
    return f"{told}; other cells{example} count as missing ({percent(1 - numbers.share)})"


def _odd(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return True
    return False
