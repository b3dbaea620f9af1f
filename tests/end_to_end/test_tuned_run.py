"""A search by the real command: two workers, a winner that the Trainer fits, and a search that starts from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

COMMAND = str(Path(sys.executable).with_name("kerasline"))

TUNING = {
    "max_trials": 4, "max_epochs": 3, "folds": 1, "parallel": 2, "reuse": "latest", "objective": "accuracy",
    "space": {
        "model.units": {"choice": [[8], [16, 8]]},
        "training.learning_rate": {"choice": [1e30, 0.003, 0.03]},
    },
}  # fmt: skip
SMALL = ("iris_mlp", "--set", 'report.explanations="off"', "--set", f"tuning={json.dumps(TUNING)}")


@pytest.fixture(scope="module")
def runs(kerasline: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run, and one with another batch size."""
    workspace = tmp_path_factory.mktemp("search") / "workspace"
    first = kerasline(workspace, *SMALL, "--set", "training.batch_size=16")
    second = kerasline(workspace, *SMALL, "--set", "training.batch_size=8")
    return {"first": first, "second": second, "workspace": workspace}


def test_the_winner_is_what_the_trainer_fits(runs: dict[str, Any]) -> None:
    """Trial 0 is the untuned config; a trial whose loss is infinite is recorded with its reason."""
    done = runs["first"]
    assert done.code in (0, 4), done.err
    tuning, settings = done.result["tuning"], done.result["training"]["settings"]
    assert [trial["number"] for trial in tuning["trials"]] == [0, 1, 2, 3]
    winner = next(trial for trial in tuning["trials"] if trial["number"] == tuning["best"])
    assert winner["score"] == max(trial["score"] for trial in tuning["trials"] if trial["score"] is not None)
    assert settings["model"]["units"] == winner["values"]["model.units"]
    assert settings["training"]["learning_rate"] == winner["values"]["training.learning_rate"]
    for trial in tuning["trials"]:
        assert (trial["score"] is None) is (trial["values"]["training.learning_rate"] == 1e30)
        assert ("the loss became" in trial["reason"]) is (trial["score"] is None)
    assert tuning["moved"] == pytest.approx(winner["score"] - tuning["trials"][0]["score"])
    page = Path(done.result["report"]).read_text()
    assert 'id="tuning"' in page and "0 (untuned)" in page
    assert done.out.count("best ") >= 3  # a line for each trial that completed


def test_a_search_starts_from_the_last_one(runs: dict[str, Any]) -> None:
    """And says so, or that there is none; the same run again would take its search from the cache."""
    first, second = runs["first"], runs["second"]
    assert "tuning.reuse: there is no earlier search of this recipe to start from" in first.out
    before = first.result["tuning"]
    winner = next(trial["values"] for trial in before["trials"] if trial["number"] == before["best"])
    assert f"trial 1 starts from trial {before['best']} of run {first.result['run_id']}" in second.out
    # It is trial 0 where the untuned config has won.
    assert winner in [trial["values"] for trial in second.result["tuning"]["trials"]][:2]
    words = [COMMAND, "plan", *SMALL, "--set", "training.batch_size=8", "--workspace", str(runs["workspace"])]
    planned = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "200"})
    forecast = {line.split()[0]: line.split()[1] for line in planned.stdout.splitlines() if line.strip()}
    assert (forecast["tune"], forecast["train"]) == ("cached", "cached")


def test_nothing_is_left_of_searches_that_ended(runs: dict[str, Any]) -> None:
    folder = runs["workspace"] / "pipelines" / "iris_mlp" / "searches"
    assert list(folder.iterdir()) == []
