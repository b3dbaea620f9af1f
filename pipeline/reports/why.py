"""What made a run end as it did, and a version be what it is: ``kerasline why``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted, nearest, rounded
from kerasline.components.registry import read_events, read_pins, read_record
from kerasline.components.signing import read_signer
from kerasline.pipeline.models import find_version
from kerasline.pipeline.reports.naming import as_run
from kerasline.pipeline.retraining import list_decisions
from kerasline.pipeline.workspace import list_runs, newest_own, section

_LINES = 12  # of a log that are shown
_BYTES = 200_000  # of its end that are looked at
# Lines that say what went wrong; a machine without a GPU is told of in capitals, too, and is well.
_CHATTER = re.compile(r"cuda|oneDNN", re.IGNORECASE)
_TELLING = re.compile(
    r"\b(ERROR|CRITICAL|FATAL)\b|^[\w.]+(Error|Exception|Interrupt|Failed|Rejected)\b|Killed|out of memory"
)
_ENDS = {
    "pushed": "a model was blessed and pushed",
    "up_to_date": "nothing had changed since an earlier run",
    "partial": "the part that was asked for is done",
    "not_blessed": "the model gate refused the model",
    "data_rejected": "the data gate stopped the run",
    "failed": "the run failed",
}

_CHALLENGES = {"challenge": "began to challenge production", "drop": "challenged no more"}


def why_run(workspace: Path, reference: str) -> dict[str, Any]:
    """Tells what a run came to, and what stopped it.

    Args:
      workspace: The folder of runs and models.
      reference: A run's id, ``RECIPE/RUN``, or a recipe for its newest run.

    Returns:
      ``run_id``, ``recipe``, ``status``, ``step`` (where it stopped, or None), ``message``, ``reasons`` (sentences, the
      first is the main one), ``log`` (its path), ``log_lines`` (those that matter) and ``report``.

    Raises:
      ConfigError: There is no such run.
    """
    run = _find_run(workspace, reference)
    ended_well = run["status"] in ("pushed", "up_to_date", "partial")
    log = run.get("log") or ""
    return {
        "run_id": run["run_id"],
        "recipe": run["recipe"],
        "status": run["status"],
        "step": run.get("failed_step"),
        "message": run.get("message") or "",
        "reasons": [*_what_stopped(run), *_what_led(workspace, run)],
        "log": log,
        "log_lines": [] if ended_well or run["status"] == "not_blessed" else telling_lines(Path(log)),
        "report": run.get("report") or "",
    }


def why_version(workspace: Path, reference: str) -> dict[str, Any]:
    """Tells which data, code, config and decisions made a version, and what happened to it since.

    Args:
      workspace: The folder of runs and models.
      reference: ``NAME@VERSION``.

    Returns:
      ``model``, ``version``, ``made`` (``run_id``, ``pushed_at``, ``run_key``, ``report``, ``log``), ``data``
      (``title``, ``rows``, ``fingerprint``, ``spans``), ``code`` (libraries and the lock's hash), ``decisions``
      (sentences: why the run began, and the gate's answers), ``signed_with`` (the fingerprint of the key that its
      signature names, unchecked; None without one), ``compared_with`` (the version that was in production) and
      ``since`` (moves of production that concern it, and its pin).

    Raises:
      ConfigError: There is no such version.
    """
    folder, number = find_version(workspace / "models", reference)
    record = read_record(folder, number)
    run = next((run for run in list_runs(workspace) if run["run_id"] == record.get("run_id")), {})
    return {
        "model": folder.name,
        "version": number,
        "made": {
            **{key: record.get(key) for key in ("run_id", "pushed_at", "run_key")},
            **{key: run.get(key) for key in ("report", "log")},
        },
        "data": {
            **section(record, "data"),
            "fingerprint": record.get("data_fingerprint"),
            "spans": record.get("spans"),
        },
        "code": section(record, "environment"),
        "decisions": [*_what_led(workspace, run), *map(_judgement, run.get("gate", ()))] if run else [],
        "signed_with": read_signer(folder, number),
        "compared_with": record.get("baseline_version") or None,
        "since": [*_moves_of(folder, number), *_pin_of(folder, number)],
    }


def telling_lines(log: Path) -> list[str]:
    """Picks the last lines of a log that say what went wrong.

    Args:
      log: Its path; none are returned where it is not there.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    found = [line.strip() for line in text.splitlines() if _TELLING.search(line) and not _CHATTER.search(line)]
    return list(dict.fromkeys(found))[-_LINES:]


def _find_run(workspace: Path, reference: str) -> dict[str, Any]:
    runs, named = list_runs(workspace), as_run(workspace, reference)
    found = [run for run in runs if named in (run["run_id"], run["recipe"], f"{run['recipe']}/{run['run_id']}")]
    if found:
        return newest_own(found, lambda run: run)
    if not runs:
        raise ConfigError(f"no runs in {workspace} yet; start one with: kerasline run digits_cnn")
    known = {run["recipe"] for run in runs}
    hint = nearest(reference, known)
    raise ConfigError(
        f"expected NAME@VERSION, the id of a run or a recipe that has run ({', '.join(sorted(known))}), got "
        f"{reference!r}.{hint} 'kerasline runs' lists the runs"
    )


def _what_stopped(run: Mapping[str, Any]) -> list[str]:
    """Says how a run ended, and each thing that the gate refused."""
    step = f" in step {run['failed_step']}" if run.get("failed_step") else ""
    sentences = [f"{_ENDS.get(run['status'], run['status'].replace('_', ' '))}{step}"]
    refused = [_judgement(row) for row in run.get("gate", ()) if not row["passed"]]
    sentences += refused
    if run.get("message") and not refused:
        sentences.append(run["message"])
    sentences += [_hint(found) for found in run.get("diagnosis", ()) if found["level"] != "good"]
    return sentences


def _judgement(row: Mapping[str, Any]) -> str:
    """Writes a row of the gate as a sentence."""
    if row.get("part") == "own":  # a function of the user's, which measures nothing
        return f"{row['status']}: {row['title']}" + (f" says: {row['detail']}" if row.get("detail") else "")
    value = "not measured" if row["value"] is None else rounded(row["value"])
    of = f" of {row['slice']}" if row["slice"] else ""
    detail = f" ({row['detail']})" if row.get("detail") else ""  # runs of earlier releases have none
    return f"{row['status']}: {row['title']}{of} is {value}, asked: {row['text']}{detail}"


def _hint(found: Mapping[str, Any]) -> str:
    return f"{found['title']}: {found['evidence'][0]}" if found["evidence"] else str(found["title"])


def _what_led(workspace: Path, run: Mapping[str, Any]) -> list[str]:
    """Finds the decision to train again that began a run."""
    decisions = list_decisions(workspace).get(run["recipe"], [])
    return [f"it began since {made.reason}" for made in decisions if made.run_id == run["run_id"]]


def _moves_of(folder: Path, number: int) -> list[str]:
    """Tells the moves of production to a version and away from it, and what became of it as a challenger."""
    told = []
    for event in read_events(folder):
        what, by = _what_became(event, number), f" by {event['who']}" if event.get("who") else ""
        told += [f"{event['moved_at']}  {what}{by}: {event['reason']}"] if what else []
    return told


def _what_became(event: Mapping[str, Any], number: int) -> str:
    """Says what an event of the history was for a version; nothing where it was of others."""
    action = event.get("action", "push")
    if action in _CHALLENGES:
        return _CHALLENGES[action] if event["version"] == number else ""
    if event["version"] == number:
        return f"into production, {action}"
    is_left = event.get("replaced", event["previous"]) == number
    return f"version {event['version']} took its place, {action}" if is_left else ""


def _pin_of(folder: Path, number: int) -> Iterable[str]:
    pin = read_pins(folder).get(number)
    return [f"pinned: {pin['reason']}"] if pin else []


def describe_why(found: Mapping[str, Any]) -> list[str]:
    """Writes what :func:`why_run` or :func:`why_version` found as lines of text."""
    return _lines_of_version(found) if "version" in found else _lines_of_run(found)


def _lines_of_run(found: Mapping[str, Any]) -> list[str]:
    lines = [f"{found['recipe']}, run {found['run_id']}: {found['reasons'][0]}"]
    lines += [f"  {reason}" for reason in found["reasons"][1:]]
    if found["log_lines"]:
        lines += ["", f"what the log says ({found['log']}):", *(f"  {line}" for line in found["log_lines"])]
    elif found["log"]:
        lines.append(f"log     {found['log']}")
    if found["report"]:
        lines.append(f"report  {found['report']}")
    return lines


def _lines_of_version(found: Mapping[str, Any]) -> list[str]:
    made, data, code = found["made"], found["data"], found["code"]
    rows = f", {counted(data['rows'], 'row')}" if data.get("rows") else ""
    spans = f", {data['spans']}" if data.get("spans") else ""
    libraries = ", ".join(f"{name} {version}" for name, version in code.items() if name != "lock_sha256")
    lines = [
        f"{found['model']}@{found['version']}, pushed {made['pushed_at']} by run {made['run_id']}",
        f"data    {data.get('title', 'unknown')}{rows}{spans}, fingerprint {(data['fingerprint'] or 'unknown')[:16]}",
        f"code    {libraries or 'unknown'}; lock {code.get('lock_sha256', 'unknown')[:16]}",
        f"before  {_before(found)}",
        f"signed  {_signed(found)}",
    ]
    lines += _block("decisions", found["decisions"] or ["the run's report is gone"])
    lines += _block("since then", found["since"] or ["nothing has moved production to it or away from it"])
    if made["report"]:
        lines.append(f"report  {made['report']}")
    return lines


def _signed(found: Mapping[str, Any]) -> str:
    if found["signed_with"] is None:
        return "no"
    reference = f"{found['model']}@{found['version']}"
    return (
        f"by key {found['signed_with'][:16] or 'unknown'}; check it with: kerasline verify {reference} --key PUBLIC-KEY"
    )


def _before(found: Mapping[str, Any]) -> str:
    if found["compared_with"] is None:
        return "nothing was in production when it was judged"
    return f"compared with version {found['compared_with']}"


def _block(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)]
