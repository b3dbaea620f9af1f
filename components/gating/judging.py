"""Holds a model's figures against the limits of the recipe: one row for each part of the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kerasline.components.core import LARGEST, rounded
from kerasline.components.evaluation import (
    EVERY,
    METRICS,
    Budgets,
    EvaluationOptions,
    Failure,
    SliceFigures,
    Threshold,
    covers,
    parse_slice,
    show_slice,
)
from kerasline.components.gating.rows import FAILED, NOT_GATED, PASSED, Row

_NOISE = 1e-6  # equal models differ by so much in float32
_BUDGETS = {
    "latency_p50_ms": ("median latency of single requests", "ms"),
    "latency_p99_ms": ("99th percentile of the latency of single requests", "ms"),
    "size_bytes": ("size of the SavedModel", "bytes"),
    "parameters": ("parameters of the network", ""),
}


@dataclass(frozen=True)
class _Production:
    """The model in production: why it is missing, and why the rows flatter it; empty where neither is so."""

    missing: str
    seen: str


def judge_thresholds(
    options: EvaluationOptions, whole: SliceFigures, slices: Sequence[SliceFigures], no_baseline: str, seen: str = ""
) -> list[Row]:
    """Holds metrics against their limits, on the whole eval split and on slices.

    Args:
      options: settled metrics, slices and limits.
      whole: figures of the whole split.
      slices: figures of its slices.
      no_baseline: why there is nothing to compare with, empty where there is.
      seen: why the rows flatter what is compared with, empty where they do not.

    Returns:
      A row for each limit of the whole; for each limit of slices a row for every one that breaks it, or else one for
      the slice that comes nearest to it.
    """
    production, rows = _Production(no_baseline, seen), list[Row]()
    for name, limits in options.thresholds.items():
        rows += _judge_one(name, limits, whole, production, part="threshold")
    for key, by_metric in options.slice_thresholds.items():
        parts = parse_slice(key)
        chosen = [entry for entry in slices if covers(parts, entry.slice)]
        large = [entry for entry in chosen if entry.rows >= options.min_slice_rows]
        named = "every slice" if key.strip() == EVERY else key
        for name, limits in by_metric.items():
            rows += _judge_slices(named, name, limits, chosen, large, production, options.min_slice_rows)
    return rows


def _judge_slices(
    named: str,
    name: str,
    limits: Threshold,
    chosen: Sequence[SliceFigures],
    large: Sequence[SliceFigures],
    production: _Production,
    least_rows: int,
) -> Iterator[Row]:
    """Holds one metric against its limits on some slices.

    Args:
      named: Slices as the recipe names them, in words.
      name: Key of METRICS.
      limits: What is asked of each slice.
      chosen: Figures of all these slices.
      large: Figures of those that have rows enough.
      production: What there is to know of the model in production.
      least_rows: Rows that are enough.
    """
    if not large:
        reason = _why_none_is_large(chosen, least_rows)
        yield Row("slice", name, METRICS[name].title, named, None, None, reason, NOT_GATED)
        return
    small = len(chosen) - len(large)
    among = f" of {named}; {small} of fewer than {least_rows} rows not gated" if small else f" of {named}"
    judged = [list(_judge_one(name, limits, entry, production, part="slice")) for entry in large]
    # Each slice has a row for each limit, in the same order.
    for rows in zip(*judged, strict=True):
        worst = min(rows, key=_slack)
        failed = [row for row in rows if row.status == FAILED]
        if worst.status == NOT_GATED:  # there is nothing to compare any of them with
            yield replace(worst, slice=named, value=None)
        elif failed:
            yield from failed
        elif len(chosen) > 1:
            yield replace(worst, text=f"{worst.text} (the nearest of {len(rows)} slices{among})")
        else:
            yield worst


def _why_none_is_large(chosen: Sequence[SliceFigures], least_rows: int) -> str:
    found = f"the largest has {max(entry.rows for entry in chosen)}" if chosen else "there are none"
    return f"not gated: slices of fewer than {least_rows} rows are not, and {found}"


def _slack(row: Row) -> float:
    return abs(row.value - row.limit) if row.value is not None and row.limit is not None else float("inf")


def _judge_one(name: str, limits: Threshold, found: SliceFigures, production: _Production, part: str) -> Iterator[Row]:
    """Gives a row for each limit that is set, in one order for all figures: ``min``, ``max``, ``max_drop``."""
    value, sign = found.candidate.get(name), 1 if METRICS[name].higher_is_better else -1

    def row(limit: float | None, text: str, holds: Callable[[float], bool] | None, part: str = part) -> Row:
        status = NOT_GATED if holds is None else PASSED if value is not None and holds(value) else FAILED
        return Row(part, name, METRICS[name].title, show_slice(found.slice), value, limit, text, status)

    least, most, drop = limits.min, limits.max, limits.max_drop
    if least is not None:
        yield row(least, f"at least {least:g}", lambda figure: figure >= least)
    if most is not None:
        yield row(most, f"at most {most:g}", lambda figure: figure <= most)
    if drop is not None:
        kind = "baseline" if part == "threshold" else part
        before = found.baseline.get(name)
        if production.missing or before is None:
            reason = production.missing or f"the model in production has no {METRICS[name].title} here"
            yield row(None, f"not compared: {reason}", None, kind)
        else:
            worst = before - sign * drop
            text = f"not worse than {rounded(worst)} (the model in production has {rounded(before)} on this data)"
            compared = row(worst, text, lambda figure: sign * figure >= sign * worst - _NOISE, kind)
            yield replace(compared, detail=production.seen)


def note_flattered(rows: Sequence[Row], why: str) -> list[Row]:
    """Says on each figure that was good enough why these rows flatter the model; ``why`` is empty where they do not.

    What is known of production on a row stays: it stands in a comparison, beside limits that say this.
    """
    return [replace(row, detail=why) if row.status == PASSED and not row.detail else row for row in rows]


def judge_unexplained(rows: Sequence[Row], failures: Sequence[Failure]) -> list[Row]:
    """Adds what TFMA refuses and no row explains, such as a metric that it could not compute.

    Args:
      rows: The parts of the gate, from :func:`judge_thresholds`.
      failures: What TFMA refuses.
    """
    told = {row.metric for row in rows if row.status == FAILED and not row.slice}
    spared = any(row.status == NOT_GATED and row.part == "baseline" for row in rows)
    added: dict[str, Row] = {}
    for failure in failures:
        if failure.metric in told or _is_excused(failure, spared):
            continue
        title = METRICS[failure.metric].title if failure.metric in METRICS else failure.metric
        text = "as the Evaluator was asked, which refuses it"
        added[failure.metric] = Row("threshold", failure.metric, title, "", None, None, text, FAILED)
    return list(added.values())


def _is_excused(failure: Failure, spared: bool) -> bool:
    """Whether a refusal is none of the gate's: ``spared`` where no version is in production to compare with."""
    # Slices may be too small, and the trivial model that TFMA compares with before the first push is no baseline.
    return bool(failure.slice) or (failure.is_change and spared)


