"""The schedules that a backtest compares, and the words that name them: ``every-2/last-4``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kerasline.components.core import ConfigError, nearest

EVERY, NEVER, DRIFT = "every", "never", "drift"
_WORDS = (EVERY, "every-2", NEVER, "new_data", DRIFT)
_WINDOWS = ("all", "last-3")
_FORM = re.compile(r"(?P<word>every|new_data|never|drift)(?:(?<=every)-(?P<step>[1-9]\d{0,3}))?")
_WINDOW = re.compile(r"(?P<all>all)|last-(?P<last>[1-9]\d{0,3})")
_DEFAULT_LAST = 3
_MANY_ARRIVALS = 5  # from which on every fourth differs from every second by more than one run


@dataclass(frozen=True)
class Schedule:
    """When a model is fitted again, and on what.

    Attributes:
      name: as it was asked for.
      trigger: ``every``, ``never`` or ``drift``.
      step: with ``every``, the spans from one fit to the next.
      window: how many of the newest spans a fit takes; None for all.
    """

    name: str
    trigger: str
    step: int
    window: int | None

    def is_due(self, arrived: int) -> bool:
        """Says whether the calendar asks for a fit, by the spans that have arrived since the last one."""
        return self.trigger == EVERY and arrived >= self.step


def parse_schedules(words: Iterable[str], window: int | None) -> list[Schedule]:
    """Reads what ``--schedule`` names, each once; several may stand in one word, with commas.

    Args:
      words: such as ``every-2/last-4``.
      window: of the recipe, for those that name none.

    Raises:
      ConfigError: a word is none of a schedule.
    """
    names = [name.strip() for word in words for name in word.split(",")]
    return [_parse(name, window) for name in dict.fromkeys(names)]


def default_schedules(arrivals: int, spans: int, window: int | None) -> list[Schedule]:
    """Returns what is compared where nobody says: cadences, the drift trigger, and a window of the newest spans.

    Args:
      arrivals: at how many spans a model may be fitted.
      spans: that there are data of when the last of them has arrived.
      window: of the recipe.
    """
    names = [NEVER, *(["every-4"] if arrivals >= _MANY_ARRIVALS else []), *(["every-2"] if arrivals > 2 else [])]
    names += [EVERY, DRIFT]
    narrow = spans > _DEFAULT_LAST and (window is None or window > _DEFAULT_LAST)
    return parse_schedules([*names, *([f"{EVERY}/last-{_DEFAULT_LAST}"] if narrow else [])], window)


def _parse(name: str, window: int | None) -> Schedule:
    first, slash, last = name.partition("/")
    form = _FORM.fullmatch(first)
    if form is None:
        raise ConfigError(
            f"--schedule: expected every, every-N, never, new_data or drift, perhaps with /all or /last-N behind it, "
            f"got {name!r}.{nearest(first, _WORDS)}"
        )
    if slash:
        window = _parse_window(name, last)
    trigger = EVERY if form["word"] == "new_data" else form["word"]
    return Schedule(name, trigger, int(form["step"] or 1), window)


def _parse_window(name: str, text: str) -> int | None:
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"--schedule: expected /all or /last-N with a number of spans, got {name!r}.{nearest(text, _WINDOWS)}"
        )
    return None if found["all"] else int(found["last"])
