"""Reads the curves and figures of a run as the tutorials teach it: underfitting, overfitting, good fit and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from kerasline.components.evaluation import METRICS
from kerasline.components.report.diagnosis.reading import Reading, doubt_of_test, is_unfinished, read, still_improving
from kerasline.components.report.diagnosis.references import clearly_better, none_better, sentences
from kerasline.components.report.diagnosis.treatments import Treatment, Treatments, treatment

Diagnosis = dict[str, Any]

LOW_SKILL = 0.5  # a model that explains less than half of what there is to explain has not learnt the task
HIGH_SKILL = 0.9
GAP = 0.1  # skill lost from training rows to others
RISE = 1.2  # the validation loss at the end against its best
FIRST_SHARE = 0.05  # a rise below this share of the first epoch's loss does not count
FLAT = 0.02
JITTER = 0.15  # typical step of a curve from epoch to epoch against its level
PERFECT = 0.995
IMBALANCE = 10  # rows of the largest class against the smallest
FEW_ROWS = 200
FEW_ROWS_IN_CLASS = 20
WIDE = 0.05  # half of the interval of a share
_OF_CURVES = ("underfitting", "overfitting", "noisy", "label_noise", "unfinished")
_CONFIDENCE_TELLS_NOTHING = 0.65  # share of pairs (hit, mistake) in which the hit has the higher score; 0.5 is chance

TITLES = {
    "diverging": "Diverging",
    "leakage": "Leakage suspected",
    "overfitting": "Overfitting",
    "underfitting": "Underfitting",
    "label_noise": "Label noise suspected",
    "class_imbalance": "Class imbalance",
    "too_few_data": "Too few data",
    "noisy": "Noisy training",
    "unfinished": "Unfinished",
    "unconfirmed": "Not confirmed by the test split",
    "good_fit": "Good fit",
}


def diagnose(figures: Mapping[str, Any]) -> list[Diagnosis]:
    """Says what ails a model and what to try.

    Args:
      figures: of a run, from :func:`~kerasline.components.report.figures.collect_figures`; whatever is missing is
        left out of account.

    Returns:
      Diagnoses, most urgent first, each with ``name`` (a key of TITLES), ``title``, ``level`` (``problem``, ``hint`` or
      ``good``), ``evidence`` (sentences with numbers) and ``treatments`` (from
      :func:`~kerasline.components.report.diagnosis.treatments.treatment`). Empty where nothing was trained.
    """
    experiment = figures.get("experiment") or {}
    settings = (figures.get("training") or {}).get("settings") or experiment
    has_images = any(spec["kind"] == "image" for spec in figures.get("inputs") or [])
    advice = Treatments(settings, experiment.get("tuning"), has_images)
    reading = read(figures)
    found = [
        _diverging(figures, reading, advice),
        _leakage(figures, reading, advice),
        _overfitting(figures, reading, advice),
        _underfitting(figures, reading, advice),
        _label_noise(figures, reading, advice),
        _class_imbalance(figures, advice),
        _too_few_data(figures, reading, advice),
        _noisy(reading, advice),
        _unfinished(reading, advice),
        _unconfirmed(figures, advice),
    ]
    diagnoses = [diagnosis for diagnosis in found if diagnosis]
    names = {diagnosis["name"] for diagnosis in diagnoses}
    if "diverging" in names:  # curves that rise say nothing about the rest
        diagnoses = [d for d in diagnoses if d["name"] not in _OF_CURVES]
    elif not names & {"overfitting", "underfitting", "leakage", "label_noise", "unconfirmed"}:
        diagnoses += [_good_fit(reading, advice)] if reading.train_skill is not None else []
    return sorted(diagnoses, key=lambda diagnosis: ("problem", "hint", "good").index(diagnosis["level"]))


def _result(name: str, level: str, evidence: list[str], treatments: list[Treatment]) -> Diagnosis:
    return {"name": name, "title": TITLES[name], "level": level, "evidence": evidence, "treatments": treatments}


def _diverging(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    failure, loss = str(figures.get("failure") or ""), reading.loss
    if "the loss became" in failure:
        return _result("diverging", "problem", [failure], advice.slower())
    if len(loss) < 3:
        return None
    lowest = min(loss)
    rose = loss[-1] > 1.5 * lowest and loss[-1] > loss[-2] * 0.9 and loss.index(lowest) < len(loss) - 2
    above_start = loss[-1] > 1.1 * loss[0] and (reading.train_skill or 0.0) < LOW_SKILL
    if not (rose and loss[-1] > 0.5 * loss[0]) and not above_start:
        return None
    evidence = (
        f"The training loss rose from {lowest:.3g} in epoch {loss.index(lowest) + 1} to {loss[-1]:.3g} at the end."
    )
    return _result("diverging", "problem", [evidence], advice.slower())


def _overfitting(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    gap, evidence, level = reading.gap, [], "hint"
    if gap is not None and gap > max(GAP, reading.doubt):
        level = "problem"
        evidence.append(
            f"On the rows that it was fitted on the model reaches a skill of {reading.train_skill:.2f}, on others "
            f"{reading.other_skill:.2f} ({reading.metric}; 0 is the trivial model, 1 is perfect)."
        )
    loss, val = reading.loss, reading.val_loss
    if len(val) >= 4:
        best = val.index(min(val))
        rose = val[-1] > RISE * val[best] and val[-1] - val[best] > FIRST_SHARE * val[0]
        if best < len(val) - 2 and rose and loss[-1] < loss[best]:
            kept = reading.kept == best
            evidence.append(
                f"The validation loss was lowest in epoch {best + 1} ({val[best]:.3g}) and rose to {val[-1]:.3g} "
                "while the "
                f"training loss went on falling{'; the weights of the best epoch were kept' if kept else ''}."
            )
            level = level if kept else "problem"
    if not evidence:
        return None
    more = [treatment("more rows to learn from help most")]
    return _result(
        "overfitting", level, evidence, [*advice.regularise(), *advice.augment(), *advice.smaller(), *more][:6]
    )


# A model that is too slow, too large or served otherwise may fit its rows well.
_ON_METRICS = ("threshold", "baseline", "slice", "trivial", "reference")


def _underfitting(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    skill, gap = reading.train_skill, reading.gap
    # Dropout and augmentation make training rows harder than others, so the better of the two counts.
    best = max((s for s in (skill, reading.val_skill) if s is not None), default=None)
    if best is None or (gap is not None and gap > max(GAP, reading.doubt)):
        return None
    falling = still_improving(reading)
    missed = any(not row["passed"] for row in figures.get("gate") or [] if row["part"] in _ON_METRICS)
    if clearly_better(figures):
        return _outdone(figures, reading, advice, is_problem=missed or best < LOW_SKILL)
    if best >= HIGH_SKILL:
        return None
    if best >= LOW_SKILL and not falling and not missed:
        return None
    evidence = [
        f"Even on the rows that it was fitted on the model reaches a skill of only {skill:.2f} "
        f"({reading.metric}; 0 is the "
        "trivial model, 1 is perfect)."
    ]
    if falling:
        evidence.append(f"Training ended after {reading.epochs} while the loss was still falling.")
    if missed:
        evidence.append("It misses a limit of the gate, and is no better on the rows that it was fitted on.")
    treatments = advice.longer() + advice.larger() if falling else advice.larger() + advice.longer()
    features = treatment("more features, or better ones: what would a person look at?")
    is_hard = none_better(figures) is not None
    if is_hard:
        evidence.append(f"{sentences(figures)}. The task is hard with these columns.")
    treatments = [features, *treatments] if is_hard else [*treatments, features]
    is_problem = missed or (best < LOW_SKILL and not is_hard)
    return _result("underfitting", "problem" if is_problem else "hint", evidence, treatments)


def _outdone(figures: Mapping[str, Any], reading: Reading, advice: Treatments, *, is_problem: bool) -> Diagnosis:
    """Says that another kind of model gets more out of the same columns, beyond the luck of the rows."""
    evidence = [f"{sentences(figures)}: the columns tell more than this model has learnt."]
    treatments = advice.larger() + advice.longer()
    if still_improving(reading):
        evidence.append(f"Training ended after {reading.epochs} while the loss was still falling.")
        treatments = advice.longer() + advice.larger()
    level = "problem" if is_problem else "hint"
    return _result("underfitting", level, evidence, [*advice.other_family(), *treatments])


def _noisy(reading: Reading, advice: Treatments) -> Diagnosis | None:
    for name, series in (("validation", reading.val_loss), ("training", reading.loss)):
        if len(series) < 7:
            continue
        first, later = series[0], series[1:]
        steps = [after - before for before, after in zip(later[:-1], later[1:], strict=True)]
        rises, falls = sum(max(step, 0.0) for step in steps), sum(max(-step, 0.0) for step in steps)
        turns = sum(1 for a, b in zip(steps[:-1], steps[1:], strict=True) if a * b < 0)
        typical, level = median(abs(step) for step in steps), median(later)
        # Below a share of the first loss the curve is as good as flat, however it trembles.
        is_large = typical > max(JITTER * level, FLAT * first)
        if is_large and rises > falls / 2 and turns >= 0.4 * (len(steps) - 1):
            evidence = (
                f"From epoch to epoch the {name} loss moves by {typical / level:.0%} of its level, and turned {turns} "
                f"times in {len(series)} epochs."
            )
            return _result("noisy", "hint", [evidence], advice.steadier())
    return None


def _unfinished(reading: Reading, advice: Treatments) -> Diagnosis | None:
    if not is_unfinished(reading):
        return None
    series = reading.val_loss or reading.loss
    part = "validation" if reading.val_loss else "training"
    evidence = (
        f"Training ended with its last epoch ({len(series)} of {reading.most_epochs}) while the {part} loss was still "
        f"getting better: {min(series):.3g} was reached in epoch {series.index(min(series)) + 1}."
    )
    return _result("unfinished", "hint", [evidence], advice.longer())


def _unconfirmed(figures: Mapping[str, Any], advice: Treatments) -> Diagnosis | None:
    """Says that figures on the test split, which nothing was chosen by, are worse."""
    doubt = doubt_of_test(figures)
    if not doubt:
        return None
    seed = int((figures.get("experiment") or {}).get("seed", 0))
    treatments = [*advice.measure_better(figures.get("data") or {}), *advice.repeat(seed)]
    return _result("unconfirmed", "hint", [doubt], [*treatments, treatment("collect more rows")])


def _leakage(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    checks = (figures.get("gate_verdict") or {}).get("findings") or []
    leaking = [finding for finding in checks if finding["check"] == "leakage"]
    repeated = [finding for finding in checks if finding["check"] == "duplicates"]
    evidence = [f"Column {finding['column']}: {finding['text']}." for finding in leaking]
    evidence += [f"The {finding['split'] or 'data'} split: {finding['text']}." for finding in repeated]
    skill = reading.eval_skill
    is_perfect = skill is not None and skill >= PERFECT and reading.eval_rows >= FEW_ROWS
    measured = (figures.get("explanations") or {}).get("importance") or {}
    importance = measured.get("columns") or []
    is_whole = not measured.get("groups") and not measured.get("skipped")
    alone = importance[0] if is_whole and len(importance) > 1 and _carries_all(importance) else None
    if is_perfect and alone and not leaking:
        evidence.append(f"Nearly all that the model knows comes from {alone['column']}.")
    if is_perfect and (evidence or alone):
        evidence.append(
            f"On {reading.eval_rows} rows that it never saw the model is right almost always ({skill:.3f})."
        )
    if not evidence:
        return None
    suspects = [finding["column"] for finding in leaking if finding["column"]] or ([alone["column"]] if alone else [])
    treatments = [line for column in suspects[:3] for line in advice.drop(column)]
    treatments.append(treatment("ask of each column whether it is known at the moment of the prediction"))
    if repeated:
        treatments.append(treatment("split by a column that says which rows belong together: data.split.method group"))
    return _result("leakage", "problem" if leaking or is_perfect else "hint", evidence, treatments)


def _carries_all(columns: Sequence[Mapping[str, Any]]) -> bool:
    return columns[0]["drop"] > 0 and columns[0]["drop"] > 10 * max(columns[1]["drop"], 0)


def _label_noise(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    performance, task = figures.get("performance") or {}, figures.get("task", "")
    residuals = performance.get("residuals")
    look = treatment("look at the most confident mistakes below, and correct what is wrong")
    if residuals:
        rows = performance["rows"]
        share = residuals["outliers"] / rows if rows else 0.0
        if (
            residuals.get("has_tails")
            or residuals["outliers"] < 3
            or not 0.005 < share < 0.2
            or (reading.train_skill or 0) < 0.2
        ):
            return None
        evidence = (
            f"{residuals['outliers']} of {rows} eval rows ({share:.1%}) are off by more than six times the usual "
            "deviation."
        )
        return _result("label_noise", "hint", [evidence], [*advice.distrust_labels(task), look])
    confidence = performance.get("confidence") or {}
    wrong, separation = confidence.get("wrong", 0), confidence.get("separation")
    skill = reading.eval_skill
    if separation is None or wrong < 20 or skill is None or skill < 0.3 or separation > _CONFIDENCE_TELLS_NOTHING:
        return None
    evidence = (
        f"The model is nearly as sure of its {wrong} mistakes as of its hits: the hit of a pair has the higher "
        "score in "
        f"{separation:.0%} of all pairs (50 % is chance), so the mistakes look like any other row."
    )
    return _result("label_noise", "hint", [evidence], [look, *advice.distrust_labels(task)])


def _class_imbalance(figures: Mapping[str, Any], advice: Treatments) -> Diagnosis | None:
    counts = (figures.get("label_counts") or {}).get("train") or {}
    if len(counts) < 2 or figures.get("task") not in ("binary", "multiclass"):
        return None
    largest, smallest = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
    total = sum(counts.values())
    if counts[largest] < IMBALANCE * max(counts[smallest], 1) or total < 20:
        return None
    evidence = [
        f"Class {smallest} has {counts[smallest]} of {total} training rows ({counts[smallest] / total:.1%}), "
        f"{largest} has "
        f"{counts[largest]}."
    ]
    recalls = {row["name"]: row["recall"] for row in (figures.get("performance") or {}).get("classes") or []}
    rare, common = recalls.get(smallest), recalls.get(largest)
    level = "hint"
    if rare is not None and common is not None:
        evidence.append(f"The model finds {rare:.0%} of {smallest} and {common:.0%} of {largest} in the eval split.")
        level = "problem" if common - rare > 0.2 else "hint"
    return _result("class_imbalance", level, evidence, advice.balance(figures["task"]))


def _too_few_data(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    data = figures.get("data") or {}
    splits = data.get("splits") or {}
    evidence = []
    train = splits.get("train")
    if train is not None and train < FEW_ROWS:
        evidence.append(f"The train split has {train} rows.")
    counts = (figures.get("label_counts") or {}).get("train") or {}
    if counts and 0 < min(counts.values()) < FEW_ROWS_IN_CLASS:
        rare = min(counts, key=lambda name: counts[name])
        evidence.append(f"Class {rare} has {counts[rare]} training rows.")
    metric = figures.get("main_metric", "")
    interval = ((figures.get("performance") or {}).get("intervals") or {}).get(metric)
    value = (figures.get("metrics") or {}).get(metric)
    rows = splits.get("eval", 0)
    if interval and value and rows < 1000 and _is_wide(interval, value, metric):
        evidence.append(
            f"The eval split has {rows} rows: the {METRICS[metric].title} of {value:.3g} could as well be "
            f"{interval[0]:.3g} or {interval[1]:.3g}."
        )
    if not evidence or train is None:
        return None
    seed = int((figures.get("experiment") or {}).get("seed", 0))
    treatments = [treatment("collect more rows"), *advice.measure_better(data), *advice.repeat(seed)]
    return _result("too_few_data", "hint", evidence, treatments)


def _is_wide(interval: Sequence[float], value: float, metric: str) -> bool:
    half = (interval[1] - interval[0]) / 2
    return half > (WIDE if METRICS[metric].unit == "share" else 4 * WIDE * abs(value))


def _good_fit(reading: Reading, advice: Treatments) -> Diagnosis:
    parts = [f"training {reading.train_skill:.2f}"]
    parts += [f"validation {reading.val_skill:.2f}"] if reading.val_skill is not None else []
    parts += [f"eval split {reading.eval_skill:.2f}"] if reading.eval_skill is not None else []
    evidence = [f"Skill: {', '.join(parts)} ({reading.metric}; 0 is the trivial model, 1 is perfect)."]
    treatments = []
    if still_improving(reading) and not is_unfinished(reading):
        evidence.append(f"The loss was still falling when training ended after {reading.epochs}.")
        treatments = advice.longer()
    return _result("good_fit", "good", evidence, treatments)
