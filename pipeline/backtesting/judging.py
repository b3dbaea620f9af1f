"""Which schedule to take: quality over all replayed spans, and whether a difference is more than luck of the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from kerasline.components.evaluation import METRICS, resample
from kerasline.pipeline.backtesting.replaying import Course

_SURE = 0.05  # how often a difference that is none may be taken for one, over all comparisons of a backtest
_FEWEST_ROWS = 8
Figure = dict[str, float | None]


@dataclass(frozen=True)
class Verdict:
    """What a backtest recommends.

    Attributes:
      recommended: name of the schedule, None where nothing could be measured.
      reason: why, in a sentence.
      metric: that decides.
      compared: by schedule, how much worse it is than the best: ``difference``, ``low``, ``high`` and ``beyond_noise``;
        None for those that cannot be compared.
    """

    recommended: str | None
    reason: str
    metric: str | None
    compared: dict[str, dict[str, Any] | None]


def quality(looks: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    """Returns the mean over spans of each metric, weighted by rows, with its 95 % interval.

    Args:
      looks: of one schedule.
    """
    measured = [look for look in looks if look["metrics"]]
    names = list(measured[0]["metrics"]) if measured else []
    return {name: _mean([(look["rows"], look["metrics"].get(name)) for look in measured]) for name in names}


def _mean(figures: Sequence[tuple[int, Figure | None]]) -> Figure:
    """Averages figures of separate rows, whose errors are independent of each other."""
    known = [(rows, figure) for rows, figure in figures if figure and figure["value"] is not None]
    if not known:
        return {"value": None, "low": None, "high": None}
    total = sum(rows for rows, _ in known)
    weights = [rows / total for rows, _ in known]
    value, low, high = ([figure[side] for _, figure in known] for side in ("value", "low", "high"))
    mean = float(np.dot(weights, np.array(value, float)))
    if None in low or None in high:
        return {"value": mean, "low": None, "high": None}
    below, above = (np.array(weights) * (np.array(side, float) - np.array(value, float)) for side in (low, high))
    return {"value": mean, "low": mean - sqrt(np.dot(below, below)), "high": mean + sqrt(np.dot(above, above))}


def judge(courses: Sequence[Course]) -> Verdict:
    """Chooses the schedule with the fewest runs among those that are not worse than the best beyond noise."""
    measured = {course.schedule.name: _measured(course) for course in courses}
    most = max((len(spans) for spans in measured.values()), default=0)
    if not most:
        return Verdict(None, "nothing could be measured, so no schedule can be recommended", None, {})
    # One that had no model for some time is no choice where others had one.
    able = [course for course in courses if len(measured[course.schedule.name]) == most]
    spans = set.intersection(*(set(measured[course.schedule.name]) for course in able))
    if not spans:
        return Verdict(None, "no span was measured under every schedule, so they cannot be compared", None, {})
    metric = next(iter(next(iter(measured[able[0].schedule.name].values()))["metrics"]))
    figures = _Figures(metric, sorted(spans))
    sign = 1 if METRICS[metric].higher_is_better else -1
    values = {course.schedule.name: figures.value(measured[course.schedule.name]) for course in able}
    best = max(able, key=lambda course: (sign * values[course.schedule.name], -len(course.fits)))
    compared: dict[str, dict[str, Any] | None] = dict.fromkeys(course.schedule.name for course in courses)
    for course in able:
        theirs, ours = (measured[one.schedule.name] for one in (course, best))
        compared[course.schedule.name] = figures.compare(ours, theirs, sign, len(able) - 1)
    equal = [course for course in able if not (compared[course.schedule.name] or {})["beyond_noise"]]
    chosen = min(equal, key=lambda course: (len(course.fits), -sign * values[course.schedule.name]))
    return Verdict(chosen.schedule.name, _reason(chosen, best, metric, values, compared), metric, compared)


def _measured(course: Course) -> dict[str, Mapping[str, Any]]:
    """Returns the looks that have a figure of the main metric, by span."""
    found = {look["span"]: look for look in course.looks if look["metrics"]}
    return {span: look for span, look in found.items() if next(iter(look["metrics"].values()))["value"] is not None}


class _Figures:
    """Figures of one metric on some spans, and on samples of their rows; each computed once."""

    def __init__(self, metric: str, spans: Sequence[str]) -> None:
        self._metric, self._spans = metric, spans
        self._samples: dict[tuple[str, str], np.ndarray | None] = {}

    def value(self, looks: Mapping[str, Mapping[str, Any]]) -> float:
        """Returns the mean over the spans, weighted by rows."""
        return float(sum(self._share(looks, span) * self._figure(looks[span]) for span in self._spans))

    def compare(
        self,
        ours: Mapping[str, Mapping[str, Any]],
        theirs: Mapping[str, Mapping[str, Any]],
        sign: int,
        comparisons: int,
    ) -> dict[str, Any]:
        """Says by how much the first is better than the second, by pairs of samples of the same rows.

        Args:
          ours, theirs: by span.
          sign: 1 where more is better, -1 where less is.
          comparisons: that share the chance of an error.
        """
        from scipy.stats import norm

        difference, variance, told = sign * (self.value(ours) - self.value(theirs)), 0.0, True
        for span in self._spans:
            if ours[span]["model"] == theirs[span]["model"]:
                continue  # the same answers
            samples = self._pair(ours[span], theirs[span])
            told = told and samples is not None
            if samples is not None:
                variance += (self._share(ours, span) * float(np.nanstd(samples))) ** 2
        if not told:
            return {"difference": difference, "low": None, "high": None, "beyond_noise": difference > 0}
        half = float(norm.isf(_SURE / 2 / max(comparisons, 1))) * sqrt(variance)
        low, high = difference - half, difference + half
        return {"difference": difference, "low": low, "high": high, "beyond_noise": low > 0}

    def _figure(self, look: Mapping[str, Any]) -> float:
        return float(look["metrics"][self._metric]["value"])

    def _share(self, looks: Mapping[str, Mapping[str, Any]], span: str) -> float:
        return float(looks[span]["rows"] / sum(looks[one]["rows"] for one in self._spans))

    def _pair(self, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> np.ndarray | None:
        """Returns the difference of the metric on samples of the rows that both answered."""
        first, second = (np.load(look["answers"]) for look in (ours, theirs))
        _, here, there = np.intersect1d(first["places"], second["places"], return_indices=True)
        if len(here) < _FEWEST_ROWS:
            return None
        figures = [
            self._resampled(look, answers, rows, other)
            for look, answers, rows, other in (
                (ours, first, here, theirs["rows"]), (theirs, second, there, ours["rows"])
            )
        ]  # fmt: skip
        return None if figures[0] is None or figures[1] is None else figures[0] - figures[1]

    def _resampled(
        self, look: Mapping[str, Any], answers: Mapping[str, np.ndarray], rows: np.ndarray, of_other: int
    ) -> np.ndarray | None:
        """Resamples a model's figure on a span; all of its rows as a rule, so that it is computed once."""
        key = (look["answers"], str(len(rows)) if len(rows) == of_other == look["rows"] else rows.tobytes().hex())
        if key not in self._samples:
            labels, predictions = answers["labels"][rows], answers["predictions"][rows]
            self._samples[key] = resample(self._metric, labels, predictions, look["task"], 0)
        return self._samples[key]


def _reason(
    chosen: Course,
    best: Course,
    metric: str,
    values: Mapping[str, float],
    compared: Mapping[str, Mapping[str, Any] | None],
) -> str:
    """Says why a schedule is recommended."""
    title, name, other = METRICS[metric].title, chosen.schedule.name, best.schedule.name
    runs = f"{len(chosen.fits)} run" + ("" if len(chosen.fits) == 1 else "s")
    if chosen is best:
        rivals = [one for one, told in compared.items() if told and one != name and not told["beyond_noise"]]
        if len(compared) == 1:
            return f"{name} is the only schedule"
        if not rivals:
            return f"{name} has the best {title}, {values[name]:.4g} with {runs}, by more than chance explains"
        return f"{name} has the best {title}, {values[name]:.4g}, and none that chance may put beside it has fewer runs"
    told = compared[name] or {}
    interval = "" if told.get("low") is None else f" ({told['low']:.3g} to {told['high']:.3g})"
    return (
        f"{name} reaches {title} {values[name]:.4g} with {runs}; {other} reaches {values[other]:.4g} with "
        f"{len(best.fits)}, and its advantage of {told['difference']:.3g}{interval} is not beyond noise"
    )
