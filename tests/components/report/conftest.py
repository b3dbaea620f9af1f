"""Figures of made-up runs, as the report's parts take them, and what plots hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.evaluation.metrics import settle_evaluation
from kerasline.components.evaluation.options import EvaluationOptions
from kerasline.components.features.plan import plan_features
from kerasline.components.report.drawing import (
    Axis,
    Bar,
    Series,
    Spec,
    bar_chart,
    coordinates_chart,
    histogram_chart,
    line_chart,
    scatter_chart,
    surface_chart,
)
from kerasline.components.report.figures.figures import RunFolders, collect_figures

EVIL = '</script><img src=x onerror="hacked=1">'
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


def rows_of(spec: dict[str, Any], layer: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rows that a plot, or one of its layers, shows: lists in them are taken apart."""
    name = "plotted" if layer is None else layer["data"]["name"]
    found = []
    for row in spec["datasets"][name]:
        lists = {key: value for key, value in row.items() if isinstance(value, list)}
        for index in range(max(map(len, lists.values()), default=1)):
            found.append(row | {key: value[index] for key, value in lists.items()})
    return found


def layers_of(spec: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    """The layers that are drawn with a kind of mark, but for what a pointer alone shows."""
    return [layer for layer in spec["layer"] if layer["mark"]["type"] == mark and layer.get("name") != "hover"]


def points_of(svg: str, colour: str) -> list[tuple[float, float]]:
    """Where the first line of a colour goes."""
    found = re.search(rf'<path d="M([^"Z]+)" stroke="{re.escape(colour)}"', svg)
    assert found
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in re.split("[ML]", found[1]))]


def every_kind() -> dict[str, Spec]:
    """One plot of each kind, with a name that would break out of a page that is not careful."""
    trials = [Axis("rate", [0, 1, 2], [(0, "low"), (2, "high")], ["1e-4", "1e-3", "1e-2"]),
              Axis(EVIL, [None, 1, 2], [(1, "relu"), (2, "tanh")], ["", "relu", "tanh"])]  # fmt: skip
    return {
        "lines": line_chart("lines", [Series(EVIL, [1, 2, 3], [0.5, 0.25, 1.0])], "epoch", "loss", marks=True),
        "points": scatter_chart("points", [Series("rows", [1, 2], [3, 4])], "image", "prediction", diagonal="equal"),
        "shares": histogram_chart("shares", [0, 1, 2], [Series("train", [], [1, 3]), Series("eval", [], [1, 1])], "cm"),
        "factors": histogram_chart("factors", [-3, 0, 2], [Series("", [], [1, 3])], "cm", is_log=True, near=0.01),
        "bars": bar_chart("bars", [Bar(EVIL, 0.75, (0.5, 0.875)), Bar("trivial", 0.25)], "accuracy", limit=(0.6, "l")),
        "trials": coordinates_chart("trials", trials, ["trial 0", "trial 1", "trial 2"], [1], 0),
        "surface": surface_chart("surface", [0, 1], [0, 1], [[0, 1], [1, 2]], [(0, 0, 1, 0)], ("a", "b", "rent")),
    }
