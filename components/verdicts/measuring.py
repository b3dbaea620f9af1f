"""What two versions differ in: the main metric by labels, its estimate without, errors and latency."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.evaluation import (
    FEWEST,
    FEWEST_UNBOUNDED,
    METRICS,
    SHARES_OF_ROWS,
    DailyMean,
    daily_difference,
    daily_mean,
    measure,
    row_figures,
    row_losses,
)
from kerasline.components.monitoring import SHADOW, estimate, read_known
from kerasline.components.verdicts.limits import SMALL_CHANCE
from kerasline.components.verdicts.pairs import Compared, Side

# A verdict is wrong once in 20 challenges at most, over all looks and questions: of quality, errors and three limits.
CHANCE = 0.03  # of the metric; the others have a small one each
_BLOCK, _FEWEST_BLOCKS = 100, 10  # rows of a figure that is no mean over rows, and how many such figures it takes
_SQUARED = {"rmse": "mse", "r2": "mse"}
_OF_ROWS = ("mae", "mse", "log_loss", *_SQUARED)  # beside shares of rows
_FEWEST_EVAL_ROWS = 30


def compare_quality(compared: Compared, name: str, record: Mapping[str, Any]) -> tuple[dict[str, Any], DailyMean]:
    """Compares two versions by the labels that have come.

    Args:
      compared: what both have answered.
      name: of the metric.
      record: of one of them.

    Returns:
      ``name``, ``measured_as``, ``higher_is_better``, ``challenger`` and ``incumbent`` (values, None without labels),
      ``difference``, ``low`` and ``high`` (of the challenger above the incumbent, in the units of ``measured_as``),
      ``rows``, ``labelled``, ``fewest_rows`` and ``more_rows``; and how much better the challenger is, above zero where
      it is.
    """
    sides = (compared.challenger, compared.incumbent)
    labels, answers = zip(*((side.joined("labels"), side.joined("labelled")) for side in sides), strict=True)
    values = [measure([name], *pair, record["task"])[name] for pair in zip(labels, answers, strict=True)]
    used = _SQUARED.get(name, name)
    better, unit = _difference(compared, used, labels, answers, record)
    sign = 1 if METRICS[used].higher_is_better else -1
    low, high = sorted((sign * better.low, sign * better.high))
    told = {
        "name": name,
        "measured_as": used if unit == 1 else f"{used} of every {unit} rows",
        "higher_is_better": METRICS[used].higher_is_better,
        "challenger": values[0],
        "incumbent": values[1],
        "difference": sign * better.value if better.rows else None,
        "low": low if better.rows else None,
        "high": high if better.rows else None,
        "rows": better.rows * unit,
        "labelled": min(map(len, labels)),
        "fewest_rows": better.fewest * unit,
        "more_rows": None if not better.rows else _times(better.rows_to_tell(), unit),
    }
    return told, better


def fewest_labelled(name: str) -> int:
    """Returns how many rows with a label it takes on either side before a metric is found to differ."""
    if name in SHARES_OF_ROWS:
        return FEWEST
    return FEWEST_UNBOUNDED if name in _OF_ROWS else _BLOCK * _FEWEST_BLOCKS


def compare_metric(compared: Compared, name: str, better: DailyMean) -> DailyMean:
    """Compares two versions in the units of the main metric itself, which a limit has.

    Args:
      compared: what both have answered.
      name: of the metric.
      better: from :func:`compare_quality`.

    Returns:
      How much better the challenger is, above zero where it is.
    """
    if name not in _SQUARED:
        return better
    sign = 1 if METRICS[name].higher_is_better else -1
    mine, theirs = (
        sign * row_figures(name, side.joined("labels"), side.joined("labelled"))
        for side in (compared.challenger, compared.incumbent)
    )
    if compared.kind == SHADOW:
        return daily_mean(mine - theirs, SMALL_CHANCE, FEWEST_UNBOUNDED)
    return daily_difference(mine, theirs, SMALL_CHANCE, FEWEST_UNBOUNDED)


def _times(rows: int | None, unit: int) -> int | None:
    return None if rows is None else rows * unit


def _difference(
    compared: Compared, name: str, labels: Any, answers: Any, record: Mapping[str, Any]
) -> tuple[DailyMean, int]:
    """Returns how much better the challenger is, and of how many rows each value is."""
    task, is_share = record["task"], name in SHARES_OF_ROWS
    fewest = FEWEST if is_share else FEWEST_UNBOUNDED
    losses = [
        row_losses(name, *pair, task) if len(pair[0]) else np.zeros(0) for pair in zip(labels, answers, strict=True)
    ]
    unit = 1
    if losses[0] is None or losses[1] is None:
        losses, unit = [-_by_blocks(name, side, task) for side in (compared.challenger, compared.incumbent)], _BLOCK
        fewest = _FEWEST_BLOCKS
    mine, theirs = (np.asarray(each, np.float64) for each in losses)
    if compared.kind == SHADOW:
        both = min(len(mine), len(theirs))  # a block may have no figure in one of them
        return daily_mean(theirs[:both] - mine[:both], CHANCE, fewest), unit
    return daily_difference(theirs, mine, CHANCE, fewest), unit


def _by_blocks(name: str, side: Side, task: Any) -> np.ndarray:
    """Measures every hundred rows, in the order in which their labels came; the larger value is the better one."""
    order = np.argsort(side.joined("came"), kind="stable")
    labels, answers = side.joined("labels")[order], side.joined("labelled")[order]
    starts = range(0, len(labels) - _BLOCK + 1, _BLOCK)
    found = [
        measure([name], labels[start : start + _BLOCK], answers[start : start + _BLOCK], task)[name] for start in starts
    ]
    known = np.array([0.0 if one is None else one for one in found])
    return known if METRICS[name].higher_is_better else -known


def estimate_quality(
    compared: Compared, name: str, folders: tuple[Path, Path], records: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Estimates the metric of both without labels, from their scores and what these meant on eval rows.

    Args:
      compared: what both have answered.
      name: of the metric.
      folders, records: of the two versions.

    Returns:
      ``challenger`` and ``incumbent``, each ``value``, ``low`` and ``high``; None where nothing can be estimated.
    """
    found = {}
    for key, side, folder, record in zip(
        ("challenger", "incumbent"), (compared.challenger, compared.incumbent), folders, records, strict=True
    ):
        known, served = read_known(folder, record), side.joined("predictions")
        if record["classes"] is None or not len(served) or known.labels is None or known.predictions is None:
            return None
        if len(known.labels) < _FEWEST_EVAL_ROWS:
            return None
        found[key] = estimate([name], served, known.labels, known.predictions, record["task"])[name]
    return {"name": name, **found}


