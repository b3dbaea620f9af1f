"""Labels whose numbers are text, such as ``$4,893`` or ``69.3%``: read by the same evidence as columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kerasline.components.datasets.description.labels import LabelFacts
from kerasline.components.datasets.values import Decimal, NumberEvidence, NumberForm, WrittenNumbers, read_number


@dataclass
class LabelNumbers:
    """The range of a label's numbers under either decimal sign, for labels of more values than are counted."""

    ranges: dict[Decimal, tuple[float, float]] = field(default_factory=dict)

    def measure(self, cells: Iterable[str], evidence: NumberEvidence) -> None:
        """Takes in cells, read with the unit that the evidence so far speaks for."""
        seen = evidence.settle()
        if seen is None:
            return
        cells = set(cells)
        decimals: tuple[Decimal, ...] = (".", ",")
        for decimal in decimals:
            form = NumberForm(decimal, seen.unit)
            numbers = [number for cell in cells if (number := read_number(cell, form)) is not None]
            low, high = self.ranges.get(decimal, (math.inf, -math.inf))
            self.ranges[decimal] = min([low, *numbers]), max([high, *numbers])


def facts_of_written(
    facts: LabelFacts, numbers: WrittenNumbers | None, measured: LabelNumbers | None = None
) -> LabelFacts | None:
    """Describes a label of text by the numbers that it holds.

    Args:
      facts: of the text.
      numbers: what the evidence speaks for.
      measured: the range, for labels of more values than are counted.

    Returns:
      The facts as they are when the cells are read as numbers, or None where they hold none.
    """
    if facts.dtype != "string" or numbers is None:
        return None
    counts = None if facts.counts is None else _numbers_of(facts.counts, numbers.form)
    low, high = (math.inf, -math.inf) if measured is None else measured.ranges.get(numbers.decimal, (0.0, 0.0))
    if counts is not None:
        low, high = min(map(float, counts), default=math.inf), max(map(float, counts), default=-math.inf)
    return LabelFacts(
        facts.name, "float", counts, facts.rows, minimum=low, maximum=high,
        whole=counts is not None and all(float(number).is_integer() for number in counts), unit=numbers.unit_name,
        origin=facts.origin,
    )  # fmt: skip


def _numbers_of(counts: Mapping[str | int | float, int], form: NumberForm) -> dict[str | int | float, int]:
    numbers: dict[str | int | float, int] = {}
    for cell, rows in counts.items():
        number = read_number(str(cell), form)
        if number is not None:
            numbers[number] = numbers.get(number, 0) + rows
    return numbers
