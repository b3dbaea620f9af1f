"""Finds tables that follow the same persons or things over time: their rows belong together in a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kerasline.components.profiling.guessing.guess import TIME_NAME, ColumnGuess
from kerasline.components.profiling.sampling import SampledColumn

_FEWEST_ROWS, _FEWEST_THINGS, _MOST_TIMES = 50, 10, 200
_FULL = 0.6  # of all pairs of a thing and a time


def mark_panels(columns: Sequence[SampledColumn], guesses: Sequence[ColumnGuess]) -> None:
    """Marks the column that says whom a row is about, where each has one row for each time."""
    values = {column.name: column.values for column in columns if column.dtype in ("int", "string")}
    of_time = filter(TIME_NAME.search, (guess.name for guess in guesses))
    times = {name: values[name] for name in of_time if name in values}
    things = values.keys() - times
    for guess in guesses:
        if guess.group or guess.name not in things:
            continue
        known = values[guess.name]
        found = _time_of(known, times)
        if found is not None:
            _mark(guess, f"about {len(known) / len(set(known)):.1f} rows of each, one for each {found}")


def _time_of(things: Sequence[object], times: Mapping[str, Sequence[object]]) -> str | None:
    """Names the column of times for each of which every thing has a row; None where there is none."""
    if None in things or len(things) < _FEWEST_ROWS:
        return None
    return next((name for name, moments in times.items() if _is_grid(things, moments)), None)


def _mark(guess: ColumnGuess, told: str) -> None:
    """Says of a column that its rows belong together; a number that only tells persons apart is no input."""
    guess.group = True
    if guess.kind == "numeric":
        guess.kind, guess.options, guess.why = "drop", {}, f"numbers persons or things: {told}"
    else:
        guess.remark = guess.remark or told


def _is_grid(things: Sequence[object], times: Sequence[object]) -> bool:
    """Says whether each thing has one row for (nearly) every time."""
    several, moments = len(set(things)), len(set(times))
    if not (_FEWEST_THINGS <= several <= len(things) / 2 and 2 <= moments <= _MOST_TIMES):
        return False
    pairs = set(zip(things, times, strict=True))
    return len(pairs) == len(things) >= _FULL * several * moments
