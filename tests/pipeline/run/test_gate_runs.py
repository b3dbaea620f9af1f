"""The gate in whole runs: a first run writes the schema, a dirty one stops, accept and quarantine let it go on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

RECIPE = """
name: people
data: {csv: {path: people.csv, label: label}}
validation: {drift: warn}
model: {family: mlp, units: [4]}
training: {epochs: 2, batch_size: 64, early_stopping: null}
evaluation: {metrics: [accuracy], thresholds: {accuracy: {min: 0.1}}, beat_trivial: false}
"""


def write_people(path: Path, *, towns: int = 0, texts: int = 0, shift: float = 0.0) -> None:
    """Writes 500 rows; the first have an unseen town, the next text in place of a number."""
    import numpy as np

    random = np.random.default_rng(3)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "town", "label"])
        for index in range(500):
            age: Any = round(float(random.normal(40 + shift, 9)), 2)
            label = "yes" if random.random() < 1 / (1 + np.exp(-(age - 40) / 9)) else "no"
            town = "Atlantis" if index < towns else "Bonn" if random.random() < 0.6 else "Kiel"
            writer.writerow([f"{age} years" if towns <= index < towns + texts else age, town, label])


@pytest.mark.slow
@pytest.mark.long
def test_from_the_first_schema_through_dirty_data_to_quarantine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from kerasline.pipeline.cli.entry import app
    from kerasline.pipeline.models import monitor
    from kerasline.pipeline.run.running import run_recipe

    workspace, recipe, table = tmp_path / "workspace", tmp_path / "people.yaml", tmp_path / "people.csv"
    recipe.write_text(RECIPE)

    def run(*changes: str) -> Any:
        return run_recipe(str(recipe), changes, data_dir=None, workspace=workspace, cache=True, debug=False)

    write_people(table)
    first = run()
    assert first.result["status"] == "pushed", first.message
    schema = tmp_path / "people.schema.pbtxt"
    assert 'value: "Kiel"' in schema.read_text()
    profile = json.loads((workspace / "models/people/1/profile.json").read_text())
    assert profile["columns"]["age"]["kind"] == "numeric"
    at_push = monitor("people", workspace)["at_push"]
    assert {name: figure["value"] for name, figure in at_push.items()} == pytest.approx(
        first.result["metrics"], abs=1e-3
    ), "the version brings its answers to eval rows"

    again = run()
    assert again.result["status"] == "up_to_date"

    write_people(table, towns=6, shift=15)
    stopped = run()
    assert (stopped.exit_code, stopped.result["status"]) == (3, "data_rejected")
    assert "column 'town'" in stopped.message and "kerasline schema accept RECIPE" in stopped.message
    assert [step["id"] for step in stopped.result["steps"]][-1] == "anomalies"
    assert not (workspace / "models/people/2").exists()
    report = Path(stopped.result["report"]).parent
    findings = json.loads((report / "verdict.json").read_text())["findings"]
    drift = [line for line in findings if (line["check"], line["column"]) == ("drift", "age")]
    assert [line["status"] for line in drift] == ["warned"]
    assert "from version 1, in production" in drift[0]["text"]

    capfd.readouterr()
    app(["schema", "accept", str(recipe), "--workspace", str(workspace)], standalone_mode=False)
    assert '+    value: "Atlantis"' in capfd.readouterr().out

    write_people(table, towns=6, texts=5)
    aside = run("validation.anomalies=quarantine")
    assert aside.exit_code in (0, 4), aside.message
    quarantine = json.loads((Path(aside.result["report"]).parent / "verdict.json").read_text())["quarantine"]
    assert quarantine["rows"] == 5
    assert quarantine["reasons"] == [{"column": "age", "reason": "expected a number", "rows": 5}]
    import pyarrow.parquet as pq

    rows = pq.read_table(quarantine["folder"]).to_pylist()
    assert all(row["age"].endswith(" years") for row in rows)
