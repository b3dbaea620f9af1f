"""What became of a run: its status, its exit code, and the fields of ``--json``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.pipeline.workspace import section

EXIT_CODES = {"pushed": 0, "up_to_date": 0, "partial": 0, "data_rejected": 3, "not_blessed": 4, "failed": 1}
IN_PRODUCTION = ("pushed", "up_to_date")  # the status of a run whose model answers from now on, or did before
# What stands in the result where a run has no such figures, since it ended before they were made.
_EMPTY: dict[str, Callable[[], Any]] = {
    "metrics": dict,
    "test_metrics": dict,
    "references": list,
    "gate": list,
    "missing_baseline": str,
    "diagnosis": list,
}


@dataclass
class Outcome:
    """What became of a run; the fields of ``--json``, and what the command says.

    Attributes:
      result: The JSON contract.
      message: One sentence for stderr, empty where all went well.
      log: The log file.
    """

    result: dict[str, Any]
    message: str
    log: Path

    @property
    def exit_code(self) -> int:
        """The contract's exit code."""
        return EXIT_CODES[self.result["status"]]


def judge_run(figures: Mapping[str, Any], all_cached: bool, report: Path, log: Path) -> tuple[str, str]:
    """Judges a run whose steps have all finished.

    Args:
      figures: Figures of its report.
      all_cached: Whether every step had finished before.
      report: File of the report, for messages.
      log: File of the log, for messages.

    Returns:
      The status, and the sentence that goes with it.
    """
    stopped = figures.get("stopped_after")
    if stopped and figures["blessed"] is not False and figures["model"] is None:
        return "partial", ""
    if not figures["blessed"]:
        from kerasline.components.report import headline

        return "not_blessed", f"{headline(figures)} What is in production stays there; see {report}"
    if not section(figures, "model").get("version"):
        return "failed", f"the model was blessed but the Pusher did not push it; see {log}"
    return ("up_to_date" if all_cached else "pushed"), ""


def measured(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Takes from the figures of a report what a result says of the model."""
    names = (
        *("metrics", "test_metrics", "baseline", "trivial", "references", "main_metric", "gate"),
        *("missing_baseline", "cost"),
    )
    intervals = section(section(figures, "performance"), "intervals")
    return _take(figures, names) | {
        "intervals": {name: _ends(interval) for name, interval in intervals.items()},
        "formats": section(section(figures, "formats"), "formats"),
    }


def _ends(interval: Sequence[float] | None) -> dict[str, float | None]:
    """Names the ends of an interval; of a metric without one there are none."""
    return dict(zip(("low", "high"), interval or (None, None), strict=True))


def learnt(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Takes from the figures of a report what a result says of the fit and of the search."""
    return _take(figures, ("diagnosis", "training")) | {"tuning": _outline_search(figures.get("tuning"))}


def outline_steps(steps: Sequence[Any]) -> list[dict[str, Any]]:
    """Tells of each step its id, the seconds that it took, and whether its outputs were reused."""
    return [{"id": step.id, "seconds": round(step.seconds, 3), "cached": step.cached} for step in steps]


def _take(figures: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Takes some figures; readers of a result find an empty value where there is none, if it would have parts."""
    taken = {name: figures.get(name) for name in names}
    return {name: value or _EMPTY[name]() if name in _EMPTY else value for name, value in taken.items()}


def _outline_search(tuning: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns what a search came to: trials, winner, which keys changed, and by how much the objective moved."""
    names = ("objective", "direction", "best", "untuned", "moved", "changed", "importance", "trials")
    return None if tuning is None else {name: tuning[name] for name in names}
