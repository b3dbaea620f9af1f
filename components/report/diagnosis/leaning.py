"""What a model leans on, in words that its figures carry: ties and what was not measured are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasline.components.core import counted
from kerasline.components.report.drawing import name_some, shorten

_LONGEST_NAME = 40


def count_columns(importance: Mapping[str, Any]) -> tuple[int, int, int]:
    """Counts the columns that were measured alone, only together with others, and not at all."""
    together = sum(len(group["columns"]) for group in importance.get("groups") or [])
    return len(importance["columns"]), together, len(importance["skipped"])


def leading(importance: Mapping[str, Any]) -> list[str]:
    """Returns the columns that the model leans most on: the first, and those that chance may have put behind it.

    Empty where shuffling no column costs more than chance does.
    """
    columns = importance["columns"]
    if not columns or columns[0]["drop"] <= 0 or columns[0]["low"] <= 0:
        return []
    return [row["column"] for row in columns if row["high"] >= columns[0]["low"]]


def describe_leaning(importance: Mapping[str, Any]) -> str:
    """Says what the model leans most on, and of how many columns that is known."""
    found, (alone, together, untold) = leading(importance), count_columns(importance)
    names = name_some([shorten(name, _LONGEST_NAME) for name in found]) if found else ""
    if not alone:
        text = "Single columns could not be measured in time"
    elif not found:
        text = f"None of the {alone} columns measured alone matters" if together or untold else _NOTHING
    elif untold or _may_hide_more(importance):
        text = f"Of the {counted(alone, 'column')} measured alone, the model leans most on {names}"
    else:
        text = f"The model leans most on {names}"
    return text + ("; which more is not clear" if len(found) > 1 else "")


def _may_hide_more(importance: Mapping[str, Any]) -> bool:
    """Whether a group costs as much as the first column, so that one of its columns may, too."""
    groups = importance.get("groups") or []
    return bool(groups) and bool(groups[0]["high"] >= importance["columns"][0]["low"])


def describe_unmeasured(importance: Mapping[str, Any]) -> str:
    """Says which columns were not measured alone; empty where all were."""
    alone, together, untold = count_columns(importance)
    every = alone + together + untold
    parts = [f"{together} of {every} columns were measured only in groups"] if together else []
    parts += [f"{untold} of {every} {'was' if untold == 1 else 'were'} not measured"] if untold else []
    return ", ".join(parts)


_NOTHING = "No single column matters: the model does as well without any one of them"
