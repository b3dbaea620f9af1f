"""What can be set at a submission: which step reads it, what is refused, and what reaches the step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import resolve
from kerasline.components.datasets.description.options import DataOptions
from kerasline.components.datasets.description.spec import Dataset
from kerasline.pipeline.config.experiment import parse_experiment
from kerasline.pipeline.container.given_values import read_values
from kerasline.pipeline.container.runtime_parameters import COMPILED, declare_parameters, put_in_place

ROOT = "gs://bucket/root"
DATES = ("2026-11-01", "2026-11-02", "2026-11-03")


def settings(epochs: int, rate: float) -> str:
    """What the steps that fit are told of it."""
    return json.dumps({"training": {"epochs": epochs, "learning_rate": rate, "optimizer": "adam"}, "seed": 7})


def make_spec(tmp_path: Path, data: Dataset | None = None, block: dict[str, Any] | None = None) -> dict[str, Any]:
    """A spec as it is compiled, of the steps that a parameter concerns and one that none does."""
    recipe = {"name": "flats", "data": block or {"dataset": "iris"}, "training": {"epochs": 4}}
    experiment = parse_experiment(recipe, [], str(tmp_path / "flats.yaml"))
    text = data.to_json() if data else "{}"
    config = {"settings": settings(4, 0.001), "checkpoints": f"{ROOT}/checkpoints", "note": f"{ROOT}/x"}
    constants: dict[str, dict[str, Any]] = {
        "ingest": {"dataset": text, "rules": ""},
        "statistics": {"stats_options": "{}"},
        "train": {"custom_config": json.dumps(config), "run_fn": "kerasline.components.training.trainer.run_fn"},
        "baseline": {"models": f"{ROOT}/models/flats", "version": -1},
        "validate": {"models": "", "reference": f"{ROOT}/models/flats/4/profile.json", "reference_name": "version 4"},
        "push": {
            "push_destination": json.dumps({"filesystem": {"baseDirectory": f"{ROOT}/models/flats"}}),
            "custom_config": json.dumps({"record": {"recipe": "flats", "spans": "old"}, "keep": 5}),
        },
        "report": {
            "dataset": text,
            "experiment": experiment.model_dump_json(exclude={"run", "schedule"}),
            "changes": "{}",
        },
    }
    kinds = {str: "STRING", int: "NUMBER_INTEGER"}
    return {
        "root": {
            "dag": {
                "tasks": {
                    name: {
                        "componentRef": {"name": name},
                        "inputs": {"parameters": {k: {"runtimeValue": {"constant": v}} for k, v in values.items()}},
                    }
                    for name, values in constants.items()
                }
            }
        },
        "components": {
            name: {"inputDefinitions": {"parameters": {k: {"parameterType": kinds[type(v)]} for k, v in inner.items()}}}
            for name, inner in constants.items()
        },
    }


def declare(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The parameters of a recipe without spans."""
    return declare_parameters(spec, {"pipeline_root": ROOT, "epochs": 4, "learning_rate": 0.001}, **more)


def execute(spec: dict[str, Any], step: str, **values: Any) -> dict[str, Any]:
    """What TFX's entry point gets, where the backend fills in values of the submission or the defaults."""
    known = {n: d.get("defaultValue") for n, d in spec["root"]["inputDefinitions"]["parameters"].items()} | values
    inputs = spec["root"]["dag"]["tasks"][step]["inputs"]["parameters"]
    definitions = spec["components"][step]["inputDefinitions"]["parameters"]
    assert inputs.keys() == definitions.keys(), "a backend refuses inputs that the component does not declare"
    filled = {
        key: known[source["componentInputParameter"]]
        if "componentInputParameter" in source
        else source["runtimeValue"]["constant"]
        for key, source in inputs.items()
    }
    return put_in_place(filled)


