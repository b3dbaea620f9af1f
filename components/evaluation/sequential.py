"""Means with intervals that hold at all looks together, so that one may look every day and stop when one likes.

The usual interval of 95 % is wrong at one look of 20; whoever looks daily until it leaves zero out will see it do so
sooner or later. These are confidence sequences: with the stated chance the mean is within *all* of them, however many
rows come and whenever one looks. They are wider, by half at the rows that they are tuned for.

Source: H. Robbins, Statistical methods related to the law of the iterated logarithm, Ann. Math. Stat. 41, 1970 (the
mixture of normal distributions, known as mSPRT); S. R. Howard et al., Time-uniform, nonparametric, nonasymptotic
confidence sequences, Ann. Stat. 49, 2021; with an estimated variance: I. Waudby-Smith et al., Time-uniform central
limit theory and asymptotic confidence sequences, Ann. Stat. 52, 2024.

The estimate needs some rows to be one. Two made-up rows, as far away as any row is, go into the variance; and there is
no finding below ``FEWEST`` rows of shares, and ``FEWEST_UNBOUNDED`` of errors, which may have a long tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

FEWEST, FEWEST_UNBOUNDED = 100, 300
_TUNED_FOR = 1_000  # rows at which the interval is as narrow as it can be
_MADE_UP = 2
_MOST_ROWS = 10_000_000  # nobody waits for more


@dataclass(frozen=True)
class DailyMean:
    """A mean with its interval.

    Attributes:
      value, low, high: the mean, and what it is within at all looks together.
      rows: that it is of.
      deviation: of one row.
      fewest: rows below which nothing is found.
      chance: of a look at which the interval is wrong.
    """

    value: float
    low: float
    high: float
    rows: int
    deviation: float
    fewest: int
    chance: float

    @property
    def sign(self) -> int:
        """1 where the mean is surely above zero, -1 where it is below, 0 where that is not known yet."""
        if self.rows < self.fewest:
            return 0
        return int(self.low > 0) - int(self.high < 0)

    def rows_to_tell(self) -> int | None:
        """Returns how many rows more it takes to know the sign, if the mean stays; None for more than millions."""
        if self.sign:
            return 0
        least, most = max(self.rows, self.fewest), _MOST_ROWS
        if half_width(self.deviation, most, self.chance) >= abs(self.value):
            return None
        while least < most:
            middle = (least + most) // 2
            if half_width(self.deviation, middle, self.chance) < abs(self.value):
                most = middle
            else:
                least = middle + 1
        return max(least - self.rows, 1)


def daily_mean(values: np.ndarray, chance: float, fewest: int = FEWEST) -> DailyMean:
    """Computes a mean and what it is within, at all looks together.

    Args:
      values: of the rows so far, [rows], in any order.
      chance: that any look ever finds the mean outside.
      fewest: rows below which nothing is found.
    """
    if not len(values):
        return _mean_of(0.0, 0.0, 0, chance, fewest)
    return _mean_of(float(values.mean()), _variance(values, np.abs(values).max()), len(values), chance, fewest)


def daily_surplus(hits: int, rows: int, limit: float, chance: float, fewest: int = FEWEST) -> DailyMean:
    """Computes by how much a share of rows is above a limit, as :func:`daily_mean` does, from counts alone.

    Args:
      hits, rows: so many of so many rows.
      limit: 0..1.
      chance: that any look ever finds the surplus outside.
      fewest: rows below which nothing is found.
    """
    if not rows:
        return _mean_of(0.0, 0.0, 0, chance, fewest)
    share, furthest = hits / rows, max(limit, 1 - limit)
    return _mean_of(share - limit, share * (1 - share) + _MADE_UP * furthest**2 / rows, rows, chance, fewest)


def daily_difference(first: np.ndarray, second: np.ndarray, chance: float, fewest: int = FEWEST) -> DailyMean:
    """Computes by how much the mean of one sample is above that of another, to which chance has dealt the rows.

    Args:
      first, second: values of each, [rows].
      chance: that any look ever finds the difference outside.
      fewest: rows of each below which nothing is found.
    """
    if not len(first) or not len(second):
        return _mean_of(0.0, 0.0, 0, chance, fewest)
    rows, both = len(first) + len(second), np.concatenate([first, second])
    furthest = np.abs(both - both.mean()).max()
    variance = rows * sum(_variance(values, furthest) / len(values) for values in (first, second))
    # A share of the rows fills the smaller sample.
    needed = int(fewest * rows / min(len(first), len(second)))
    return _mean_of(float(first.mean() - second.mean()), variance, rows, chance, needed)


def half_width(deviation: float, rows: int, chance: float) -> float:
    """Returns how far the interval reaches to each side.

    Args:
      deviation: of one row.
      rows: at least 1.
      chance: that any look ever finds the mean outside.
    """
    mixed = (-2 * log(chance) + log(-2 * log(chance) + 1)) / _TUNED_FOR  # variance of the mixture, ρ²
    grown = rows * mixed + 1
    return deviation * sqrt(grown / (rows * rows * mixed) * log(grown / chance**2))


def _mean_of(value: float, variance: float, rows: int, chance: float, fewest: int) -> DailyMean:
    deviation = sqrt(variance)
    half = half_width(deviation, rows, chance) if rows else 0.0
    return DailyMean(value, value - half, value + half, rows, deviation, fewest, chance)


def _variance(values: np.ndarray, furthest: float) -> float:
    """Returns the variance with the made-up rows, which are as far away as the furthest."""
    spread = float(((values - values.mean()) ** 2).sum())
    return (spread + _MADE_UP * furthest**2) / len(values)
