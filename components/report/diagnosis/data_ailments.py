"""Ailments of the data that figures show: leaks, wrong labels, rare classes, too few rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.core import percent, rounded
from kerasline.components.evaluation import METRICS
from kerasline.components.report.diagnosis.ailments import Diagnosis, result
from kerasline.components.report.diagnosis.reading import Reading, doubt_of_test
from kerasline.components.report.diagnosis.treatments import Treatment, Treatments, treatment

PERFECT = 0.995
IMBALANCE = 10  # rows of the largest class against the smallest
FEW_ROWS = 200
FEW_ROWS_IN_CLASS = 20
WIDE = 0.05  # half of the interval of a share
_CONFIDENCE_TELLS_NOTHING = 0.65  # share of pairs (hit, mistake) in which the hit has the higher score; 0.5 is chance


def unconfirmed(figures: Mapping[str, Any], advice: Treatments) -> Diagnosis | None:
    """Says that figures on the test split, which nothing was chosen by, are worse."""
    doubt = doubt_of_test(figures)
    if not doubt:
        return None
    seed = int((figures.get("experiment") or {}).get("seed", 0))
    treatments = [*advice.measure_better(figures.get("data") or {}), *advice.repeat(seed)]
    return result("unconfirmed", "hint", [doubt], [*treatments, treatment("collect more rows")])


def leakage(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    """Says that an input seems to give the label away, or that rows stand in two splits."""
    leaking, repeated = _findings(figures, "leakage"), _findings(figures, "duplicates")
    evidence = _evidence_of_gate(leaking, repeated)
    is_perfect = _is_perfect(reading)
    alone = _column_that_carries_all(figures)
    if is_perfect:
        evidence += _evidence_of_perfection(reading, "" if leaking else alone, bool(evidence or alone))
    if not evidence:
        return None
    # What the gate found goes before what the importances only suggest.
    suspects = [finding["column"] for finding in leaking if finding["column"]] or [alone]
    treatments = _treatments_of_leakage(suspects, bool(repeated), advice)
    is_problem = is_perfect or bool(leaking)
    return result("leakage", "problem" if is_problem else "hint", evidence, treatments)


def _findings(figures: Mapping[str, Any], check: str) -> list[Mapping[str, Any]]:
    """Lists what one check of the data gate found."""
    found = (figures.get("gate_verdict") or {}).get("findings") or []
    return [finding for finding in found if finding["check"] == check]


def _evidence_of_gate(leaking: Sequence[Mapping[str, Any]], repeated: Sequence[Mapping[str, Any]]) -> list[str]:
    """Says what the gate found, of columns first and of repeated rows then."""
    told = [f"Column {finding['column']}: {finding['text']}." for finding in leaking]
    return told + [f"The {finding['split'] or 'data'} split: {finding['text']}." for finding in repeated]


def _treatments_of_leakage(suspects: Sequence[str], are_repeated: bool, advice: Treatments) -> list[Treatment]:
    """Advises what to leave out and what to ask.

    Args:
      suspects: Columns that may give the label away, an empty name where there is none.
      are_repeated: Whether the same rows stand in two splits.
      advice: Treatments in the words of the recipe.
    """
    treatments = [line for column in filter(None, suspects[:3]) for line in advice.drop(column)]
    treatments.append(treatment("ask of each column whether it is known at the moment of the prediction"))
    if are_repeated:
        treatments.append(treatment("split by a column that says which rows belong together: data.split.method group"))
    return treatments


def _is_perfect(reading: Reading) -> bool:
    """Whether hardly an answer was wrong, on rows enough to tell."""
    skill = reading.eval_skill
    return skill is not None and skill >= PERFECT and reading.eval_rows >= FEW_ROWS


def _column_that_carries_all(figures: Mapping[str, Any]) -> str:
    """Names the column that nearly all of the model's knowledge comes from; empty where none does."""
    measured = (figures.get("explanations") or {}).get("importance") or {}
    columns = measured.get("columns") or []
    # A column that was not measured alone could carry as much.
    is_whole = not measured.get("groups") and not measured.get("skipped")
    if is_whole and len(columns) > 1 and _carries_all(columns):
        return str(columns[0]["column"])
    return ""


def _evidence_of_perfection(reading: Reading, alone: str, is_suspect: bool) -> list[str]:
    """Says of a model without mistakes what makes that strange, where anything does.

    Args:
      reading: Figures of the model.
      alone: Column that carries all, or nothing where there is none, or where it has been named already.
      is_suspect: Whether there is any other sign that an input gives the label away.
    """
    evidence = [f"Nearly all that the model knows comes from {alone}."] if alone else []
    if is_suspect:
        evidence.append(
            f"On {reading.eval_rows} rows that it never saw the model is right almost always "
            f"({reading.eval_skill:.3f})."
        )
    return evidence


def _carries_all(columns: Sequence[Mapping[str, Any]]) -> bool:
    return bool(columns[0]["drop"] > 0 and columns[0]["drop"] > 10 * max(columns[1]["drop"], 0))


