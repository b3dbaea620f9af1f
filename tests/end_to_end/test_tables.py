"""Tables of a user's own: two runs at once in one workspace, served labels, values in the label's units, the gate."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

CLASSES = ["not ill", "so, so", "very ill"]  # in the order of the model's outputs
REGIONS = ["North", "Süd", "West End"]
QUICK = "training: {epochs: 40, batch_size: 16, learning_rate: 0.01, validation_fraction: 0.0}\n"
PATIENTS = (
    "name: patients\n"
    "data: {csv: {path: patients.csv, label: state}}\n"
    "model: {units: [16]}\n"
    f"{QUICK}"
    "evaluation: {metrics: [accuracy, log_loss], slices: [region], thresholds: {accuracy: {min: 0.7}}}\n"
)
HOUSES = (
    "name: houses\n"
    "data: {csv: {path: houses.csv, label: 'price (EUR)'}}\n"
    "task: regression\n"
    "model: {units: [16]}\n"
    f"{QUICK}"
    "evaluation: {metrics: [mae, rmse, r2], thresholds: {r2: {min: 0.7}}}\n"
)
# Run with TensorFlow alone: loads a SavedModel, answers rows through both signatures, prints JSON.
CLIENT = """
import json, sys
import tensorflow as tf
task = json.load(sys.stdin)
model = tf.saved_model.load(task["model"])
def example(row):
    made = tf.train.Example()
    for name, value in row.items():
        if value is None:
            continue
        feature = made.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif name in task["floats"]:
            feature.float_list.value.append(value)
        else:
            feature.int64_list.value.append(value)
    return made.SerializeToString()
_, specs = model.signatures["serving_raw"].structured_input_signature
columns = {}
for argument, spec in specs.items():
    values = [row[task["arguments"][argument]] for row in task["rows"]]
    missing = "" if spec.dtype == tf.string else float("nan")
    columns[argument] = tf.constant([missing if v is None else v for v in values], spec.dtype)
answers = {
    "serving_default": model.signatures["serving_default"](examples=tf.constant([example(r) for r in task["rows"]])),
    "serving_raw": model.signatures["serving_raw"](**columns),
}
def plain(value):
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.decode() if isinstance(value, bytes) else value
assert not {"kerasline", "tensorflow_transform"} & set(sys.modules)
print(json.dumps({name: {k: plain(v.numpy().tolist()) for k, v in a.items()} for name, a in answers.items()}))
"""


@dataclass(frozen=True)
class Table:
    """A recipe beside its CSV, the run of it, and where that put things."""

    recipe: Path
    done: Any
    workspace: Path

    def model_run(self) -> Path:
        """What the Trainer wrote beside the model."""
        name = self.recipe.stem
        (folder,) = (self.workspace / "pipelines" / name / "train" / "model_run").iterdir()
        return folder


def patients(seed: int, regions: list[str]) -> str:
    """A CSV with quoted numbers, missing cells, class names with spaces and commas, and a column with brackets."""
    generator = random.Random(seed)
    lines = ['"age","weight (kg)",region,state']
    for _ in range(300):
        age, weight = generator.uniform(0, 90), generator.uniform(40, 120)
        state = CLASSES[0 if age < 30 else 1 if age < 60 else 2]
        shown = "" if generator.random() < 0.1 else f'"{weight:.1f}"'
        region = "NA" if generator.random() < 0.05 else generator.choice(regions)
        lines.append(f'"{age:.1f}",{shown},{region},"{state}"')
    return "\n".join(lines) + "\n"


def houses() -> str:
    """A CSV of prices between 100,000 and 300,000 euros."""
    generator = random.Random(2)
    lines = ["area,rooms,price (EUR)"]
    for _ in range(300):
        area, rooms = generator.uniform(20, 120), generator.randint(1, 5)
        lines.append(f"{area:.1f},{rooms},{80_000 + 1_500 * area + 8_000 * rooms + generator.gauss(0, 3_000):.0f}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def tables(start: Any, finish_run: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    """Both recipes, started at the same time in one workspace."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "patients.csv").write_text(patients(1, REGIONS), encoding="utf-8")
    (folder / "houses.csv").write_text(houses())
    (folder / "patients.yaml").write_text(PATIENTS)
    (folder / "houses.yaml").write_text(HOUSES)
    recipes = [folder / "patients.yaml", folder / "houses.yaml"]
    begun = [start(folder / "workspace", str(recipe)) for recipe in recipes]
    return {
        recipe.stem: Table(recipe, finish_run(*run), folder / "workspace")
        for recipe, run in zip(recipes, begun, strict=True)
    }


def ask(table: Table, rows: list[dict[str, Any]]) -> dict[str, dict[str, list[Any]]]:
    """Asks the pushed model, in a process that has nothing of kerasline."""
    record = json.loads((Path(table.done.result["model"]["path"]) / "version.json").read_text())
    task = {
        "model": table.done.result["model"]["path"], "rows": rows, "floats": ["age", "weight (kg)", "area", "rooms"],
        "arguments": {"age": "age", "weight__kg_": "weight (kg)", "region": "region", "area": "area",
                      "rooms": "rooms"},
    }  # fmt: skip
    assert record["version"] == 1
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT], input=json.dumps(task), capture_output=True, text=True, timeout=300,
        cwd=table.workspace, env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def eval_rows(table: Table) -> list[dict[str, Any]]:
    """The rows of the eval split in the order of the Trainer's predictions."""
    import tensorflow as tf

    (ingest,) = (table.workspace / "pipelines" / table.recipe.stem / "ingest" / "examples").iterdir()
    files = sorted(str(path) for path in (ingest / "Split-eval").iterdir())
    rows = []
    names = ("age", "weight (kg)", "region", "area", "rooms")
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        row: dict[str, Any] = {}
        for name in names:
            kind = features[name].WhichOneof("kind")
            value = getattr(features[name], kind).value[0] if kind else None
            row[name] = value.decode() if isinstance(value, bytes) else value
        rows.append(row)
    return rows