def judge_budgets(budgets: Budgets, measured: Mapping[str, float | None]) -> list[Row]:
    """Holds latency and size against their budgets.

    Args:
      budgets: the limits that there are.
      measured: by the names of the budgets.
    """
    rows = []
    for name, (title, unit) in _BUDGETS.items():
        limit, value = getattr(budgets, name), measured.get(name)
        if limit is not None:
            status = PASSED if value is not None and value <= limit else FAILED
            text = f"at most {limit:,g} {unit}".rstrip()
            rows.append(Row("budget", name, title, "", value, float(limit), text, status))
    return rows


def judge_parity(outcome: Mapping[str, Any]) -> Row:
    """Gives the row of the serving check: how far the exported model is from the trained one, and in which rows.

    Args:
      outcome: of ``parity.json``.
    """
    measure = outcome.get("measure", LARGEST)  # earlier versions had one
    text = f"at most {outcome['tolerance']:g} ({measure}, {outcome['rows']:,} eval rows)"
    title = "difference of the exported model from the trained one"
    value, limit = outcome["largest_difference"], outcome["tolerance"]
    beyond, named = outcome["rows_beyond"], outcome["first_beyond"]
    found = list(outcome["problems"])
    if beyond:
        such = ", ".join(map(str, named)) + (", ..." if beyond > len(named) else "")
        worst = f", most of all in row {outcome['worst_row']}" if beyond > 1 else ""
        rows = "rows" if beyond > 1 else "row"
        found.append(f"it is larger in {beyond:,} of them ({rows} {such} of the eval split{worst})")
    status = PASSED if outcome["passed"] else FAILED
    return Row("parity", "saved_model", title, "", value, limit, text, status, "; ".join(found))


def judge_formats(formats: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Gives a row for each further format: how far it is from the trained model on eval rows."""
    return [
        Row(
            "format",
            name,
            f"difference of {outcome['title']} from the trained model",
            "",
            outcome["difference"],
            outcome["tolerance"],
            f"at most {outcome['tolerance']:g} ({outcome['measure']}, {outcome['rows']:,} eval rows)",
            PASSED if outcome["difference"] <= outcome["tolerance"] else FAILED,
        )
        for name, outcome in formats.items()
    ]
