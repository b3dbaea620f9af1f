"""What a served model was asked and answered, as a reason to train again: as ``kerasline monitor`` sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import counted, rounded
from kerasline.components.registry import current_version, read_record
from kerasline.pipeline.config.schedule import ScheduleOptions
from kerasline.pipeline.models import monitor, show_figure
from kerasline.pipeline.retraining.triggers import Evidence, judge_figure

# Trigger to the kind of alarm, which for metrics is where the watch has their figures.
_KINDS = {"served_drift": "drift", "served_metric": "quality", "estimated_metric": "estimated"}
_MOST_NAMED = 3  # columns that a reason names, the furthest beyond their limit first


def gather_served(schedule: ScheduleOptions, models: Path, workspace: Path, fingerprint: str) -> Evidence:
    """Looks at the captured answers of the version in production.

    Args:
      schedule: its trigger, thresholds and ``served_days``.
      models: ``MODELS/NAME``.
      workspace: its root, where the captured answers are.
      fingerprint: of the data that a run would take.

    Raises:
      ConfigError: the version was pushed without a description of its columns.
    """
    version = current_version(models)
    if version is None:
        return Evidence(True, "nothing is in production yet")
    found = monitor(models.name, workspace, schedule.served_days)
    if not found["answered"]:
        when = "" if schedule.served_days is None else f" within the last {schedule.served_days:g} days"
        return Evidence(False, f"no row that version {version} answered{when} is captured, see serve.capture")
    kind = _KINDS[schedule.trigger]
    evidence = _judge_drift(found) if kind == "drift" else _judge_metric(found, kind, schedule)
    if evidence.is_reason and fingerprint == read_record(models, version).get("data_fingerprint"):
        reason = f"{evidence.reason}; the data is that of version {version}, so a run would fit the same model"
        return Evidence(False, reason, evidence.details)
    return evidence


def _judge_drift(found: Mapping[str, Any]) -> Evidence:
    """Says whether a column has drifted, and by how much."""
    rows = f"{counted(found['answered'], 'row')} that version {found['version']} answered"
    details = tuple(alarm["text"] for alarm in found["alarms"] if alarm["kind"] == "drift")
    alarmed = [(name, drift) for name, drift in found["drift"].items() if drift["alarm"]]
    if not alarmed:
        return Evidence(False, f"no column drifted in the {rows}{_doubt(found)}")
    alarmed.sort(key=lambda item: -item[1]["distance"] / max(item[1]["limit"], 1e-12))
    named = [
        f"{name} by {rounded(drift['distance'], 3)} (limit {rounded(drift['limit'], 3)})"
        for name, drift in alarmed[:_MOST_NAMED]
    ]
    more = f" and {counted(len(alarmed) - _MOST_NAMED, 'more column')}" if len(alarmed) > _MOST_NAMED else ""
    return Evidence(True, f"drifted in the {rows}: {', '.join(named)}{more}", details)


def _judge_metric(found: Mapping[str, Any], kind: str, schedule: ScheduleOptions) -> Evidence:
    """Says whether a metric is outside the limits of the schedule, or without limits worse than chance explains."""
    how = "by the labels that came" if kind == "quality" else "as estimated without labels"
    who = f"version {found['version']}"
    if not found[kind]:
        missing = "no answer has its label yet, see kerasline label" if kind == "quality" else _why_no_estimate(found)
        return Evidence(False, f"{who} cannot be judged {how}: {missing}")
    shown = tuple(f"{name} {show_figure(figure)} {how}" for name, figure in found[kind].items())
    if schedule.thresholds:
        return _judge_limits(list(_hold(found, kind, schedule)), f"{who}{{}} {how}", shown)
    worse = [alarm["text"] for alarm in found["alarms"] if alarm["kind"] == kind]
    fine = f"{who} is not worse than chance explains: {shown[0]}{_doubt(found)}"
    return Evidence(bool(worse), "; ".join(worse) or fine, shown)


def _judge_limits(judged: Sequence[tuple[bool, str]], words: str, shown: tuple[str, ...]) -> Evidence:
    """Says which limits do not hold, or that all do.

    Args:
      judged: of each limit whether it is broken, and how.
      words: who is judged, and by what, with a place for the verdict.
      shown: the figures.
    """
    failed = [text for is_broken, text in judged if is_broken]
    if failed:
        return Evidence(True, f"{words.format('')}: {'; '.join(failed)}", shown)
    return Evidence(False, f"{words.format(' holds its limits')}: {'; '.join(text for _, text in judged)}", shown)


def _hold(found: Mapping[str, Any], kind: str, schedule: ScheduleOptions) -> Iterator[tuple[bool, str]]:
    """Holds each metric against its limits, and says its interval with it."""
    for name, limit in schedule.thresholds.items():
        figure = found[kind].get(name, {"value": None, "low": None, "high": None})
        at_push = found["at_push"].get(name, {}).get("value")
        is_reason, text = judge_figure(name, figure["value"], at_push, limit)
        interval = (
            "" if figure["low"] is None else f" (95 % interval {rounded(figure['low'])} to {rounded(figure['high'])})"
        )
        yield is_reason, f"{text}{interval}"


def _why_no_estimate(found: Mapping[str, Any]) -> str:
    return next((note for note in found["notes"] if "estimated" in note), "there is no estimate")


def _doubt(found: Mapping[str, Any]) -> str:
    """Says that there were too few rows for an alarm."""
    few = [note for note in found["notes"] if "alarms need" in note]
    return f" ({few[0]})" if few else ""
