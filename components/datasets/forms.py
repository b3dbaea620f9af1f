"""How numbers look where a column holds them as text.

The patterns are read by Python when a table is looked at and by TensorFlow (RE2) in the transform graph, so both see
the same cells as numbers. They match whole cells in lower case, without spaces around them.
"""

from __future__ import annotations

import re

# What is taken out of a cell, one after the other, before it is read as a number.
_SPACES = "[\\s\u00a0\u202f'’_]+"
_CURRENCIES = "[$€£¥₹]|usd|eur|gbp|chf|jpy|inr"
NUMBER_CLEANING: tuple[tuple[str, str], ...] = (
    (_SPACES, ""),
    (r"^\((.+)\)$", r"-\1"),  # accountants' negative numbers
    (rf"^([-+]?)(?:{_CURRENCIES})", r"\1"),
    (rf"(?:%|{_CURRENCIES})$", ""),
    (r"([0-9.,])[a-zµ°²³/]{1,6}$", r"\1"),  # a unit
)
# A number once it is clean, by its decimal sign; the other sign may stand between thousands.
NUMBER_PATTERNS: dict[str, str] = {
    ".": r"[-+]?(?:(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?",
    ",": r"[-+]?(?:(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d*)?|,\d+)(?:e[-+]?\d+)?",
}


def read_number(cell: str, decimal: str = ".") -> float | None:
    """Reads a number with signs around it as the transform graph does, or None where the cell is none.

    Args:
      cell: such as ``$1,200``, ``12.5 %`` or ``3 kg``.
      decimal: the decimal sign, ``.`` or ``,``.
    """
    text = cell.strip().lower()
    for pattern, replacement in NUMBER_CLEANING:
        text = re.sub(pattern, replacement, text, flags=re.ASCII)
    if re.fullmatch(NUMBER_PATTERNS[decimal], text, re.ASCII) is None:
        return None
    return float(text.replace("." if decimal == "," else ",", "").replace(",", "."))
