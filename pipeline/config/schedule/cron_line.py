"""The five fields of a cron line, taken apart and checked before a scheduler, a crontab or a timer sees them.

crontab(5) is what they mean: names in any case, ranges, steps, and that a day of the month and a weekday which are both
limited are joined by "or". Weekdays go by name, since schedulers count them from different days.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # in cron's order
_FIELDS = {
    "minute": (0, 59, ()),
    "hour": (0, 23, ()),
    "day of the month": (1, 31, ()),
    "month": (1, 12, MONTHS),
    "weekday": (0, 6, WEEKDAYS),
}
_PART = re.compile(r"(?:\*|(?P<first>[0-9]+|[a-z]+)(?:-(?P<last>[0-9]+|[a-z]+))?)(?:/(?P<step>[0-9]+))?", re.ASCII)
_MOST_SHOWN = 40


@dataclass(frozen=True)
class Part:
    """One of the parts of a field that commas separate.

    Attributes:
      first, last: the values from and to; of ``*`` the least and the greatest.
      step: between values.
      is_star: whether it begins with ``*``.
    """

    first: int
    last: int
    step: int = 1
    is_star: bool = False

    def values(self) -> set[int]:
        """Returns what it matches."""
        return set(range(self.first, self.last + 1, self.step))


@dataclass(frozen=True)
class CronLine:
    """A cron line.

    Attributes:
      minute, hour, day, month, weekday: the parts of each field; weekdays count from Sunday, 0.
    """

    minute: tuple[Part, ...]
    hour: tuple[Part, ...]
    day: tuple[Part, ...]
    month: tuple[Part, ...]
    weekday: tuple[Part, ...]

    @property
    def joins_days_by_or(self) -> bool:
        """Whether a day is due by its number or by its weekday: cron's rule where neither field has a ``*``."""
        return not any(part.is_star for part in (*self.day, *self.weekday))

    @property
    def is_by_the_hour(self) -> bool:
        """Whether it fires again and again, by the time that passes, and not at fixed times of the day."""
        return any(part.is_star for part in self.hour)


def parse_cron(text: str) -> CronLine:
    """Takes a cron line apart.

    Raises:
      ValueError: it is none; the message says which field and why.
    """
    fields = text.lower().split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"expected five fields such as '0 3 * * *', got {len(fields)}: {_shown(text)}")
    parsed = []
    for (name, (least, most, names)), field in zip(_FIELDS.items(), fields, strict=True):
        try:
            parsed.append(tuple(_parse_part(part, least, most, names) for part in field.split(",")))
        except ValueError as error:
            raise ValueError(
                f"expected five fields such as '0 3 * * *', but the {name} of {_shown(text)} is wrong: {error}"
            ) from None
    if any(c.isdigit() for c in re.sub(r"/[0-9]+", "", fields[-1])):
        raise ValueError(
            f"expected weekdays by name (mon, tue, ...), got {_shown(fields[-1])}, which schedulers count differently; "
            f"crontab reads it as {_weekday_names(parsed[-1])}"
        )
    return CronLine(*parsed)


def tidy_cron(text: str) -> str:
    """Returns the line as every scheduler reads it: single blanks, small letters, ``5-59/15`` in place of ``5/15``.

    Raises:
      ValueError: it is no cron line.
    """
    parse_cron(text)
    tidied = []
    for (_, most, _), field in zip(_FIELDS.values(), text.lower().split(), strict=True):
        tidied.append(re.sub(r"(?<![0-9*a-z-])([0-9]+)/", rf"\1-{most}/", field))
    return " ".join(tidied)


def _parse_part(text: str, least: int, most: int, names: tuple[str, ...]) -> Part:
    found = _PART.fullmatch(text)
    if found is None:
        raise ValueError(f"{_shown(text)} is neither *, a value, a range such as 1-5 nor one with a step such as */15")
    step = _step(found["step"], text, least, most)
    if found["first"] is None:
        return Part(least, most, step, is_star=True)
    first = _value(found["first"], least, most, names)
    if found["last"] is None:
        return Part(first, most if found["step"] else first, step)
    last = _value(found["last"], least, most, names)
    if names == WEEKDAYS and last == 0 and first > 0:
        last = len(WEEKDAYS)  # mon-sun and fri-sun: Sunday is cron's 0 and its 7
    if last < first:
        raise ValueError(f"the range {_shown(text)} goes backwards; write it as two, separated by a comma")
    return Part(first, last, step)


def _step(digits: str | None, text: str, least: int, most: int) -> int:
    """Reads the number after the slash of a part; 1 where there is none."""
    if not digits:
        return 1
    # Python refuses to read numbers of thousands of digits.
    step = int(digits) if len(digits) <= len(str(most)) else most + 1
    if not 1 <= step <= most - least + 1:
        raise ValueError(f"the step of {_shown(text)} is not between 1 and {most - least + 1}")
    return step


def _value(text: str, least: int, most: int, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + least
    highest = most + 1 if names == WEEKDAYS else most  # 7 is Sunday, too
    if text.isdigit() and len(text) <= len(str(most)) + 1 and least <= int(text) <= highest:
        return int(text)
    known = f"{least} to {most}" + (f" or a name such as {names[1]}" if names else "")
    raise ValueError(f"{_shown(text)} is not {known}")


def _weekday_names(parts: tuple[Part, ...]) -> str:
    days = {value % len(WEEKDAYS) for part in parts for value in part.values()}
    return ",".join(name for number, name in enumerate(WEEKDAYS) if number in days)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")