def constants(spec: dict[str, Any], step: str) -> dict[str, Any]:
    """A step's own parameters, as they were compiled."""
    inputs = spec["root"]["dag"]["tasks"][step]["inputs"]["parameters"]
    return {k: v["runtimeValue"]["constant"] for k, v in inputs.items() if "runtimeValue" in v and k != COMPILED}


def test_each_parameter_reaches_the_steps_that_read_it(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    assert declare(spec) == {"pipeline_root": ROOT, "epochs": 4, "learning_rate": 0.001}
    reads: dict[str, set[str]] = {}
    for step, task in spec["root"]["dag"]["tasks"].items():
        for source in task["inputs"]["parameters"].values():
            if "componentInputParameter" in source:
                reads.setdefault(source["componentInputParameter"], set()).add(step)
    assert reads == {
        "pipeline_root": {"train", "baseline", "push", "validate"},
        "epochs": {"train", "report"},
        "learning_rate": {"train", "report"},
    }
    declared = spec["root"]["inputDefinitions"]["parameters"]
    assert {name: (d["parameterType"], d["defaultValue"]) for name, d in declared.items()} == {
        "pipeline_root": ("STRING", ROOT),
        "epochs": ("NUMBER_INTEGER", 4),
        "learning_rate": ("NUMBER_DOUBLE", 0.001),
    }


@pytest.mark.parametrize("step", ["ingest", "statistics", "train", "baseline", "push", "report"])
def test_with_the_values_that_it_was_compiled_with_every_step_is_told_what_it_was(tmp_path: Path, step: str) -> None:
    """To the letter, so that a cache that knows the step still does."""
    spec = make_spec(tmp_path)
    declare(spec)
    assert execute(spec, step) == constants(spec, step)
    assert execute(spec, step, epochs=4.0) == constants(spec, step), "JSON has one kind of number"


def test_other_values_are_put_where_the_step_reads_them(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    declare(spec)
    config = json.loads(
        execute(spec, "train", epochs=9.0, learning_rate=0.01, pipeline_root="/mnt/x/")["custom_config"]
    )
    training = json.loads(config["settings"])["training"]
    assert training == {"epochs": 9, "learning_rate": 0.01, "optimizer": "adam"}
    assert isinstance(training["epochs"], int)
    assert config["checkpoints"] == "/mnt/x/checkpoints"
    assert config["note"] == f"{ROOT}/x", "what only happens to begin with the root stays"
    assert execute(spec, "baseline", pipeline_root="gs://b/y")["models"] == "gs://b/y/models/flats"
    assert execute(spec, "validate", pipeline_root="gs://b/y")["reference"] == "gs://b/y/models/flats/4/profile.json"
    pushed = execute(spec, "push", pipeline_root="gs://b/y")
    assert json.loads(pushed["push_destination"]) == {"filesystem": {"baseDirectory": "gs://b/y/models/flats"}}
    report = execute(spec, "report", epochs=9)
    assert json.loads(report["experiment"])["training"]["epochs"] == 9
    assert json.loads(report["changes"])["training.epochs"] == [9, 10]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "parameter epochs: expected a value that is greater than"),
        ("epochs", -5.0, "parameter epochs: expected a value that is greater than"),
        ("learning_rate", -1.0, "parameter learning_rate: expected a value that is greater than"),
        ("learning_rate", "fast", "parameter learning_rate: expected a number, got 'fast'"),
        ("learning_rate", True, "parameter learning_rate: expected a number, got True"),
        ("pipeline_root", "some/place", "parameter pipeline_root: expected a URI such as gs://BUCKET/PATH"),
        ("pipeline_root", "", "parameter pipeline_root: expected a URI"),
        ("pipeline_root", "/", "parameter pipeline_root: expected a folder where a volume is mounted"),
        (
            "pipeline_root",
            "hdfs://host/runs",
            "parameter pipeline_root: expected gs://, s3://, minio:// or an absolute",
        ),
        ("pipeline_root", 5.0, "parameter pipeline_root: expected a text, got 5.0"),
    ],
)
def test_what_a_page_or_a_schedule_submits_is_checked_by_the_step(
    tmp_path: Path, name: str, value: Any, message: str
) -> None:
    spec = make_spec(tmp_path)
    declare(spec)
    with pytest.raises(ConfigError, match=message):
        execute(spec, "train", **{name: value})


