"""Writes what a server was asked and answered, off the requests' way: they leave it in memory, and a thread writes.

Nothing here fails or delays a request. What does not fit, into memory or onto the disk, is dropped, counted and said.
"""

from __future__ import annotations

import errno
import logging
import shutil
import threading
import time
import uuid
import zlib
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from kerasline.components.core import remove_left, write_at_once, written_at_once
from kerasline.components.monitoring.records import (
    ANSWERS,
    LABELS,
    Exchange,
    answers_folder,
    capture_of,
    table_of,
)

logger = logging.getLogger("kerasline.capture")
_FLUSH_SECONDS = 1.0
_MOST_WAITING_BYTES = 64 << 20
_USUAL_BYTES = 1_000  # of an exchange, beside its body
_FREE_BYTES, _FREE_SHARE = 100 << 20, 0.05  # of a disk, which are left for others: what is less
_RETRY_SECONDS = 60.0
_DOUBTED = ".doubted"  # the day on which the clock was not believed
_BELIEVED = ".believed"  # the last day that it was believed after a doubt
# Small files are joined when there are so many, or so large.
_PARTS, _PART_BYTES = 40, 32 << 20


class Capture:
    """Takes exchanges from any thread, and has one thread that writes them."""

    def __init__(self, folder: Path, share: float | None = None) -> None:
        """Starts the thread.

        Args:
          folder: the workspace's ``captured``.
          share: of the requests, for every version; None for what each version's recipe says.
        """
        self.folder, self._share = folder, share
        self._lock = threading.Lock()
        self._waiting: list[Exchange] = []
        self._bytes = 0
        self._wake, self._ended = threading.Event(), False
        self._blocked_until = 0.0
        self._told, self._next_telling = 0, 0.0
        self._session, self._number = uuid.uuid4().hex[:8], 0
        self._parts: dict[Path, list[Path]] = {}
        self._cleaned: dict[str, str] = {}
        self.written = self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def share_of(self, record: Mapping[str, Any], *, is_compared: bool = False) -> float:
        """Returns which part of the requests to a version is kept; of one that is compared all, if nothing is said."""
        if self._share is not None:
            return float(self._share)
        return float(capture_of(record)["share"]) or float(is_compared)

    def wants(self, record: Mapping[str, Any], request_id: str, *, is_compared: bool = False) -> bool:
        """Says whether a request is one of those to keep; the same id gives the same answer in every server.

        Args:
          record: of the version that answered.
          request_id: of the request.
          is_compared: whether two versions are compared on such requests: where nothing is said of capturing, all are
            kept.
        """
        share = self.share_of(record, is_compared=is_compared)
        return is_chosen(request_id, share)

    def take(self, exchange: Exchange) -> None:
        """Takes in an exchange, or drops it where too many wait or nothing can be written."""
        size = exchange.size + _USUAL_BYTES
        with self._lock:
            if self._ended or self._bytes + size > _MOST_WAITING_BYTES or time.monotonic() < self._blocked_until:
                self.dropped += 1
                return
            self._waiting.append(exchange)
            self._bytes += size
            is_much = 2 * self._bytes > _MOST_WAITING_BYTES
        if is_much:
            self._wake.set()

    def close(self) -> None:
        """Writes what waits, and ends the thread."""
        with self._lock:
            self._ended = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended:
            self._wake.wait(_FLUSH_SECONDS)
            self._wake.clear()
            self._flush()
        self._flush()
        self._tell_dropped(at_once=True)

    def _flush(self) -> None:
        with self._lock:
            exchanges, self._waiting, self._bytes = self._waiting, [], 0
        groups: dict[tuple[str, int, str], list[Exchange]] = {}
        for one in exchanges:
            groups.setdefault((one.name, one.version, one.day()), []).append(one)
        for (name, version, day), group in groups.items():
            try:
                self._write(answers_folder(self.folder, name, version, day), group)
                self._clean(name, day, capture_of(group[0].record)["keep_days"])
            except OSError as error:
                self._stop_for_a_while(error, len(group))
            except Exception:
                logger.exception("requests to %s could not be captured", name)
                self._drop(len(group))
        self._tell_dropped()

    def _write(self, folder: Path, exchanges: Sequence[Exchange]) -> None:
        table = table_of(exchanges)
        folder.mkdir(parents=True, exist_ok=True)
        check_room(folder)
        self._number += 1
        path = folder / f"{self._session}-{self._number:08d}-{self._number:08d}.parquet"
        write_table(table, path)
        self.written += len(exchanges)
        if self._blocked_until:
            logger.warning("requests are captured again")
            self._blocked_until = 0.0
        self._join(folder, path)

    def _join(self, folder: Path, path: Path) -> None:
        """Makes one file of the small ones that this server has written; readers look at no row twice meanwhile."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        parts = self._parts.setdefault(folder, [])
        parts.append(path)
        if len(parts) < _PARTS:
            return
        self._parts = {folder: []}  # days that are over stay as they are
        if sum(part.stat().st_size for part in parts) > _PART_BYTES:
            return
        first, last = parts[0].name.split("-")[1], parts[-1].name.split("-")[2]
        joined = folder / f"{self._session}-{first}-{last}"
        write_table(pa.concat_tables([pq.read_table(p, partitioning=None) for p in parts], promote_options="default"),
                    joined)  # fmt: skip
        for part in parts:
            part.unlink()
        self._parts[folder] = [joined]

    def _clean(self, name: str, today: str, keep_days: int) -> None:
        """Deletes, once a day, the days that are over, and what killed servers left half-written."""
        if self._cleaned.get(name) == today:
            return
        self._cleaned[name] = today
        clean(self.folder / name, keep_days)

    def _stop_for_a_while(self, error: OSError, lost: int) -> None:
        if not self._blocked_until:
            logger.error(
                "requests are not captured any more, since %s cannot be written (%s); they are answered as before, and "
                "capturing is tried again every minute",
                self.folder, error.strerror or error,
            )  # fmt: skip
        self._blocked_until = time.monotonic() + _RETRY_SECONDS
        self._drop(lost)

    def _drop(self, count: int) -> None:
        with self._lock:
            self.dropped += count

    def _tell_dropped(self, at_once: bool = False) -> None:
        """Says how many were dropped, once a minute at most."""
        if self.dropped > self._told and (at_once or time.monotonic() > self._next_telling):
            logger.warning("%s requests were answered and not captured so far", self.dropped)
            self._told, self._next_telling = self.dropped, time.monotonic() + _RETRY_SECONDS


def is_chosen(request_id: str, share: float) -> bool:
    """Says whether an id is among a share of all ids; always the same ones."""
    return bool(share >= 1 or (share > 0 and zlib.crc32(request_id.encode()) < share * 2**32))


def check_room(folder: Path) -> None:
    """Sees that a disk has room for more than what is captured.

    Args:
      folder: on that disk.

    Raises:
      OSError: there is as little room as others may need.
    """
    disk = shutil.disk_usage(folder)
    least = min(_FREE_BYTES, _FREE_SHARE * disk.total)
    if disk.free < least:
        raise OSError(errno.ENOSPC, f"less than {least / 1e6:.0f} MB are free")


def clean(captured: Path, keep_days: int, now: datetime | None = None) -> None:
    """Deletes the days that are over, and what killed processes left half-written.

    A clock that has jumped ahead would make all days be over. So where nothing was answered yesterday, nothing is
    deleted before a later day than today has come; a clock that was put right again comes to none. Where that has come
    once, as where a batch is answered each month, later pauses of some ``keep_days`` are believed at once.

    Args:
      captured: ``captured/NAME`` of the workspace.
      keep_days: of answers and labels, today not counted.
      now: UTC; None asks the clock.
    """
    today = (now or datetime.now(UTC)).date()
    last = (today - timedelta(days=keep_days)).isoformat()
    days = {folder: _day_of(folder) for folder in _days_in(captured)}
    over = [folder for folder, day in days.items() if day < last]
    if over and _is_believed(captured, today, set(days.values()), keep_days):
        for folder in over:
            shutil.rmtree(folder, ignore_errors=True)
    for folder in days:
        _remove_half_written(folder)


def _remove_half_written(folder: Path) -> None:
    for left in folder.glob(".*.parquet.*"):
        remove_left(left.with_name(left.name[1:-9]))


def _days_in(captured: Path) -> list[Path]:
    """Lists the folders of answers and of labels, one a version and day."""
    return [folder for kind in (ANSWERS, LABELS) for folder in (captured / kind).glob("version=*/day=*")]


def _day_of(folder: Path) -> str:
    return folder.name.removeprefix("day=")


def _is_believed(captured: Path, today: date, days: Set[str], keep_days: int) -> bool:
    """Says whether the clock is right about today: it follows a day that is there, or one on which this was asked."""
    doubted, believed = captured / _DOUBTED, captured / _BELIEVED
    with suppress(OSError):
        if (today - timedelta(days=1)).isoformat() in days:
            for known in (doubted, believed):
                known.unlink(missing_ok=True)
            return True
        since = _day_in(doubted)
        if "" < since < today.isoformat() or _follows(today, _day_in(believed), days, keep_days):
            doubted.unlink(missing_ok=True)
            write_at_once(believed, today.isoformat())
            return True
        if since != today.isoformat():  # the first doubt, or one of a clock that was ahead then
            write_at_once(doubted, today.isoformat())
            logger.warning("days are deleted from %s tomorrow, if the clock is right about today", captured)
    return False


def _day_in(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _follows(today: date, believed: str, days: Set[str], keep_days: int) -> bool:
    """Says whether a day comes after pauses that were believed, and not so long after the last day that is known.

    Args:
      today: The day.
      believed: The last day that was, after a doubt; empty where there was none.
      days: That are there, today or a later one perhaps among them.
      keep_days: The longest pause, but for a day, by which a month may be longer than 30.
    """
    if not "" < believed <= today.isoformat():
        return False
    last = max([believed, *(day for day in days if day < today.isoformat())])
    return last >= (today - timedelta(days=keep_days + 1)).isoformat()


def write_table(table: Any, path: Path) -> None:
    """Writes an Arrow table as a Parquet file that is on the disk, and whole, when it appears."""
    import pyarrow.parquet as pq

    with written_at_once(path) as file:
        pq.write_table(table, file, compression="zstd")