def test_two_runs_at_once_both_end_well(
    tables: dict[str, Table],
    executions: Callable[[Path, str], dict[str, str]],
    is_intact: Callable[[Path], bool],
) -> None:
    for table in tables.values():
        assert table.done.code == 0, table.done.err
        assert table.done.result["status"] == "pushed"
        states = executions(table.workspace, table.done.result["run_id"])
        assert set(states.values()) == {"COMPLETE"}
        assert set(states) == {step["id"] for step in table.done.result["steps"]}
    assert tables["patients"].done.result["run_id"] != tables["houses"].done.result["run_id"]
    waited = [name for name, table in tables.items() if "another run is using" in table.done.out]
    assert len(waited) == 1, "one waits for the other"
    assert is_intact(tables["patients"].workspace)


def test_served_labels_are_those_that_the_trainer_predicted(tables: dict[str, Table]) -> None:
    import numpy as np

    table = tables["patients"]
    rows = eval_rows(table)
    with np.load(table.model_run() / "predictions-eval.npz") as stored:
        predictions, labels = stored["predictions"], stored["labels"]
    assert len(rows) == len(predictions) > 15
    assert any(row["weight (kg)"] is None for row in rows)
    for signature, answer in ask(table, rows).items():
        assert answer["classes"] == [CLASSES] * len(rows), signature
        np.testing.assert_allclose(answer["scores"], predictions, atol=1e-5)
        assert answer["class"] == [CLASSES[i] for i in predictions.argmax(axis=1)], signature
    truth = [CLASSES[0 if row["age"] < 30 else 1 if row["age"] < 60 else 2] for row in rows]
    assert [CLASSES[i] for i in labels] == truth, "labels of the eval split, by the rule that made the table"


def test_clear_cases_are_answered_right(tables: dict[str, Table]) -> None:
    rows = [
        {"age": 5.0, "weight (kg)": 80.0, "region": "North"},
        {"age": 45.0, "weight (kg)": None, "region": "Süd"},
        {"age": 85.0, "weight (kg)": 60.0, "region": None},
        {"age": 85.0, "weight (kg)": 60.0, "region": "a place that nobody knows"},
    ]
    for answer in ask(tables["patients"], rows).values():
        assert answer["class"] == ["not ill", "so, so", "very ill", "very ill"]


def test_slices_are_measured_apart(tables: dict[str, Table]) -> None:
    figures = json.loads(Path(tables["patients"].done.result["report"]).with_name("figures.json").read_text())
    found = {row["slice"]["region"]: row["rows"] for row in figures["slices"]}
    regions = [row["region"] for row in eval_rows(tables["patients"])]
    assert found == {region: regions.count(region) for region in REGIONS}


def test_a_regression_is_measured_and_served_in_the_units_of_its_label(tables: dict[str, Table]) -> None:
    import numpy as np

    from kerasline.components.evaluation.metrics import measure

    table = tables["houses"]
    with np.load(table.model_run() / "predictions-eval.npz") as stored:
        predictions, labels = stored["predictions"], stored["labels"]
    assert 80_000 < labels.min() < labels.max() < 350_000
    metrics = table.done.result["metrics"]
    assert measure(list(metrics), labels, predictions, "regression") == pytest.approx(metrics, rel=1e-4)
    assert 500 < metrics["mae"] < 20_000
    assert metrics["r2"] > 0.7
    assert table.done.result["trivial"]["mae"] > metrics["mae"]
    for answer in ask(table, eval_rows(table)).values():
        np.testing.assert_allclose(answer["value"], predictions[:, 0], rtol=1e-5)
    (answer, _) = ask(table, [{"area": 100.0, "rooms": 4}]).values()
    assert answer["value"][0] == pytest.approx(80_000 + 150_000 + 32_000, rel=0.15)


def test_data_that_contradicts_the_first_is_stopped_at_the_gate(
    kerasline: Callable[..., Any], tables: dict[str, Table], production: Any
) -> None:
    table = tables["patients"]
    before = production(table.workspace, "patients")
    (table.recipe.parent / "patients.csv").write_text(patients(2, ["Mars"]), encoding="utf-8")
    done = kerasline(table.workspace, str(table.recipe))
    assert done.code == 3, done.err
    assert done.result["status"] == "data_rejected"
    assert done.result["model"] is None
    (sentence,) = done.err.splitlines()
    assert sentence.startswith("kerasline: ")
    assert "region" in sentence
    assert "Mars" in sentence
    assert "train" not in {step["id"] for step in done.result["steps"]}
    assert production(table.workspace, "patients") == before
    assert Path(done.result["report"]).is_file()
