"""Times as a recipe writes them."""

from __future__ import annotations

DURATION = r"^\d+(\.\d+)?[smh]$"  # such as 90s, 20m, 1.5h
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> float:
    """Returns the seconds of a time such as ``90s``, ``20m`` or ``2h``."""
    return float(text[:-1]) * _SECONDS[text[-1]]
