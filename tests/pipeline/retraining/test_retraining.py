"""When a recipe is trained again, and what is remembered of it."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import filelock
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.config.schedule.options import ScheduleOptions
from kerasline.pipeline.retraining import deciding as retraining
from kerasline.pipeline.retraining.deciding import decide, retrain
from kerasline.pipeline.retraining.decisions import Decision, read_decisions
from kerasline.pipeline.retraining.triggers import Evidence

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def ran(fingerprint: str = "a", when: datetime = NOON, status: str = "pushed", exit_code: int = 0) -> Decision:
    """A decision that led to a run."""
    return Decision(when.isoformat(), True, "because", fingerprint, status, "r1", exit_code)


@pytest.mark.parametrize(
    ("schedule", "fingerprint", "history", "runs", "reason"),
    [
        ({}, "a", [], True, "not been trained by a schedule before"),
        ({}, "a", [ran("a")], False, "no new data since the last attempt, which ended as pushed"),
        ({}, "b", [ran("a")], True, "the data, or how it is read, is not what it was"),
        # Refused data is not tried again until it is other data.
        ({}, "a", [ran("a", status="data_rejected", exit_code=3)], False, "ended as data_rejected"),
        ({}, "a", [ran("a", status="not_blessed", exit_code=4)], False, "ended as not_blessed"),
        ({}, "a", [ran("a", status="failed", exit_code=1)], True, "ended with exit code 1"),
        ({}, "a", [ran("a", status="timed_out", exit_code=124)], True, "ended with exit code 124"),
        ({"trigger": "always"}, "a", [ran("a")], True, "the trigger is always"),
        ({"cooldown_minutes": 90}, "b", [ran("a")], False, "cooling down until 2026-03-02T13:30:00+00:00"),
        ({"cooldown_minutes": 30}, "b", [ran("a")], True, "the data, or how it is read, is not what it was"),
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


@pytest.mark.parametrize(
    ("cooldown", "ahead", "runs"),
    [
        (0, timedelta(days=2), True),
        (60, timedelta(days=2), True),
        (60, timedelta(minutes=5), False),
        (60, timedelta(minutes=61), True),
    ],
)
def test_a_clock_that_was_set_back_blocks_no_run(cooldown: int, ahead: timedelta, runs: bool) -> None:
    """The last run began in the future; a little ahead is another machine's clock."""
    decision = decide(ScheduleOptions(cooldown_minutes=cooldown), "b", [ran("a", NOON + ahead)], NOON)
    assert decision.run is runs


def test_decisions_that_led_to_no_run_do_not_count() -> None:
    """The cooldown and the data are measured from the last run."""
    idle = Decision((NOON + timedelta(minutes=59)).isoformat(), False, "", "b")
    decision = decide(ScheduleOptions(cooldown_minutes=30), "b", [ran("a"), idle], NOON + timedelta(hours=1))
    assert decision.run


LOOK = Evidence(True, "x drifted in 40 new rows since version 1", ("x: 0.4",))


@pytest.mark.parametrize(
    ("trigger", "fingerprint", "history", "evidence", "runs", "reason"),
    [
        ("drift", "b", [ran("a")], LOOK, True, "x drifted in 40 new rows"),
        ("metric", "b", [ran("a")], Evidence(False, "accuracy 0.97"), False, "accuracy 0.97"),
        # What is in production may have come from a run by hand.
        ("drift", "b", [], Evidence(False, "no column drifted"), False, "no column drifted"),
        ("drift", "a", [ran("a", status="data_rejected", exit_code=3)], None, False, "ended as data_rejected"),
        ("drift", "a", [ran("a", status="failed", exit_code=1)], None, True, "ended with exit code 1"),
    ],
)
def test_the_model_in_production_is_asked_only_where_nothing_else_decides(
    trigger: str, fingerprint: str, history: list[Decision], evidence: Evidence | None, runs: bool, reason: str
) -> None:
    asked = []

    def gather() -> Evidence:
        asked.append(trigger)
        assert evidence is not None
        return evidence

    thresholds = {"accuracy": {"min": 0.9}} if trigger == "metric" else {}
    schedule = ScheduleOptions(trigger=trigger, thresholds=thresholds)
    decision = decide(schedule, fingerprint, history, NOON + timedelta(hours=1), gather)
    assert (decision.run, reason in decision.reason) == (runs, True)
    assert bool(asked) is (evidence is not None)
    assert decision.evidence == (evidence.details if evidence else ())


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

    def __call__(self, command: list[str], limit_minutes: float | None, lock: int | None = None) -> int:
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
    assert [asdict(decision) for decision in read_decisions(tmp_path / "ws" / "schedules" / "flowers")] == [
        {**asdict(decision), "changed": [], "evidence": []} for decision in (first, second)
    ]
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


