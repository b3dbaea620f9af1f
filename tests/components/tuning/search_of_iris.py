"""Run as a script: a search over iris in a folder, which a test kills and starts again.

Usage: search_of_iris.py FOLDER SECONDS [OPTIONS]. Each trial first sleeps, so that there is something to kill; OPTIONS
are options of the search as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from sklearn.datasets import load_iris

from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.features.plan import plan_features
from kerasline.components.fitting.rows.rows import Arrays, FitData
from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.models.description.options import MlpOptions
from kerasline.components.tuning.space.options import TuningOptions
from kerasline.components.tuning.tuner import ConfigTuner


def iris_settings(**training: object) -> FitSettings:
    """Settings of an MLP on iris."""
    columns = tuple(Column(name=name, dtype="float", distinct=40) for name in "abcd")
    split = SplitPlan(method="hash", fractions={"train": 0.8, "eval": 0.2})
    label = Label(name="species", dtype="string", classes=("setosa", "versicolor", "virginica"))
    dataset = Dataset(
        name="iris", kind="table", columns=columns, label=label, rows=150, reader="bundled", shards=(), split=split,
        fingerprint="f",
    )  # fmt: skip
    options = {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, **training}
    plan = plan_features(dataset, {}, "multiclass")
    return FitSettings(plan=plan, model=MlpOptions(units=(16,)), training=TrainingOptions(**options), seed=3)


def iris_data() -> FitData:
    """Iris with every fifth row held out."""
    values, labels = load_iris(return_X_y=True)
    scaled = ((values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32)
    held_out = np.arange(len(labels)) % 5 == 0
    rows = Arrays({"features": scaled}, labels.astype(np.int64))
    return FitData(rows.take(~held_out), rows.take(held_out), None, True)


def iris_options(**changes: object) -> TuningOptions:
    """Five random trials over rate and dropout, of one fit each."""
    space = {"training.learning_rate": {"float": [0.0001, 0.1], "log": True}, "model.dropout": {"float": [0, 0.5]}}
    return TuningOptions(**{"max_trials": 5, "folds": 1, "objective": "val_accuracy", "space": space, **changes})


def main() -> None:
    """Searches slowly."""
    folder, seconds = sys.argv[1], float(sys.argv[2])
    options = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    tuner = ConfigTuner(iris_settings(), iris_options(**options), iris_data(), folder)
    execute = tuner._execute

    def slow(*arguments: object) -> object:
        time.sleep(seconds)
        return execute(*arguments)  # type: ignore[arg-type]

    tuner._execute = slow  # type: ignore[assignment]
    tuner.search()


if __name__ == "__main__":
    main()
