"""What there is to say of the answers of a version: how good they are, what has changed, and what to be alarmed about.

At most one look in ``LOOKS`` has a false alarm, over all columns and metrics together: the chance is shared out among
the tests (Bonferroni), so it holds however they depend on each other. At a look a day that is one in 30 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.core import rounded
from kerasline.components.evaluation import METRICS, measure_with_intervals, metrics_of
from kerasline.components.monitoring.collecting import Known, Served, collect, read_known
from kerasline.components.monitoring.drift import FEWEST_DRAWS, FEWEST_ROWS, MOST_DRAWS
from kerasline.components.monitoring.estimates import estimate

LOOKS = 30
_Z = 1.959963984540054  # intervals are those of 95 %
_FEWEST_EVAL_ROWS = 30
Figure = dict[str, float | None]


def watch_version(
    captured: Path,
    folder: Path,
    version: int,
    record: Mapping[str, Any],
    since: datetime | None = None,
    only: str | None = None,
    known: Known | None = None,
) -> dict[str, Any]:
    """Looks at the captured answers of a version.

    Args:
      captured: ``captured/NAME`` of the workspace.
      folder: of the version.
      version: its number.
      record: what was recorded when it was pushed.
      since: leaves out what was answered before.
      only: the day (UTC) to look at, as 2026-11-29; None for all.
      known: what :func:`read_known` returns, for those who look several times; None to read it.

    Returns:
      ``answered``, ``labelled``, ``failed`` (rows), ``from`` and ``to``; ``quality`` and ``estimated`` (by metric
      ``value``, ``low`` and ``high``); ``at_push`` (the same on the eval rows); ``drift`` by column (``distance``,
      ``limit``, ``alarm``), ``missing`` and ``unseen`` by column; ``not_watched`` (column to reason); ``latency_ms``;
      ``label_delay_s``; ``alarms``, each with ``kind``, ``name`` and ``text``; ``false_alarms`` and ``notes``.
    """
    known = known or read_known(folder, record)
    served = collect(captured, version, record, known, since, only)
    quality, at_push, estimated = _qualities(served, known, record)
    main = _main_metric(record, at_push)
    tests = len(served.counts) + (2 if main else 0)
    chance = 1 / (LOOKS * max(tests, 1))
    # The look of a day is one of many on a page, and need not be as exact.
    drift = _compare(served, chance, FEWEST_DRAWS if only else MOST_DRAWS)
    alarms = [_drift_alarm(name, found) for name, found in drift.items() if found["alarm"]]
    if main:
        alarms += _metric_alarms(main, {"quality": quality, "estimated": estimated}, at_push, served, chance)
    return {
        "version": version,
        "answered": served.answered,
        "failed": served.failed,
        "labelled": served.labelled,
        "from": served.first and served.first.isoformat(timespec="seconds"),
        "to": served.last and served.last.isoformat(timespec="seconds"),
        "quality": quality,
        "estimated": estimated,
        "at_push": at_push,
        "drift": drift,
        **_columns(served),
        "not_watched": served.left_out,
        "latency_ms": _percentiles(np.concatenate(served.latencies) if served.latencies else np.zeros(0), (50, 99)),
        "label_delay_s": _percentiles(np.array(served.delays), (50, 95)),
        "alarms": alarms,
        "false_alarms": {"at_most": 1, "in_looks": LOOKS, "tests": tests, "chance_of_each": chance},
        "notes": _notes(served, known, record),
    }


def _qualities(
    served: Served, known: Known, record: Mapping[str, Any]
) -> tuple[dict[str, Figure], dict[str, Figure], dict[str, Figure]]:
    """Returns the metrics of the labelled answers, of the eval rows, and as estimated without labels."""
    quality: dict[str, Figure] = {}
    at_push: dict[str, Figure] = {}
    estimated: dict[str, Figure] = {}
    if served.labels:
        quality = measure_with_intervals(
            record, np.concatenate(served.labels), np.concatenate(served.labelled_predictions)
        )
    if known.labels is None or known.predictions is None or len(known.labels) < _FEWEST_EVAL_ROWS:
        return quality, at_push, estimated
    at_push = measure_with_intervals(record, known.labels, known.predictions)
    if record["classes"] is not None and served.answered:
        served_scores = np.concatenate(served.predictions)
        estimated = estimate(metrics_of(record), served_scores, known.labels, known.predictions, record["task"])
    return quality, at_push, estimated


def _main_metric(record: Mapping[str, Any], at_push: Mapping[str, Figure]) -> str | None:
    """Names the metric that is watched; None where it is not known of the eval rows."""
    name = record.get("main_metric")
    return name if name in at_push else None


def _compare(served: Served, chance: float, draws: int) -> dict[str, dict[str, Any]]:
    """Measures how far each column is from the version's data."""
    random = np.random.default_rng(0)
    return {name: counts.compare(chance, random, draws) for name, counts in sorted(served.counts.items())}