def label_noise(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    """Says that the labels themselves seem to be wrong here and there."""
    performance, task = figures.get("performance") or {}, figures.get("task", "")
    look = treatment("look at the most confident mistakes below, and correct what is wrong")
    if performance.get("residuals"):
        evidence = _outliers_of_noise(performance, reading)
        treatments = [*advice.distrust_labels(task), look]
    else:
        evidence = _mistakes_of_noise(performance.get("confidence") or {}, reading)
        treatments = [look, *advice.distrust_labels(task)]
    return result("label_noise", "hint", [evidence], treatments) if evidence else None


def _outliers_of_noise(performance: Mapping[str, Any], reading: Reading) -> str:
    """Says how many residuals are far off while the others are small; empty where that does not speak of noise."""
    residuals, rows = performance["residuals"], performance["rows"]
    outliers = residuals["outliers"]
    share = outliers / rows if rows else 0.0
    if residuals.get("has_tails") or outliers < 3 or not 0.005 < share < 0.2:
        return ""
    # A model that knows next to nothing is off everywhere.
    if (reading.train_skill or 0) < 0.2:
        return ""
    return f"{outliers} of {rows} eval rows ({share:.1%}) are off by more than six times the usual deviation."


def _mistakes_of_noise(confidence: Mapping[str, Any], reading: Reading) -> str:
    """Says that a model is as sure of its mistakes as of its hits; empty where it is not, or where there are few."""
    wrong, separation = confidence.get("wrong", 0), confidence.get("separation")
    if separation is None or wrong < 20 or separation > _CONFIDENCE_TELLS_NOTHING:
        return ""
    if reading.eval_skill is None or reading.eval_skill < 0.3:
        return ""
    return (
        f"The model is nearly as sure of its {wrong} mistakes as of its hits: the hit of a pair has the higher score "
        f"in {separation:.0%} of all pairs (50 % is chance), so the mistakes look like any other row."
    )


def class_imbalance(figures: Mapping[str, Any], advice: Treatments) -> Diagnosis | None:
    """Says that one class has many times the rows of another."""
    counts = _rows_of_classes(figures)
    if len(counts) < 2 or figures.get("task") not in ("binary", "multiclass"):
        return None
    largest, smallest = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
    total = sum(counts.values())
    if counts[largest] < IMBALANCE * max(counts[smallest], 1) or total < 20:
        return None
    evidence = [
        f"Class {smallest} has {counts[smallest]} of {total} training rows ({percent(counts[smallest] / total)}), "
        f"{largest} has {counts[largest]}."
    ]
    recalls = _recalls(figures)
    rare, common = recalls.get(smallest), recalls.get(largest)
    level = "hint"
    if rare is not None and common is not None:
        evidence.append(f"The model finds {rare:.0%} of {smallest} and {common:.0%} of {largest} in the eval split.")
        level = "problem" if common - rare > 0.2 else "hint"
    return result("class_imbalance", level, evidence, advice.balance(figures["task"]))


def _recalls(figures: Mapping[str, Any]) -> dict[str, float | None]:
    """Returns the share of each class that the model finds in the eval split; None where it has no rows."""
    classes = (figures.get("performance") or {}).get("classes") or []
    return {row["name"]: row["recall"] for row in classes}


def _rows_of_classes(figures: Mapping[str, Any]) -> Mapping[str, int]:
    """Returns the training rows of each class; empty where there are no classes."""
    return (figures.get("label_counts") or {}).get("train") or {}


def too_few_data(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    """Says that there are few rows to learn from, or to measure with."""
    data = figures.get("data") or {}
    train = (data.get("splits") or {}).get("train")
    if train is None:
        return None
    is_small = train < FEW_ROWS
    evidence = [f"The train split has {train} rows."] if is_small else []
    evidence += _rarest_class(_rows_of_classes(figures))
    evidence += _wide_interval(figures)
    if not evidence:
        return None
    seed = int((figures.get("experiment") or {}).get("seed", 0))
    known = advice.pretrained() if is_small else []
    treatments = [*known, treatment("collect more rows"), *advice.measure_better(data), *advice.repeat(seed)]
    return result("too_few_data", "hint", evidence, treatments)


def _rarest_class(counts: Mapping[str, int]) -> list[str]:
    """Says how few rows the rarest class has; empty where it has enough, or none at all."""
    if not counts or not 0 < min(counts.values()) < FEW_ROWS_IN_CLASS:
        return []
    rare = min(counts, key=lambda name: counts[name])
    return [f"Class {rare} has {counts[rare]} training rows."]


def _wide_interval(figures: Mapping[str, Any]) -> list[str]:
    """Says how far chance may have moved the main metric; empty where the eval split is large enough."""
    metric = figures.get("main_metric", "")
    interval = ((figures.get("performance") or {}).get("intervals") or {}).get(metric)
    value = (figures.get("metrics") or {}).get(metric)
    rows = ((figures.get("data") or {}).get("splits") or {}).get("eval", 0)
    if not interval or not value or rows >= 1000 or not _is_wide(interval, value, metric):
        return []
    return [
        f"The eval split has {rows} rows: the {METRICS[metric].title} of {rounded(value, 3)} could as well be "
        f"{rounded(interval[0], 3)} or {rounded(interval[1], 3)}."
    ]


def _is_wide(interval: Sequence[float], value: float, metric: str) -> bool:
    half = (interval[1] - interval[0]) / 2
    return half > (WIDE if METRICS[metric].unit == "share" else 4 * WIDE * abs(value))
