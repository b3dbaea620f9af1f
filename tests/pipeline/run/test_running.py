"""What a run is called, and what it says of its errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError, DataRejected, ParityFailed
from kerasline.components.datasets import DataOptions, resolve
from kerasline.components.registry import PushRefused, move_pointer
from kerasline.components.registry.versions import add_version
from kerasline.pipeline.console.failures import describe_failure, find_cause
from kerasline.pipeline.plan import Part
from kerasline.pipeline.run import running
from kerasline.pipeline.run.carrying_out import Order
from kerasline.pipeline.run.outcome import EXIT_CODES, Outcome
from kerasline.pipeline.workspace.workspace import Workspace


@pytest.fixture
def same_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every run start at the same time."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(running, "datetime", Clock)


@pytest.mark.usefixtures("same_second")
def test_runs_of_the_same_second_have_different_names(tmp_path: Path) -> None:
    home = Workspace(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda number: running._new_run_id(home, f"recipe{number % 2}"), range(24)))
    assert sorted(names) == sorted(["20260102-030405", *(f"20260102-030405-{n}" for n in range(2, 25))])
    assert all(home.log(name).is_file() for name in names)


@pytest.mark.usefixtures("same_second")
def test_a_name_that_a_report_has_is_not_used_again(tmp_path: Path) -> None:
    (tmp_path / "reports" / "iris" / "20260102-030405").mkdir(parents=True)
    assert running._new_run_id(Workspace(tmp_path), "iris") == "20260102-030405-2"


def test_the_users_error_is_found_below_those_that_wrap_it() -> None:
    wanted = DataRejected("bad rows")
    try:
        try:
            raise wanted
        except DataRejected as inner:
            raise RuntimeError("bad rows [while running 'WriteShard']") from inner
    except RuntimeError as outer:
        assert find_cause(outer) is wanted


def test_the_users_error_is_found_in_what_a_worker_process_tells() -> None:
    told = (
        "Pipeline job-1 failed in state FAILED: Traceback (most recent call last):\n"
        '  File "shards.py", line 70, in write_shard\n'
        "kerasline.components.core.errors.DataRejected: line 7 has 3 values [while running 'WriteShard']\n\n"
    )
    cause = find_cause(RuntimeError(told))
    assert type(cause) is DataRejected and str(cause) == "line 7 has 3 values [while running 'WriteShard']"
    error = RuntimeError("kerasline.components.core.errors.Unheard: x")
    assert find_cause(error) is error


def test_an_error_that_nobody_foresaw_stays_what_it_is() -> None:
    error = RuntimeError("surprise")
    error.__context__ = ValueError("below")
    assert find_cause(error) is error
    assert find_cause(ConfigError("a")).args == ("a",)


class GateStopped(DataRejected):
    """As the gate raises it: a kind of DataRejected."""


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (DataRejected("bad rows"), "data_rejected", "bad rows"),
        (GateStopped("bad rows [while running 'Judge']"), "data_rejected", "bad rows"),
        (PushRefused("rolled back"), "not_blessed", "rolled back"),
        (ParityFailed("another answer"), "failed", "another answer"),
        (
            ValueError("first line\nsecond"),
            "failed",
            "the step train failed with ValueError: first line; the log run.log has the rest, --debug shows it here",
        ),
    ],
)
def test_what_ended_a_run_decides_its_status(error: Exception, status: str, text: str) -> None:
    iris = resolve(DataOptions(dataset="iris"), name="iris", base_dir=Path(), data_dir=None)
    assert describe_failure(error, "train", Path("run.log"), iris) == (status, text)


@pytest.mark.parametrize("status", EXIT_CODES)
def test_exit_codes_are_those_of_the_contract(status: str) -> None:
    contract = {"pushed": 0, "up_to_date": 0, "partial": 0, "data_rejected": 3, "not_blessed": 4, "failed": 1}
    assert Outcome({"status": status}, "", Path("log")).exit_code == contract[status]


def test_a_part_that_fits_anew_is_compared_with_what_is_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a run with --no-cache is; a part that takes the fit from the cache repeats what that run was."""
    orders: list[Order] = []

    def note(order: Order, screen: object) -> Outcome:
        orders.append(order)
        return Outcome({}, "", order.log)

    def baseline(first: str | None, last: str | None = None) -> int:
        arguments: Any = {"data_dir": None, "workspace": tmp_path / "w", "cache": True, "debug": False}
        running.run_recipe("iris_mlp", [], **arguments, part=Part(first, last))
        return orders[-1].plan.baseline_version

    monkeypatch.setattr(running, "carry_out", note)
    monkeypatch.setattr("kerasline.pipeline.workspace.keeps_fit", lambda *_: True)
    assert baseline(None) == 0
    exported, models = tmp_path / "exported", tmp_path / "w" / "models" / "iris_mlp"
    (exported / "variables").mkdir(parents=True)
    for file in ("saved_model.pb", "variables/variables.index"):
        (exported / file).write_bytes(b"a model")
    move_pointer(models, add_version(models, exported, orders[0].plan.record()), "pushed by a run", previous=None)
    assert [baseline(step) for step in ("ingest", "validate", "transform", "train")] == [1] * 4
    assert (baseline("train", "train"), baseline("transform", "gate")) == (1, 1)
    assert [baseline(*part) for part in ((None,), ("evaluate",), ("gate",), ("ingest", "transform"))] == [0] * 4
