"""Which numbers a column of text holds, by evidence over all of its cells: the decimal sign and the unit.

Cells are counted by how they look, so memory does not grow with the rows. What the looks prove: ``12,5`` and ``0,125``
have a decimal comma, ``1,234,567`` and ``1,23,456`` have commas between thousands, ``1,234.5`` has both signs. What
``1,295`` means is open; but where no group has other than three digits, and whole numbers below 1,000 stand beside it
without a mark, the mark is one of thousands; so it is in amounts of dollars, pounds and rupees. Where that is missing
too, evidence is even: ``certain`` is false.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kerasline.components.datasets.values.number_forms import (
    ANY_CURRENCY,
    COMMON_CLEANING,
    CURRENCIES,
    FAMILIES,
    MAGNITUDES,
    NUMBER,
    PERCENT,
    SHORT_MAGNITUDES,
    SUFFIX,
    Decimal,
    NumberForm,
    clean,
    read_number,
)

MOST_UNREADABLE = 0.1  # of the cells of a column of numbers
_MOST_LOOKS = 200  # different looks of a column of numbers
_LONGEST = 40  # characters of a number with its unit
_FEWEST_MARKED = 5  # cells whose mark stands before three digits, for whole numbers beside them to tell
_FEWEST_POINTED = 20  # different ones, where the mark is a point, which programs write before decimals
_ODD_ONES = 0.02  # of the marked cells may be misprints

_ENGLISH = frozenset({"$", "£", "₹", "a$", "c$"})  # currencies of countries that write a decimal point

_BODY = r"[0-9][0-9., '_]*[0-9][.,]?|[0-9]+[.,]?|[.,][0-9]+"
_LOOKS = re.compile(
    rf"([-+]?) ?({ANY_CURRENCY})? ?[-+]?({_BODY})(?:e[-+]?[0-9]+)? ?({SUFFIX}\.?)?? ?({ANY_CURRENCY})?", re.ASCII
)
_SHAPES = tuple(
    (shape, re.compile(pattern, re.ASCII))
    for shape, pattern in (
        ("code", r"0\d[\d]*"),
        ("small", r"\d{1,3}"),
        ("long", r"\d{4,}|[1-9]\d{0,2}(?:([ '_])\d{3})(?:\1\d{3})*"),
        ("comma?", r"[1-9]\d{0,2},\d{3}"),
        ("dot?", r"[1-9]\d{0,2}\.\d{3}"),
        ("commas", r"[1-9]\d{0,2}(?:,\d{3}){2,}|[1-9]\d?(?:,\d{2})+,\d{3}"),
        ("dots", r"[1-9]\d{0,2}(?:\.\d{3}){2,}"),
        ("dot", r"(?:\d+|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3}|[1-9]\d{0,2}(?:[ '_]\d{3})+)?\.\d*"),
        ("comma", r"(?:\d+|[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d{0,2}(?:[ '_]\d{3})+)?,\d*"),
    )
)
_GENE_VARIANT = re.compile(r"rs\d{6,}")  # rs10907175, a name in all of genetics, and no rupees
_POINTED = re.compile(r"[+-]?(?:\d{1,3}|[1-9]\d{0,2}\.\d{3})")
_PROGRAM = re.compile(r"[-+]?\d*\.?\d*(?:[eE][-+]?\d+)?", re.ASCII)
_NOTHING = re.compile(rf"\s*(?:{ANY_CURRENCY})\s*[-–−]+\s*|\s*[-–−]+\s*(?:{ANY_CURRENCY})\s*", re.IGNORECASE)
_PLAIN = re.compile(r"[\d.,]+", re.ASCII)
_SHORT = tuple(word for word, _ in SHORT_MAGNITUDES)
_CAPITALS = tuple(map(str.upper, _SHORT))
_UNREADABLE = {".": ("comma", "dots"), ",": ("dot", "commas")}


@dataclass(frozen=True)
class WrittenNumbers:
    """What a column of text holds where most of its cells are numbers.

    Attributes:
      decimal: the sign that the evidence speaks for.
      unit: see ``NumberForm``.
      share: of the cells that are numbers of this form.
      certain: whether anything speaks against the other sign.
      open: share of the cells whose number hangs on the sign, where that is not certain.
      why: what was seen, in a few words.
      problem: why the column has no one form, empty where it has.
    """

    decimal: Decimal
    unit: str
    share: float = 1.0
    certain: bool = True
    why: str = ""
    problem: str = ""
    open: float = 0.0

    @property
    def form(self) -> NumberForm:
        """How to read the cells."""
        return NumberForm(self.decimal, self.unit)

    @property
    def unit_name(self) -> str | None:
        """What the numbers count, as people say it."""
        return {"duration": "s", "byte": "bytes", "mass": "kg", "length": "m", NUMBER: None, "": None}.get(
            self.unit, self.unit
        )

    def told(self) -> str:
        """Says how the numbers are read, with an example."""
        sign = "a decimal comma" if self.decimal == "," else "a decimal point"
        parts = [sign if self.why else "", self.why, f"in {self.unit_name}" if self.unit_name else ""]
        if not self.certain:
            parts[0] = "a comma may stand between thousands or before decimals"
        return ", ".join(filter(None, parts)) or "with signs around them"

    @property
    def is_plain(self) -> bool:
        """Whether every cell is a number without a unit but a currency or per cent, and nothing is in doubt."""
        return self.share == 1 and self.certain and not self.problem and self.unit in ("", PERCENT, *CURRENCIES)


@dataclass
class NumberEvidence:
    """Counts the cells of a column by how they look.

    Attributes:
      looks: rows by shape, currency and word.
      total: cells with a value.
      examples: a few different cells of each shape.
      widths: how many digits bare whole numbers have; 0 stands for any other number.
    """

    looks: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    total: int = 0
    examples: dict[str, set[str]] = field(default_factory=dict)
    widths: set[int] = field(default_factory=set)
    given_up: bool = False
    pointed: bool = True  # numbers that programs write: each has no point, or one that stands before three digits

    def add(self, cells: Iterable[str] | Mapping[str, int]) -> None:
        """Takes in cells that have a value, or the rows of each of them."""
        if self.given_up:
            return
        for cell, rows in (cells if isinstance(cells, Mapping) else Counter(cells)).items():
            self.total += rows
            look = _look(cell)
            if look is None:
                continue
            self.looks[look] += rows
            self.widths.add(len(cell) if cell.isdecimal() else 0)
            some = self.examples.setdefault(look[0], set())
            if len(some) < 2 * _FEWEST_POINTED:
                some.add(cell)
        numbers = self.looks.total()
        self.given_up = len(self.looks) > _MOST_LOOKS or (self.total > 1000 and 2 * numbers < self.total)

    def add_parsed(self, cells: Sequence[str], numbers: Sequence[float]) -> None:
        """Takes in cells that programs read as numbers; each is looked at only where points may mark thousands."""
        if isinstance(numbers[0], int):
            self.add_whole(len(cells), min(map(abs, numbers)), max(map(abs, numbers)))
        elif self.pointed and all(map(_POINTED.fullmatch, cells)):
            self.add(cells)
        else:
            self.add_decimals(len(cells))

    def add_whole(self, count: int, smallest: float, largest: float) -> None:
        """Takes in whole numbers, by how many there are and the size of the smallest and the largest."""
        self.total += count
        self.widths |= {len(str(int(smallest))), len(str(int(largest)))}
        self.looks["long" if largest >= 1000 else "small", "", ""] += count - 1
        self.looks["small" if smallest < 1000 else "long", "", ""] += 1

    def add_decimals(self, count: int) -> None:
        """Takes in numbers of which some have a point that marks no thousands."""
        self.pointed = False
        self.total += count
        self.widths.add(0)
        self.looks["dot", "", ""] += count

    def settle(self) -> WrittenNumbers | None:
        """Says which numbers the column holds, or None where it holds others things than numbers."""
        if self.given_up or not self._are_numbers():
            return None
        unit, problem = self._unit()
        shapes = self._shapes_under(unit)
        decimal, certain, why = self._decimal(shapes, unit in _ENGLISH)
        unreadable = sum(shapes[shape] for shape in _UNREADABLE[decimal])
        share = (shapes.total() - unreadable) / self.total
        if share < 1 - MOST_UNREADABLE and not problem:
            problem = self._mixture()
        either = 0.0 if certain else (shapes["comma?"] + shapes["dot?"]) / self.total
        return WrittenNumbers(decimal, unit, share, certain, why, problem, either)

    def _are_numbers(self) -> bool:
        """Says whether nearly all cells are numbers, and no codes."""
        numbers = sum(rows for (shape, _, _), rows in self.looks.items() if shape != "code")
        # Postcodes and the like: zeros fill all of them up to one width.
        are_codes = numbers < self.looks.total() and len(self.widths) == 1
        return bool(numbers) and numbers >= (1 - MOST_UNREADABLE) * self.total and not are_codes

    def _shapes_under(self, unit: str) -> Counter[str]:
        """Counts the shapes of the cells that are read under a unit."""
        shapes: Counter[str] = Counter()
        for (shape, currency, word), rows in self.looks.items():
            if shape != "code" and _fits(unit, currency, word):
                shapes[shape] += rows
        return shapes

    def _unit(self) -> tuple[str, str]:
        """Chooses the unit that most cells agree with; and says why it may be wrong, empty where nothing is odd."""
        cells = Counter({(currency, word): 0 for _, currency, word in self.looks})
        for (shape, currency, word), rows in self.looks.items():
            cells[currency, word] += rows if shape != "code" else 0

        def agreeing(unit: str) -> int:
            return sum(rows for (currency, word), rows in cells.items() if _fits(unit, currency, word))

        best = max(_candidates(cells), key=agreeing)  # the first of equals
        return best, _doubt(best, cells["", ""], cells.total())

    def _mixture(self) -> str:
        """Names the units that do not go together."""
        kinds: Counter[str] = Counter()
        for (_, currency, word), rows in self.looks.items():
            kinds[currency or word] += rows
        shown = [f"{name!r}" if name else "no unit" for name, _ in kinds.most_common(3)]
        if len(shown) > 1:
            return f"it mixes {' and '.join(shown)}"
        return "some of its numbers have a decimal comma and others a decimal point"

    def _decimal(self, shapes: Counter[str], is_english: bool) -> tuple[Decimal, bool, str]:
        """Chooses the decimal sign; whether that is certain, and why."""
        if shapes["comma"] and shapes["comma"] < _ODD_ONES * shapes["comma?"]:
            return ".", True, f"a comma stands before three digits in all but {shapes['comma']} cells"
        point = shapes["dot"] + shapes["commas"]
        comma = shapes["comma"] + shapes["dots"]
        if point or comma:
            proof = self._example("comma", "dots") if comma > point else self._example("dot", "commas")
            return ("," if comma > point else "."), True, f"such as {proof}"
        return self._open_mark(shapes, is_english)

    def _open_mark(self, shapes: Counter[str], is_english: bool) -> tuple[Decimal, bool, str]:
        """Does so where every mark stands before three digits, by the numbers beside those."""
        if shapes["comma?"] >= shapes["dot?"] > 0:
            return ".", False, f"both {self._example('comma?')} and {self._example('dot?')} occur"
        if shapes["comma?"]:
            has_small_ones = shapes["small"] > 0 and shapes["comma?"] >= _FEWEST_MARKED
            why = f"every comma stands before three digits, as in {self._example('comma?')}"
            return ".", is_english or has_small_ones, why
        if not shapes["dot?"]:
            return ".", True, ""
        if self.points_mark_thousands(shapes):
            return ",", True, f"every point stands before three digits, as in {self._example('dot?')}"
        return ".", shapes["small"] + shapes["long"] > 0, f"such as {self._example('dot?')}"

    def points_mark_thousands(self, shapes: Counter[str] | None = None) -> bool:
        """Says whether what looks like decimals are thousands: 993 beside 1.295, never 1.29 nor 1295."""
        if shapes is None:
            shapes = Counter()
            for (shape, _, _), rows in self.looks.items():
                shapes[shape] += rows
        if shapes["dot"] or shapes["long"] or shapes["comma"] or shapes["commas"] or shapes["comma?"]:
            return False
        if len(self.examples.get("dot?", ())) < _FEWEST_POINTED:
            return False
        return 100 * shapes["small"] >= shapes["dot?"]

    def _example(self, *shapes: str) -> str:
        return next((min(self.examples[shape]) for shape in shapes if self.examples.get(shape)), "")


def evidence_of(cells: Iterable[str] | Mapping[str, int]) -> WrittenNumbers | None:
    """Says which numbers cells hold, see :meth:`NumberEvidence.settle`."""
    evidence = NumberEvidence()
    evidence.add(cells)
    return evidence.settle()


def plain_cell(cell: str, form: NumberForm) -> str:
    """Writes a number as programs do, such as 3730 for ``$3,730``; other cells stay as they are, codes among them."""
    if _SHAPES[0][1].fullmatch(cell) or (form.decimal == "." and _PROGRAM.fullmatch(cell)):
        return cell
    number = read_number(cell, form)
    if number is None:
        return cell
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def plain_cells(cells: Iterable[str], decimal: Decimal) -> list[str]:
    """Writes numbers whose decimal sign the recipe names as programs do, thousands without marks."""
    form = NumberForm(decimal, "")
    return [plain_cell(cell, form) for cell in cells]


def _look(cell: str) -> tuple[str, str, str] | None:
    """Returns shape, currency and word of a cell, or None where it is no number."""
    if len(cell) > _LONGEST:
        return None
    if not any(map(str.isdecimal, cell)):
        return ("small", "", "") if _NOTHING.fullmatch(cell) else None
    if not _PLAIN.fullmatch(cell):
        return _look_closely(cell)
    shape = _shape(cell)
    return None if shape is None else (shape, "", "")


def _look_closely(cell: str) -> tuple[str, str, str] | None:
    if _GENE_VARIANT.fullmatch(cell.strip()):
        return None
    match = _LOOKS.fullmatch(clean(cell, COMMON_CLEANING))
    if match is None:
        return ("small", "", "h") if read_number(cell, NumberForm(".", "duration")) is not None else None
    _, before, body, word, behind = match.groups("")
    shape = _shape(body)
    if shape is None or (before and behind):
        return None
    return shape, _currency(before or behind), _unit_word(word, cell)


def _unit_word(word: str, cell: str) -> str:
    """Returns what stands behind a number in one spelling.

    In capitals, M and B are million and billion; in lower case they may be metres, minutes or bytes.
    """
    if word in _SHORT and cell.rstrip()[-1:].isupper():
        return word.upper()
    return _singular(word)


def _shape(body: str) -> str | None:
    return next((name for name, pattern in _SHAPES if pattern.fullmatch(body)), None)


def _singular(word: str) -> str:
    word = word.rstrip(".") if word != "." else word
    known = is_unit(word) or _is_magnitude(word)
    return word[:-1] if len(word) > 2 and word.endswith("s") and not known else word


def is_unit(word: str) -> bool:
    """Says whether a word of small letters is a unit of durations, bytes, masses, lengths or places in an order."""
    return any(_matches(word, units) for family in FAMILIES.values() for units, _ in family)


def _currency(sign: str) -> str:
    return next((name for name, signs in CURRENCIES.items() if sign and _matches(sign, signs)), "")


def _matches(word: str, pattern: str) -> bool:
    return re.fullmatch(pattern, word, re.ASCII) is not None


def _is_magnitude(word: str) -> bool:
    return any(_matches(word, words) for words, _ in MAGNITUDES)


def _fits(unit: str, currency: str, word: str) -> bool:
    """Says whether a cell with this currency and word is read under a unit."""
    if currency not in ("", unit):
        return False
    if unit in FAMILIES:
        return any(_matches(word.lower(), words) for words, _ in FAMILIES[unit])
    multiplies = not word or _is_magnitude(word)
    if unit == NUMBER or unit in CURRENCIES:
        return multiplies or word.lower() in _SHORT
    return word.lower() == unit or (multiplies and word.lower() not in _SHORT)


def _candidates(cells: Collection[tuple[str, str]]) -> list[str]:
    """Lists the units that cells may have, by their currencies and words, the plainest first."""
    words = {word for _, word in cells} - {""}
    used = {currency for currency, _ in cells}
    currencies = [currency for currency in CURRENCIES if currency in used]
    counts_thousands = any(_is_magnitude(word) or word in _CAPITALS for word in words)
    # A short word alone may be a million as well as a metre, so no family of units is taken for granted.
    families = [] if words in ({"m"}, {"b"}, {"t"}) else [*FAMILIES]
    numbers = [NUMBER] if counts_thousands or currencies else []
    return ["", *numbers, *currencies, PERCENT, *families, *sorted(map(str.lower, words))]


def _doubt(unit: str, bare: int, total: int) -> str:
    """Says why a unit may be wrong where ``bare`` cells of ``total`` have none, empty where nothing is odd."""
    if unit == PERCENT and MOST_UNREADABLE * total < bare < (1 - MOST_UNREADABLE) * total:
        return f"{bare:,} of its {total:,} cells lack the % of the others"
    if unit in _SHORT and bare:
        return f"{unit!r} behind some of its numbers may mean a million or a unit"
    return ""
