"""Reads what a challenger and the version in production have answered, day by day, side by side.

A shadow's rows are paired with those of production, by id; its requests by their time, which they share. A canary's are
another sample: they are compared with what production answered between the canary's first and last answer of each day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.monitoring import (
    ANSWERED,
    ANSWERS,
    CANARY,
    LABELS,
    LOGGED,
    SHADOW,
    Known,
    answer_column,
    batches_of,
    days_of,
    find_labels,
    label_array,
    labels_of,
    predictions_of,
    read_parts,
)

WATCH = "watch"  # a version in production alone, beside its own eval rows
_OWN_FAULT = 500  # codes from here on are no fault of the request
_COLUMNS = ("request_id", "time", "code", "latency_ms", "role")


@dataclass
class Side:
    """What one of two versions has answered.

    Attributes:
      predictions: a list of float32 [rows, units].
      labels, labelled: labels of rows, and what was predicted for these.
      came: when the labels came, in seconds since 1970.
      latencies, failed: of requests, milliseconds and whether each failed.
    """

    predictions: list[np.ndarray] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)
    labelled: list[np.ndarray] = field(default_factory=list)
    came: list[np.ndarray] = field(default_factory=list)
    latencies: list[np.ndarray] = field(default_factory=list)
    failed: list[np.ndarray] = field(default_factory=list)

    def joined(self, name: str) -> np.ndarray:
        """Returns one of the attributes as one array; empty where nothing has come."""
        parts = getattr(self, name)
        return np.concatenate(parts) if parts else np.zeros(0)


@dataclass
class Compared:
    """Two versions side by side.

    Attributes:
      kind: ``shadow``: row by row the same in both; ``canary``: two samples; or ``watch``: of production alone.
      rows: of the challenger that are compared.
      unpaired: rows of a shadow without their counterpart of production.
      repeated: rows whose id came before; they count for nothing.
      challenger, incumbent: the two.
      first, last: when the first and the last of the rows were answered.
    """

    kind: str
    rows: int = 0
    unpaired: int = 0
    repeated: int = 0
    challenger: Side = field(default_factory=Side)
    incumbent: Side = field(default_factory=Side)
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True)
class _Rows:
    """The rows of a version and a day: of answered ones id and prediction; of all time, code and latency."""

    ids: np.ndarray
    predictions: np.ndarray
    times: np.ndarray
    answered_at: np.ndarray
    codes: np.ndarray
    latencies: np.ndarray
    repeated: int


def find_compared(captured: Path, but: int, only: int | None = None) -> tuple[int, str] | None:
    """Finds the version that was compared with production last.

    Args:
      captured: ``captured/NAME`` of the workspace.
      but: the version in production.
      only: a version to look at alone; None for all.

    Returns:
      Its number, and ``shadow`` or ``canary``; None where there is none.
    """
    found = []
    for folder in (captured / ANSWERS).glob("version=*"):
        version = int(folder.name.partition("=")[2])
        is_asked = version != but and only in (None, version)
        for day in reversed(days_of(captured, version, None)) if is_asked else ():
            role = _last_role(day)
            if role:
                found.append((day.name, version, role))
                break
    return max(found)[1:] if found else None


def _last_role(day: Path) -> str:
    """Returns how a version was compared with production on a day; nothing where it was not."""
    last = ""
    for batch in read_parts(day, ["role"]):
        roles = batch.column("role").unique().to_pylist() if "role" in batch.schema.names else []
        last = next((role for role in (CANARY, SHADOW) if role in roles), last)
    return last


def read_compared(
    captured: Path,
    kind: str,
    versions: tuple[int, int],
    records: tuple[Mapping[str, Any], Mapping[str, Any]],
    since: datetime | None,
) -> Compared:
    """Reads what two versions have answered.

    Args:
      captured: ``captured/NAME`` of the workspace.
      kind: ``shadow`` or ``canary``.
      versions: the challenger and the one in production.
      records: of the two.
      since: leaves out what was answered before; None for nothing.
    """
    found = Compared(kind)
    for day in days_of(captured, versions[0], since):
        other = captured / ANSWERS / f"version={versions[1]}" / day.name
        mine = _read(day, since, records[0], (kind,))
        theirs = _read(other, since, records[1], ("", None)) if other.is_dir() else None
        if mine is None or theirs is None:
            found.unpaired += 0 if mine is None else len(mine.ids)
            continue
        labels = [labels_of(captured / LABELS / one.parent.name / one.name) for one in (day, other)]
        if kind == SHADOW:
            _add_pairs(found, mine, theirs, {**labels[1], **labels[0]}, records[0])
        else:
            _add_samples(found, mine, theirs, labels, records)
    return found


def read_watched(
    captured: Path, version: int, record: Mapping[str, Any], since: datetime | None, known: Known
) -> Compared:
    """Reads what a version in production has answered since some time, beside its eval rows.

    Args:
      captured: ``captured/NAME`` of the workspace.
      version: its number.
      record: of the version.
      since: when it came into production; None counts all that it answered.
      known: its answers to eval rows.
    """
    found = Compared(WATCH)
    for day in days_of(captured, version, since):
        rows = _read(day, since, record, ("", None, LOGGED))
        if rows is not None:
            _note_times(found, rows.answered_at)
            labels = labels_of(captured / LABELS / day.parent.name / day.name)
            _add_rows(found.challenger, rows, np.ones(len(rows.ids), bool), labels, record)
            telling = (rows.codes == ANSWERED) | (rows.codes >= _OWN_FAULT)
            _add_requests(found.challenger, rows.latencies[telling], rows.codes[telling] != ANSWERED)
    if known.labels is not None and known.predictions is not None:
        found.incumbent.labels.append(known.labels)
        found.incumbent.labelled.append(known.predictions)
        found.incumbent.came.append(np.zeros(len(known.labels)))
    return found


def _add_rows(
    side: Side, rows: _Rows, chosen: np.ndarray, labels: Mapping[str, Any], record: Mapping[str, Any]
) -> None:
    """Takes in some rows of a version, and their labels."""
    side.predictions.append(rows.predictions[chosen])
    _add_labelled(side, rows.ids[chosen], rows.predictions[chosen], labels, record)


def _read(day: Path, since: datetime | None, record: Mapping[str, Any], roles: Sequence[str | None]) -> _Rows | None:
    """Reads the rows of a day that have one of some roles; None where there are none."""
    import pandas as pd

    parts = list(_parts(day, since, record, roles))
    if not parts:
        return None
    ids, predictions, answered_at, times, codes, latencies = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    first = ~pd.Series(ids, dtype=object).duplicated().to_numpy()
    # The rows of a request have one time.
    _, requests = np.unique(times, return_index=True)
    return _Rows(
        ids[first], predictions[first], times[requests], answered_at[first], codes[requests], latencies[requests],
        int((~first).sum()),
    )  # fmt: skip


def _parts(
    day: Path, since: datetime | None, record: Mapping[str, Any], roles: Sequence[str | None]
) -> Iterator[tuple[np.ndarray, ...]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in batches_of(day, since, [*_COLUMNS, answer_column(record)]):
        if "role" in batch.schema.names:
            batch = batch.filter(pc.is_in(batch.column("role"), value_set=pa.array(roles, pa.string())))
        elif None not in roles:
            continue
        if not len(batch):
            continue
        answered = batch.filter(pc.equal(batch.column("code"), ANSWERED))
        predictions = predictions_of(answered, record)
        if predictions is None:
            answered, predictions = answered.slice(0, 0), np.zeros((0, _units(record)), np.float32)
        yield (
            np.array(answered.column("request_id").to_pylist(), object),
            predictions,
            _numbers(answered, "time"),
            *(_numbers(batch, name) for name in ("time", "code", "latency_ms")),
        )


def _units(record: Mapping[str, Any]) -> int:
    return 1 if record["classes"] is None or record["task"] == "binary" else len(record["classes"])


def _numbers(batch: Any, name: str) -> np.ndarray:
    values = batch.column(name)
    return np.asarray((values.cast("int64") if name == "time" else values).to_numpy(zero_copy_only=False))


def _add_pairs(
    found: Compared, mine: _Rows, theirs: _Rows, labels: Mapping[str, Any], record: Mapping[str, Any]
) -> None:
    """Takes in the rows of a day that both have answered, and the requests that both were asked."""
    import pandas as pd

    places = pd.Index(theirs.ids).get_indexer(mine.ids)
    rows = np.flatnonzero(places >= 0)
    found.unpaired += len(mine.ids) - len(rows)
    found.repeated += mine.repeated
    _note_times(found, mine.answered_at[rows])
    pairs = ((found.challenger, mine, rows), (found.incumbent, theirs, places[rows]))
    for side, one, chosen in pairs:
        _add_rows(side, one, chosen, labels, record)
    _, *both = np.intersect1d(mine.times, theirs.times, assume_unique=True, return_indices=True)
    for (side, one, _), chosen in zip(pairs, both, strict=True):
        _add_requests(side, one.latencies[chosen], one.codes[chosen] != ANSWERED)


def _add_samples(
    found: Compared,
    mine: _Rows,
    theirs: _Rows,
    labels: Sequence[Mapping[str, Any]],
    records: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> None:
    """Takes in the rows of a day of a canary, and what production answered meanwhile."""
    begin, end = mine.times.min(), mine.times.max()
    found.repeated += mine.repeated
    _note_times(found, mine.answered_at)
    for side, one, own_labels, record in zip(
        (found.challenger, found.incumbent), (mine, theirs), labels, records, strict=True
    ):
        within = (one.answered_at >= begin) & (one.answered_at <= end)
        _add_rows(side, one, within, own_labels, record)
        # A canary's failures are kept where production could answer; of production's only its own are comparable.
        is_mine = one is mine
        telling = (one.times >= begin) & (one.times <= end)
        telling &= is_mine | (one.codes == ANSWERED) | (one.codes >= _OWN_FAULT)
        _add_requests(side, one.latencies[telling], one.codes[telling] != ANSWERED)


def _note_times(found: Compared, times: np.ndarray) -> None:
    found.rows += len(times)
    if len(times):
        first, last = (datetime.fromtimestamp(at / 1e6, UTC) for at in (int(times.min()), int(times.max())))
        found.first = min(found.first or first, first)
        found.last = max(found.last or last, last)


def _add_labelled(
    side: Side, ids: np.ndarray, predictions: np.ndarray, labels: Mapping[str, Any], record: Mapping[str, Any]
) -> None:
    labelled = find_labels(ids.tolist(), labels, record) if labels else []
    if labelled:
        rows, values, came = zip(*labelled, strict=True)
        side.labels.append(label_array(values, record))
        side.labelled.append(predictions[list(rows)])
        side.came.append(np.array([at.timestamp() for at in came]))


def _add_requests(side: Side, latencies: np.ndarray, failed: np.ndarray) -> None:
    is_timed = np.isfinite(latencies)  # logs of TensorFlow Serving know no latency and no failure
    side.latencies.append(latencies[~failed & is_timed])
    side.failed.append(failed[is_timed])
