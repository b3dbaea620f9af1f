"""The verdict: better, worse or undecided, with what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from kerasline.components.core import counted, rounded
from kerasline.components.evaluation import DailyMean
from kerasline.components.monitoring import CANARY, read_known
from kerasline.components.pushing import DROPS
from kerasline.components.verdicts.limits import SMALL_CHANCE, judge_limits
from kerasline.components.verdicts.measuring import (
    compare_answers,
    compare_errors,
    compare_latencies,
    compare_metric,
    compare_quality,
    estimate_quality,
    fewest_labelled,
)
from kerasline.components.verdicts.pairs import Compared, read_compared, read_watched

BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"
_MUCH_SLOWER = 2.0  # times as long: then nothing is better by itself


def judge(
    captured: Path,
    kind: str,
    folder: Path,
    versions: tuple[int, int],
    records: tuple[Mapping[str, Any], Mapping[str, Any]],
    since: datetime | None = None,
    limits: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Says whether a challenger is better than the version in production.

    Over all looks together it is wrong with a probability of 0.05 at most where the two are equally good.

    Args:
      captured: ``captured/NAME`` of the workspace.
      kind: ``shadow`` or ``canary``.
      folder: ``MODELS/NAME``.
      versions: the challenger and the one in production.
      records: what was recorded of the two.
      since: leaves out what was answered before.
      limits: that end the challenge; see :func:`judge_limits`.

    Returns:
      ``verdict`` (``better``, ``worse`` or ``undecided``), ``kind``, ``challenger`` and ``incumbent`` (versions),
      ``rows`` (of the challenger that were compared), ``labelled``, ``from`` and ``to``, ``more_rows`` (with a label,
      at the present difference; None where nobody knows), ``evidence`` (``metric``, ``estimated``, ``agreement``,
      ``errors``, ``latency_ms``, ``limits``), ``reasons`` and ``notes``, both sentences.
    """
    compared = read_compared(captured, kind, versions, records, since)
    evidence, better, fails, slower = _gather(compared, records[1], limits or {})
    if not better.sign:
        folders = (folder / str(versions[0]), folder / str(versions[1]))
        evidence["estimated"] = estimate_quality(compared, evidence["metric"]["name"], folders, records)
    return _tell(compared, versions, evidence, *_decide(evidence, better, fails, slower))


def judge_watch(
    captured: Path,
    folder: Path,
    versions: tuple[int, int],
    record: Mapping[str, Any],
    since: datetime | None,
    limits: Mapping[str, float],
) -> dict[str, Any]:
    """Says whether a version in production has crossed a limit since it came there.

    Args:
      captured: ``captured/NAME`` of the workspace.
      folder: ``MODELS/NAME``.
      versions: the one in production and the one that a rollback goes to.
      record: of the one in production.
      since: when it came there; None counts all that it answered.
      limits: see :func:`judge_limits`; its main metric is compared with that of its own eval rows.

    Returns:
      What :func:`judge` returns, with ``kind`` ``watch``; ``worse`` where a limit is crossed, else ``undecided``.
    """
    compared = read_watched(captured, versions[0], record, since, read_known(folder / str(versions[0]), record))
    evidence, *_ = _gather(compared, record, limits)
    crossed = [_crossed(row) for row in evidence["limits"] if row["crossed"]]
    verdict, reasons = (WORSE, crossed) if crossed else (UNDECIDED, ["no limit of its watch is crossed"])
    told = _tell(compared, versions, evidence, verdict, reasons)
    return {**told, "more_rows": None, "notes": [*told["notes"], *_vain_limits(compared, evidence)]}


def _vain_limits(compared: Compared, evidence: Mapping[str, Any]) -> Iterator[str]:
    """Says which limit cannot act in production, since the eval rows are too few to compare with."""
    metric, rows = evidence["metric"]["name"], sum(map(len, compared.incumbent.labels))
    fewest = fewest_labelled(metric)
    for row in evidence["limits"]:
        if row["name"] in DROPS and rows < fewest:
            yield (
                f"rollback_on.{row['name']} cannot act: comparing {metric} takes {fewest:,} eval rows, and the version "
                f"has {rows:,}"
            )


def _gather(
    compared: Compared, record: Mapping[str, Any], limits: Mapping[str, float]
) -> tuple[dict[str, Any], DailyMean, DailyMean, DailyMean]:
    """Measures all that a verdict rests on; and how much better, more often failing and slower the challenger is."""
    main = str(record["main_metric"])
    quality, better = compare_quality(compared, main, record)
    errors, fails = compare_errors(compared)
    latency, slower = compare_latencies(compared)
    mine, drop = compared.challenger, compare_metric(compared, main, better)
    evidence = {
        "metric": quality,
        "estimated": None,
        "agreement": compare_answers(compared, record),
        "errors": errors,
        "latency_ms": latency,
        "limits": judge_limits(limits, mine.joined("latencies"), mine.joined("failed"), drop, SMALL_CHANCE),
    }
    return evidence, better, fails, slower


