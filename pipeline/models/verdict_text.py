"""A verdict as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kerasline.components.core import counted, percent, rounded

_WORDS = {"better": "BETTER", "worse": "WORSE", "undecided": "undecided"}
_SIDES = ("challenger", "incumbent")


def describe_verdict(found: Mapping[str, Any]) -> Iterator[str]:
    """Writes what :func:`verdict` found as lines of text: the verdict, why, what it rests on, and what was done."""
    evidence, name = found["evidence"], found["name"]
    beside = "in production" if found["kind"] == "watch" else f"beside {name}@{found['incumbent']}"
    of = f"{name}@{found['challenger']} {beside}, {found['kind']}"
    yield f"{of}: {_WORDS[found['verdict']]}"
    yield from (f"  {reason}" for reason in found["reasons"])
    if found["verdict"] == "undecided" and found["kind"] != "watch":
        yield from _how_many_more(found)
    yield f"rows     {found['rows']:,} compared, {found['labelled']:,} of the challenger with a label{_span(found)}"
    yield from _agreement(evidence["agreement"])
    yield from _requests(evidence["errors"], evidence["latency_ms"])
    for row in evidence["limits"]:
        value = "not known yet" if row["value"] is None else rounded(row["value"])
        state = "crossed" if row["crossed"] else "not crossed"
        yield f"limit    {row['name']} {row['limit']:g}: {value} over {row['rows']:,}, {state}"
    yield from (f"note: {note}" for note in found["notes"])
    if found["applied"]:
        yield _done(found)


def _how_many_more(found: Mapping[str, Any]) -> Iterator[str]:
    if found["more_rows"]:
        yield f"  at the present difference it takes about {counted(found['more_rows'], 'more row')} with a label"
    elif found["evidence"]["metric"]["rows"]:
        yield "  at the present difference no number of rows that anybody waits for decides it"


def _span(found: Mapping[str, Any]) -> str:
    return f", {found['from']} to {found['to']}" if found["from"] else ""


def _requests(errors: Mapping[str, Any], latency: Mapping[str, Any]) -> Iterator[str]:
    failed = [f"{errors[side]['failed']:,} of {errors[side]['requests']:,}" for side in _SIDES]
    there = errors["incumbent"]["requests"]
    yield f"failed   {failed[0]} requests" + (f", in production {failed[1]}" if there else "")
    if all(latency[side] for side in _SIDES):
        times = [f"p50 {latency[side]['p50']:.3g} ms, p99 {latency[side]['p99']:.3g} ms" for side in _SIDES]
        ratio = f"{latency['ratio']:.2f} times as long, {latency['low']:.2f} to {latency['high']:.2f}"
        yield f"latency  {times[0]}; in production {times[1]} ({ratio})"


def _agreement(agreement: Mapping[str, Any] | None) -> Iterator[str]:
    if agreement is None:
        return
    if "share" in agreement:
        yield f"answers  {percent(agreement['share'])} of {agreement['rows']:,} are the same"
    else:
        yield f"answers  {rounded(agreement['mean_difference'])} apart in the mean of {agreement['rows']:,}"


def _done(found: Mapping[str, Any]) -> str:
    line = found["applied"]
    if line["action"] == "drop":
        return (
            f"dropped: version {line['version']} challenges no more, version {found['incumbent']} stays in production"
        )
    return f"{line['action']}: version {line['version']} is in production, before it was {line['replaced']}"