def test_custom_jobs_need_a_project_and_a_region(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    parameters = spec["root"]["dag"]["tasks"]["train"]["inputs"]["parameters"]
    config = {**json.loads(constants(spec, "train")["custom_config"]), "ai_platform_training_args": {"job_spec": {}}}
    parameters["custom_config"] = {"runtimeValue": {"constant": json.dumps(config)}}
    declare_parameters(spec, {"epochs": 4, "project": None, "region": None})
    assert "defaultValue" not in spec["root"]["inputDefinitions"]["parameters"]["project"]
    with pytest.raises(ConfigError, match="expected a value for project, got none; add --param project=VALUE"):
        read_values(spec, [], {})
    values = read_values(spec, [], {"project": "shop", "region": "europe-west4"})
    told = json.loads(execute(spec, "train", **values)["custom_config"])
    assert told["ai_platform_training_args"] == {"job_spec": {}, "project": "shop"}
    assert told["ai_platform_vertex_region"] == "europe-west4"


def test_values_of_the_command_line(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    declare(spec)
    assert read_values(spec, [], {"project": "unused"}) == {"pipeline_root": ROOT, "epochs": 4, "learning_rate": 0.001}
    given = read_values(spec, ["epochs=9", "learning_rate=1e-2", "pipeline_root=gs://b/y"], {})
    assert given == {"pipeline_root": "gs://b/y", "epochs": 9, "learning_rate": 0.01}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["epochs"], r"--param: expected NAME=VALUE, such as epochs=20, got 'epochs'"),
        (["epoch=3"], r"expected a parameter of the spec \(.*\), got 'epoch'. Did you mean 'epochs'\?"),
        (["span=3"], r"--param span: expected the spec of a recipe whose data come in spans .*, got one without"),
        (["region=x"], r"--param region: expected the spec of a recipe with custom jobs .*; it takes pipeline_root"),
        (["epochs=1_0"], "--param epochs: expected a whole number, got '1_0'"),
        (["epochs=\u0663"], "--param epochs: expected a whole number, got '\u0663'"),
        (["epochs=ten"], "--param epochs: expected a whole number, got 'ten'"),
        (["epochs=2.5"], "--param epochs: expected a whole number, got '2.5'"),
        (["epochs=0"], "--param epochs: expected a value that is greater than or equal to 1, got '0'"),
        (["learning_rate=fast"], "--param learning_rate: expected a number, got 'fast'"),
        (["learning_rate=-1"], "--param learning_rate: expected a value that is greater than 0, got '-1'"),
        (["learning_rate=nan"], "--param learning_rate: expected a value that is"),
        (["pipeline_root=bucket"], "--param pipeline_root: expected a URI such as gs://BUCKET/PATH, got 'bucket'"),
        (["epochs=3", "epochs=4"], "--param epochs: expected one value, got two"),
    ],
)
def test_what_is_refused(tmp_path: Path, given: list[str], message: str) -> None:
    spec = make_spec(tmp_path)
    declare(spec)
    with pytest.raises(ConfigError, match=message):
        read_values(spec, given, {})


def test_a_spec_without_parameters_takes_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="compiled by something else"):
        read_values(make_spec(tmp_path), ["epochs=3"], {})


@pytest.fixture
def daily(tmp_path: Path) -> dict[str, Any]:
    """The ``data:`` block of three days of flats, of which two are used."""
    for day in DATES:
        folder = tmp_path / "days" / day
        folder.mkdir(parents=True)
        rows = "".join(f"{30 + i},{'north' if i % 2 else 'south'},{500 + 7 * i + int(day[-2:])}\n" for i in range(40))
        (folder / "flats.csv").write_text(f"area,district,rent\n{rows}")
    return {"spans": {"pattern": "days/{YYYY}-{MM}-{DD}/*.csv", "label": "rent", "window": 2}}


