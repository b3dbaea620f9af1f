"""A part of the model gate, as the report and the command show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PASSED, FAILED, NOT_GATED = "passed", "failed", "not gated"


@dataclass(frozen=True)
class Row:
    """A part of the gate.

    Attributes:
      part: ``threshold``, ``baseline``, ``slice``, ``trivial``, ``reference``, ``parity``, ``budget``,
        ``format`` or ``own``.
      metric: a key of METRICS or of the budgets, the name of a format, or of a user's function.
      title: the same in words.
      slice: such as ``sex=female``, empty for the whole eval split.
      value: the model's figure, None where it is not defined.
      limit: None where nothing was compared.
      text: the limit in words, or why there is none.
      status: PASSED, FAILED or NOT_GATED.
      detail: what else was found, mostly empty.
    """

    part: str
    metric: str
    title: str
    slice: str
    value: float | None
    limit: float | None
    text: str
    status: str
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """Returns the row for ``gate.json``; ``passed`` is False for what keeps the model out of production."""
        return {**vars(self), "passed": self.status != FAILED}
