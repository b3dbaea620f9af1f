"""What to look at first: the sentence at the top of a report, and the three things below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from kerasline.components.core import counted, rounded
from kerasline.components.evaluation import METRICS
from kerasline.components.report.diagnosis.leaning import describe_leaning, describe_unmeasured, leading
from kerasline.components.report.diagnosis.reading import doubt_of_test

MOST = 3
# What it means that a part of the gate refuses a model.
_IN_WORDS = {
    "trivial": "it is not shown to be better than always the same answer",
    "baseline": "it is worse than the one in production, by more than was allowed",
    "threshold": "it is not as good as was asked",
    "slice": "it is not as good as was asked for some of the rows",
    "reference": "a simple model learns more from the same rows",
    "parity": "once exported, it answers otherwise than it did in training",
    "budget": "it is slower or larger than was allowed",
    "format": "a further format of it answers otherwise, or could not be written",
}


def headline(figures: Mapping[str, Any]) -> str:
    """Says in one sentence what became of the run."""
    failure = figures.get("failure")
    if figures.get("stopped_after") and not figures["model"] and figures["blessed"] is not False:
        return f"Stopped after {figures['stopped_after']}, as asked; nothing was pushed."
    if figures["metrics"] is None:
        return f"The run ended before the model was evaluated{': ' + failure if failure else ''}.".replace("..", ".")
    metric = figures["main_metric"]
    reached = f"{METRICS[metric].title} {show_figure(figures['metrics'][metric])}"
    if failure:
        return f"The run failed after the evaluation ({reached}): {failure}"
    if figures.get("blessed"):
        return _blessed(figures, reached)
    return _not_blessed(figures["gate"], reached)


_AFTER_PUSH = ("explain", "report")  # steps that come when it is known whether the model may be used


def may_be_used(figures: Mapping[str, Any]) -> str:
    """Says in a sentence for whoever reads no figures whether the model may be used, and why."""
    run, version = figures.get("run") or {}, (figures.get("model") or {}).get("version")
    unjudged = _why_unjudged(figures, run)
    if unjudged:
        return unjudged
    if not figures.get("blessed"):
        return f"The model may not be used: {_why_not(figures)}. What was in production stays there."
    if version is None:
        return "The model may be used; as the run was asked to stop before that, it was not pushed."
    if run.get("challenges"):
        return (
            f"The model may be used: it kept all that was asked of it. As version {version} it is tried beside version "
            f"{run['challenges']}, which stays in production."
        )
    return f"The model may be used, as version {version}: it kept all that was asked of it{_beside_trivial(figures)}."


def _why_unjudged(figures: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """Says so where the run has no judgement of a model to tell; empty where it has."""
    if run.get("failed_step") in _AFTER_PUSH:
        return "The model was judged before the run failed: 'kerasline models' lists what is in production."
    if figures.get("failure") or not figures.get("metrics"):
        return "There is no new model to use; what was in production stays there."
    if figures.get("blessed") is None:
        return "The model was not judged, as the run was asked to stop before that; what was in production stays there."
    return ""


def _beside_trivial(figures: Mapping[str, Any]) -> str:
    """Adds what a model would reach that looks at nothing."""
    metric = figures["main_metric"]
    value, trivial = figures["metrics"].get(metric), (figures.get("trivial") or {}).get(metric)
    if value is None or trivial is None:
        return ""
    return (
        f", and reaches {METRICS[metric].title} {show_figure(value)} on rows that it had not seen, where always the "
        f"same answer reaches {show_figure(trivial)}"
    )


def _why_not(figures: Mapping[str, Any]) -> str:
    failed = list(dict.fromkeys(row.get("part", "") for row in figures["gate"] if not row["passed"]))
    return " and ".join(_IN_WORDS.get(part, "a limit of the recipe was not kept") for part in failed) or "see below"


def _blessed(figures: Mapping[str, Any], reached: str) -> str:
    version = (figures.get("model") or {}).get("version")
    missing = figures.get("missing_baseline")
    compared = f"; compared with limits only, since {missing}" if missing else ""
    return f"Blessed and pushed as version {version}: {reached} on the eval split{compared}."


def _not_blessed(gate: Sequence[Mapping[str, Any]], reached: str) -> str:
    """Names the first limit that was not kept, and counts the others; where all were kept, tells the main metric."""
    failed = [row for row in gate if not row["passed"]]
    reason = _refusal(failed[0]) if failed else reached
    others = counted(len(failed) - 1, "more limit is", "more limits are")
    more = f" (and {others} not kept)" if len(failed) > 1 else ""
    return f"Not blessed, nothing was pushed: {reason}{more}."


def _refusal(row: Mapping[str, Any]) -> str:
    """Says why a part of the gate refuses the model; a function of the user's says it itself."""
    if row.get("part") == "own":
        return f"{row['title']} says: {row['detail']}"
    return f"{show_limit(row)} was asked{show_detail(row)}"


def show_limit(row: Mapping[str, Any]) -> str:
    """Says what a part of the gate found, and what it asks for."""
    where = f" on {row['slice']}" if row["slice"] else ""
    return f"{row['title']}{where} {show_figure(row['value'])}, {row['text']}"


def show_detail(row: Mapping[str, Any]) -> str:
    """Says what else a part of the gate found; reports of earlier versions have no such text."""
    return f"; {row['detail']}" if row.get("detail") else ""


def show_figure(value: float | None) -> str:
    """Formats a figure with four significant digits."""
    return "not defined" if value is None else rounded(value)


