"""When a recipe is trained again, and what is remembered of it."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import filelock
import pytest

from components.options import NotifyOptions, ScheduleOptions
from pipeline import retraining
from pipeline.retraining import Decision, decide, read_decisions, retrain

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def ran(fingerprint: str = "a", when: datetime = NOON, status: str = "pushed", exit_code: int = 0) -> Decision:
    """A decision that led to a run."""
    return Decision(when.isoformat(), True, "because", fingerprint, status, "r1", exit_code)


@pytest.mark.parametrize(
    ("schedule", "fingerprint", "history", "runs", "reason"),
    [
        ({}, "a", [], True, "not been trained by a schedule before"),
        ({}, "a", [ran("a")], False, "no new data since the last attempt, which ended as pushed"),
        ({}, "b", [ran("a")], True, "the data is not what it was"),
        # Refused data is not tried again until it is other data.
        ({}, "a", [ran("a", status="data_rejected", exit_code=3)], False, "ended as data_rejected"),
        ({}, "a", [ran("a", status="not_blessed", exit_code=4)], False, "ended as not_blessed"),
        ({}, "a", [ran("a", status="failed", exit_code=1)], True, "ended with exit code 1"),
        ({}, "a", [ran("a", status="timed_out", exit_code=124)], True, "ended with exit code 124"),
        ({"trigger": "always"}, "a", [ran("a")], True, "the trigger is always"),
        ({"cooldown_minutes": 90}, "b", [ran("a")], False, "cooling down until 2026-03-02T13:30:00+00:00"),
        ({"cooldown_minutes": 30}, "b", [ran("a")], True, "the data is not what it was"),
    ],
)
def test_decisions(
    schedule: dict[str, object], fingerprint: str, history: list[Decision], runs: bool, reason: str
) -> None:
    """One hour after the last run."""
    decision = decide(ScheduleOptions(**schedule), fingerprint, history, NOON + timedelta(hours=1))
    assert decision.run is runs
    assert reason in decision.reason
    assert decision.fingerprint == fingerprint


def test_decisions_that_led_to_no_run_do_not_count() -> None:
    """The cooldown and the data are measured from the last run."""
    idle = Decision((NOON + timedelta(minutes=59)).isoformat(), False, "", "b")
    decision = decide(ScheduleOptions(cooldown_minutes=30), "b", [ran("a"), idle], NOON + timedelta(hours=1))
    assert decision.run


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe on iris."""
    path = tmp_path / "flowers.yaml"
    path.write_text("name: flowers\ndata: {dataset: iris}\nschedule: {on_failure: {retries: 2, backoff_seconds: 0}}\n")
    return path


class Child:
    """Stands where the child process is started and answers with exit codes, as a run would leave them."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.commands = list(codes), []  # type: ignore[var-annotated]

    def __call__(self, command: list[str], limit_minutes: float | None) -> int:
        self.commands.append(command)
        code = self.codes.pop(0)
        status = {0: "pushed", 1: "failed", 4: "not_blessed"}[code]
        Path(command[command.index("--json") + 1]).write_text(json.dumps({"status": status, "run_id": "r7"}))
        return code


def test_retrain_runs_once_for_the_same_data(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call finds no reason, and both are remembered."""
    child = Child(0)
    monkeypatch.setattr(retraining, "_run_child", child)
    first = retrain(str(recipe), ["training.epochs=2"], None, tmp_path / "ws")
    second = retrain(str(recipe), ["training.epochs=2"], None, tmp_path / "ws")
    assert (first.run, first.status, first.run_id) == (True, "pushed", "r7")
    assert (second.run, second.status) == (False, "up_to_date")
    assert read_decisions(tmp_path / "ws" / "schedules" / "flowers") == [first, second]
    assert "training.epochs=2" in child.commands[0]


def test_failures_are_tried_again_but_a_worse_model_is_not(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1 is retried as often as the schedule says; 4 is an answer."""
    child = Child(1, 1, 0)
    monkeypatch.setattr(retraining, "_run_child", child)
    assert retrain(str(recipe), [], None, tmp_path / "ws").exit_code == 0
    assert len(child.commands) == 3
    child = Child(4)
    monkeypatch.setattr(retraining, "_run_child", child)
    decision = retrain(str(recipe), [], None, tmp_path / "other")
    assert (decision.exit_code, decision.status, len(child.commands)) == (4, "not_blessed", 1)


def test_a_second_retrain_changes_nothing(recipe: Path, tmp_path: Path) -> None:
    """While one holds the lock, another says so and goes."""
    folder = tmp_path / "ws" / "schedules" / "flowers"
    folder.mkdir(parents=True)
    with filelock.FileLock(folder / ".lock"):
        outcome: list[Decision] = []
        thread = threading.Thread(target=lambda: outcome.append(retrain(str(recipe), [], None, tmp_path / "ws")))
        thread.start()
        thread.join()
    assert outcome[0].run is False
    assert outcome[0].reason == "another retrain of flowers is running"
    assert read_decisions(folder) == []


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    """The decisions before it stay."""
    whole = json.dumps({"when": "w", "run": True, "reason": "r", "fingerprint": "f"})
    (tmp_path / "decisions.jsonl").write_text(f"{whole}\n{whole[:20]}")
    assert [decision.reason for decision in read_decisions(tmp_path)] == ["r"]


def test_a_run_out_of_time_is_stopped_with_its_children(tmp_path: Path) -> None:
    """The whole process group ends."""
    marker = tmp_path / "marker"
    script = f"import subprocess,time; subprocess.Popen(['sh','-c','sleep 3; touch {marker}']); time.sleep(60)"
    assert retraining._run_child([sys.executable, "-c", script], 1 / 60) == 124
    threading.Event().wait(3.5)
    assert not marker.exists()


def test_notifications_reach_a_command_and_a_webhook(tmp_path: Path) -> None:
    """Both get the decision as JSON."""
    received: list[dict[str, object]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 (the library's name)
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.handle_request, daemon=True).start()
    target = tmp_path / "told.json"
    options = NotifyOptions(
        command=["sh", "-c", f"cat > {target}"], webhook=f"http://127.0.0.1:{server.server_port}/hook"
    )
    retraining._notify(options, "flowers", ran())
    server.server_close()
    assert json.loads(target.read_text())["status"] == "pushed"
    assert received[0]["recipe"] == "flowers"


def test_a_notification_that_fails_is_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    """It changes nothing else."""
    retraining._notify(NotifyOptions(command=["false"]), "flowers", ran())
    assert "schedule.notify did not get through" in capsys.readouterr().err
