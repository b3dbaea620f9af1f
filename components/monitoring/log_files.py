"""Takes request logs of TensorFlow Serving in: each record of each file once, however often a file is given.

``captured/NAME/serving-logs.json`` says how far each file was read, and names the parts that its rows lie in, so that a
command that is killed and given again writes the same parts anew. A file is known by its path or inode and what it
began with, or by all of its content: it may grow, be renamed or be copied meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import filelock

from kerasline.components.core import KeraslineError, counted, write_at_once
from kerasline.components.monitoring.records import Exchange, answers_folder, capture_of, table_of
from kerasline.components.monitoring.tensorflow_serving import (
    CUT,
    DAMAGED,
    LOST,
    Skipped,
    Wanted,
    exchange_of,
    read_records,
)
from kerasline.components.monitoring.writing import check_room, clean, write_table

_LEDGER = "serving-logs.json"
_FLUSH_RECORDS, _FLUSH_BYTES = 5_000, 32 << 20
_CHUNK_BYTES = 1 << 20
_DAY_SECONDS = 86_400
_MOST_NAMED = 10


@dataclass
class Taken:
    """What became of the records of some files.

    Attributes:
      counts: ``records``, ``captured`` (rows), ``files``, ``read_before`` (files without anything new) and, of records
        that were passed over, how many were what.
      other_models, unknown_versions: of these, by what they named.
      cut, lost: files that end within a record, and those of which not all can be read.
    """

    counts: Counter[str] = field(default_factory=Counter)
    other_models: Counter[str] = field(default_factory=Counter)
    unknown_versions: Counter[str] = field(default_factory=Counter)
    cut: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Returns all that as JSON has it."""
        return {
            **self.counts, "other_models": dict(self.other_models), "unknown_versions": dict(self.unknown_versions),
            "cut": self.cut, "lost": self.lost,
        }  # fmt: skip


def take_logs(captured: Path, files: Sequence[Path], wanted: Wanted) -> Taken:
    """Captures the answers of a model that are in files and were not read before.

    Args:
      captured: the workspace's ``captured``.
      files: of TensorFlow Serving.
      wanted: whose answers are looked for.

    Raises:
      KeraslineError: what was read cannot be written; the same command goes on from there.
    """
    folder, taken = captured / wanted.name, Taken()
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(str(folder / ".serving-logs.lock")):
        ledger = _read_ledger(folder / _LEDGER)
        keep_days = max((_keep_days(record) for record in wanted.records.values()), default=1)
        ledger = [known for known in ledger if known["changed_at"] > time.time() - keep_days * _DAY_SECONDS]
        for path in files:
            taken.counts["files"] += 1
            try:
                _take_file(captured, path, wanted, ledger, taken)
            except OSError as error:
                raise KeraslineError(
                    f"{path} could not be captured to its end ({error.strerror or error}); give the same command again "
                    "when that is put right, and it goes on from there"
                ) from error
    clean(folder, keep_days)
    return taken


def _keep_days(record: Mapping[str, Any]) -> int:
    return int(capture_of(record)["keep_days"])


