"""Which schedule to take: quality over all replayed spans, and whether a difference is more than luck of the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from kerasline.components.core import counted, rounded
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
    rows = np.array([rows for rows, _ in known], float)
    # None becomes NaN, and the interval is not known either.
    value, low, high = (np.array([figure[side] for _, figure in known], float) for side in ("value", "low", "high"))
    shares = rows / rows.sum()
    mean = float(shares @ value)
    below, above = (float(np.linalg.norm(shares * (side - value))) for side in (low, high))
    return {"value": mean, "low": _known(mean - below), "high": _known(mean + above)}


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None


@dataclass(frozen=True)
class _Rival:
    """A schedule among which one is chosen.

    Attributes:
      course: how it went.
      looks: those that have a figure of the main metric, by span.
      value: the figure over all spans.
      rank: the figure, and the more the better.
    """

    course: Course
    looks: Mapping[str, Mapping[str, Any]]
    value: float
    rank: float

    @property
    def name(self) -> str:
        """Of the schedule."""
        return self.course.schedule.name

    @property
    def runs(self) -> int:
        """How many runs it took."""
        return len(self.course.fits)


def judge(courses: Sequence[Course]) -> Verdict:
    """Chooses the schedule with the fewest runs among those that are not worse than the best beyond noise."""
    able = _able(courses)
    if not able:
        return Verdict(None, "nothing could be measured, so no schedule can be recommended", None, {})
    spans = sorted(set.intersection(*(set(looks) for _, looks in able)))
    if not spans:
        return Verdict(None, "no span was measured under every schedule, so they cannot be compared", None, {})
    metric = next(iter(able[0][1][spans[0]]["metrics"]))
    figures = _Figures(metric, spans)
    rivals = [_Rival(course, looks, figures.value(looks), figures.rank(looks)) for course, looks in able]
    best = max(rivals, key=lambda rival: (rival.rank, -rival.runs))
    compared = {rival.name: figures.compare(best.looks, rival.looks, len(rivals) - 1) for rival in rivals}
    equal = [rival for rival in rivals if not compared[rival.name]["beyond_noise"]]
    chosen = min(equal, key=lambda rival: (rival.runs, -rival.rank))
    reason = _why_best(best, compared) if chosen is best else _why_other(chosen, best, compared[chosen.name])
    told = {course.schedule.name: compared.get(course.schedule.name) for course in courses}
    return Verdict(chosen.name, reason.format(metric=METRICS[metric].title), metric, told)


def _able(courses: Sequence[Course]) -> list[tuple[Course, dict[str, dict[str, Any]]]]:
    """Returns the schedules that had a model as often as any, with what was measured of them, by span.

    One that had none for some time is no choice where others had one.
    """
    measured = [
        (course, {look["span"]: look for look in course.looks if _main_figure(look) is not None}) for course in courses
    ]
    most = max((len(looks) for _, looks in measured), default=0)
    return [(course, looks) for course, looks in measured if most and len(looks) == most]


def _main_figure(look: Mapping[str, Any]) -> float | None:
    """Returns the main metric of a look, None where it could not be measured."""
    return next((figure["value"] for figure in look["metrics"].values()), None)


def _why_best(best: _Rival, compared: Mapping[str, Mapping[str, Any]]) -> str:
    """Says why the best schedule is recommended."""
    if len(compared) == 1:
        return f"no other schedule could be compared with {best.name}"
    rivals = [name for name, told in compared.items() if name != best.name and not told["beyond_noise"]]
    if rivals:
        return (
            f"{best.name} has the best {{metric}}, {rounded(best.value)}, and none that chance may put beside it has "
            "fewer runs"
        )
    return (
        f"{best.name} has the best {{metric}}, {rounded(best.value)} with {_runs(best)}, by more than chance explains"
    )


def _why_other(chosen: _Rival, best: _Rival, told: Mapping[str, Any]) -> str:
    """Says why a schedule is recommended that is not the best."""
    interval = "" if told["low"] is None else f" ({rounded(told['low'], 3)} to {rounded(told['high'], 3)})"
    return (
        f"{chosen.name} reaches {{metric}} {rounded(chosen.value)} with {_runs(chosen)}; {best.name} reaches "
        f"{rounded(best.value)} with {best.runs}, and its advantage of {rounded(told['difference'], 3)}{interval} is "
        "not beyond noise"
    )


def _runs(rival: _Rival) -> str:
    return counted(rival.runs, "run")


class _Figures:
    """Figures of one metric on some spans, and on samples of their rows; each computed once."""

    def __init__(self, metric: str, spans: Sequence[str]) -> None:
        self._metric, self._spans = metric, spans
        self._sign = 1 if METRICS[metric].higher_is_better else -1
        self._samples: dict[tuple[str, str], np.ndarray | None] = {}

    def rank(self, looks: Mapping[str, Mapping[str, Any]]) -> float:
        """Returns the mean, and the more the better."""
        return self._sign * self.value(looks)

    def value(self, looks: Mapping[str, Mapping[str, Any]]) -> float:
        """Returns the mean over the spans, weighted by rows."""
        return float(sum(self._share(looks, span) * self._figure(looks[span]) for span in self._spans))

    def compare(
        self,
        ours: Mapping[str, Mapping[str, Any]],
        theirs: Mapping[str, Mapping[str, Any]],
        comparisons: int,
    ) -> dict[str, Any]:
        """Says by how much the first is better than the second, by pairs of samples of the same rows.

        Args:
          ours, theirs: by span.
          comparisons: that share the chance of an error.
        """
        from scipy.stats import norm

        difference, variance, told = self.rank(ours) - self.rank(theirs), 0.0, True
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
