"""Infers the type of every column of a text table over all of its rows, in bounded memory."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

from kerasline.components.datasets.description import Column, LabelFacts, LabelNumbers, facts_of_written
from kerasline.components.datasets.tables.csv.text import Line
from kerasline.components.datasets.values import (
    Decimal,
    NumberEvidence,
    WrittenNumbers,
    are_booleans,
    plain_boolean,
    plain_cells,
)

ROWS_PER_BLOCK = 4096
_MAX_DISTINCT = 10_000
LARGEST_INTEGER = (1 << 63) - 1
# int() and float() read "1_000"; a leading zero marks codes (postcodes, article numbers) that are no
# quantities.
_LEADING_ZERO = re.compile(r"\n[+-]?0\d")
INFINITIES = frozenset(
    sign + word for sign in ("", "+", "-") for word in ("inf", "Inf", "INF", "infinity", "Infinity", "INFINITY")
)

NANS = frozenset(sign + word for sign in ("", "+", "-") for word in ("nan", "NaN", "NAN"))

Type = Literal["int", "float", "string"]


@dataclass
class Tally:
    """Counts lines and remembers the first few."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, numbers: Sequence[int]) -> None:
        """Takes in the numbers of lines."""
        self.count += len(numbers)
        self.first += numbers[: 5 - len(self.first)]

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.first) else ""
        return f"line{'s' if self.count > 1 else ''} {', '.join(map(str, self.first))}{more}"


@dataclass
class LostRows(Tally):
    """Counts the lines without a label, by what stands in its place."""

    words: Counter[str] = field(default_factory=Counter)


@dataclass
class ColumnScan:
    """What is known of one column after the rows so far.

    Attributes:
      name: of the column.
      missing_values: cells without a value.
      dtype: the narrowest type of all values so far: int, then float, then string; None before the first
        value.
    """

    name: str
    missing_values: frozenset[str]
    dtype: Type | None = None
    read: int = 0  # cells with a value
    missing: int = 0
    infinite: int = 0
    infinite_line: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    whole: bool = True
    counts: dict[str, int] | None = field(default_factory=dict)
    first_text: str = ""  # where the first cell stands that is no number
    began_with_numbers: bool = False  # text only
    strays: int | None = 0  # cells of text among numbers; None where half of the cells or more are text
    file: str = ""  # that is being scanned, for messages
    decimal: Decimal | None = None  # label only: the sign that the recipe names
    booleans: bool = True  # text only: every cell is true or false
    evidence: NumberEvidence = field(default_factory=NumberEvidence)
    label_numbers: LabelNumbers | None = None  # label only

    def add(self, cells: Sequence[str], numbers: Sequence[int]) -> None:
        """Takes in a block of cells and the numbers of their lines."""
        if self.decimal is not None:
            cells = plain_cells(cells, self.decimal)
        if self.counts is not None:
            self.count(Counter(cells))
        values = [cell for cell in cells if cell not in self.missing_values]
        self.missing += len(cells) - len(values)
        self.read += len(values)
        if self.dtype == "string":
            self._take_text(values)
        if self.dtype == "string" or not values:
            return
        as_type, parsed = parse(values)
        if as_type == "string":
            self._turn(cells, numbers)
            self._take_text(values)
            return
        self.dtype = "float" if "float" in (as_type, self.dtype) else "int"
        self.evidence.add_parsed(values, parsed)
        self._measure(parsed, cells, numbers)

    def _measure(self, parsed: Sequence[float], cells: Sequence[str], numbers: Sequence[int]) -> None:
        # The sum alone tells that all are finite, which almost every block is.
        finite = parsed if math.isfinite(sum(parsed)) else self._without_odd(parsed, cells, numbers)
        if not finite:
            return
        self.minimum, self.maximum = min(self.minimum, min(finite)), max(self.maximum, max(finite))
        if self.whole and self.dtype == "float":
            self.whole = all(map(float.is_integer, map(float, finite)))

    def _without_odd(self, parsed: Sequence[float], cells: Sequence[str], numbers: Sequence[int]) -> Sequence[float]:
        """Returns the finite numbers; those that are none are missing, and infinite ones are counted."""
        self.missing += sum(map(math.isnan, parsed))
        infinite = [number for cell, number in zip(cells, numbers, strict=True) if cell in INFINITIES]
        if infinite and not self.infinite:
            self.infinite_line = infinite[0]
        self.infinite += len(infinite)
        return [value for value in parsed if math.isfinite(value)]

    def _turn(self, cells: Sequence[str], numbers: Sequence[int]) -> None:
        """Makes the column text; a column that began with numbers says where that ended."""
        was_number = self.dtype is not None
        for cell, number in zip(cells, numbers, strict=True):
            if cell in self.missing_values:
                continue
            if parse([cell])[0] != "string":
                was_number = True
            else:
                hint = " (a decimal comma?)" if re.fullmatch(r"[+-]?\d+,\d+", cell) else ""
                self.first_text = f"line {number} of {self.file} holds {_shorten(cell)}{hint}"
                break
        self.dtype, self.began_with_numbers = "string", was_number

    def _take_text(self, values: Sequence[str]) -> None:
        self.booleans = self.booleans and not self.began_with_numbers and are_booleans(values)
        self._count_strays(values)
        self.evidence.add(values)
        if self.label_numbers is not None and self.counts is None:
            self.label_numbers.measure(values, self.evidence)

    def finish(self) -> None:
        """Settles what only all rows can tell: points that stand between thousands make no decimals."""
        if self.dtype == "float" and self.evidence.points_mark_thousands():
            self.dtype = "string"

    @property
    def numbers(self) -> WrittenNumbers | None:
        """The numbers that text holds, None for any other column."""
        return self.evidence.settle() if self.dtype == "string" else None

    def _count_strays(self, values: Sequence[str]) -> None:
        """Counts text where most cells are numbers; a column of text is given up with its first block."""
        if self.strays is not None:
            self.strays += sum(1 for value in values if parse([value])[0] == "string")
            if 2 * self.strays >= self.read:
                self.strays = None

    def count(self, cells: Mapping[str, int]) -> None:
        """Takes in the rows of cells, missing ones among them, for as long as cells are counted."""
        if self.counts is None:
            return
        for cell, count in cells.items():
            self.counts[cell] = self.counts.get(cell, 0) + count
        if len(self.counts) > _MAX_DISTINCT:
            if self.label_numbers is not None:
                self.label_numbers.measure(self.counts, self.evidence)
            self.counts = None

    @property
    def value_counts(self) -> dict[str | int | float, int] | None:
        """Rows of each value, as values of the column's type; None above 10,000 different ones."""
        if self.counts is None:
            return None
        convert: Any = {"int": int, "float": float}.get(self.dtype or "", str)
        if self.is_boolean:
            convert = plain_boolean
        merged: dict[str | int | float, int] = {}
        for cell, count in self.counts.items():
            if cell not in self.missing_values:
                value = convert(cell)
                if value == value:
                    merged[value] = merged.get(value, 0) + count
        return merged

    @property
    def is_boolean(self) -> bool:
        """Whether the column is text that says true and false."""
        return self.dtype == "string" and self.booleans

    @property
    def text_note(self) -> str:
        """Says why a column is text whose cells are numbers, empty for any other."""
        numbers = self.numbers
        if numbers is not None and numbers.is_plain and len(self.counts or "...") > 2:
            return f"column {self.name!r} is text that holds numbers: {numbers.told()}"
        if self.dtype != "string" or not (self.strays or self.began_with_numbers):
            return ""
        if not self.strays:
            return f"column {self.name!r} is text although it begins with numbers: {self.first_text}"
        return (
            f"column {self.name!r} is text although all but {self.strays:,} of its values are numbers: "
            f"{self.first_text}; kind: numeric under features takes the numbers"
        )

    def column(self) -> Column:
        """Describes the column as an input."""
        counts = self.value_counts
        return Column(
            name=self.name, dtype=self.dtype or "string", missing=self.missing,
            distinct=None if counts is None else len(counts), strays=self.strays or 0 if self.dtype == "string" else 0,
            numbers=self.numbers,
            boolean=self.is_boolean,
        )  # fmt: skip

    def label(self, rows: int, origin: str) -> LabelFacts:
        """Describes the column as the label."""
        dtype = self.dtype or "string"
        numbers = dtype != "string"
        facts = LabelFacts(
            self.name,
            dtype,
            self.value_counts,
            rows,
            minimum=self.minimum if numbers else None,
            maximum=self.maximum if numbers else None,
            whole=dtype == "float" and self.whole,
            first_text=self.first_text if self.strays else "",
            origin=origin,
        )
        written = self.numbers
        return replace(facts, written=written, as_numbers=facts_of_written(facts, written, self.label_numbers))


