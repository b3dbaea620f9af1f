"""Ailments that the curves of a fit show: it diverges, learns too little or by heart, jumps, or ends too early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from kerasline.components.core import rounded
from kerasline.components.report.diagnosis.ailments import GAP, LOW_SKILL, Diagnosis, result
from kerasline.components.report.diagnosis.reading import Reading, is_unfinished, still_improving
from kerasline.components.report.diagnosis.references import clearly_better, none_better, sentences
from kerasline.components.report.diagnosis.treatments import Treatment, Treatments, treatment

HIGH_SKILL = 0.9
RISE = 1.2  # the validation loss at the end against its best
FIRST_SHARE = 0.05  # a rise below this share of the first epoch's loss does not count
FLAT = 0.02
JITTER = 0.15  # typical step of a curve from epoch to epoch against its level


def diverging(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    """Says that the training loss rose again."""
    failure, loss = str(figures.get("failure") or ""), reading.loss
    if "the loss became" in failure:
        return result("diverging", "problem", [failure], advice.slower())
    if len(loss) < 3:
        return None
    lowest = min(loss)
    above_start = loss[-1] > 1.1 * loss[0] and (reading.train_skill or 0.0) < LOW_SKILL
    if not _rose_again(loss) and not above_start:
        return None
    evidence = (
        f"The training loss rose from {rounded(lowest, 3)} in epoch {loss.index(lowest) + 1} to "
        f"{rounded(loss[-1], 3)} at the end."
    )
    return result("diverging", "problem", [evidence], advice.slower())


def _rose_again(loss: Sequence[float]) -> bool:
    """Whether a loss of three epochs or more left its lowest point behind, and a good part of what was won with it."""
    lowest = min(loss)
    is_behind = loss.index(lowest) < len(loss) - 2
    # A last epoch that falls steeply is about to recover.
    still_up = loss[-1] > loss[-2] * 0.9
    return is_behind and still_up and loss[-1] > 1.5 * lowest and loss[-1] > 0.5 * loss[0]


def overfitting(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    """Says that the model is better on the rows that it was fitted on than on others."""
    evidence, level = [], "hint"
    if _loses_skill(reading):
        level = "problem"
        evidence.append(
            f"On the rows that it was fitted on the model reaches a skill of {reading.train_skill:.2f}, on others "
            f"{reading.other_skill:.2f} ({reading.metric}; 0 is the trivial model, 1 is perfect)."
        )
    rise = _rise_of_validation(reading)
    if rise:
        evidence.append(rise)
        # Where the weights of the best epoch were kept, the rise did no harm.
        level = level if reading.kept == _best_epoch(reading.val_loss) else "problem"
    if not evidence:
        return None
    more = [treatment("more rows to learn from help most")]
    return result(
        "overfitting", level, evidence, [*advice.regularise(), *advice.augment(), *advice.smaller(), *more][:6]
    )


def _best_epoch(losses: list[float]) -> int:
    return losses.index(min(losses))


def _rise_of_validation(reading: Reading) -> str:
    """Says how the validation loss rose while the training loss went on falling; empty where it did not."""
    loss, val = reading.loss, reading.val_loss
    if len(val) < 4:
        return ""
    best = _best_epoch(val)
    rose = val[-1] > RISE * val[best] and val[-1] - val[best] > FIRST_SHARE * val[0]
    if best >= len(val) - 2 or not rose or loss[-1] >= loss[best]:
        return ""
    kept = "; the weights of the best epoch were kept" if reading.kept == best else ""
    return (
        f"The validation loss was lowest in epoch {best + 1} ({rounded(val[best], 3)}) and rose to "
        f"{rounded(val[-1], 3)} while the training loss went on falling{kept}."
    )


_STILL_FALLING = "Training ended after {} while the loss was still falling."
# A model that is too slow, too large or served otherwise may fit its rows well.
_ON_METRICS = ("threshold", "baseline", "slice", "trivial", "reference")


def underfitting(figures: Mapping[str, Any], reading: Reading, advice: Treatments) -> Diagnosis | None:
    """Says that the model has not learnt even the rows that it was fitted on, or less of them than others do."""
    best = _best_skill(reading)
    if best is None or _loses_skill(reading):
        return None
    missed = _misses_a_limit(figures)
    if clearly_better(figures):
        return _outdone(figures, reading, advice, is_problem=missed or best < LOW_SKILL)
    if _has_learnt_enough(best, reading, missed):
        return None
    is_hard = none_better(figures) is not None
    evidence = _evidence_of_underfitting(figures, reading, missed, is_hard)
    treatments = _more_to_learn_with(reading, advice)
    features = treatment("more features, or better ones: what would a person look at?")
    # Where no other model does better, the columns are what is wanting.
    treatments = [features, *treatments] if is_hard else [*treatments, features]
    is_problem = missed or (best < LOW_SKILL and not is_hard)
    return result("underfitting", _level(is_problem), evidence, treatments)


def _misses_a_limit(figures: Mapping[str, Any]) -> bool:
    """Whether the gate refuses the model for what its answers are worth."""
    rows = figures.get("gate") or []
    return any(row["part"] in _ON_METRICS and not row["passed"] for row in rows)


def _has_learnt_enough(best: float, reading: Reading, missed: bool) -> bool:
    """Whether a skill is high, or fair with every limit kept and nothing more to be had by waiting."""
    if best >= HIGH_SKILL:
        return True
    return best >= LOW_SKILL and not missed and not still_improving(reading)


def _level(is_problem: bool) -> str:
    return "problem" if is_problem else "hint"


def _evidence_of_underfitting(figures: Mapping[str, Any], reading: Reading, missed: bool, is_hard: bool) -> list[str]:
    """Says how little was learnt, and whether more time, another model or other columns may help.

    Args:
      figures: Figures of the run.
      reading: The same as skills.
      missed: Whether a limit of the gate is not kept.
      is_hard: Whether other kinds of models do no better on the same columns.
    """
    evidence = [
        f"Even on the rows that it was fitted on the model reaches a skill of only {reading.train_skill:.2f} "
        f"({reading.metric}; 0 is the trivial model, 1 is perfect)."
    ]
    if still_improving(reading):
        evidence.append(_STILL_FALLING.format(reading.epochs))
    if missed:
        evidence.append("It misses a limit of the gate, and is no better on the rows that it was fitted on.")
    if is_hard:
        evidence.append(f"{sentences(figures)}. The task is hard with these columns.")
    return evidence


def _more_to_learn_with(reading: Reading, advice: Treatments) -> list[Treatment]:
    """Advises more epochs and a larger model, the first first where the loss was still falling."""
    if still_improving(reading):
        return advice.longer() + advice.larger()
    return advice.larger() + advice.longer()


def _outdone(figures: Mapping[str, Any], reading: Reading, advice: Treatments, *, is_problem: bool) -> Diagnosis:
    """Says that another kind of model gets more out of the same columns, beyond the luck of the rows."""
    evidence = [f"{sentences(figures)}: the columns tell more than this model has learnt."]
    if still_improving(reading):
        evidence.append(_STILL_FALLING.format(reading.epochs))
    treatments = [*advice.other_family(), *_more_to_learn_with(reading, advice)]
    return result("underfitting", _level(is_problem), evidence, treatments)


def _best_skill(reading: Reading) -> float | None:
    """Returns the better of two skills: dropout and augmentation make training rows harder than others."""
    return max((skill for skill in (reading.train_skill, reading.val_skill) if skill is not None), default=None)


def _loses_skill(reading: Reading) -> bool:
    """Whether the model is worse on rows that it was not fitted on, by more than chance."""
    return reading.gap is not None and reading.gap > max(GAP, reading.doubt)


def noisy(reading: Reading, advice: Treatments) -> Diagnosis | None:
    """Says that a loss jumps from epoch to epoch."""
    for name, series in (("validation", reading.val_loss), ("training", reading.loss)):
        trembling = _trembling(series) if len(series) >= 7 else None
        if trembling:
            typical, turns = trembling
            evidence = (
                f"From epoch to epoch the {name} loss moves by {typical:.0%} of its level, and turned {turns} times in "
                f"{len(series)} epochs."
            )
            return result("noisy", "hint", [evidence], advice.steadier())
    return None


def _trembling(series: Sequence[float]) -> tuple[float, int] | None:
    """Measures how a curve of several epochs goes up and down.

    Returns:
      The typical step as a share of the curve's level, and how often the curve turned; None where it is steady.
    """
    first, later = series[0], series[1:]
    steps = [after - before for before, after in zip(later[:-1], later[1:], strict=True)]
    rises = sum(max(step, 0.0) for step in steps)
    falls = sum(max(-step, 0.0) for step in steps)
    turns = sum(a * b < 0 for a, b in zip(steps[:-1], steps[1:], strict=True))
    typical, level = median(abs(step) for step in steps), median(later)
    # Below a share of the first loss the curve is as good as flat, however it trembles.
    is_large = typical > max(JITTER * level, FLAT * first)
    # A curve that falls in steps of many sizes trembles little: it must rise, and turn, often enough.
    if is_large and rises > falls / 2 and turns >= 0.4 * (len(steps) - 1):
        return typical / level, turns
    return None


def unfinished(reading: Reading, advice: Treatments) -> Diagnosis | None:
    """Says that training ended while the loss was still getting better."""
    if not is_unfinished(reading):
        return None
    series = reading.val_loss or reading.loss
    part = "validation" if reading.val_loss else "training"
    evidence = (
        f"Training ended with its last epoch ({len(series)} of {reading.most_epochs}) while the {part} loss was still "
        f"getting better: {rounded(min(series), 3)} was reached in epoch {series.index(min(series)) + 1}."
    )
    return result("unfinished", "hint", [evidence], advice.longer())
