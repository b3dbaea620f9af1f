"""A search over what the model reads: the winner's preprocessing is what is trained, served, explained and exported."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.long]

SCALE, ENCODE = "features.price (€).scale", "features.town.encode"
TOWNS = ("Aachen", "Bonn", "Celle")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows whose label follows the logarithm of a column that spans nine powers of ten, which no z-score shows."""
    path = tmp_path_factory.mktemp("table") / "towns.csv"
    numbers = random.Random(5)
    lines = ["price (€),town,interest"]
    for _ in range(1500):
        power, town = numbers.uniform(0, 9), numbers.randrange(3)
        lines.append(f"{10**power:.3f},{TOWNS[town]},{power + 2 * town + numbers.gauss(0, 0.1):.4f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(table: Path, kerasline: Callable[..., Any]) -> Any:
    recipe = {
        "name": "towns",
        "data": {"csv": {"path": table.name, "label": "interest"}},
        "model": {"units": [16]},
        "training": {"epochs": 12, "batch_size": 32, "learning_rate": 0.01},
        "tuning": {
            "algorithm": "grid",
            "max_trials": 5,
            "max_epochs": 4,
            "space": {SCALE: {"choice": ["z_score", "log"]}, ENCODE: {"choice": ["one_hot", "embedding"]}},
        },
        "evaluation": {"metrics": ["r2", "mae"], "thresholds": {"r2": {"min": 0.9}}},
        "push": {"formats": ["saved_model", "keras"]},
    }
    (table.parent / "towns.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    return kerasline(table.parent / "workspace", str(table.parent / "towns.yaml"))


def test_the_winner_reads_the_logarithm(done: Any) -> None:
    """The serving check has compared the exported model, and the gate the .keras file, before the push."""
    assert done.code == 0, done.err
    trials = done.result["tuning"]["trials"]
    assert trials[0]["values"] == {SCALE: "z_score", ENCODE: "one_hot"}
    assert len({(trial["values"][SCALE], trial["values"][ENCODE]) for trial in trials}) == 4
    winner = trials[done.result["tuning"]["best"]]
    assert winner["values"][SCALE] == "log" and done.result["training"]["features"] == winner["values"]
    assert done.result["test_metrics"]["r2"] > 0.95
    assert done.result["formats"]["keras"]["difference"] <= done.result["formats"]["keras"]["tolerance"]


def test_clients_send_the_columns_as_they_are(done: Any, table: Path) -> None:
    from kerasline.pipeline.models.prediction import predict_file

    asked, answers = table.parent / "asked.csv", table.parent / "answers.parquet"
    asked.write_text("price (€),town\n1,Aachen\n1000,Celle\n1000000,Bonn\n", encoding="utf-8")
    predict_file(str(asked), "towns", answers, workspace=table.parent / "workspace")
    predicted = pq.read_table(answers).column("predicted_value").to_pylist()
    assert np.allclose(predicted, [0, math.log10(1000) + 4, math.log10(1000000) + 2], atol=1.2)


def test_the_report_explains_the_winner(done: Any) -> None:
    page = Path(done.result["report"])
    figures = json.loads((page.parent / "figures.json").read_text())
    importance = {row["column"]: row for row in figures["explanations"]["importance"]["columns"]}
    assert set(importance) == {"price (€)", "town"}
    assert figures["explanations"]["notes"] == []
    assert "features.price (€).scale" in page.read_text()