def _tell(
    compared: Compared, versions: tuple[int, int], evidence: Mapping[str, Any], verdict: str, reasons: list[str]
) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "kind": compared.kind,
        "challenger": versions[0],
        "incumbent": versions[1],
        "rows": compared.rows,
        "labelled": sum(map(len, compared.challenger.labels)),
        "from": compared.first and compared.first.isoformat(timespec="seconds"),
        "to": compared.last and compared.last.isoformat(timespec="seconds"),
        "more_rows": evidence["metric"]["more_rows"] if verdict == UNDECIDED else 0,
        "evidence": evidence,
        "reasons": reasons,
        "notes": list(_notes(compared, evidence, versions)),
    }


def _decide(
    evidence: Mapping[str, Any], better: DailyMean, fails: DailyMean, slower: DailyMean
) -> tuple[str, list[str]]:
    """Decides, and says why."""
    against = _against(evidence, better, fails)
    if against:
        return WORSE, against
    if better.sign <= 0:
        return UNDECIDED, [_why_undecided(evidence)]
    ratio = evidence["latency_ms"]
    has_limit = any(row["name"] == "p99_ms" for row in evidence["limits"])
    if not has_limit and slower.sign > 0 and ratio["low"] > _MUCH_SLOWER:
        return UNDECIDED, [
            f"its {_metric(evidence)}, but it takes {ratio['ratio']:.1f} times as long to answer; whether that is "
            "worth it is yours to say, by kerasline promote or by push.rollback_on.p99_ms"
        ]
    return BETTER, [f"its {_metric(evidence)}"]


def _against(evidence: Mapping[str, Any], better: DailyMean, fails: DailyMean) -> list[str]:
    """Lists what makes a challenger worse."""
    against = [_crossed(row) for row in evidence["limits"] if row["crossed"]]
    if fails.sign > 0:
        errors = evidence["errors"]
        mine, theirs = (
            f"{errors[side]['failed']:,} of {errors[side]['requests']:,}" for side in ("challenger", "incumbent")
        )
        against.append(f"it fails more often: {mine} requests, and production {theirs}")
    if better.sign < 0:
        against.append(f"its {_metric(evidence)}")
    return against


def _crossed(row: Mapping[str, Any]) -> str:
    return f"rollback_on.{row['name']}: {rounded(row['value'])} is beyond {row['limit']:g} by more than chance"


def _metric(evidence: Mapping[str, Any]) -> str:
    found = evidence["metric"]
    mine, theirs = (
        "not defined" if found[side] is None else rounded(found[side]) for side in ("challenger", "incumbent")
    )
    return (
        f"{found['name']} is {mine}, and that of production {theirs}, over {found['rows']:,} rows (difference in "
        f"{found['measured_as']} {found['low']:+.4g} to {found['high']:+.4g})"
    )


def _why_undecided(evidence: Mapping[str, Any]) -> str:
    found = evidence["metric"]
    if not found["rows"] and found["labelled"]:
        return f"{found['labelled']:,} rows have a label; {found['name']} takes {found['fewest_rows']:,} to be compared"
    if not found["rows"]:
        return "no answer of both has its label yet, and nothing else tells which is better; see kerasline label"
    text = f"the {_metric(evidence).replace(' is ', ' of the challenger is ', 1)} leaves open which is better"
    if found["rows"] < found["fewest_rows"]:
        return f"{text}: nothing is decided below {found['fewest_rows']:,} rows with a label"
    return text


def _notes(compared: Compared, evidence: Mapping[str, Any], versions: tuple[int, int]) -> Iterator[str]:
    """Says what the verdict could not use, and why."""
    labelled = [sum(map(len, side.labels)) for side in (compared.challenger, compared.incumbent)]
    if compared.kind == CANARY and any(labelled) and not all(labelled):
        place = labelled.index(0)
        known, lacking = versions[1 - place], versions[place]
        yield f"labels came for version {known} alone; both need some, so give those of version {lacking}, too"
    if compared.unpaired:
        yield (
            f"{counted(compared.unpaired, 'row')} of the shadow have no counterpart: version {versions[1]} was not in "
            "production then, or its row was not written"
        )
    if compared.repeated:
        yield f"{counted(compared.repeated, 'row')} had a request id that came before, and do not count"
    estimated = evidence["estimated"]
    if estimated and None not in (estimated["challenger"]["value"], estimated["incumbent"]["value"]):
        yield (
            f"{estimated['name']} as estimated without labels: {rounded(estimated['challenger']['value'])}, and "
            f"production {rounded(estimated['incumbent']['value'])}; an estimate decides nothing"
        )
