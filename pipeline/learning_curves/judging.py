"""Whether more rows helped: the step from half of the rows to all of them, beside the luck of the seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.core import rounded

HELPED, NOT_SEEN, UNDECIDED = "more_rows_helped", "no_gain_seen", "undecided"
_HALF = 0.5 + 1e-9


def judge(shares: Sequence[Mapping[str, Any]], title: str, *, higher_is_better: bool) -> dict[str, Any]:
    """Says whether the last doubling of the rows made the model better.

    The rows and the first weights of a fit come from its seed, so that the differences between two shares, seed by
    seed, show what is luck. Eval rows are the same for all, and their luck is that of both.

    Args:
      shares: From small to large: ``share``, ``rows`` and ``seeds``, the figures by seed, None where a fit failed.
      title: Of the metric.
      higher_is_better: Which way of it is better.

    Returns:
      ``verdict``, ``gain`` (``from``, ``to``, ``value``, ``low``, ``high``, above 0 for better; None where there is
      none) and ``reason``, a sentence.
    """
    first, last = _doubling(shares)
    pairs = [(a, b) for a, b in zip(first["seeds"], last["seeds"], strict=True) if None not in (a, b)]
    if len(pairs) < 2:
        text = "1 seed tells nothing of chance" if pairs else "no seed was fitted on both"
        return {"verdict": UNDECIDED, "gain": None, "reason": f"{text}; give --seeds 3 or more"}
    low, mean, high = _interval([b - a if higher_is_better else a - b for a, b in pairs])
    gain = {"from": first["rows"], "to": last["rows"], "value": mean, "low": low, "high": high}
    start, end = (statistics.fmean(values) for values in zip(*pairs, strict=True))
    told = (
        f"from {first['rows']:,} to {last['rows']:,} rows the {title} went from {rounded(start, 3)} to "
        f"{rounded(end, 3)}, better by {rounded(mean, 2)} ({rounded(low, 2)} to {rounded(high, 2)}, 95 % over "
        f"{len(pairs)} seeds)"
    )
    if low > 0:
        return {"verdict": HELPED, "gain": gain, "reason": f"{told}: more rows are likely to help further"}
    why = "no gain that stands out from the luck of the seeds" if high > 0 else "more rows of this kind do not help"
    return {"verdict": NOT_SEEN, "gain": gain, "reason": f"{told}: {why}"}


def _doubling(shares: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Returns the largest share, behind the one that is closest to its half; the smallest where none is below that."""
    last = shares[-1]
    below = [one for one in shares[:-1] if one["share"] <= _HALF * last["share"]]
    return (below or shares[:1])[-1], last


def _interval(gains: Sequence[float]) -> tuple[float, float, float]:
    """Returns the mean with the ends of its interval around it."""
    mean, half = statistics.fmean(gains), _student(len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
    return mean - half, mean, mean + half


def _student(degrees: int) -> float:
    """Returns how many standard errors hold 95 of 100 means."""
    from scipy import stats

    return float(stats.t.ppf(0.975, degrees))
