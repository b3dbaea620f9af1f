"""What scikit-learn's models reach on the same rows, beside this model: a weak network, or a hard task?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.baseline import ANSWERS_FILE, REFERENCES_FILE
from kerasline.components.core import counted, rounded
from kerasline.components.evaluation import METRICS, measure
from kerasline.components.models import Task

Measured = dict[str, Any]


def measure_references(
    baseline: str | None, labels: np.ndarray | None, metrics: Sequence[str], task: Task
) -> list[Measured]:
    """Measures what the references answered.

    Args:
      baseline: the folder of the step's artifact, None where the run did not reach it.
      labels: of the eval rows, in the order of the files; None where the run did not reach them.
      metrics: keys of METRICS.
      task: the task.

    Returns:
      For each what :class:`~kerasline.components.baseline.references.Reference` says of it, and ``metrics``; empty
      where there are none.
    """
    told = Path(baseline or "", REFERENCES_FILE)
    if baseline is None or labels is None or not told.is_file():
        return []
    with np.load(told.with_name(ANSWERS_FILE), allow_pickle=False) as stored:
        return [
            {**one, "metrics": measure(metrics, labels, stored[one["name"]], task)}
            for one in json.loads(told.read_text(encoding="utf-8"))
            if len(stored[one["name"]]) == len(labels)
        ]


def compare_with_references(figures: Mapping[str, Any]) -> list[Measured]:
    """Adds ``text`` to each reference: what it reaches in the main metric, and what this model does."""
    name = figures.get("main_metric", "")
    value, interval = (figures.get("metrics") or {}).get(name), _interval(figures)
    between = f" ({rounded(interval[0])} to {rounded(interval[1])})" if interval else ""
    compared = []
    for one in figures.get("references") or []:
        reached = one["metrics"].get(name)
        is_known = value is not None and reached is not None
        begin = f"{one['title'][:1].upper()}{one['title'][1:]} reaches {METRICS[name].title}"
        text = f"{begin} {rounded(reached)} on these rows, this model {rounded(value)}{between}" if is_known else ""
        compared.append({**one, "text": text})
    return compared


def sentences(figures: Mapping[str, Any]) -> str:
    """Returns what :func:`compare_with_references` says of all of them, without the last full stop."""
    return ". ".join(one["text"] for one in figures.get("references") or [] if one["text"])


def describe_limits(reference: Measured) -> str:
    """Says what a reference was fitted on, and what was cut short."""
    rows, of_rows = reference["rows"], reference["of_rows"]
    fitted = counted(rows, "train row") if rows == of_rows else f"{rows:,} of {counted(of_rows, 'train row')}"
    cut = f"; {reference['note']}" if reference["note"] else ""
    return f"fitted on {fitted} in {reference['seconds']:.1f} s{cut}"


def clearly_better(figures: Mapping[str, Any]) -> Measured | None:
    """Returns the best reference if it lies beyond the interval of this model's figure, on the better side."""
    best, interval, name = _best(figures), _interval(figures), figures.get("main_metric", "")
    if best is None or interval is None:
        return None
    reached = best["metrics"][name]
    is_beyond = reached > interval[1] if METRICS[name].higher_is_better else reached < interval[0]
    return best if is_beyond else None


def none_better(figures: Mapping[str, Any]) -> Measured | None:
    """Returns the best reference if this model is as good as it or better; None without references, too."""
    best, name = _best(figures), figures.get("main_metric", "")
    value = (figures.get("metrics") or {}).get(name)
    if best is None or value is None:
        return None
    reached = best["metrics"][name]
    return best if (value >= reached if METRICS[name].higher_is_better else value <= reached) else None


def _best(figures: Mapping[str, Any]) -> Measured | None:
    name = figures.get("main_metric", "")
    known = [one for one in figures.get("references") or [] if one["metrics"].get(name) is not None]
    if not known:
        return None
    sign = 1 if METRICS[name].higher_is_better else -1
    best: Measured = max(known, key=lambda one: sign * one["metrics"][name])
    return best


def _interval(figures: Mapping[str, Any]) -> Sequence[float] | None:
    return ((figures.get("performance") or {}).get("intervals") or {}).get(figures.get("main_metric", ""))
