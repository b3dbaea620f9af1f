"""In words, how far the columns of a row moved the answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasline.components.core import rounded

_MOST = 4  # columns that are named


def describe_because(because: Mapping[str, Any]) -> str:
    """Names the columns that moved an answer most, and what all others did together.

    Args:
      because: of one row, as ``explanations.json`` has it.
    """
    columns = because["columns"]
    told = [f"{one['column']} {_signed(one['effect'])}" for one in columns[:_MOST]]
    rest = sum(one["effect"] for one in columns[_MOST:]) + (because["rest"] or 0.0)
    if len(columns) > _MOST or because["rest"] is not None:
        told.append(f"all others {_signed(rest)}")
    return f"usually {rounded(because['usual'], 3)}; {', '.join(told)}"


def _signed(effect: float) -> str:
    return f"{'+' if effect >= 0 else '-'}{rounded(abs(effect), 2)}"
