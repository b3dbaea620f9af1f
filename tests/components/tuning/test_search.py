"""The search: trial 0, algorithms, failures, budget, and going on after kill -9. Every trial really fits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.errors import TrainingFailed
from components.settings import FitSettings, decode_hyperparameters
from components.tuning.space import declare_space, untuned_values
from components.tuning.tuner import ConfigTuner
from tests.components.tuning.search_of_iris import iris_data, iris_options, iris_settings

SCRIPT = Path(__file__).with_name("search_of_iris.py")


def search(folder: Path, settings: FitSettings | None = None, **options: Any) -> ConfigTuner:
    """Runs a search on iris."""
    tuner = ConfigTuner(settings or iris_settings(), iris_options(**options), iris_data(), str(folder))
    tuner.search()
    return tuner


def test_trial_0_is_the_config_as_it_is(tmp_path: Path) -> None:
    """Also where its values are outside the space."""
    tuner = search(tmp_path, iris_settings(learning_rate=0.5), max_trials=2)
    assert tuner.trials[0]["values"] == {"training.learning_rate": 0.5, "model.dropout": 0.0}
    assert tuner.trials[0]["trial_id"] == "0"


def test_the_winner_has_the_best_score(tmp_path: Path) -> None:
    """Over the epochs of each trial, and over the trials."""
    tuner = search(tmp_path)
    scores = [trial["score"] for trial in tuner.trials]
    assert len(scores) == 5
    assert all(trial["score"] == max(trial["history"]["val_accuracy"]) for trial in tuner.trials)
    winner = tuner.trials[int(np.argmax(scores))]
    assert decode_hyperparameters(tuner.get_best_hyperparameters()[0].values) == winner["values"]


@pytest.mark.parametrize("algorithm", ["random", "grid", "bayesian", "hyperband"])
def test_every_algorithm_stops_at_max_trials(tmp_path: Path, algorithm: str) -> None:
    """Hyperband gives early trials fewer epochs."""
    space = {"model.units": {"choice": [[4], [8, 4], [16]]}, "training.batch_size": {"int": [8, 32], "step": 8}}
    tuner = search(tmp_path, algorithm=algorithm, max_trials=4, max_epochs=3, space=space)
    assert [trial["status"] for trial in tuner.trials] == ["COMPLETED"] * 4
    assert all(isinstance(trial["values"]["model.units"], list) for trial in tuner.trials)
    epochs = [len(trial["history"]["loss"]) for trial in tuner.trials]
    assert (min(epochs) < 3) is (algorithm == "hyperband")


def test_the_same_seed_gives_the_same_trials(tmp_path: Path) -> None:
    """Values and scores."""
    first, second = search(tmp_path / "a", max_trials=3), search(tmp_path / "b", max_trials=3)
    assert [t["values"] for t in first.trials] == [t["values"] for t in second.trials]
    assert [t["score"] for t in first.trials] == pytest.approx([t["score"] for t in second.trials])


def test_executions_are_averaged(tmp_path: Path) -> None:
    """Each with a seed of its own."""
    tuner = search(tmp_path, max_trials=1, executions_per_trial=2)
    one = search(tmp_path / "one", max_trials=1).trials[0]["score"]
    settings = iris_settings()
    other = search(tmp_path / "two", settings.model_copy(update={"seed": settings.seed + 1}), max_trials=1)
    assert tuner.trials[0]["score"] == pytest.approx((one + other.trials[0]["score"]) / 2)


def test_a_trial_that_fails_is_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    """An infinite loss fails its trial with the reason."""
    space = {"training.learning_rate": {"choice": [1e30, 0.01]}}
    tuner = search(tmp_path, algorithm="grid", max_trials=3, space=space)
    by_rate = {trial["values"]["training.learning_rate"]: trial for trial in tuner.trials}
    assert by_rate[1e30]["status"] == "FAILED"
    assert "the loss became" in by_rate[1e30]["reason"]
    assert by_rate[1e30]["score"] is None
    assert by_rate[0.01]["status"] == "COMPLETED"
    assert decode_hyperparameters(tuner.get_best_hyperparameters()[0].values)["training.learning_rate"] == 0.01


def test_a_search_in_which_no_trial_completed_fails(tmp_path: Path) -> None:
    """It hands on nothing, and says why."""
    space = {"training.learning_rate": {"choice": [1e30, 1e31]}}
    with pytest.raises(TrainingFailed, match="all [23] failed; the first said: .*the loss became"):
        search(tmp_path, iris_settings(learning_rate=1e29), algorithm="grid", max_trials=3, space=space)


def test_an_objective_that_is_not_computed_is_named(tmp_path: Path) -> None:
    """With those that are."""
    with pytest.raises(TrainingFailed, match="expected one of the training metrics .*val_accuracy.*got 'val_mae'"):
        search(tmp_path, max_trials=1, objective="val_mae")


def test_no_trial_starts_after_the_budget(tmp_path: Path) -> None:
    """The first is always made."""
    assert len(search(tmp_path, budget="0s").trials) == 1


def test_a_finished_search_is_not_run_again(tmp_path: Path) -> None:
    """The same folder gives the same trials, at once."""
    first = search(tmp_path, max_trials=2)
    again = search(tmp_path, max_trials=2)
    assert again.trials == first.trials


def test_space_in_kerastuners_terms() -> None:
    """Lists travel as JSON text and come back as lists."""
    space = {
        "model.units": {"choice": [[64], [128, 64]]},
        "model.dropout": {"float": [0, 0.5], "step": 0.25},
        "training.batch_size": {"int": [8, 64], "step": 2, "scale": "log"},
        "model.batch_normalization": {"boolean": True},
    }
    declared = {hp.name: hp for hp in declare_space(space).space}
    assert declared["model.units"].values == ["[64]", "[128, 64]"]
    assert declared["training.batch_size"].sampling == "log"
    assert decode_hyperparameters({"model.units": "[128, 64]", "tuner/epochs": 3}) == {"model.units": [128, 64]}
    assert untuned_values(iris_settings(), space) == {
        "model.units": "[16]",
        "model.dropout": 0.0,
        "training.batch_size": 16,
        "model.batch_normalization": False,
    }


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_same_trials(tmp_path: Path) -> None:
    """kill -9 in the third trial: the first two are not run again, and the end is as if nothing had happened."""
    folder, root = tmp_path / "killed", Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, str(SCRIPT), str(folder), "1.5"]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = folder / "trials.json"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not record.is_file() or len(json.loads(record.read_text())) < 2):
        assert child.poll() is None, "the search ended by itself"
        time.sleep(0.05)
    time.sleep(0.3)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = json.loads(record.read_text())
    assert 2 <= len(before) < 5
    subprocess.run([*command[:-1], "0"], env=environment, check=True, capture_output=True)
    after = json.loads(record.read_text())
    whole = search(tmp_path / "whole").trials
    assert after[: len(before)] == before
    assert [trial["values"] for trial in after] == [trial["values"] for trial in whole]
    assert [trial["score"] for trial in after] == pytest.approx([trial["score"] for trial in whole])
