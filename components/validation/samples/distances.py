"""How far two samples are apart, and how far chance alone takes two samples of the same thing."""

from __future__ import annotations

import math

import numpy as np

# One-sided 99.9 % of the normal distribution.
_Z = 3.09


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the Jensen-Shannon divergence (base 2, 0 to 1) of two histograms with the same bins.

    Args:
      first: Counts or shares of the one, [bins].
      second: Counts or shares of the other, [bins].

    Source: J. Lin, Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37, 1991.
    """
    p, q = first / max(first.sum(), 1e-300), second / max(second.sum(), 1e-300)
    middle = (p + q) / 2
    total = 0.0
    for part in (p, q):
        some = part > 0
        total += 0.5 * float(np.sum(part[some] * np.log2(part[some] / middle[some])))
    return min(1.0, max(0.0, total))


def chance_jensen_shannon(bins: int, first_rows: float, second_rows: float) -> float:
    """Returns what the divergence of two samples from one distribution exceeds once in a thousand times.

    For near distributions the divergence is (1/n + 1/m) / (8 ln 2) times a chi-squared variable with bins - 1 degrees
    of freedom, whose quantile is taken by Wilson and Hilferty's approximation.
    """
    if bins < 2:
        return 0.0
    freedom = bins - 1
    quantile = freedom * (1 - 2 / (9 * freedom) + _Z * math.sqrt(2 / (9 * freedom))) ** 3
    return min(1.0, quantile * (1 / max(first_rows, 1) + 1 / max(second_rows, 1)) / (8 * math.log(2)))


def largest_difference(
    first: dict[str, float], second: dict[str, float], first_rows: float, second_rows: float
) -> tuple[float, float, str]:
    """Returns the L-infinity distance of two categorical samples.

    Args:
      first: How often each value stands in the one sample.
      second: How often each stands in the other.
      first_rows: What the counts of the one are shares of.
      second_rows: What those of the other are.

    Returns:
      The difference of shares of the value where it exceeds chance most, what chance allows it, and the value.
    """
    worst = (0.0, 0.0, "")
    n, m = max(first_rows, 1), max(second_rows, 1)
    for value in {**first, **second}:
        a, b = first.get(value, 0) / n, second.get(value, 0) / m
        # Wilson's pseudo-counts: without them a rare value that a split of a few rows happens to hold looks certain.
        pooled = (first.get(value, 0) + second.get(value, 0) + _Z**2 / 2) / (n + m + _Z**2)
        chance = _Z * math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        if abs(a - b) - chance > worst[0] - worst[1] or not worst[2]:
            worst = (abs(a - b), chance, value)
    return worst
