"""The file of the curated schema: where it is, when it is read, when it is written, and what accept does to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, resolve
from kerasline.components.datasets.description.spec import Dataset
from kerasline.components.validation.policy.options import ValidationOptions, check_column_names
from kerasline.components.validation.policy.verdict import GateStopped
from kerasline.pipeline.config.experiment import RECIPES, parse_experiment
from kerasline.pipeline.plan.data_schemas import (
    SchemaFile,
    accept_findings,
    curated_text,
    find_schema_file,
    keep_gate_records,
    last_schema_file,
    write_first,
)
from kerasline.pipeline.plan.planning import plan_run

SCHEMA = 'feature {\n  name: "age"\n  type: INT\n}\nfeature {\n  name: "town"\n  type: BYTES\n}\n'
WIDER = SCHEMA.replace("INT", "FLOAT") + 'feature {\n  name: "height"\n  type: FLOAT\n}\n'


@dataclass
class Artifact:
    """Stands for an artifact of ML Metadata."""

    uri: str


@pytest.fixture
def data(tmp_path: Path) -> Callable[..., Dataset]:
    """Resolves a table with as many rows as told."""

    def call(rows: int = 40) -> Dataset:
        lines = [f"{i % 9},{'ab'[i % 2]},{i}" for i in range(rows)]
        (tmp_path / "people.csv").write_text("age,town,label\n" + "\n".join(lines))
        options = DataOptions.model_validate({"csv": {"path": "people.csv", "label": "label"}})
        return resolve(options, name="people", base_dir=tmp_path, data_dir=None)

    return call


@pytest.fixture
def file(tmp_path: Path) -> SchemaFile:
    return find_schema_file("people", tmp_path, tmp_path / "workspace")


def test_the_file_lies_beside_the_users_recipe_and_in_the_workspace_for_a_shipped_one(tmp_path: Path) -> None:
    assert find_schema_file("people", tmp_path, tmp_path / "w").path == tmp_path / "people.schema.pbtxt"
    assert find_schema_file("iris_mlp", RECIPES, tmp_path / "w").path == tmp_path / "w/schemas/iris_mlp.schema.pbtxt"


def test_a_folder_that_cannot_be_written_leaves_the_file_to_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert find_schema_file("people", tmp_path, tmp_path / "w").path == tmp_path / "w/schemas/people.schema.pbtxt"
    (tmp_path / "people.schema.pbtxt").write_text(SCHEMA)
    assert find_schema_file("people", tmp_path, tmp_path / "w").path == tmp_path / "people.schema.pbtxt"


def test_repeating_the_first_run_infers_again_and_other_data_is_checked(
    data: Callable[..., Dataset], file: SchemaFile
) -> None:
    first = data(40)
    assert curated_text(file, first) == ""
    assert write_first(file, SCHEMA, first, "people") is True
    assert file.path.read_text().startswith(
        "# What the data of people must look like, inferred from 40 rows of people.\n"
    )
    assert file.path.read_text().endswith(SCHEMA)
    assert curated_text(file, data(40)) == ""
    assert curated_text(file, data(60)) == SCHEMA


def test_an_edit_counts_and_a_comment_does_not(data: Callable[..., Dataset], file: SchemaFile) -> None:
    write_first(file, SCHEMA, data(), "people")
    file.path.write_text("# looked at by Ada\n" + file.path.read_text())
    assert curated_text(file, data()) == ""
    file.path.write_text(file.path.read_text().replace("INT", "FLOAT"))
    assert curated_text(file, data()) == SCHEMA.replace("INT", "FLOAT")


def test_an_existing_schema_is_never_written_over(data: Callable[..., Dataset], file: SchemaFile) -> None:
    file.path.write_text(SCHEMA)
    assert write_first(file, WIDER, data(), "people") is False
    assert file.path.read_text() == SCHEMA
    assert curated_text(file, data()) == SCHEMA  # committed by somebody else: checked from the first run on


def test_a_broken_schema_is_the_users_mistake(data: Callable[..., Dataset], file: SchemaFile) -> None:
    file.path.write_text("feature { nome: 'x' }")
    with pytest.raises(ConfigError, match="people.schema.pbtxt: expected a schema as protocol-buffer text"):
        curated_text(file, data())


def rejected(reports: Path, run: str, accept: dict[str, Any] | None, file: SchemaFile, data: Dataset) -> None:
    error = GateStopped("stopped", {"stopped": True, "accept": accept})
    assert keep_gate_records(file, data, "people", {}, error, reports / run) is None


def test_accept_takes_the_last_runs_findings_and_prints_the_difference(
    data: Callable[..., Dataset], file: SchemaFile, tmp_path: Path
) -> None:
    write_first(file, SCHEMA, data(), "people")
    reports = tmp_path / "workspace/reports/people"
    rejected(reports, "20260101-000000", {"columns": ["town"], "schema": SCHEMA}, file, data())
    rejected(reports, "20260102-000000", {"columns": ["age", "height"], "schema": WIDER}, file, data())
    assert last_schema_file(reports) == file.path
    shown = accept_findings(file.path, reports, "people", [])
    assert "-  type: INT\n+  type: FLOAT" in shown
    assert '+  name: "height"' in shown
    assert file.path.read_text().startswith("# What the data of people")
    assert file.path.read_text().endswith(WIDER)
    assert curated_text(file, data()) == WIDER
    with pytest.raises(ConfigError, match="has what run 20260102-000000 found already; run again"):
        accept_findings(file.path, reports, "people", [])


def test_accept_can_take_one_column_and_keeps_edits_made_since(
    data: Callable[..., Dataset], file: SchemaFile, tmp_path: Path
) -> None:
    file.path.write_text(SCHEMA.replace("BYTES", "BYTES\n  presence {\n    min_fraction: 0.5\n  }"))
    reports = tmp_path / "reports/people"
    rejected(reports, "1", {"columns": ["age", "height"], "schema": WIDER}, file, data())
    accept_findings(file.path, reports, "people", ["height"])
    text = file.path.read_text()
    assert "type: INT" in text and 'name: "height"' in text and "min_fraction: 0.5" in text
    with pytest.raises(
        ConfigError, match=r"--column: expected a column that contradicted .* \(age, height\), got 'town'"
    ):
        accept_findings(file.path, reports, "people", ["town"])


def test_nothing_to_accept(data: Callable[..., Dataset], file: SchemaFile, tmp_path: Path) -> None:
    reports = tmp_path / "reports/people"
    with pytest.raises(ConfigError, match="expected a run of people in .*, but there is none; run it first"):
        accept_findings(file.path, reports, "people", [])
    rejected(reports, "1", None, file, data())
    with pytest.raises(ConfigError, match=r"in the last run of people \(1\), but it found none"):
        accept_findings(file.path, reports, "people", [])


def test_a_run_that_passed_keeps_its_verdict_and_writes_the_schema_once(
    data: Callable[..., Dataset], file: SchemaFile, tmp_path: Path
) -> None:
    for folder, name, text in (("gate", "verdict.json", '{"stopped": false}'), ("curated", "schema.pbtxt", SCHEMA)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    gate, curated = {"verdict": Artifact(str(tmp_path / "gate"))}, {"schema": Artifact(str(tmp_path / "curated"))}
    artifacts = {"validate": gate, "curated": curated}
    report = tmp_path / "reports/people/1"
    assert keep_gate_records(file, data(), "people", artifacts, None, report) == file.path
    kept = json.loads((report / "verdict.json").read_text())
    assert kept == {"stopped": False, "schema_file": str(file.path)}
    assert keep_gate_records(file, data(), "people", artifacts, None, report) is None


def test_a_run_that_ended_before_the_gate_keeps_nothing(
    data: Callable[..., Dataset], file: SchemaFile, tmp_path: Path
) -> None:
    assert keep_gate_records(file, data(), "people", {}, ValueError("disk full"), tmp_path / "reports/people/1") is None
    assert not (tmp_path / "reports").exists()
    assert not file.path.exists()


def test_limits_for_columns_that_there_are_not() -> None:
    options = ValidationOptions.model_validate({"drift": {"columns": {"agee": 0.2}}})
    with pytest.raises(ConfigError, match=r"validation.drift.columns: .* got 'agee'\. Did you mean 'age'\?"):
        check_column_names(options, ["age", "town"])


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"drift": "quarantine"}, "validation.drift: expected one of fail, warn, off, got 'quarantine'"),
        ({"skew": {"limit": 2}}, "validation.skew.limit: expected 1 at most, got 2"),
        ({"duplicate": "warn"}, "unknown key 'validation.duplicate'. Did you mean 'duplicates'?"),
    ],
)
def test_mistakes_in_the_block(block: dict[str, Any], message: str) -> None:
    raw = {"name": "people", "data": {"dataset": "iris"}, "validation": block}
    with pytest.raises(ConfigError) as caught:
        parse_experiment(raw)
    assert message in str(caught.value)


def test_off_is_what_yaml_makes_of_it() -> None:
    raw = {"name": "people", "data": {"dataset": "iris"}, "validation": {"drift": False, "leakage": {"policy": False}}}
    validation = parse_experiment(raw, ["validation.skew=off"]).validation
    assert (validation.drift.policy, validation.leakage.policy, validation.skew.policy) == ("off", "off", "off")


def test_a_plan_follows_the_types_of_the_schema(data: Callable[..., Dataset], file: SchemaFile, tmp_path: Path) -> None:
    data()
    raw = {"name": "people", "data": {"csv": {"path": "people.csv", "label": "label"}}}
    experiment = parse_experiment(raw)
    plain = plan_run(experiment, tmp_path, None, tmp_path / "models/people", file)
    assert (plain.schema, plain.rules.to_json()) == ("", "")
    # Quantities are floats, unless the schema of an earlier run says that they are whole.
    assert [step.dtype for step in plain.features.steps if step.name == "age"] == ["float"]
    file.path.write_text(SCHEMA)
    whole = plan_run(experiment, tmp_path, None, tmp_path / "models/people", file)
    assert [step.dtype for step in whole.features.steps if step.name == "age"] == ["int"]
    assert whole.key != plain.key
    file.path.write_text(SCHEMA.replace("INT", "FLOAT"))
    wide = plan_run(experiment, tmp_path, None, tmp_path / "models/people", file)
    assert [step.dtype for step in wide.features.steps if step.name == "age"] == ["float"]
    assert wide.dataset == plain.dataset