def compile_daily(tmp_path: Path, block: dict[str, Any]) -> tuple[dict[str, Any], Dataset]:
    """A spec of that data."""
    options = DataOptions.model_validate(block)
    data = resolve(options, name="flats", base_dir=tmp_path, data_dir=None, seed=7)
    spec = make_spec(tmp_path, data, block)
    source = {"options": options.model_dump(mode="json"), "name": "flats", "base_dir": str(tmp_path), "data_dir": None,
              "task": "auto", "seed": 7, "named": {}}  # fmt: skip
    assert declare_parameters(spec, {"span": list(data.spans)[-1]}, source) == {"span": DATES[-1]}
    return spec, data


def test_another_span_is_found_where_the_step_runs(tmp_path: Path, daily: dict[str, Any]) -> None:
    spec, compiled = compile_daily(tmp_path, daily)
    assert list(compiled.spans) == list(DATES[1:])
    assert execute(spec, "ingest") == constants(spec, "ingest")
    found = Dataset.from_json(execute(spec, "ingest", span=DATES[1])["dataset"])
    assert list(found.spans) == list(DATES[:2]), "the window ends with it"
    daily["spans"]["last"] = DATES[1]
    assert found == resolve(DataOptions.model_validate(daily), name="flats", base_dir=tmp_path, data_dir=None, seed=7)
    record = json.loads(execute(spec, "push", span=DATES[1])["custom_config"])["record"]
    assert record["spans"] == f"spans {DATES[0]} to {DATES[1]}: 2 in 2 files"
    assert (record["data_fingerprint"], record["recipe"]) == (found.fingerprint, "flats")
    report = execute(spec, "report", span=DATES[1])
    assert Dataset.from_json(report["dataset"]) == found
    assert json.loads(report["experiment"])["data"]["spans"]["last"] == DATES[1]


@pytest.mark.parametrize("span", ["7", "yesterday", "2026-11", "2026-11-31"])
def test_a_span_of_another_kind_is_refused(tmp_path: Path, daily: dict[str, Any], span: str) -> None:
    spec, _ = compile_daily(tmp_path, daily)
    with pytest.raises(ConfigError, match=f"parameter span: expected a date such as {DATES[-1]}, got '{span}'"):
        execute(spec, "ingest", span=float(span) if span.isdigit() else span)
    with pytest.raises(ConfigError, match=f"--param span: expected a date such as {DATES[-1]}, got '{span}'"):
        read_values(spec, [f"span={span}"], {})
    assert read_values(spec, [f"span={DATES[0]}"], {}) == {"span": DATES[0]}


def test_a_span_that_is_not_there_is_refused(tmp_path: Path, daily: dict[str, Any]) -> None:
    """The window would end earlier, and nobody would know."""
    spec, _ = compile_daily(tmp_path, daily)
    for step in ("ingest", "push", "report"):
        with pytest.raises(ConfigError, match=f"span 2026-11-04: expected data of it, but .* complete is {DATES[2]}"):
            execute(spec, step, span="2026-11-04")


def test_a_span_with_other_columns_is_refused(tmp_path: Path, daily: dict[str, Any]) -> None:
    """Transform, and all after it, were compiled for columns of this kind."""
    daily["spans"]["window"] = 1
    spec, _ = compile_daily(tmp_path, daily)
    (tmp_path / "days" / DATES[0] / "flats.csv").write_text(
        "area,district,rent\n" + "".join(f"large,north,{500 + i}\n" for i in range(40))
    )
    with pytest.raises(ConfigError, match=f"span {DATES[0]}: expected column area of int, for which the spec was"):
        execute(spec, "ingest", span=DATES[0])
