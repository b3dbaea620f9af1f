"""A retrain that a signal ends: its run ends with it, it is told, and the next one finds its way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.core.machine.child_process import module_command
from kerasline.pipeline.retraining import deciding as retraining
from kerasline.pipeline.retraining.attempts import hold_lock, note_attempt, read_note
from kerasline.pipeline.retraining.deciding import retrain
from kerasline.pipeline.retraining.decisions import Decision, read_decisions

LONG_SECONDS = 60


def wait_for(what: Callable[[], bool]) -> None:
    """Waits until something is so."""
    end = time.monotonic() + LONG_SECONDS
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def descendants(process: int) -> list[int]:
    """Returns the children of a process, as the kernel lists them."""
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in path.read_text().split()] if path.is_file() else []


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe that tells of problems by adding a line to told.jsonl."""
    path, told = tmp_path / "flowers.yaml", tmp_path / "told.jsonl"
    command = json.dumps(["sh", "-c", f"cat >> {told}; echo >> {told}"])
    path.write_text(
        f"name: flowers\ndata: {{dataset: iris}}\nschedule: {{notify: {{when: problems, command: {command}}}}}\n"
    )
    return path


@pytest.fixture
def running(recipe: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A retrain whose run has begun, and the process of that run."""
    command = module_command("kerasline", "retrain", str(recipe), "--workspace", str(tmp_path / "ws"))
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: bool(read_note(tmp_path / "ws" / "schedules" / "flowers").get("run")))
    wait_for(lambda: bool(descendants(child.pid)))
    (run,) = descendants(child.pid)
    wait_for(lambda: any((tmp_path / "ws" / "logs").glob("*.log")))  # the run is on its way
    yield child, run
    child.kill()
    child.wait()


def told(folder: Path) -> list[dict[str, object]]:
    """Returns what was told of."""
    path = folder / "told.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def is_alive(process: int) -> bool:
    """Says whether a process is there, and not only waiting for its parent to notice its end."""
    stat = Path(f"/proc/{process}/stat")
    return stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_the_run_too_and_is_remembered(
    running: tuple[subprocess.Popen[bytes], int], tmp_path: Path, number: signal.Signals
) -> None:
    child, run = running
    child.send_signal(number)
    assert child.wait(LONG_SECONDS) == 128 + number
    assert not is_alive(run)
    folder = tmp_path / "ws" / "schedules" / "flowers"
    (decision,) = read_decisions(folder)
    assert (decision.run, decision.status, decision.exit_code) == (True, "interrupted", 128 + number)
    assert decision.message == f"the retrain was ended by {number.name}, and its run with it"
    assert read_note(folder) == {}
    assert [line["status"] for line in told(tmp_path)] == ["interrupted"]


def test_a_kill_ends_the_run_too_and_the_next_retrain_remembers_it(
    running: tuple[subprocess.Popen[bytes], int], recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, run = running
    folder = tmp_path / "ws" / "schedules" / "flowers"
    child.kill()
    child.wait()
    wait_for(lambda: not is_alive(run))
    assert read_decisions(folder) == []
    monkeypatch.setattr(retraining, "_run_child", lambda *_: 0)
    decision = retrain(str(recipe), [], None, tmp_path / "ws")
    before, after = read_decisions(folder)
    assert (before.run, before.status, before.exit_code) == (True, "interrupted", 137)
    assert before.message == "the retrain was killed before the end of its run, which was ended with it"
    assert (after.run, decision.reason) == (True, "the last attempt ended with exit code 137")
    assert [line["exit_code"] for line in told(tmp_path)] == [137]


def test_a_run_that_lives_on_keeps_others_from_a_second_one(recipe: Path, tmp_path: Path) -> None:
    """The lock is the run's as well: it is free when both are gone."""
    folder = tmp_path / "ws" / "schedules" / "flowers"
    folder.mkdir(parents=True)
    with hold_lock(folder) as lock:
        assert lock is not None
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
    decision = retrain(str(recipe), [], None, tmp_path / "ws")
    assert (decision.run, decision.reason) == (False, "another retrain of flowers is running")
    child.communicate(b"\n")
    with hold_lock(folder) as lock:
        assert lock is not None


def test_a_kill_before_there_was_a_decision(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ws" / "schedules" / "flowers"
    folder.mkdir(parents=True)
    note_attempt(folder, Decision("2026-03-02T12:00:00+00:00", False, "", ""), tmp_path / "none.json")
    monkeypatch.setattr(retraining, "_run_child", lambda *_: 0)
    retrain(str(recipe), [], None, tmp_path / "ws")
    before, after = read_decisions(folder)
    assert (before.run, before.status, before.exit_code, before.when) == (
        False,
        "interrupted",
        137,
        "2026-03-02T12:00:00+00:00",
    )
    assert after.run


def test_a_kill_after_the_run_had_ended_loses_nothing_of_it(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, outcome = tmp_path / "ws" / "schedules" / "flowers", tmp_path / "outcome.json"
    folder.mkdir(parents=True)
    outcome.write_text(json.dumps({"status": "pushed", "run_id": "r1", "model": {"version": 3}}))
    note_attempt(folder, Decision("2026-03-02T12:00:00+00:00", True, "because", "a"), outcome)
    monkeypatch.setattr(retraining, "_run_child", lambda *_: 0)
    retrain(str(recipe), [], None, tmp_path / "ws")
    before = read_decisions(folder)[0]
    assert (before.status, before.version, before.exit_code) == ("pushed", 3, 0)


def test_a_run_that_the_system_kills_is_told_as_that(tmp_path: Path) -> None:
    assert retraining._run_child([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], None) == 137


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data: {csv: {path: gone.csv, label: y}}", "gone.csv"),
        ("data: {dataset: iris}\nmodell: {}", "modell"),
        ("data: {dataset: iris}\ntraining: {epochs: many}", "epochs"),
    ],
)
def test_what_fails_before_its_run_is_told_too(recipe: Path, tmp_path: Path, change: str, message: str) -> None:
    recipe.write_text(recipe.read_text().replace("data: {dataset: iris}", change))
    with pytest.raises(ConfigError, match=message):
        retrain(str(recipe), [], None, tmp_path / "ws")
    (line,) = told(tmp_path)
    assert (line["recipe"], line["run"], line["status"], line["exit_code"]) == ("flowers", False, "failed", 2)
    assert message in str(line["reason"])
    assert [d.exit_code for d in read_decisions(tmp_path / "ws" / "schedules" / "flowers")] == [2]


def test_an_error_of_any_kind_is_told_too(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(retraining, "_look", fail)
    with pytest.raises(MemoryError):
        retrain(str(recipe), [], None, tmp_path / "ws")
    assert [(line["status"], line["exit_code"]) for line in told(tmp_path)] == [("failed", 1)]


def test_a_retrain_that_runs_too_long_is_told_by_the_next(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ws" / "schedules" / "flowers"
    folder.mkdir(parents=True)
    begun = datetime(2026, 3, 2, 12, tzinfo=UTC)
    note_attempt(folder, Decision(begun.isoformat(), True, "because", "a"), tmp_path / "none.json")
    with hold_lock(folder):
        early = retrain(str(recipe), [], None, tmp_path / "ws", lambda: begun + timedelta(hours=23))
        back = retrain(str(recipe), [], None, tmp_path / "ws", lambda: begun - timedelta(days=9))
        late = retrain(str(recipe), [], None, tmp_path / "ws", lambda: begun + timedelta(hours=25))
    assert (early.exit_code, back.exit_code, late.exit_code) == (0, 0, 1)
    assert late.reason.startswith(f"another retrain of flowers has been running for 25.0 hours (process {os.getpid()})")
    assert [line["reason"] for line in told(tmp_path)] == [late.reason]


def test_who_could_not_be_told_is_remembered(recipe: Path, tmp_path: Path) -> None:
    text = recipe.read_text().replace("{dataset: iris}", "{csv: {path: gone.csv, label: y}}")
    recipe.write_text(text.replace('"sh"', '"no-such-program"'))
    with pytest.raises(ConfigError):
        retrain(str(recipe), [], None, tmp_path / "ws")
    (decision,) = read_decisions(tmp_path / "ws" / "schedules" / "flowers")
    assert len(decision.untold) == 1
    assert decision.untold[0].startswith("schedule.notify.command did not get through")
    assert "no-such-program" in decision.untold[0]


def test_a_retrain_ends_with_a_scheduler_that_is_killed(recipe: Path, tmp_path: Path) -> None:
    """As it would at SIGTERM: with its run ended and remembered."""
    from kerasline.components.core.machine.child_process import start_child

    script = "import sys; from kerasline.components.core import start_child; start_child(sys.argv[1:]).wait()"
    command = module_command("kerasline", "retrain", str(recipe), "--workspace", str(tmp_path / "ws"))
    folder = tmp_path / "ws" / "schedules" / "flowers"
    scheduler = start_child([sys.executable, "-c", script, *command])
    wait_for(lambda: bool(read_note(folder).get("run")))
    scheduler.kill()
    scheduler.wait()
    wait_for(lambda: read_note(folder) == {})
    (decision,) = read_decisions(folder)
    assert (decision.status, decision.exit_code) == ("interrupted", 143)
