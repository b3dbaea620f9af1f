"""The columns of the data as the statistics artifact describes them: missing shares and distributions by split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SPLIT_ORDER = ("train", "eval", "test")
MOST_VALUES = 8  # categories that are shown; the rest is summed up
_NO_DISTRIBUTION = ("image", "array", "tokens")
_LONGEST_VALUE = 60
# Bins whose edges rise by a factor: for values that differ by so much, most of which would be in the first even bin.
_FAR, _CROWDED, _RISING_BINS = 100.0, 0.6, 12


def read_statistics(folder: str | None, dtypes: dict[str, str]) -> dict[str, Any]:
    """Reads the statistics of every split.

    Args:
      folder: the ExampleStatistics artifact, or None.
      dtypes: column name to its type; images, arrays and tokens get no distribution.

    Returns:
      ``rows``: split name to rows; ``columns``: column name to split name to a dict with ``rows`` (with a value),
      ``missing``, and for numbers ``mean``, ``deviation``, ``minimum``, ``median``, ``maximum`` and ``histogram``
      (``edges`` [bins + 1], the same in every split, ``counts`` [bins], and ``scale`` where they are not even: ``log``
      where the edges rise by a factor, ``symlog`` where they do so on both sides of 0 and are even nearer to it than
      ``constant``), for text ``distinct`` and ``values`` (the most frequent ones: ``value``, ``rows``).
    """
    if folder is None or not Path(folder).is_dir():
        return {"rows": {}, "columns": {}}
    from tensorflow_metadata.proto.v0 import statistics_pb2

    rows: dict[str, int] = {}
    columns: dict[str, dict[str, Any]] = {}
    for split in SPLIT_ORDER:
        path = Path(folder, f"Split-{split}", "FeatureStats.pb")
        if not path.is_file():
            continue
        proto = statistics_pb2.DatasetFeatureStatisticsList()
        proto.ParseFromString(path.read_bytes())
        if not proto.datasets:
            continue
        rows[split] = int(proto.datasets[0].num_examples)
        for feature in proto.datasets[0].features:
            name = feature.name or ".".join(feature.path.step)
            if dtypes.get(name) not in _NO_DISTRIBUTION:
                columns.setdefault(name, {})[split] = _describe(feature, rows[split])
    for name, splits in columns.items():
        _align_histograms(splits, is_whole=dtypes.get(name) == "int")
    return {"rows": rows, "columns": columns}


def _describe(feature: Any, rows: int) -> dict[str, Any]:
    kind = feature.WhichOneof("stats")
    if kind is None:
        return {"rows": 0, "missing": rows}
    stats = getattr(feature, kind)
    present = int(stats.common_stats.num_non_missing)
    described: dict[str, Any] = {"rows": present, "missing": max(rows - present, 0)}
    if kind == "num_stats":
        described |= _describe_numbers(stats)
    elif kind == "string_stats":
        described["distinct"] = int(stats.unique)
        described["values"] = [
            {"value": _shorten(entry.value), "rows": round(entry.frequency)} for entry in stats.top_values[:MOST_VALUES]
        ]
    return described


_STANDARD, _QUANTILES = 0, 1  # types of a histogram in statistics.proto
_OF_NUMBERS = {"mean": "mean", "deviation": "std_dev", "minimum": "min", "median": "median", "maximum": "max"}


def _describe_numbers(stats: Any) -> dict[str, Any]:
    """Reads the figures of a column of numbers; one that is not finite is None."""
    found = {key: float(getattr(stats, name)) for key, name in _OF_NUMBERS.items()}
    described: dict[str, Any] = {key: value if math.isfinite(value) else None for key, value in found.items()}
    by_type = {each.type: _read_histogram(each.buckets) for each in reversed(stats.histograms)}
    histogram = by_type.get(_STANDARD)
    if histogram is not None:
        described |= {"histogram": histogram, "tenths": by_type.get(_QUANTILES)}
    return described


def _read_histogram(buckets: Sequence[Any]) -> dict[str, list[float]] | None:
    """Reads the edges and the counts of a histogram; None where it is empty or goes to infinity."""
    if not buckets:
        return None
    edges = [buckets[0].low_value, *(bucket.high_value for bucket in buckets)]
    if not all(map(math.isfinite, edges)):
        return None
    return {"edges": edges, "counts": [round(bucket.sample_count, 3) for bucket in buckets]}


def _shorten(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 1] + "…"


def _align_histograms(splits: dict[str, Any], *, is_whole: bool) -> None:
    """Gives the histograms of all splits the same edges, so that they can be drawn over each other.

    Where most rows would be in one bar, the edges rise by a factor; what lies between them is known from the tenths of
    the rows.

    Args:
      splits: Split name to what is known of the column; ``tenths``, a histogram of equal counts, is taken out.
      is_whole: Whether the values are whole numbers.
    """
    tenths = {name: described.pop("tenths", None) for name, described in splits.items()}
    given = {name: described["histogram"] for name, described in splits.items() if "histogram" in described}
    if given:
        _join_edges(list(given.values()), [tenths[name] for name in given], is_whole=is_whole)


def _join_edges(histograms: list[dict[str, Any]], tenths: Sequence[Any], *, is_whole: bool) -> None:
    """Finds the edges that all histograms of a column get, and moves their rows there."""
    low = min(histogram["edges"][0] for histogram in histograms)
    high = max(histogram["edges"][-1] for histogram in histograms)
    found = _uneven_edges(histograms[0], tenths, low, high, is_whole=is_whole) if all(tenths) else None
    if found is not None:
        edges, scale = found
        for histogram, parts in zip(histograms, tenths, strict=True):
            histogram.update(_finer(parts, histogram), **scale)
    elif high > low:
        edges = np.linspace(low, high, max(len(histogram["counts"]) for histogram in histograms) + 1)
    else:
        return
    for histogram in histograms:
        _move(histogram, edges)


def _uneven_edges(
    histogram: dict[str, list[float]], tenths: Sequence[Any], low: float, high: float, *, is_whole: bool
) -> tuple[np.ndarray, dict[str, Any]] | None:
    """Makes edges that rise by a factor, and says on which scale, where even bars would tell nothing; else None."""
    if _rows_near_zero(histogram) < _CROWDED * sum(histogram["counts"]):
        return None
    near = low if low > 0 else _least_from_zero(tenths)
    if near <= 0 or max(high, -low) < _FAR * near:
        return None
    edges = np.geomspace(low, high, _RISING_BINS + 1) if low > 0 else _around_zero(low, high, near)
    edges[0], edges[-1] = low, high
    scale = {"scale": "log"} if low > 0 else {"scale": "symlog", "constant": near}
    return None if is_whole and np.diff(edges).min() < 1 else (edges, scale)


def _least_from_zero(tenths: Sequence[Any]) -> float:
    """Returns the least that tenths of the rows lie from 0, 0 where all do there: nearer to it nothing is known."""
    return min((abs(edge) for parts in tenths for edge in parts["edges"] if edge), default=0.0)


def _rows_near_zero(histogram: dict[str, list[float]]) -> float:
    """Counts the rows in the bins that hold 0 or, where none does, in the one that is nearest to it."""
    bins = list(zip(histogram["edges"][:-1], histogram["edges"][1:], histogram["counts"], strict=True))
    holding = [count for low, high, count in bins if low <= 0 <= high]
    nearest = min(bins, key=lambda each: min(abs(each[0]), abs(each[1])))
    return sum(holding) if holding else nearest[2]


def _around_zero(low: float, high: float, near: float) -> np.ndarray:
    """Makes edges that are even on the scale symlog of d3: the logarithm of 1 + |x| / ``near``, with the sign of x."""
    first, last = (math.copysign(math.log1p(abs(end) / near), end) for end in (low, high))
    places = np.linspace(first, last, _RISING_BINS + 1)
    edges: np.ndarray = np.sign(places) * near * np.expm1(np.abs(places))
    return edges


def _finer(tenths: dict[str, list[float]], even: dict[str, list[float]]) -> dict[str, Any]:
    """Joins two histograms of the same rows: tenths of them, and the even bins within the first and the last."""
    starts, ends, counts = tenths["edges"][:-1], tenths["edges"][1:], tenths["counts"]
    edges, finer = [starts[0]], []
    for place, (start, end, count) in enumerate(zip(starts, ends, counts, strict=True)):
        is_outer = place in (0, len(counts) - 1)
        inner = [edge for edge in even["edges"] if start < edge < end] if is_outer else []
        edges += [*inner, end]
        finer += _divide(even, [start, *inner, end], count) if inner else [count]
    return {"edges": edges, "counts": finer}


def _divide(even: dict[str, list[float]], edges: list[float], count: float) -> list[float]:
    """Divides the rows between two edges as the even bins do that lie there."""
    known = even["edges"]
    around = np.asarray([min(known[0], edges[0]) - 1, *edges, max(known[-1], edges[-1]) + 1])
    parts = rebin(np.asarray(known), np.asarray(even["counts"]), around)[1:-1]
    total = float(parts.sum())
    return [count * (float(part) / total if total else 1 / len(parts)) for part in parts]


def _move(histogram: dict[str, list[float]], edges: np.ndarray) -> None:
    """Gives a histogram other edges, a float64 array of one more than its new bins."""
    counts = rebin(np.asarray(histogram["edges"]), np.asarray(histogram["counts"]), edges)
    histogram["edges"] = [float(edge) for edge in edges]
    histogram["counts"] = [round(float(count), 3) for count in counts]


def rebin(edges: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Spreads the counts of a histogram over other edges, as if rows lay evenly within each bin.

    Args:
      edges: [bins + 1], rising; a bin may have no width.
      counts: [bins].
      wanted: [new bins + 1], strictly rising, around all of ``edges``.

    Returns:
      float64 [new bins] with the same sum.
    """
    result = np.zeros(len(wanted) - 1)
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if high <= low:
            place = min(int(np.searchsorted(wanted, low, side="right")) - 1, len(result) - 1)
            result[max(place, 0)] += count
        else:
            overlap = np.minimum(wanted[1:], high) - np.maximum(wanted[:-1], low)
            result += count * np.maximum(overlap, 0) / (high - low)
    return result
