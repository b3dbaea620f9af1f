"""The search: trial 0, algorithms, failures, budget, and going on after kill -9. Every trial really fits."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasline.components.core import progress
from kerasline.components.core.errors import TrainingFailed
from kerasline.components.fitting.settings.settings import FitSettings, decode_hyperparameters
from kerasline.components.tuning.trials import oracles
from kerasline.components.tuning.trials.oracles import ProductOracle, make_oracle
from kerasline.components.tuning.trials.record import read_trials
from kerasline.components.tuning.tuner import ConfigTuner
from tests.components.tuning.search_of_iris import iris_data, iris_options, iris_settings

SCRIPT = Path(__file__).with_name("search_of_iris.py")


def search(folder: Path, settings: FitSettings | None = None, **options: Any) -> ConfigTuner:
    """Runs a search on iris."""
    tuner = ConfigTuner(settings or iris_settings(), iris_options(**options), iris_data(), str(folder))
    tuner.search()
    return tuner


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ConfigTuner:
    """A search of five trials that nothing interrupted."""
    return search(tmp_path_factory.mktemp("whole"))


def test_trial_0_is_the_config_as_it_is(tmp_path: Path) -> None:
    """Also where its values are outside the space."""
    tuner = search(tmp_path, iris_settings(learning_rate=0.5), max_trials=2)
    assert tuner.trials[0]["values"] == {"training.learning_rate": 0.5, "model.dropout": 0.0}
    assert tuner.trials[0]["trial_id"] == "0"


def test_the_winner_has_the_best_score(whole: ConfigTuner) -> None:
    """A trial's score is that of the weights that its fit ends with."""
    scores = [trial["score"] for trial in whole.trials]
    assert len(scores) == 5
    assert all(trial["score"] == trial["history"]["val_accuracy"][-1] for trial in whole.trials)
    winner = whole.trials[int(np.argmax(scores))]
    assert decode_hyperparameters(whole.get_best_hyperparameters()[0].values) == winner["values"]