def parse(values: Sequence[str]) -> tuple[Type, Sequence[float]]:
    """Reads cells as integers, else as floats (also integers beyond 64 bits), else leaves them as text."""
    text = "\n" + "\n".join(values)
    if "_" in text or _LEADING_ZERO.search(text):
        return "string", ()
    try:
        integers = list(map(int, values))
        if max(map(abs, integers)) <= LARGEST_INTEGER:
            return "int", integers
    except ValueError:
        pass
    try:
        return "float", list(map(float, values))
    except ValueError:
        return "string", ()


def scan(
    rows: Iterator[Line], scans: Mapping[int, ColumnScan], unusable: Mapping[int, frozenset[str]], lost: LostRows
) -> int:
    """Feeds a file's rows to the scans of its columns.

    Args:
      rows: of the file.
      scans: position in the file to scan.
      unusable: positions of the labels, and the cells that are none; rows with such a cell are not used.
      lost: collects these rows.

    Returns:
      How many rows are usable.
    """
    used = 0
    while block := list(islice(rows, ROWS_PER_BLOCK)):
        kept = _labelled(block, unusable, lost)
        if not kept:
            continue
        used += len(kept)
        numbers = [number for number, _ in kept]
        columns: list[Any] = list(zip(*(cells for _, cells in kept), strict=True))
        for position, column in scans.items():
            column.add(columns[position], numbers)
    return used


def _labelled(block: list[Line], unusable: Mapping[int, frozenset[str]], lost: LostRows) -> list[Line]:
    """Returns the rows that have a label; the others are counted by what they have in its place."""
    kept = block
    for position, bad in unusable.items():
        kept = [row for row in kept if row[1][position] not in bad]
    if len(kept) == len(block):
        return kept
    lines = {number for number, _ in kept}
    gone = [row for row in block if row[0] not in lines]
    lost.add([number for number, _ in gone])
    lost.words.update(_first_unusable(cells, unusable) for _, cells in gone)
    return kept


def _first_unusable(cells: Sequence[str], unusable: Mapping[int, frozenset[str]]) -> str:
    return next(cells[place] for place, bad in unusable.items() if cells[place] in bad)


def _shorten(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