def _read_ledger(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8"))["files"]) if path.is_file() else []


def _take_file(captured: Path, path: Path, wanted: Wanted, ledger: list[dict[str, Any]], taken: Taken) -> None:
    """Captures what is new in a file."""
    stat = path.stat()
    if stat.st_size == 0:
        return
    state = {"path": str(path.resolve()), "inode": [stat.st_dev, stat.st_ino], "bytes": stat.st_size,
             "changed_at": stat.st_mtime}  # fmt: skip
    known = _find(path, state, ledger)
    if known is None:
        known = {"session": uuid.uuid4().hex[:8], "records": 0}
        ledger.append(known)
    elif known["is_done"] and known["bytes"] == stat.st_size:
        taken.counts["read_before"] += 1
        return
    known.update({**state, "digest": _digest(path, stat.st_size), "is_done": False})
    _note(captured, wanted.name, ledger)
    for exchanges, read in _groups(path, wanted, known, taken):
        _write(captured, exchanges, (known["records"], read - 1), known["session"], taken)
        known["records"] = read
        _note(captured, wanted.name, ledger)
    known["is_done"] = True
    _note(captured, wanted.name, ledger)


def _note(captured: Path, name: str, ledger: Sequence[Mapping[str, Any]]) -> None:
    write_at_once(captured / name / _LEDGER, json.dumps({"files": ledger}))


def _find(path: Path, state: Mapping[str, Any], ledger: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Finds what is known of a file: it began so, or it is a copy."""
    for known in ledger:
        is_same = known["path"] == state["path"] or known["inode"] == state["inode"]
        may_be = known["bytes"] <= state["bytes"] if is_same else known["bytes"] == state["bytes"]
        if may_be and known["bytes"] and _digest(path, known["bytes"]) == known["digest"]:
            return known
    return None


def _digest(path: Path, size: int) -> str:
    """Returns the SHA-256 of the first bytes of a file."""
    found, left = hashlib.sha256(), size
    with open(path, "rb") as file:
        while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
            found.update(chunk)
            left -= len(chunk)
    return found.hexdigest()


def _groups(path: Path, wanted: Wanted, known: Mapping[str, Any], taken: Taken) -> Iterator[tuple[list[Exchange], int]]:
    """Gives the exchanges that are new in a file, some thousand records at a time, and how many records were read."""
    exchanges: list[Exchange] = []
    first = read = known["records"]
    size = 0
    for number, (kind, content) in enumerate(read_records(path)):
        if kind in (CUT, LOST):
            (taken.cut if kind == CUT else taken.lost).append(str(path))
            break
        if number < read:
            continue
        read = number + 1
        one = _take(kind, content, wanted, f"{known['session']}-{number}", known["changed_at"], taken)
        exchanges += [one] if one else []
        size += len(content)
        if read - first >= _FLUSH_RECORDS or size > _FLUSH_BYTES:
            yield exchanges, read
            exchanges, first, size = [], read, 0
    if read > first:
        yield exchanges, read


def _take(kind: str, content: bytes, wanted: Wanted, made_id: str, changed_at: float, taken: Taken) -> Exchange | None:
    """Reads a record, or counts why there is nothing to keep."""
    taken.counts["records"] += 1
    if kind == DAMAGED:
        taken.counts["damaged"] += 1
        return None
    try:
        exchange = exchange_of(content, wanted, made_id, changed_at)
        if exchange.day() < (datetime.now(UTC) - timedelta(days=_keep_days(exchange.record))).date().isoformat():
            raise Skipped("too_old")
    except Skipped as skipped:
        taken.counts[skipped.kind] += 1
        if skipped.name:
            getattr(taken, skipped.kind)[skipped.name] += 1
        return None
    return exchange


def _write(captured: Path, exchanges: Sequence[Exchange], numbers: tuple[int, int], session: str, taken: Taken) -> None:
    """Writes exchanges, by version and day, as parts that the numbers of their records name."""
    groups: dict[Path, list[Exchange]] = {}
    for one in exchanges:
        groups.setdefault(answers_folder(captured, one.name, one.version, one.day()), []).append(one)
    for folder, group in groups.items():
        folder.mkdir(parents=True, exist_ok=True)
        check_room(folder)
        table = _table(group, taken)
        if table is not None:
            write_table(table, folder / f"{session}-{numbers[0]:08d}-{numbers[1]:08d}.parquet")
            taken.counts["captured"] += len(table)


def _table(exchanges: Sequence[Exchange], taken: Taken) -> Any:
    """Makes an Arrow table of exchanges, without those that hold something else than their columns; None of none."""
    try:
        return table_of(exchanges)
    except Exception:  # NumPy and Arrow each have their own
        readable = [one for one in exchanges if _is_readable(one)]
    taken.counts["unreadable"] += len(exchanges) - len(readable)
    return table_of(readable) if readable else None


def _is_readable(exchange: Exchange) -> bool:
    try:
        table_of([exchange])
    except Exception:
        return False
    return True


def describe_taken(name: str, taken: Taken) -> list[str]:
    """Says in sentences what became of request logs."""
    counts = taken.counts
    lines = [
        f"{name}: {counted(counts['captured'], 'row')} captured from {counted(counts['records'], 'new record')} of "
        f"{counted(counts['files'], 'file')}"
    ]
    said = {
        "read_before": "files without anything new",
        "other_models": "records of other models",
        "unknown_versions": "records of versions that the registry does not have, so that what to redact is not known",
        "without_version": f"records that name no version; kerasline capture {name}@VERSION says which one answered",
        "without_answer": "records without an answer that can be kept",
        "without_id": "records with a row that has no id in the column of --key",
        "too_old": "records older than serve.capture.keep_days",
        "other_kinds": "records of other kinds than predict, classify and regress",
        "unreadable": "records that are no PredictionLog, or hold what the version does not read",
        "damaged": "damaged records",
    }
    named = {"other_models": taken.other_models, "unknown_versions": taken.unknown_versions}
    for key, words in said.items():
        listed = ", ".join(f"{one} {number:,}" for one, number in sorted(named.get(key, {}).items())[:_MOST_NAMED])
        lines += [f"  {words}: {counts[key]:,}{listed and f' ({listed})'}"] if counts[key] else []
    lines += [f"  {path} ends within a record; what is missing is read when it has come" for path in taken.cut]
    return lines + [f"  {path} is damaged so that what follows cannot be read" for path in taken.lost]