def test_a_metric_of_the_users_is_the_objective(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which way it is better stands in the recipe; the tuner, its oracle and the report go by that."""
    monkeypatch.syspath_prepend(tmp_path)
    code = "import keras\n\n\ndef doubt(y_true, y_pred):\n    return 1 - keras.ops.max(y_pred, axis=-1)\n"
    (tmp_path / "own_objective.py").write_text(code)
    settings = iris_settings(metrics=["own_objective:doubt"])
    tuner = search(tmp_path / "search", settings, objective="val_doubt", mode="min", max_trials=3)
    sys.modules.pop("own_objective", None)
    scores = [trial["score"] for trial in tuner.trials]
    assert scores == [trial["history"]["val_doubt"][-1] for trial in tuner.trials]
    winner = tuner.trials[int(np.argmin(scores))]
    assert decode_hyperparameters(tuner.get_best_hyperparameters()[0].values) == winner["values"]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(("algorithm", "trials"), [("random", 3), ("grid", 3), ("bayesian", 3), ("hyperband", 5)])
def test_every_algorithm_stops_at_max_trials(tmp_path: Path, algorithm: str, trials: int) -> None:
    """Hyperband gives early trials fewer epochs."""
    space = {"model.units": {"choice": [[4], [8, 4], [16]]}, "training.batch_size": {"int": [8, 32], "step": 8}}
    tuner = search(tmp_path, algorithm=algorithm, max_trials=trials, max_epochs=3, space=space)
    assert [trial["status"] for trial in tuner.trials] == ["COMPLETED"] * trials
    assert all(isinstance(trial["values"]["model.units"], list) for trial in tuner.trials)
    epochs = [len(trial["history"]["loss"]) for trial in tuner.trials]
    assert (min(epochs) < 3) is (algorithm == "hyperband")


@pytest.mark.slow
@pytest.mark.long
def test_hyperband_goes_on_with_those_that_it_promotes(tmp_path: Path) -> None:
    """Their first epochs are those of the trial that they come from; states of the others are removed on the way."""
    space = {"training.learning_rate": {"float": [0.0001, 0.1], "log": True}, "model.dropout": {"float": [0, 0.5]}}
    options = iris_options(algorithm="hyperband", max_trials=14, max_epochs=9, space=space)
    tuner = ConfigTuner(iris_settings(), options, iris_data(), str(tmp_path))
    kept = []
    end = tuner.on_trial_end

    def look(trial: Any) -> None:
        end(trial)
        kept.append(len(list((tmp_path / "states").glob("*"))))

    tuner.on_trial_end = look  # type: ignore[method-assign]
    tuner.search()
    trials = {trial["trial_id"]: trial for trial in tuner.trials}
    promoted = 0
    for trial in tuner.oracle.trials.values():
        before = trial.hyperparameters.values.get("tuner/trial_id")
        if before is not None:
            promoted += 1
            earlier, later = (trials[one]["history"]["loss"] for one in (before, trial.trial_id))
            assert len(earlier) < len(later) <= trial.hyperparameters.values["tuner/epochs"]
            assert later[: len(earlier)] == earlier
    assert promoted >= 4
    # The first bracket has 9 trials, of which 3 go on, of which 1 does.
    assert max(kept) == 9 and kept[-1] < 5


@pytest.mark.parametrize(("max_trials", "epochs"), [(8, 300), (16, 100), (32, 34), (73, 12), (1000, 12)])
def test_hyperband_begins_with_as_many_halvings_as_its_trials_allow(
    tmp_path: Path, max_trials: int, epochs: int
) -> None:
    """So that one of its first trials reaches all epochs."""
    options = iris_options(algorithm="hyperband", max_trials=max_trials, max_epochs=300)
    oracle = make_oracle(iris_settings(), options)
    oracle._set_project_dir(tmp_path, "oracle")
    given = [oracle.create_trial(name).hyperparameters.values for name in ("one", "two")]
    assert "tuner/epochs" not in given[0]
    assert given[1]["tuner/epochs"] == epochs


@pytest.mark.parametrize(("budget", "epochs"), [("100s", 300), ("350s", 34), ("20m", 12)])
def test_hyperband_begins_with_as_many_halvings_as_its_budget_allows(tmp_path: Path, budget: str, epochs: int) -> None:
    """Where the first trial took ten seconds, the others would take no longer."""
    options = iris_options(algorithm="hyperband", max_trials=500, max_epochs=300, budget=budget)
    oracle = make_oracle(iris_settings(), options, spent_seconds=10.0)
    oracle._set_project_dir(tmp_path, "oracle")
    first = oracle.create_trial("one")
    oracle.update_trial(first.trial_id, {"val_accuracy": 0.5})
    first.status = "COMPLETED"
    oracle.end_trial(first)
    assert oracle.create_trial("one").hyperparameters.values["tuner/epochs"] == epochs


def test_a_grid_that_is_cut_short_says_so(tmp_path: Path) -> None:
    said: list[progress.Progress] = []
    forget = progress.listen(said.append)
    try:
        search(tmp_path, algorithm="grid", max_trials=2, space={"model.units": {"choice": [[2], [4], [8]]}})
    finally:
        forget()
    assert said[0].text == "the grid has 3 combinations, of which tuning.max_trials 2 takes the first 1"


def test_an_algorithm_that_breaks_fails_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ProductOracle):
        def populate_space(self, trial_id: str) -> dict[str, Any]:
            raise ValueError("no values left")

    monkeypatch.setitem(oracles._ORACLES, "grid", Broken)
    with pytest.raises(TrainingFailed, match="algorithm grid: expected values for trial 1, got ValueError: no values"):
        search(tmp_path, algorithm="grid", space={"model.units": {"choice": [[2], [4]]}})


@pytest.mark.slow
@pytest.mark.long
def test_trials_leave_no_graphs_behind(tmp_path: Path) -> None:
    """So memory does not grow with their number; the graphs of the last one may still be there."""

    def graphs() -> int:
        keras.backend.clear_session(free_memory=True)
        return sum(type(one).__name__ == "FuncGraph" for one in gc.get_objects())

    search(tmp_path / "first", max_trials=1, max_epochs=1, folds=2)
    before = graphs()
    search(tmp_path / "more", max_trials=5, max_epochs=1, folds=2)
    assert graphs() <= before


@pytest.mark.slow
@pytest.mark.long
def test_the_same_seed_gives_the_same_trials(tmp_path: Path, whole: ConfigTuner) -> None:
    """Values and scores."""
    first, second = whole.trials[:3], search(tmp_path, max_trials=3).trials
    assert [t["values"] for t in first] == [t["values"] for t in second]
    assert [t["score"] for t in first] == pytest.approx([t["score"] for t in second])


@pytest.mark.slow
@pytest.mark.long
def test_executions_are_averaged(tmp_path: Path, whole: ConfigTuner) -> None:
    """Each with a seed of its own."""
    tuner = search(tmp_path, max_trials=1, executions_per_trial=2)
    one = whole.trials[0]["score"]
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
    """The first is always made; what an interrupted search has used up counts."""
    assert len(search(tmp_path, budget="0.001s").trials) == 1
    options = iris_options(budget="100s")
    for spent, status in ((90.0, "RUNNING"), (101.0, "STOPPED")):
        oracle = make_oracle(iris_settings(), options, spent_seconds=spent)
        oracle._set_project_dir(str(tmp_path), f"spent{spent}")
        assert [oracle.create_trial(f"tuner{number}").status for number in range(2)] == ["RUNNING", status]


def test_a_finished_search_is_not_run_again(tmp_path: Path) -> None:
    """The same folder gives the same trials, at once."""
    first = search(tmp_path, max_trials=2)
    again = search(tmp_path, max_trials=2)
    assert again.trials == first.trials


@pytest.mark.slow
@pytest.mark.long
def test_bayesian_starts_from_values_outside_of_its_space(tmp_path: Path) -> None:
    """KerasTuner's own asks where a choice lies in its list, and fails on one that is not there."""
    space = {"training.learning_rate": {"float": [0.01, 0.1], "log": True}, "model.units": {"choice": [[4], [8]]}}
    tuner = search(tmp_path, algorithm="bayesian", max_trials=9, max_epochs=1, space=space)
    assert [trial["status"] for trial in tuner.trials] == ["COMPLETED"] * 9
    assert tuner.trials[0]["values"]["model.units"] == [16]
    assert len({str(trial["values"]) for trial in tuner.trials}) > 5


@pytest.mark.slow
@pytest.mark.long
def test_trials_of_two_families(tmp_path: Path) -> None:
    """Each has the keys of its own; the Trainer fits what the winner says."""
    space = {
        "model.family": {"choice": ["mlp", "sequence"]},
        "model.units": {"choice": [[4], [8]], "when": {"model.family": "mlp"}},
        "model.token_dim": {"int": [2, 4], "when": {"model.family": "sequence"}},
    }
    tuner = search(tmp_path, algorithm="grid", max_trials=9, max_epochs=1, space=space)
    values = [trial["values"] for trial in tuner.trials]
    assert values[:3] == [
        {"model.family": "mlp", "model.units": [16]},
        {"model.family": "mlp", "model.units": [4]},
        {"model.family": "mlp", "model.units": [8]},
    ]
    assert values[3:] == [{"model.family": "sequence", "model.token_dim": dim} for dim in (2, 3, 4)]
    # A table is no sequence, and the search says so and goes on.
    assert [trial["status"] for trial in tuner.trials] == ["COMPLETED"] * 3 + ["FAILED"] * 3
    assert "sequence" in tuner.trials[3]["reason"]


def test_an_earlier_winner_is_trial_1(tmp_path: Path) -> None:
    """The grid begins after it, and trial 0 stays the config as it is."""
    options = iris_options(algorithm="grid", max_trials=9, max_epochs=1, space={"model.units": {"choice": [[4], [8]]}})
    tuner = ConfigTuner(iris_settings(), options, iris_data(), str(tmp_path), {"model.units": [32]})
    tuner.search()
    assert [trial["values"]["model.units"] for trial in tuner.trials] == [[16], [32], [4], [8]]


def test_a_live_line_tells_the_epoch_the_best_and_the_time_left(tmp_path: Path) -> None:
    """A line stays for each trial that has ended."""
    said: list[progress.Progress] = []
    forget = progress.listen(said.append)
    try:
        tuner = search(tmp_path, max_trials=2)
    finally:
        forget()
    ended = [message.text for message in said if message.permanent]
    assert len(ended) == 2
    for text, trial in zip(ended, tuner.trials, strict=True):
        assert text.startswith(f"val_accuracy {trial['score']:.4g}")
        assert (
            f"{trial['seconds']:.1f} s  training.learning_rate {trial['values']['training.learning_rate']:.4g}" in text
        )
    live = [message for message in said if not message.permanent]
    assert {(message.activity, message.total) for message in live} == {("trial", 2)}
    assert any(message.done == 1 and message.text.startswith("epoch 3/3  ") for message in live)
    best = f"best {tuner.trials[0]['score']:.4g}  about "
    assert all((best in message.text) is (message.done == 2) for message in live)


@pytest.mark.slow
@pytest.mark.long
def test_a_killed_search_goes_on_to_the_same_trials(tmp_path: Path, whole: ConfigTuner) -> None:
    """kill -9 in the third trial: the first two are not run again, and the end is as if nothing had happened."""
    folder, root = tmp_path / "killed", Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, str(SCRIPT), str(folder), "1.5"]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(read_trials(folder / "trials")) < 2:
        assert child.poll() is None, "the search ended by itself"
        time.sleep(0.05)
    time.sleep(0.3)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = read_trials(folder / "trials")
    assert 2 <= len(before) < 5
    subprocess.run([*command[:-1], "0"], env=environment, check=True, capture_output=True)
    after = read_trials(folder / "trials")
    assert after[: len(before)] == before
    assert [trial["values"] for trial in after] == [trial["values"] for trial in whole.trials]
    assert [trial["score"] for trial in after] == pytest.approx([trial["score"] for trial in whole.trials])
