"""Captured requests: what is on the disk, what never is, and what happens when there is no room."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kerasline.components.core import ConfigError, KeraslineError
from kerasline.components.monitoring import Capture, CaptureOptions, Exchange, ServeOptions, check_redacted, writing
from kerasline.components.monitoring.parts import read_parts
from kerasline.components.monitoring.records import parts_of, request_id_of, table_of
from kerasline.components.monitoring.writing import clean

ROOT = Path(__file__).resolve().parents[3]
RECORD: dict[str, Any] = {
    "arguments": {"area (m²)": "area__m__", "rooms": "rooms", "district": "district", "mail": "mail", "photo": "photo"},
    "columns": [
        {"name": "area (m²)", "dtype": "float"},
        {"name": "rooms", "dtype": "int"},
        {"name": "district", "dtype": "string"},
        {"name": "mail", "dtype": "string"},
        {"name": "photo", "dtype": "image"},
    ],
    "serve": {"capture": CaptureOptions(redact=["mail"]).model_dump()},
}
INPUTS = {
    "area__m__": np.array([10.5, np.nan], np.float32),
    "rooms": np.array([3, np.nan], np.float32),  # whole numbers come as these where one may be missing
    "district": np.array([b"xy", b""], object),
    "mail": np.array([b"secret@example.org", b"secret@example.org"], object),
    "photo": np.array([b"\x89PNG", b""], object),
}
ANSWER = {"scores": np.array([[0.25, 0.75], [1, 0]], np.float32), "class": np.array([b"b", b"a"], object)}


def exchange(request_id: str = "r", at: float | None = None, record: Any = RECORD, **changes: Any) -> Exchange:
    """A request of two rows."""
    given = {"inputs": INPUTS, "answer": ANSWER, **changes}
    return Exchange("flats", 3, record, request_id, time.time() if at is None else at, 0.002, **given)


def rows_on_disk(folder: Path) -> list[dict[str, Any]]:
    """All rows below a folder, in the order of their files."""
    files = [part for day in sorted(folder.rglob("day=*")) for part in parts_of(day)]
    return [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]


def test_rows_have_what_came_and_what_was_answered() -> None:
    first, second = table_of([exchange("r", at=0.5)]).to_pylist()
    assert first == {
        "request_id": "r-0", "time": datetime(1970, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC), "version": 3, "code": 200,
        "latency_ms": 2.0, "input.area (m²)": 10.5, "input.rooms": 3, "input.district": "xy",
        "input.photo": "0f4636c78f65d3639ece5a064b5ae753e3408614a14fb18ab4d7540d2c248543",
        "class": "b", "scores": [0.25, 0.75],
    }  # fmt: skip
    assert {key: second[key] for key in second if key.startswith("input.")} == dict.fromkeys(
        ["input.area (m²)", "input.rooms", "input.district", "input.photo"]
    )
    failed = table_of([exchange(code=400, inputs={}, answer={}), exchange("s")])
    assert failed.column("request_id").to_pylist() == ["r", "s-0", "s-1"]
    assert failed.column("class").to_pylist() == [None, "b", "a"]


def test_examples_are_taken_apart_and_the_redacted_column_is_not_among_them() -> None:
    import tensorflow as tf

    example = tf.train.Example()
    example.features.feature["rooms"].int64_list.value.append(4)
    example.features.feature["mail"].bytes_list.value.append(b"secret@example.org")
    inputs = {"examples": np.array([example.SerializeToString()], object)}
    (row,) = table_of([exchange(inputs=inputs, answer={"value": np.array([[7.0]])})]).to_pylist()
    assert (row["request_id"], row["input.rooms"], row["input.district"], row["value"]) == ("r", 4, None, 7.0)
    assert "secret" not in str(row) and "examples" not in str(row)


def test_a_server_that_ends_leaves_whole_files_without_redacted_values(tmp_path: Path) -> None:
    capture = Capture(tmp_path)
    for number in range(50):
        capture.take(exchange(f"r{number}"))
    capture.close()
    capture.take(exchange("late"))
    assert (capture.written, capture.dropped) == (50, 1)
    assert [row["request_id"] for row in rows_on_disk(tmp_path)] == [f"r{n}-{row}" for n in range(50) for row in (0, 1)]
    names = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert all(name.endswith(".parquet") and not name.startswith(".") for name in names)
    for path in tmp_path.rglob("*.parquet"):
        assert b"secret" not in path.read_bytes()
        assert "input.mail" not in pq.read_schema(path).names


def test_small_files_are_joined_and_no_row_is_read_twice_if_that_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_PARTS", 4)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # as if it were killed before it deletes the small ones
    capture = Capture(tmp_path)
    for number in range(6):
        capture.take(exchange(f"r{number}"))
        capture._flush()
    capture.close()
    (day,) = tmp_path.rglob("day=*")
    assert len(list(day.glob("*.parquet"))) > len(parts_of(day))
    assert sorted(row["request_id"] for row in rows_on_disk(tmp_path)) == [
        f"r{n}-{row}" for n in range(6) for row in (0, 1)
    ]


def test_days_that_are_over_are_deleted(tmp_path: Path) -> None:
    now = time.time()
    record = RECORD | {"serve": {"capture": CaptureOptions(keep_days=2).model_dump()}}
    for version in (1, 2):
        for age in (0, 1, 4):
            day = (datetime.now(UTC) - timedelta(days=age)).date().isoformat()
            (tmp_path / "flats" / "answers" / f"version={version}" / f"day={day}").mkdir(parents=True)
    capture = Capture(tmp_path)
    capture.take(exchange(at=now, record=record))
    capture.close()
    assert len(list((tmp_path / "flats/answers").glob("version=*/day=*"))) == 2 + 2 + 1, "of three versions"


def days_left(captured: Path) -> list[str]:
    """The days of answers and labels that are there."""
    return sorted(f"{day.parents[1].name} {day.name.removeprefix('day=')}" for day in captured.rglob("day=*"))


def capture_days(captured: Path, *days: str) -> None:
    """Leaves answers of some days, and their labels."""
    for kind in ("answers", "labels"):
        for day in days:
            (captured / kind / "version=1" / f"day={day}").mkdir(parents=True, exist_ok=True)


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


@pytest.mark.parametrize("ahead", ["2026-03-25", "2026-04-20", "2036-01-01"], ids=["days", "month", "years"])
def test_a_clock_that_was_ahead_for_a_while_deletes_nothing(tmp_path: Path, ahead: str) -> None:
    days = [f"2026-03-{day:02}" for day in range(1, 11)]
    capture_days(tmp_path, *days)
    before = days_left(tmp_path)
    for _ in range(2):  # as of two servers
        clean(tmp_path, 20, noon(ahead))
    clean(tmp_path, 20, noon("2026-03-10"))
    assert days_left(tmp_path) == before
    # Put right, it deletes as ever; and the doubt of a time that has not come is none of its own.
    capture_days(tmp_path, "2026-03-22", "2026-03-23")
    clean(tmp_path, 20, noon("2026-03-23"))
    assert days_left(tmp_path) == [
        f"{kind} {day}" for kind in ("answers", "labels") for day in (*days[2:], "2026-03-22", "2026-03-23")
    ]


def test_after_a_pause_days_are_deleted_from_the_second_day_on(tmp_path: Path) -> None:
    """Though on neither anything was answered on the day before."""
    capture_days(tmp_path, "2026-03-01", "2026-05-01")
    clean(tmp_path, 20, noon("2026-05-01"))
    assert len(days_left(tmp_path)) == 4
    capture_days(tmp_path, "2026-05-04")
    clean(tmp_path, 20, noon("2026-05-04"))
    assert days_left(tmp_path) == [
        f"{kind} {day}" for kind in ("answers", "labels") for day in ("2026-05-01", "2026-05-04")
    ]


def test_answers_of_each_month_are_deleted_with_those_of_the_next_once_a_pause_was_believed(tmp_path: Path) -> None:
    left = []
    for day in ("2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01"):
        capture_days(tmp_path, day)
        clean(tmp_path, 30, noon(day))
        left.append(sorted({name.split()[1][5:7] for name in days_left(tmp_path)}))
    assert left == [["01"], ["01", "02"], ["02", "03"], ["04"], ["04", "05"], ["06"]]
    clean(tmp_path, 30, noon("2036-01-01"))
    assert len(days_left(tmp_path)) == 2, "a clock that is far ahead is believed as little as ever"
    for day in ("2026-06-02", "2026-06-30", "2026-07-01", "2026-07-05"):
        capture_days(tmp_path, day)
        clean(tmp_path, 20, noon(day))
        left.append(sorted({name.split()[1][5:] for name in days_left(tmp_path)}))
    assert left[-1] == ["06-30", "07-01", "07-05"]
    before = days_left(tmp_path)
    clean(tmp_path, 20, noon("2026-07-22"))
    assert days_left(tmp_path) == before, "days that follow each other make the next pause one that is doubted"


def test_what_killed_processes_left_of_answers_and_labels_is_deleted(tmp_path: Path) -> None:
    day = f"version=1/day={datetime.now(UTC).date().isoformat()}"
    names = ("answers/{}/.0123abcd-00000001-00000001.parquet.4567cdef", "labels/{}/.labels.parquet.4567cdef")
    old = [tmp_path / "flats" / name.format(day) for name in names]
    new = [path.with_name(path.name[:-1] + "0") for path in old]
    for path in (*old, *new):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    for path in old:
        os.utime(path, (time.time() - 7200,) * 2)
    capture = Capture(tmp_path)
    capture.take(exchange(at=time.time()))
    capture.close()
    assert [path.exists() for path in (*old, *new)] == [False, False, True, True], "what is new is still written"


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.25, 400, 600), (1.0, 2000, 2000)])
def test_the_share_is_chosen_by_id(tmp_path: Path, share: float, least: int, most: int) -> None:
    record = {"serve": {"capture": {"share": share}}}
    capture, other = Capture(tmp_path), Capture(tmp_path, share)
    chosen = [name for name in map(str, range(2000)) if capture.wants(record, name)]
    assert least <= len(chosen) <= most
    assert chosen == [name for name in map(str, range(2000)) if other.wants({}, name)]
    assert not any(capture.wants({}, name) for name in map(str, range(100)))
    capture.close()
    other.close()


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    capture = Capture(tmp_path)
    for _ in range(200):
        capture.take(exchange(size=1 << 20))
    capture.close()
    assert capture.dropped > 0
    assert capture.written + capture.dropped == 200


FULL_DISK = """
import logging, resource, sys, time
import numpy as np
from pathlib import Path
from kerasline.components.monitoring import Capture, Exchange, writing
logging.basicConfig(format="%(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
writing._RETRY_SECONDS = 0.2
capture = Capture(Path(sys.argv[1]), 1.0)
def send(rows):
    value = np.random.default_rng(1).normal(size=rows)
    capture.take(Exchange("flats", 1, {}, "r", time.time(), 0.1, inputs={"a": value}, answer={"value": value}))
    capture._flush()
send(2)
for _ in range(3):
    send(50_000)
time.sleep(0.3)
send(2)
capture.close()
print(capture.written, capture.dropped)
"""


def test_a_disk_that_takes_no_more_ends_capturing_until_it_does(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.stdout.split() == ["2", "3"], result.stderr
    assert result.stderr.count("requests are not captured any more") == 1
    assert "(File too large)" in result.stderr and "requests are captured again" in result.stderr
    assert len(rows_on_disk(tmp_path)) == 4
    assert [path for path in tmp_path.rglob(".*")] == []


def test_what_cannot_be_written_fails_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    capture = Capture(tmp_path, 1.0)
    with caplog.at_level(logging.WARNING, "kerasline.capture"):
        capture.take(exchange(inputs={"area__m__": object()}))
        capture._flush()
        capture.take(exchange("s"))
        capture.close()
    assert (capture.written, capture.dropped) == (1, 1)
    assert "could not be captured" in caplog.text


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("abc-1", True), ("a" * 128, True), ("", False), ("a b", False), ("ä", False), ("a" * 129, False)],
)
def test_an_id_that_a_header_can_hold_stays(given: str, is_kept: bool) -> None:
    assert (request_id_of(given) == given) == is_kept
    assert len(request_id_of(given)) == (len(given) if is_kept else 32)


def test_a_column_that_is_not_there_cannot_be_redacted() -> None:
    options = ServeOptions(capture=CaptureOptions(redact=["e-mail"]))
    with pytest.raises(
        ConfigError, match=r"serve.capture.redact: .*\(email, area\), got 'e-mail'. Did you mean 'email'"
    ):
        check_redacted(options, ["email", "area"])
    check_redacted(ServeOptions(), ["area"])


def test_parts_of_another_server_cover_nothing(tmp_path: Path) -> None:
    table = pa.table({"request_id": ["a"]})
    for name in ("aaaaaaaa-00000001-00000040", "bbbbbbbb-00000002-00000002", "aaaaaaaa-00000003-00000003"):
        writing.write_table(table, tmp_path / f"{name}.parquet")
    assert [part.name[:8] for part in parts_of(tmp_path)] == ["aaaaaaaa", "bbbbbbbb"]


def test_a_reader_meets_each_row_once_while_files_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_PARTS", 4)
    capture = Capture(tmp_path)
    try:
        for number in range(3):
            capture.take(exchange(f"r{number}"))
            capture._flush()
        (day,) = tmp_path.rglob("day=*")
        reading = read_parts(day, ["request_id"])
        met = next(reading).column("request_id").to_pylist()
        for number in (3, 4):
            capture.take(exchange(f"r{number}"))
            capture._flush()
        assert len(list(day.glob("*.parquet"))) == 2, "four were joined, while one of them is read"
        met += [one for batch in reading for one in batch.column("request_id").to_pylist()]
    finally:
        capture.close()
    assert met == [f"r{n}-{row}" for n in range(5) for row in (0, 1)]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    capture = Capture(tmp_path)
    capture.take(exchange("r"))
    capture.close()
    (part,) = tmp_path.rglob("*.parquet")
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(KeraslineError, match=f"expected captured answers in {part}, but they cannot be read"):
        list(read_parts(part.parent))