def compare_answers(compared: Compared, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Says how often a shadow answers as production does: the share of equal classes, or how far numbers are apart."""
    if compared.kind != SHADOW or not compared.rows:
        return None
    mine, theirs = compared.challenger.joined("predictions"), compared.incumbent.joined("predictions")
    if record["classes"] is None:
        return {"mean_difference": float(np.abs(mine - theirs).mean()), "rows": len(mine)}
    if record["task"] == "multiclass":
        same = mine.argmax(axis=1) == theirs.argmax(axis=1)
    else:
        same = ((mine > 0.5) == (theirs > 0.5)).all(axis=1)
    return {"share": float(same.mean()), "rows": len(mine)}


def compare_errors(compared: Compared) -> tuple[dict[str, Any], DailyMean]:
    """Compares how often requests fail: of a shadow where it was asked what production was, of a canary on its own.

    Returns:
      ``challenger`` and ``incumbent`` (``failed`` and ``requests``), ``difference``, ``low`` and ``high`` of the
      shares; and the difference, above zero where the challenger fails more often.
    """
    mine, theirs = (side.joined("failed").astype(np.float64) for side in (compared.challenger, compared.incumbent))
    if compared.kind == SHADOW:
        found = daily_mean(mine - theirs, SMALL_CHANCE)
    else:
        found = daily_difference(mine, theirs, SMALL_CHANCE)
    told = {
        name: {"failed": int(each.sum()), "requests": len(each)}
        for name, each in (("challenger", mine), ("incumbent", theirs))
    }
    return {**told, **_interval(found)}, found


def compare_latencies(compared: Compared) -> tuple[dict[str, Any], DailyMean]:
    """Compares how long requests take.

    Returns:
      ``challenger`` and ``incumbent`` (``p50`` and ``p99`` in milliseconds), ``ratio``, ``low`` and ``high`` (how many
      times as long the challenger takes, in the geometric mean); and the logarithm of the ratio.
    """
    sides = (compared.challenger, compared.incumbent)
    mine, theirs = (np.log(np.maximum(side.joined("latencies"), 1e-3).astype(np.float64)) for side in sides)
    found = daily_difference(mine, theirs, SMALL_CHANCE)
    told = {
        name: {f"p{one}": round(float(np.exp(np.percentile(each, one))), 3) for one in (50, 99)} if len(each) else None
        for name, each in (("challenger", mine), ("incumbent", theirs))
    }
    ratio = {key: None if value is None else float(np.exp(value)) for key, value in _interval(found).items()}
    return {**told, "ratio": ratio.pop("difference"), **ratio}, found


def _interval(found: DailyMean) -> dict[str, float | None]:
    if not found.rows:
        return {"difference": None, "low": None, "high": None}
    return {"difference": found.value, "low": found.low, "high": found.high}
