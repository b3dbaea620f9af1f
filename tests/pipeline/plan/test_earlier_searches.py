"""Which earlier search a new one starts from, and what it says about the time that a trial takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.features.plan import plan_features
from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.models.description.options import MlpOptions
from kerasline.components.tuning.space.options import TuningOptions
from kerasline.pipeline.plan.earlier_searches import SearchStart, check_budget, find_start

OPTIONS = TuningOptions(reuse="latest", space={"model.dropout": {"float": [0, 0.5]}})


def settings() -> FitSettings:
    dataset = Dataset(
        name="made", kind="table", columns=(Column(name="a", dtype="float", distinct=40),),
        label=Label(name="y", dtype="string", classes=("n", "y")), rows=150, reader="bundled", shards=(),
        split=SplitPlan(method="hash", fractions={"train": 0.8, "eval": 0.2}), fingerprint="f",
    )  # fmt: skip
    plan = plan_features(dataset, {}, "binary")
    return FitSettings(plan=plan, model=MlpOptions(units=(8,)), training=TrainingOptions(), seed=3)


def leave(reports: Path, run_id: str, run_key: str, *values: dict[str, Any]) -> None:
    """Leaves the report of a run; its last trial is the best."""
    (reports / run_id).mkdir(parents=True)
    trials = [
        {"number": number, "values": one, "score": 0.5, "seconds": 10.0 + number, "epochs": 5}
        for number, one in enumerate(values)
    ]
    tuning = {"best": len(values) - 1, "direction": "min", "trials": trials} if values else None
    (reports / run_id / "figures.json").write_text(json.dumps({"tuning": tuning}))
    (reports / run_id / "run.json").write_text(json.dumps({"run_key": run_key}))


def test_the_last_run_with_a_search_counts(tmp_path: Path) -> None:
    """Not one without a search, and not this very experiment, which would never be up to date."""
    leave(tmp_path, "20261101-000000", "a", {"model.dropout": 0.0}, {"model.dropout": 0.1, "model.units": [4]})
    leave(tmp_path, "20261102-000000", "b", {"model.dropout": 0.0}, {"model.dropout": 0.2})
    leave(tmp_path, "20261103-000000", "c")
    start = find_start(OPTIONS, settings(), "new", tmp_path)
    assert start.values == {"model.dropout": 0.2}
    assert start.note == "tuning.reuse: trial 1 starts from trial 1 of run 20261102-000000"
    assert find_start(OPTIONS, settings(), "b", tmp_path).values == {"model.dropout": 0.1}


def test_a_search_that_kept_the_config_gives_its_best_other_trial(tmp_path: Path) -> None:
    leave(tmp_path, "20261101-000000", "a", *({"model.dropout": rate} for rate in (0.0, 0.1, 0.2, 0.3)))
    file = tmp_path / "20261101-000000" / "figures.json"
    search = json.loads(file.read_text())["tuning"] | {"best": 0}
    for trial, score in zip(search["trials"], (0.4, 0.7, 0.5, None), strict=True):
        trial["score"] = score
    file.write_text(json.dumps({"tuning": search}))
    assert find_start(OPTIONS, settings(), "new", tmp_path).values == {"model.dropout": 0.2}


def test_nothing_to_start_from_is_said(tmp_path: Path) -> None:
    assert find_start(OPTIONS, settings(), "new", tmp_path / "none") == SearchStart(
        {}, "tuning.reuse: there is no earlier search of this recipe to start from"
    )
    leave(tmp_path, "20261101-000000", "a", {"model.units": [4]})
    assert find_start(OPTIONS, settings(), "new", tmp_path).note == (
        "tuning.reuse: the space has no key of the search of run 20261101-000000"
    )
    leave(tmp_path, "20261102-000000", "b", {"model.dropout": 2})
    note = find_start(OPTIONS, settings(), "new", tmp_path).note
    assert note.startswith("tuning.reuse: the best trial of run 20261102-000000 does not suit the config: model.dropou")


def test_nobody_asked(tmp_path: Path) -> None:
    leave(tmp_path, "20261101-000000", "a", {"model.dropout": 0.1})
    quiet = OPTIONS.model_copy(update={"reuse": None})
    assert find_start(quiet, settings(), "new", tmp_path) == find_start(None, settings(), "new", tmp_path)
    assert find_start(None, settings(), "new", tmp_path) == SearchStart()


def test_a_budget_without_time_for_a_trial(tmp_path: Path) -> None:
    """As far as an earlier search knows; fewer epochs take less time."""
    check_budget(OPTIONS.model_copy(update={"budget": "1s"}), settings(), tmp_path)
    leave(tmp_path, "20261101-000000", "a", {"model.dropout": 0.0}, {"model.dropout": 0.1})
    with pytest.raises(ConfigError) as caught:
        check_budget(OPTIONS.model_copy(update={"budget": "4.9s"}), settings(), tmp_path)
    assert str(caught.value) == (
        "tuning.budget: expected time for at least one trial, got 4.9s; the fastest trial of run 20261101-000000 took "
        "10 s for 5 epochs, so give more, or lower tuning.max_epochs"
    )
    check_budget(OPTIONS.model_copy(update={"budget": "4.9s", "max_epochs": 4}), settings(), tmp_path)
    check_budget(OPTIONS.model_copy(update={"budget": "5s"}), settings(), tmp_path)
    check_budget(OPTIONS, settings(), tmp_path)
    check_budget(None, settings(), tmp_path)
