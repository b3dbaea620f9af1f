"""Short texts that stay different where what they stand for differs: numbers beside axes and bars, and names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os.path import commonprefix
from textwrap import wrap

_THIN = "\u202f"  # between thousands
_USUAL, _MOST = 3, 7  # significant digits of a figure, and of figures that differ by no more than a little
_LONGEST_PLAIN = 1e6  # larger numbers are written with a power of ten
_SMALLEST_PLAIN = 1e-3
LEAST_GROUPED = 1e4  # a number of four digits may be a year


def show(value: float, digits: int = _USUAL) -> str:
    """Formats a figure in a few characters."""
    if not math.isfinite(value):
        return "not defined" if math.isnan(value) else ("-∞" if value < 0 else "∞")
    if value == 0:
        return "0"
    size = abs(float(f"{value:.{digits}g}"))
    if size >= _LONGEST_PLAIN:
        return _short_power(f"{value:.{digits - 1}e}")
    if size >= 1000:
        whole = max(digits - 1 - math.floor(math.log10(size)), 0)
        return _thousands(f"{value:,.{whole}f}", size)
    text = f"{value:.{digits}g}"
    return _short_power(text) if "e" in text else text


def show_all(values: Sequence[float]) -> list[str]:
    """Formats figures that stand beside each other: unequal ones get as many digits as tell them apart.

    Figures whose first seven digits are the same are taken for equal: that far floats are the same by chance alone.
    """
    different = len({f"{value:.{_MOST}g}" for value in values if math.isfinite(value)} | {"0"})
    for digits in range(_USUAL, _MOST + 1):
        texts = [show(value, digits) for value in values]
        if len({text for text, value in zip(texts, values, strict=True) if math.isfinite(value)} | {"0"}) == different:
            break
    return texts


def show_apart(first: float, second: float) -> list[str]:
    """Formats two figures with four digits, or as many as tell them apart."""
    texts = [f"{value:.4g}" for value in (first, second)]
    return texts if texts[0] != texts[1] or first == second else show_all([first, second])


def show_ticks(values: Sequence[float]) -> list[str]:
    """Formats the ticks of an axis with as many digits as their step needs, the same for each."""
    if len(values) < 2:
        return [show(value) for value in values]
    step, largest = values[1] - values[0], max(abs(values[0]), abs(values[-1]))
    place = math.floor(math.log10(step) + 1e-9)  # of the step's first digit: -1 for tenths
    digits = math.floor(math.log10(largest) + 1e-9) - place
    is_long = largest >= _LONGEST_PLAIN and digits <= _USUAL
    if is_long or largest < _SMALLEST_PLAIN:
        return ["0" if value == 0 else _short_power(f"{value:.{max(digits, 0)}e}") for value in values]
    return ["0" if value == 0 else _thousands(f"{value:,.{max(-place, 0)}f}", largest) for value in values]


def _thousands(text: str, largest: float) -> str:
    """Puts thin spaces for commas, or nothing where no number beside this one is large enough."""
    return text.replace(",", _THIN if largest >= LEAST_GROUPED else "")


def _short_power(text: str) -> str:
    """Writes ``1.20e-05`` as ``1.2e-5``."""
    mantissa, power = text.split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(power)}"


def shorten(text: str, length: int) -> str:
    """Cuts the middle out of a text: beginnings of names are often alike, and ends tell them apart."""
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return text[: max(length - 1 - end, 1)] + "…" + (text[-end:] if end else "")


def in_lines(text: str, length: int, most: int = 2) -> list[str]:
    """Breaks a text between words into lines of so many letters; it is shortened where more lines would be needed."""
    lines = wrap(text, length, break_long_words=False, break_on_hyphens=False)
    return lines if 0 < len(lines) <= most and max(map(len, lines)) <= length else [shorten(text, length)]


def shorten_all(names: Sequence[str], length: int) -> list[str]:
    """Cuts names that stand beside each other so that different ones stay different where there is any way.

    Where what differs is at an end, the middle is cut out of each; else what the long names begin and end with goes,
    and names that still read alike are numbered.
    """
    long = [name for name in dict.fromkeys(names) if len(name) > length]
    if not long:
        return list(names)
    first, last = _common_ends(long)
    differing = [len(name) - first - last for name in long]
    short = [shorten(name, length) for name in names]
    if _tell_apart(short, names) and _shows_difference(first, last, differing, length):
        return short
    around = max((length - 2 - max(differing)) // 2, 0)  # letters of what all have in common, to recognise it by
    short = [_cut_around(name, max(first - around, 0), max(last - around, 0), length) for name in names]
    return short if _tell_apart(short, names) else _number(short, names, length)


def _common_ends(names: Sequence[str]) -> tuple[int, int]:
    """Counts the letters that all begin with, and those of the rest that all end with."""
    first = len(commonprefix(names))
    return first, len(commonprefix([name[first:][::-1] for name in names]))


def _shows_difference(first: int, last: int, differing: Sequence[int], length: int) -> bool:
    """Whether names whose middle is cut out still show what they differ in.

    Args:
      first, last: Letters that all begin and end with.
      differing: Letters of each between these.
      length: Letters that are left.
    """
    # Of a name that others only go on from, nothing would be left in any other way.
    if min(differing) == 0:
        return True
    end = (length - 1) // 2
    start = length - 1 - end
    return first + max(differing) <= start or last + max(differing) <= end


def _cut_around(name: str, first: int, last: int, length: int) -> str:
    """Cuts so many letters from each end, and out of the middle what is too long even then."""
    if len(name) <= length:
        return name
    kept = shorten(name[first : len(name) - last], length - (first > 0) - (last > 0))
    return f"{'…' if first else ''}{kept}{'…' if last else ''}"


def _tell_apart(short: Sequence[str], names: Sequence[str]) -> bool:
    return len(set(short)) == len(set(names))


def _number(short: Sequence[str], names: Sequence[str], length: int) -> list[str]:
    """Gives each of the names that read alike its place among all."""
    order = list(dict.fromkeys(names))
    numbered = []
    for text, name in zip(short, names, strict=True):
        mark = f" #{order.index(name) + 1}"
        numbered.append(shorten(text, length - len(mark)) + mark if short.count(text) > 1 else text)
    return numbered


def name_some(names: Sequence[str], most: int = 3) -> str:
    """Lists names in words: ``a``, ``a and b``, ``a, b and 4 more``."""
    kept = list(names[: most if len(names) <= most else most - 1])
    kept += [f"{len(names) - len(kept)} more"] if len(names) > len(kept) else []
    return kept[0] if len(kept) == 1 else f"{', '.join(kept[:-1])} and {kept[-1]}"
