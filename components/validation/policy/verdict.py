"""What the gate finds: one :class:`Finding` for each check of each column, passed ones too, and how it is told.

``verdict.json`` is ``{"stopped": bool, "message": str, "checks": [...], "findings": [...], "quarantine": {...} | null,
"reference": str | null, "accept": {...} | null}``. ``checks`` holds every finding as :meth:`Finding.to_json` gives it,
``findings`` those that did not pass, worst first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from kerasline.components.core import DataRejected

VERDICT_FILE = "verdict.json"
PROFILE_FILE = "profile.json"

Status = Literal["failed", "quarantined", "warned", "passed", "skipped"]
_WORST_FIRST: tuple[Status, ...] = ("failed", "quarantined", "warned")


@dataclass(frozen=True)
class Finding:
    """What one check says of one column, or of a whole split.

    Attributes:
      check: ``anomalies``, ``nonfinite``, ``leakage``, ``duplicates``, ``skew``, ``drift``, ``own`` or ``quarantine``.
      status: ``failed`` stops the run; ``skipped`` says in ``text`` why nothing could be checked.
      text: The finding in words, to follow the name of the column.
      split: Split that it is about, empty for all of the data.
      column: Column that it is about, empty for whole rows.
      measure: What ``figure`` is, such as ``Jensen-Shannon divergence``.
      figure: What was measured, None where the check counts nothing.
      limit: What it may be, without ``allowance``.
      allowance: What chance explains for the number of rows; added to the limit.
      accept: How the user says that it is right as it is, empty for what passed.
    """

    check: str
    status: Status
    text: str
    split: str = ""
    column: str = ""
    measure: str = ""
    figure: float | None = None
    limit: float | None = None
    allowance: float = 0.0
    accept: str = ""

    def place(self) -> str:
        """Names the column and the split in words."""
        split = f"the {self.split} split" if self.split else "the data"
        return f"column {self.column!r} of {split}" if self.column else split

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; figures have six digits, so that equal data gives equal bytes."""
        plain = asdict(self)
        for key in ("figure", "limit", "allowance"):
            plain[key] = None if plain[key] is None else float(f"{plain[key]:.6g}")
        return plain


class GateStopped(DataRejected):
    """The gate stopped the run; carries what ``verdict.json`` would have said."""

    def __init__(self, message: str, verdict: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.verdict = verdict or {}


def status_of(passed: bool, policy: str) -> Status:
    """Turns the outcome of a check into a status."""
    if passed:
        return "passed"
    return {"fail": "failed", "warn": "warned", "quarantine": "quarantined"}[policy]  # type: ignore[return-value]


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Returns the findings that did not pass."""
    found = [finding for finding in findings if finding.status in _WORST_FIRST]
    return sorted(found, key=lambda finding: _WORST_FIRST.index(finding.status))


def describe(findings: Sequence[Finding]) -> str:
    """Puts what stopped the run into one sentence: column, check, figure, limit and the way out.

    Args:
      findings: Findings that failed, at least one.
    """
    first = findings[0]
    others = [f"{finding.check} of {finding.column or finding.split or 'the data'}" for finding in findings[1:4]]
    listed = ", ".join(others) + (", ..." if len(findings) > 4 else "")
    more = f" (and {len(findings) - 1} more: {listed})" if others else ""
    return (
        f"the data gate stopped the run: {first.place()}: {first.check}: {first.text}{more}; mend the data, or accept "
        f"it with {first.accept}"
    )
