"""Parts of the model gate that are the user's: functions that look at metrics and say why a model may not pass."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.evaluation import SliceFigures, show_slice
from kerasline.components.gating.rows import FAILED, PASSED, Row
from kerasline.components.own_code import call_own, load_function

SIGNATURE = "(candidate: dict, baseline: dict | None) -> None, or why the model is not good enough"
_KEY = "evaluation.gates"


def judge_own(
    gates: Sequence[str],
    whole: SliceFigures,
    slices: Sequence[SliceFigures],
    cost: Mapping[str, float | None],
    *,
    has_baseline: bool,
) -> list[Row]:
    """Calls each function with what was measured of both models.

    Args:
      gates: Names of functions.
      whole: Figures of the whole eval split.
      slices: Figures of its slices.
      cost: Latency, size and parameters of the candidate.
      has_baseline: Whether a model is in production.

    Raises:
      ConfigError: a function fails, or returns something else than None or a reason.
    """
    found: dict[str, Any] = {"rows": whole.rows, "cost": dict(cost)}
    candidate = {**whole.candidate, **found, "slices": {show_slice(one.slice): one.candidate for one in slices}}
    baseline = {**whole.baseline, "slices": {show_slice(one.slice): one.baseline for one in slices}}
    return [_judge_one(dotted, candidate, baseline if has_baseline else None) for dotted in gates]


def _judge_one(dotted: str, candidate: Mapping[str, Any], baseline: Mapping[str, Any] | None) -> Row:
    function = load_function(_KEY, dotted, SIGNATURE)
    reason = call_own(_KEY, dotted, function, copy.deepcopy(candidate), copy.deepcopy(baseline))
    if reason is not None and not (isinstance(reason, str) and reason.strip()):
        raise ConfigError(
            f"{_KEY}: expected {dotted} to return None or the reason against the model as text, but it returned "
            f"{reason!r} ({type(reason).__name__})"
        )
    status = PASSED if reason is None else FAILED
    return Row("own", dotted, dotted, "", None, None, "as this function says", status, reason or "")