def test_a_run_out_of_time_is_stopped_with_its_children(tmp_path: Path) -> None:
    """The whole process group ends."""
    marker = tmp_path / "marker"
    script = f"import subprocess,time; subprocess.Popen(['sh','-c','sleep 3; touch {marker}']); time.sleep(60)"
    assert retraining._run_child([sys.executable, "-c", script], 1 / 60) == 124
    threading.Event().wait(3.5)
    assert not marker.exists()


def test_data_that_cannot_be_read_is_a_decision_too(tmp_path: Path) -> None:
    """The history says why nothing was trained, and the command ends with exit code 2."""
    path = tmp_path / "late.yaml"
    path.write_text("name: late\ndata: {spans: {pattern: 'day-{SPAN}.csv', label: y, settle_seconds: 3600}}\n")
    (tmp_path / "day-1.csv").write_text("x,y\n1,2\n")
    with pytest.raises(ConfigError, match="perhaps still being copied"):
        retrain(str(path), [], None, tmp_path / "ws")
    (decision,) = read_decisions(tmp_path / "ws" / "schedules" / "late")
    assert (decision.run, decision.status, decision.exit_code) == (False, "failed", 2)
    assert "day-1.csv changed" in decision.reason


def write_span(folder: Path, number: int, first: int, version: int = 1) -> Path:
    """Writes 20 rows whose x starts at a number."""
    path = folder / f"span-{number}" / f"v{version}" / "rows.csv"
    path.parent.mkdir(parents=True)
    path.write_text("x,y\n" + "".join(f"{first + row},{row % 2}\n" for row in range(20)))
    return path


def test_spans_that_are_late_come_twice_or_are_half_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told from the others, and only what changes the data starts a run."""
    spans, workspace, recipe = tmp_path / "spans", tmp_path / "ws", tmp_path / "daily.yaml"
    block = "{pattern: 'spans/span-{SPAN}/v{VERSION}/*', label: y, window: 3, marker: _DONE}"
    recipe.write_text(f"name: daily\ndata: {{spans: {block}}}\ntask: binary\n")
    child = Child(*[0] * 9)
    monkeypatch.setattr(retraining, "_run_child", child)

    def arrive(number: int, first: int, version: int = 1, done: bool = True) -> Decision:
        folder = write_span(spans, number, first, version).parent
        if done:
            (folder / "_DONE").touch()
        return retrain(str(recipe), [], None, workspace)

    def remember(decision: Decision) -> None:
        """Leaves the record that the push of a real run leaves."""
        from kerasline.components.datasets import resolve
        from kerasline.pipeline.config.experiment import load_experiment

        experiment, base_dir = load_experiment(str(recipe))
        data = resolve(experiment.data, name="daily", base_dir=base_dir, data_dir=None)
        version = workspace / "models" / "daily" / "1"
        version.mkdir(parents=True, exist_ok=True)
        (version / "version.json").write_text(json.dumps({"span_digests": data.spans}))
        (version.parent / "current.json").write_text(json.dumps({"version": 1}))

    assert arrive(1, 100).run
    arrive(3, 300)
    remember(arrive(4, 400))

    late = arrive(2, 200)
    assert late.run and late.changed == ("span 2 is new and late", "span 1 has left the window")
    remember(late)
    again = arrive(4, 400, version=2)
    assert not again.run and "no new data" in again.reason and again.changed == ()
    corrected = arrive(4, 444, version=3)
    assert corrected.run and corrected.changed == ("span 4 came again with other content",)
    remember(corrected)
    half = arrive(5, 500, done=False)
    assert not half.run and len(half.changed) == 1
    assert half.changed[0].startswith("span 5 version 1: ") and half.changed[0].endswith("has no _DONE yet")
    (spans / "span-5" / "v1" / "_DONE").touch()
    whole = retrain(str(recipe), [], None, workspace)
    assert whole.run and whole.changed == ("span 5 is new", "span 2 has left the window")
