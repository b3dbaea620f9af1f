"""Trials at a time: real workers over gRPC on loopback, one of them killed, and the whole search killed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core import progress
from kerasline.components.core.errors import TrainingFailed
from kerasline.components.fitting.settings.settings import decode_hyperparameters
from kerasline.components.tuning import chief
from kerasline.components.tuning.trials.oracles import make_oracle
from kerasline.components.tuning.trials.record import read_trials
from kerasline.components.tuning.tuner import PROJECT, ConfigTuner
from tests.components.tuning.search_of_iris import iris_data, iris_options, iris_settings

SCRIPT = Path(__file__).with_name("search_of_iris.py")
ROOT = Path(__file__).resolve().parents[3]


def drawn(folder: Path, count: int, **options: Any) -> list[dict[str, Any]]:
    """The values that a random search draws one after the other, without a fit."""
    oracle = make_oracle(iris_settings(), iris_options(max_trials=count, **options))
    oracle._set_project_dir(str(folder), "drawn")
    trials = [oracle.create_trial(f"tuner{number}") for number in range(count)]
    return [decode_hyperparameters(trial.hyperparameters.values) for trial in trials]


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    started = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [child for child in started if is_running(child)]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(condition: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def stop_in_a_trial(worker: int, folder: Path) -> None:
    """Stops one of two workers at a moment when both have a trial, not between one and the next."""

    def has_both() -> bool:
        text = (folder / PROJECT / "oracle.json").read_text()
        # The other worker's answers may just be written to it.
        return text.endswith("}") and len(json.loads(text)["ongoing_trials"]) == 2

    def is_stopped_in_one() -> bool:
        os.kill(worker, signal.SIGSTOP)
        time.sleep(0.5)  # what it asked for before is answered by then
        if has_both():
            return True
        os.kill(worker, signal.SIGCONT)
        return False

    wait_for(is_stopped_in_one)


def stop_when_noted(workers: list[int], folder: Path) -> None:
    """Stops workers at a moment when the oracle has noted every trial that they have recorded."""

    def is_noted() -> bool:
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        time.sleep(0.5)
        ongoing = json.loads((folder / PROJECT / "oracle.json").read_text())["ongoing_trials"].values()
        if {trial["trial_id"] for trial in read_trials(folder / "trials")}.isdisjoint(ongoing):
            return True
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        return False

    wait_for(is_noted)


@pytest.mark.slow
@pytest.mark.long
def test_two_workers_make_the_trials_of_one(tmp_path: Path) -> None:
    """To the last digit of their values; conditions, lists and what the config leaves open pass through gRPC."""
    space = {
        "model.batch_normalization": {"boolean": True},
        "model.units": {"choice": [[4], [16, 8]], "when": {"model.batch_normalization": True}},
        "training.learning_rate": {"float": [0.0001, 0.1], "log": True},
        "training.clip_norm": {"float": [0.5, 2]},
    }
    said: list[progress.Progress] = []
    options = iris_options(space=space, parallel=2, max_trials=5)
    tuner = ConfigTuner(iris_settings(), options, iris_data(), str(tmp_path / "two"))
    forget = progress.listen(said.append)
    try:
        tuner.search()
    finally:
        forget()
    trials = tuner.trials
    assert [trial["status"] for trial in trials] == ["COMPLETED"] * 5
    assert [trial["values"] for trial in trials] == drawn(tmp_path, 5, space=space)
    assert "training.clip_norm" not in trials[0]["values"]
    best = tuner.oracle.get_best_trials()[0]
    assert best.score == pytest.approx(max(trial["score"] for trial in trials))
    assert decode_hyperparameters(best.hyperparameters.values) == trials[int(best.trial_id)]["values"]
    # The live line tells of epochs, and each trial leaves a line.
    assert any("epoch 3/3" in message.text for message in said if not message.permanent)
    assert sorted(message.done for message in said if message.permanent) == [1, 2, 3, 4, 5]
    assert not (tmp_path / "two" / "job").exists()


@pytest.mark.slow
@pytest.mark.long
def test_a_killed_worker_costs_its_trial_and_a_killed_search_nothing(tmp_path: Path) -> None:
    """kill -9 of a worker, then of the whole search, whose workers end; then it is taken up again."""
    folder, options = tmp_path / "search", {"parallel": 2, "max_trials": 6, "max_epochs": 40}
    command = [sys.executable, str(SCRIPT), str(folder), "0", json.dumps(options)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    search = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = folder / "trials"
    try:
        wait_for(lambda: len(read_trials(record)) >= 1)
        workers = children(search.pid)
        assert len(workers) == 2
        stop_in_a_trial(workers[0], folder)
        os.kill(workers[0], signal.SIGKILL)
        wait_for(lambda: any(trial["status"] == "FAILED" for trial in read_trials(record)))
        wait_for(lambda: len(children(search.pid)) == 2)
        workers = children(search.pid)
        stop_when_noted(workers, folder)
    finally:
        search.send_signal(signal.SIGKILL)
        search.wait()
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    wait_for(lambda: not any(map(is_running, workers)), 20)
    before = read_trials(record)
    assert len(before) < 6
    (lost,) = [trial for trial in before if trial["status"] == "FAILED"]
    assert lost["reason"].startswith("its process was killed by signal 9; it may have run out of memory")
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = read_trials(record)
    assert [trial for trial in after if trial["trial_id"] in {t["trial_id"] for t in before}] == before
    assert [trial["values"] for trial in after] == drawn(tmp_path, 6)
    assert [trial["status"] for trial in after].count("COMPLETED") == 5


def test_the_live_line_tells_of_all_workers(tmp_path: Path) -> None:
    """What is no message of ours goes to the log; a trial that has ended leaves the line."""
    tuner = ConfigTuner(iris_settings(), iris_options(parallel=2), iris_data(), str(tmp_path))
    crew, said = chief._Crew(tuner, tmp_path, 0), []
    forget = progress.listen(lambda message: said.append((message.permanent, message.done, message.text)))

    def line(done: int, text: str, permanent: bool = False) -> str:
        told = {"activity": "trial", "done": done, "total": 5, "text": text, "permanent": permanent}
        return chief.MARK + json.dumps(told) + "\n"

    try:
        crew._listen("worker1", io.StringIO(line(2, "epoch 1/3")))
        crew._listen("worker0", io.StringIO("a warning\n" + line(1, "epoch 2/3")))
        crew._listen("worker1", io.StringIO(line(2, "ended", permanent=True)))
        crew._listen("worker0", io.StringIO(line(1, "epoch 3/3")))
    finally:
        forget()
    assert said == [
        (False, 2, "2: epoch 1/3"),
        (False, 1, "1: epoch 2/3 | 2: epoch 1/3"),
        (True, 2, "ended"),
        (False, 1, "1: epoch 3/3"),
    ]


def test_workers_that_do_not_start_fail_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chief, "_WORKER", "kerasline.components.tuning.nobody")
    options = iris_options(parallel=2)
    tuner = ConfigTuner(iris_settings(), options, iris_data(), str(tmp_path))
    with pytest.raises(TrainingFailed, match="expected 2 processes that take trials, but its process ended with exit"):
        tuner.search()


def test_cores_and_gpus_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    given = [chief._environment(number, 3) for number in range(3)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in given] == ["2", "5", "2"]
    assert {one["TF_NUM_INTRAOP_THREADS"] for one in given} == {"2"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "CUDA_VISIBLE_DEVICES" not in chief._environment(0, 2)
