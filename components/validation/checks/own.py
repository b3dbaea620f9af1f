"""Checks of the user's own: functions that look at the sampled rows of each split, and say what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, shown
from kerasline.components.own_code import call_own, load_function
from kerasline.components.validation.policy import Finding, OwnCheck, status_of
from kerasline.components.validation.samples import SplitSample

if TYPE_CHECKING:
    import pandas as pd

SIGNATURE = "(frames: dict[str, DataFrame]) -> list of messages, empty where all is well"
_KEY = "validation.checks"


def check_own(samples: Mapping[str, SplitSample], checks: Sequence[OwnCheck]) -> list[Finding]:
    """Calls each function with a data frame of each split.

    Args:
      samples: What the gate keeps of each split.
      checks: Functions, and what is done about their messages.

    Returns:
      A finding for each message; one that passed for a function without any.

    Raises:
      ConfigError: a function fails, or returns something else than messages.
    """
    frames = {split: frame_of(sample) for split, sample in samples.items()}
    return [finding for check in checks for finding in _check_one(check, frames)]


def _check_one(check: OwnCheck, frames: Mapping[str, pd.DataFrame]) -> list[Finding]:
    dotted = check.function
    function = load_function(_KEY, dotted, SIGNATURE)
    # Each function has frames of its own, which it may change.
    found = call_own(_KEY, dotted, function, {split: frame.copy() for split, frame in frames.items()})
    messages = [] if found is None else found
    if not isinstance(messages, list | tuple) or not all(isinstance(text, str) for text in messages):
        raise ConfigError(
            f"{_KEY}: expected {dotted} to return a list of messages, empty where all is well, but it returned "
            f"{shown(found) if isinstance(found, bool) else type(found).__name__}"
        )
    if not messages:
        return [Finding("own", "passed", f"{dotted} found nothing")]
    accept = f"--set 'validation.checks=[{{function: \"{dotted}\", policy: warn}}]'"
    return [Finding("own", status_of(False, check.policy), f"{dotted}: {text}", accept=accept) for text in messages]


def frame_of(sample: SplitSample) -> pd.DataFrame:
    """Returns the sampled rows of a split: numbers as float64, text and dates as text, arrays as one array a row."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, column in sample.columns.items():
        columns[name] = list(column.values) if getattr(column.values, "ndim", 1) > 1 else column.values
    longest = max((len(values) for values in columns.values()), default=0)
    # Rows of an array whose length is not the usual one are left out of its column, which then fits no other.
    return pd.DataFrame({name: values for name, values in columns.items() if len(values) == longest})
