"""Which spans are replayed: they are there, in order, and enough of them to fit on some and measure on others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kerasline.components.core import ConfigError, file_facts
from kerasline.components.datasets import Places
from kerasline.components.datasets.description import SpanOptions
from kerasline.components.datasets.tables import Span, Spans, find_spans
from kerasline.pipeline.config import Experiment


@dataclass(frozen=True)
class Past:
    """The spans that a backtest sees.

    Attributes:
      spans: all that the recipe may use, oldest first.
      first: place of the one at whose arrival the first model is fitted.
      last: place of the one that is measured last.
      delay: by how many spans labels come later than their rows.
      skipped: one line for each span that is not complete, and for each gap.
    """

    spans: tuple[Span, ...]
    first: int
    last: int
    delay: int
    skipped: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The name of each span."""
        return tuple(str(span.key) for span in self.spans)

    @property
    def arrivals(self) -> range:
        """Places of the spans at whose arrival a model may be fitted: after each there is one to measure it on."""
        return range(self.first, self.last)

    def window(self, arrival: int, newest: int | None) -> tuple[int, int]:
        """Returns the places of the first and the last span that a fit takes.

        Args:
          arrival: place of the span that has just arrived.
          newest: how many spans at most; None for all.
        """
        last = arrival - self.delay
        return 0 if newest is None else max(0, last - newest + 1), last

    def files(self, first: int, last: int) -> list[Path]:
        """Returns the files of some spans."""
        return [path for span in self.spans[first : last + 1] for path in span.files]

    def digest(self, first: int, last: int) -> str:
        """Returns what changes with the files of some spans: their names, sizes, times and places on the disk."""
        facts = [(str(path), *file_facts(path)) for path in self.files(first, last)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def find_past(experiment: Experiment, places: Places, first: str | None, last: str | None, delay: int) -> Past:
    """Finds the spans of a recipe, and those of them that are replayed.

    Args:
      experiment: the config.
      places: where relative patterns are looked for.
      first, last: ``--from`` and ``--to``; None for the oldest and the newest span.
      delay: ``--label-delay``, in spans.

    Raises:
      ConfigError: the recipe has no spans, or one that is asked for is not there, or they are too few.
    """
    options = experiment.data.spans
    if options is None:
        raise ConfigError(
            f"a backtest replays spans, and the data of {experiment.name} is data.{experiment.data.source}; describe "
            "it with data.spans, such as spans: {pattern: 'data/{YYYY}-{MM}-{DD}/*.csv', label: ...}"
        )
    found, begin, end = choose_spans(options, places, first, last)
    past = Past(found.chosen, max(begin, delay), end, delay, found.skipped)
    _check_enough(past, begin, options)
    return past


def choose_spans(options: SpanOptions, places: Places, first: str | None, last: str | None) -> tuple[Spans, int, int]:
    """Finds spans, however many a run would use.

    Args:
      options: the ``spans:`` block.
      places: where relative patterns are looked for.
      first, last: ``--from`` and ``--to``; None for the oldest and the newest span.

    Returns:
      The spans, and the places of the first and the last that are asked for.

    Raises:
      ConfigError: there are none, or one that is asked for is not there.
    """
    found = find_spans(options.model_copy(update={"window": None}), places)
    begin = 0 if first is None else _place("--from", first, found.chosen)
    end = len(found.chosen) - 1 if last is None else _place("--to", last, found.chosen)
    if begin > end:
        raise ConfigError(
            f"expected --from before --to, but span {found.chosen[begin].key} comes after span "
            f"{found.chosen[end].key}; exchange them"
        )
    return found, begin, end


def _place(option: str, text: str, spans: Sequence[Span]) -> int:
    """Returns the place of a span that an option names."""
    keys = [span.key for span in spans]
    by_date = isinstance(keys[0], date)
    try:
        key = date.fromisoformat(text) if by_date else int(text)
    except ValueError:
        wanted = "a date such as 2024-01-31" if by_date else "the number of a span"
        raise ConfigError(f"{option}: expected {wanted}, got {text!r}") from None
    if key not in keys:
        shown = f"span {keys[0]}" if len(keys) == 1 else f"one of {len(keys)} spans from {keys[0]} to {keys[-1]}"
        raise ConfigError(f"{option}: expected a span that is there, {shown}, got {key}")
    return keys.index(key)


def _check_enough(past: Past, begin: int, options: SpanOptions) -> None:
    """Refuses a past in which no model could be fitted, or none could be measured on what came after."""
    if past.first < past.last:
        return
    there = past.last - begin + 1
    late = f", {past.delay} more until their labels have come" if past.delay else ""
    raise ConfigError(
        f"expected {past.delay + 2} spans at least from --from to --to, one to fit on{late} and one to measure "
        f"on, got {there} of {options.pattern}; take more of them in"
    )