def show_setting(value: Any) -> str:
    """Formats a config value as YAML on one line."""
    if isinstance(value, float):
        return rounded(value)
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...").removesuffix("...").strip()


def look_at(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Chooses the things that a reader should look at first.

    Args:
      figures: of a run, with its diagnosis.

    Returns:
      At most MOST, most urgent first, each with ``text`` and ``section`` (the id of a section of the page).
    """
    found = [
        *_failure(figures),
        *_gate(figures),
        *_findings(figures),
        *_diagnoses(figures, "problem"),
        *_test_split(figures),
        *_slices(figures),
        *_diagnoses(figures, "hint"),
        *_confusions(figures),
        *_calibration(figures),
        *_skipped(figures),
        *_diagnoses(figures, "good"),
        *_importance(figures),
        *_tuning(figures),
    ]
    return [{"text": text, "section": section} for text, section in found[:MOST]]


_Found = list[tuple[str, str]]


def _failure(figures: Mapping[str, Any]) -> _Found:
    return [(f"The run failed: {figures['failure']}", "summary")] if figures.get("failure") else []


def _gate(figures: Mapping[str, Any]) -> _Found:
    failed = [row for row in figures["gate"] if not row["passed"]]
    return [(f"{_not_kept(row)}.", "evaluation") for row in failed]


def _not_kept(row: Mapping[str, Any]) -> str:
    """Says what a part of the gate that refuses the model found."""
    if row.get("part") == "own":
        return _refusal(row)
    where = f" on {row['slice']}" if row["slice"] else ""
    return f"{row['title']}{where} is {show_figure(row['value'])}, but {row['text']} was asked{show_detail(row)}"


def _findings(figures: Mapping[str, Any]) -> _Found:
    findings = (figures.get("gate_verdict") or {}).get("findings") or []
    if not findings:
        return []
    first = findings[0]
    where = f"column {first['column']}" if first["column"] else "rows"
    more = f" (and {len(findings) - 1} more findings)" if len(findings) > 1 else ""
    split = f" of the {first['split']} split" if first["split"] else ""
    return [(f"The data gate, {first['check']}, {where}{split}: {first['text']}{more}.", "data")]


def _diagnoses(figures: Mapping[str, Any], level: str) -> _Found:
    return [
        (f"{diagnosis['title']}: {diagnosis['evidence'][0]}", "diagnosis")
        for diagnosis in figures.get("diagnosis") or []
        if diagnosis["level"] == level
    ]


def _test_split(figures: Mapping[str, Any]) -> _Found:
    doubt = doubt_of_test(figures)
    is_told = any(diagnosis["name"] == "unconfirmed" for diagnosis in figures.get("diagnosis") or [])
    return [(doubt, "evaluation")] if doubt and not is_told else []


def _slices(figures: Mapping[str, Any]) -> _Found:
    """Names the worst slice whose interval lies wholly on the worse side of the whole."""
    metric = figures["main_metric"]
    overall = (figures.get("metrics") or {}).get(metric)
    worse = []
    for entry in figures.get("slices") or []:
        interval = (entry.get("intervals") or {}).get(metric)
        if interval and overall is not None and interval[1] < overall:
            worse.append((entry["metrics"][metric], entry))
    if not worse:
        return []
    value, entry = min(worse, key=lambda pair: pair[0])
    name = ", ".join(f"{key} = {text}" for key, text in entry["slice"].items())
    return [
        (
            f"Rows with {name} do worse: {METRICS[metric].title} {show_figure(value)} instead of "
            f"{show_figure(overall)} "
            f"({entry['rows']} rows).",
            "slices",
        )
    ]


def _confusions(figures: Mapping[str, Any]) -> _Found:
    confusion = (figures.get("performance") or {}).get("confusion") or {}
    if not confusion.get("pairs"):
        return []
    pairs, wrong = confusion["pairs"], confusion["wrong"]
    most = pairs[0]["rows"]
    first = [f"{pair['true']} taken for {pair['predicted']}" for pair in pairs if pair["rows"] == most]
    if most < 2 or len(first) > 2:
        rows = figures["performance"]["rows"]
        return [(f"{wrong} of {rows} eval rows {'is' if wrong == 1 else 'are'} wrong.", "evaluation")]
    each = " each" if len(first) > 1 else ""
    text = f"Most often confused: {' and '.join(first)} ({most} of {wrong} mistakes{each})."
    return [(text, "evaluation")]


def _calibration(figures: Mapping[str, Any]) -> _Found:
    calibration = (figures.get("performance") or {}).get("calibration")
    if not calibration or calibration["error"] < max(0.08, 1.5 * calibration["chance"]):
        return []
    return [
        (f"Scores are off by {calibration['error']:.0%} on average: do not read them as probabilities.", "evaluation")
    ]


def _skipped(figures: Mapping[str, Any]) -> _Found:
    skipped = figures["data"]["skipped"]
    return [(f"Some rows or files were left out: {skipped[0]}", "data")] if skipped else []


def _importance(figures: Mapping[str, Any]) -> _Found:
    importance = (figures.get("explanations") or {}).get("importance") or {}
    if not importance.get("columns") or not leading(importance):
        return []
    left_out = describe_unmeasured(importance)
    return [(f"{describe_leaning(importance)}{f' ({left_out})' if left_out else ''}.", "explanations")]


def _tuning(figures: Mapping[str, Any]) -> _Found:
    tuning = figures.get("tuning")
    if not tuning or not tuning["changed"]:
        return []
    keys = ", ".join(change["key"] for change in tuning["changed"])
    return [(f"The search found better values for {keys}.", "tuning")]
