"""Profiles: what is remembered of a split's columns, so that later data can be compared with them.

A profile is plain JSON and lies beside the pushed version, so drift is measured against the data that the model in
production was fitted on, whatever became of the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasline.components.core import rounded
from kerasline.components.leaks import Column
from kerasline.components.validation.samples.distances import chance_jensen_shannon, jensen_shannon, largest_difference
from kerasline.components.validation.samples.pixels import image_distance, profile_images

FORMAT = 1
JENSEN_SHANNON, L_INFINITY = "Jensen-Shannon divergence", "L-infinity distance"
_MOST_BINS, _FEWEST_BINS, _ROWS_PER_BIN = 20, 4, 20
_MOST_VALUES = 200
_MISSING = "(missing)"


def profile_columns(columns: Mapping[str, Column], classes: tuple[str, ...] | None) -> dict[str, Any]:
    """Describes every column of a sample.

    Args:
      columns: Columns of the sample.
      classes: Names of a multilabel label's columns.

    Returns:
      Column name to a dict with ``kind``, ``n`` (rows) and: ``edges`` and ``counts`` for numbers (the last count is of
      missing values), ``counts`` by value for categories, pixel statistics for images. Dates, and columns in which most
      values are different, such as ids and free text, are ``open``: nothing of them is kept, nothing is compared.
    """
    return {name: _profile(column, classes) for name, column in columns.items()}


def compare_column(column: Column, reference: Mapping[str, Any], classes: tuple[str, ...] | None) -> dict[str, Any]:
    """Measures how far a sample's column is from a profile.

    Returns:
      ``measure``, ``figure``, ``chance`` (what the figure may be by chance alone) and ``detail`` in words.
    """
    if reference["kind"] == "numeric" and column.kind in ("numeric", "array"):
        counts = np.array(_count_numbers(column, np.array(reference["edges"])), float)
        before = np.array(reference["counts"], float)
        used = int(np.count_nonzero(counts + before))
        chance = chance_jensen_shannon(used, len(column), reference["n"])
        detail = _shift(column, reference)
        return {"measure": JENSEN_SHANNON, "figure": jensen_shannon(counts, before), "chance": chance, "detail": detail}
    if reference["kind"] == "image" and column.kind == "image":
        figure, chance, detail = image_distance(profile_images(column.values), reference)
        return {"measure": JENSEN_SHANNON, "figure": figure, "chance": chance, "detail": f"of {detail}"}
    if reference["kind"] == "categorical" and column.kind in ("categorical", "labels", "tokens"):
        counts_now, rows = _count_values(column, classes)
        figure, chance, value = _compare_values(counts_now, rows, reference)
        return {"measure": L_INFINITY, "figure": figure, "chance": chance, "detail": f"of the share of {value!r}"}
    detail = f"as {reference['kind']} became {column.kind}"
    return {"measure": L_INFINITY, "figure": 1.0, "chance": 0.0, "detail": detail}


def _profile(column: Column, classes: tuple[str, ...] | None) -> dict[str, Any]:
    if column.kind == "image":
        return profile_images(column.values)
    if column.kind in ("numeric", "array"):
        edges = _edges(column.values)
        finite = column.values[np.isfinite(column.values)]
        return {
            "kind": "numeric",
            "n": len(column),
            "edges": edges.tolist(),
            "counts": _count_numbers(column, edges),
            "mean": float(f"{finite.mean():.6g}") if finite.size else None,
            "std": float(f"{finite.std():.6g}") if finite.size else None,
        }
    counts, rows = _count_values(column, classes)
    if column.kind == "date" or column.kind == "categorical" and len(counts) > rows / 2:
        return {"kind": "open", "n": rows}
    most = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_VALUES])
    return {"kind": "categorical", "n": rows, "counts": most}


def _edges(values: np.ndarray) -> np.ndarray:
    """Chooses the inner edges of bins: between the values where they are few, else quantiles."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros((0,))
    distinct = np.unique(finite)
    if len(distinct) <= _MOST_BINS:
        return np.asarray((distinct[1:] + distinct[:-1]) / 2)
    bins = int(np.clip(len(values) // _ROWS_PER_BIN, _FEWEST_BINS, _MOST_BINS))
    return np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1]))


def _count_numbers(column: Column, edges: np.ndarray) -> list[float]:
    """Counts values by bin; one more count is of missing values. An array counts as one row, however many values."""
    values = column.values.ravel()
    finite = np.isfinite(values)
    counts = np.bincount(np.searchsorted(edges, values[finite], side="right"), minlength=len(edges) + 1)
    whole = len(column) / max(1, values.size)
    return [float(f"{count * whole:.6g}") for count in [*counts, (~finite).sum()]]


def _count_values(column: Column, classes: tuple[str, ...] | None) -> tuple[dict[str, float], int]:
    if column.kind == "labels":
        positive = (column.values > 0.5).sum(axis=0)
        names = classes or [str(index) for index in range(len(positive))]
        return {name: int(count) for name, count in zip(names, positive, strict=False)}, len(column)
    if column.kind == "tokens":
        ids, counts = np.unique(column.values[column.values > 0], return_counts=True)
        total = max(1, int(counts.sum()))
        return {str(int(i)): len(column) * count / total for i, count in zip(ids, counts, strict=True)}, len(column)
    listed = Counter(_MISSING if value is None else value for value in column.values)
    return dict(listed), len(column)


def _compare_values(counts: dict[str, float], rows: int, reference: Mapping[str, Any]) -> tuple[float, float, str]:
    before = reference["counts"]
    if len(before) >= _MOST_VALUES:
        # Only the most frequent values were kept: others are not new, they are unknown.
        counts = {value: count for value, count in counts.items() if value in before}
    return largest_difference(counts, before, rows, reference["n"])


def _shift(column: Column, reference: Mapping[str, Any]) -> str:
    finite = column.values[np.isfinite(column.values)]
    if not finite.size or reference["mean"] is None:
        return ""
    return f"(mean {rounded(reference['mean'])} before, {rounded(finite.mean())} now)"
