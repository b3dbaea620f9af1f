"""Figures of made-up runs, as the report's parts take them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.evaluation.metrics import settle_evaluation
from kerasline.components.evaluation.options import EvaluationOptions
from kerasline.components.features.plan import plan_features
from kerasline.components.report.figures.figures import RunFolders, collect_figures

MakeFigures = Callable[..., dict[str, Any]]


def write_run(
    folder: Path, labels: np.ndarray, predictions: np.ndarray, trivial: list[float], history: dict[str, list[float]]
) -> RunFolders:
    """Writes what the Trainer and the baseline leave of a run."""
    model_run, baseline = folder / "model_run", folder / "baseline"
    model_run.mkdir(parents=True)
    baseline.mkdir()
    np.savez(model_run / "predictions-eval.npz", labels=labels, predictions=predictions.astype(np.float32))
    (model_run / "history.json").write_text(json.dumps(history))
    (model_run / "summary.json").write_text(
        json.dumps(
            {
                "parameters": 1234,
                "layers": [{"name": "dense1", "type": "Dense", "parameters": 1234}],
                "epochs": len(history["loss"]),
                "fit_seconds": 1.5,
                "input": "memory",
                "rows": {"train": 900, "validation": 100},
                "settings": {"model": {"family": "mlp", "units": [64, 32], "dropout": 0.0, "l2": 0.0},
                             "training": {"epochs": 10, "learning_rate": 0.001, "batch_size": 64}},
            }
        )
    )  # fmt: skip
    (baseline / "trivial.json").write_text(json.dumps(trivial))
    return RunFolders(model_run=str(model_run), baseline=str(baseline))


def dataset(classes: tuple[str, ...] | None, columns: tuple[Column, ...], label: str = "species") -> Dataset:
    """A table of 1,000 rows."""
    return Dataset(
        name="made",
        kind="table",
        columns=columns,
        label=Label(
            name=label, dtype="string" if classes else "float", classes=classes, unit=None if classes else "EUR"
        ),
        rows=1000,
        reader="csv",
        shards=(),
        split=SplitPlan(method="hash", fractions={"train": 0.8, "eval": 0.1, "test": 0.1}),
        fingerprint="f" * 64,
        title="Made-up rows",
    )


@pytest.fixture
def make_figures(tmp_path: Path) -> MakeFigures:
    """Collects the figures of a run whose predictions on the eval split are given."""

    def make(
        labels: np.ndarray,
        predictions: np.ndarray,
        *,
        task: str = "multiclass",
        classes: tuple[str, ...] | None = None,
        trivial: list[float] | None = None,
        history: dict[str, list[float]] | None = None,
        columns: tuple[Column, ...] = (Column(name="length", dtype="float", unit="cm"),),
        evaluation: dict[str, Any] | None = None,
        folders: dict[str, str] | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        data = dataset(classes, columns)
        plan = plan_features(data, {}, task)
        options = settle_evaluation(EvaluationOptions.model_validate(evaluation or {}), task, ["length", "species"])
        run = write_run(
            tmp_path / "run", labels, predictions, trivial or [1 / len(classes or (1,))] * len(classes or (1,)),
            history or {"loss": [1.0, 0.5], "val_loss": [1.0, 0.6], "accuracy": [0.5, 0.8], "val_accuracy": [0.5, 0.8]},
        )  # fmt: skip
        every = RunFolders(**{**vars(run), **(folders or {})})
        config = {"name": "made", "model": {"family": "mlp"}, "training": {}, "tuning": None, "seed": 7}
        figures = collect_figures(
            every, json.dumps(config), data.to_json(), plan.model_dump_json(), options.model_dump_json(), **arguments
        )
        return figures | {"blessed": False, "baseline_version": None, "model": None}

    return make