def _drift_alarm(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    text = (
        f"{name} has drifted from the version's data: its {found['measure']} is {rounded(found['distance'], 3)} over "
        f"{found['rows']:,} rows, and chance explains {rounded(found['limit'], 3)}"
    )
    return {"kind": "drift", "name": name, "text": text}


def _metric_alarms(
    main: str, now: Mapping[str, Mapping[str, Figure]], at_push: Mapping[str, Figure], served: Served, chance: float
) -> list[dict[str, Any]]:
    """Compares the main metric with that of the eval rows, where enough rows were served."""
    rows = {"quality": served.labelled, "estimated": served.answered}
    words = {"quality": "by the labels that came", "estimated": "as estimated without labels"}
    alarms = []
    for kind, figures in now.items():
        figure = figures.get(main)
        if figure is None or rows[kind] < FEWEST_ROWS or not _is_worse(main, figure, at_push[main], chance):
            continue
        text = (
            f"{main} is {rounded(figure['value'])} {words[kind]} ({rounded(figure['low'])} to "
            f"{rounded(figure['high'])}, {rows[kind]:,} rows), and was "
            f"{rounded(at_push[main]['value'])} when the version was pushed"
        )
        alarms.append({"kind": kind, "name": main, "text": text})
    return alarms


def _is_worse(name: str, now: Figure, before: Figure, chance: float) -> bool:
    """Says whether a metric is worse than before by more than chance explains."""
    from scipy.stats import norm

    if None in (*now.values(), *before.values()):
        return False
    higher = METRICS[name].higher_is_better
    # The sides of the intervals that face each other.
    towards, away = ("high", "low") if higher else ("low", "high")
    doubt = sqrt((now[towards] - now["value"]) ** 2 + (before[away] - before["value"]) ** 2) / _Z  # type: ignore[operator]
    fallen = (before["value"] - now["value"]) * (1 if higher else -1)  # type: ignore[operator]
    return bool(fallen > norm.isf(chance) * doubt and fallen > 0)


def _columns(served: Served) -> dict[str, dict[str, Any]]:
    """Returns missing and unseen values by column, where there are any or the version's data had some."""
    missing: dict[str, Any] = {}
    unseen: dict[str, Any] = {}
    for name, counts in served.counts.items():
        before = counts.missing_before()
        if counts.missing or before:
            missing[name] = {"share": counts.missing / max(counts.rows, 1), "share_before": before}
        if counts.unseen:
            unseen[name] = {"share": counts.unseen / max(counts.rows, 1)}
    return {"missing": missing, "unseen": unseen}


def _percentiles(values: np.ndarray, which: tuple[int, ...]) -> dict[str, float] | None:
    known = values[np.isfinite(values)] if len(values) else values
    if not len(known):
        return None
    return {f"p{one}": round(float(found), 4) for one, found in zip(which, np.percentile(known, which), strict=True)}


def _elsewhere(served: Served) -> dict[str, int]:
    """Counts the rows that production did not answer to a client of ``kerasline serve``."""
    return {
        "answered in the shadow of another version, for nobody": served.shadowed,
        "answered by kerasline predict, and have no latency": served.predicted,
        "answered by TensorFlow Serving, whose logs have no latency": served.logged,
    }


def _notes(served: Served, known: Known, record: Mapping[str, Any]) -> list[str]:
    """Says what could not be said, and why."""
    notes = []
    if served.answered < FEWEST_ROWS:
        notes.append(f"{served.answered:,} rows were answered; alarms need {FEWEST_ROWS}")
    notes += [f"{number:,} of these rows were {what}" for what, number in _elsewhere(served).items() if number]
    if served.answered and not served.labelled:
        notes.append("no answer has its label yet, so quality is not known; see kerasline label")
    if served.labelled > sum(map(len, served.labels)):
        notes.append(f"quality is measured on {sum(map(len, served.labels)):,} of the labelled rows, drawn evenly")
    if record["classes"] is None:
        notes.append("metrics of numbers are not estimated without labels: nothing says how far off an answer is")
    elif known.labels is None:
        notes.append("nothing is estimated without labels: the version was pushed without its answers to eval rows")
    elif len(known.labels) < _FEWEST_EVAL_ROWS:
        notes.append(f"nothing is estimated without labels: the version has {len(known.labels):,} eval rows only")
    return notes
