"""What a backend asks of a step and cannot be done is said in one sentence, before anything of TFX is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.container import entry
from kerasline.pipeline.container.artifact_types import KNOWN
from tests.pipeline.container.input_specs import EXAMPLES, PARAMETERS

PUSHED = {"instanceSchema": "title: tfx.PushedModel\ntype: object\n"}
SPEC: dict[str, Any] = {
    "artifacts": {"examples": {"artifactType": EXAMPLES}, "pushed": {"artifactType": PUSHED}},
    "parameters": PARAMETERS,
}
STATISTICS = {"instanceSchema": "title: tfx.ExampleStatistics\ntype: object\n"}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An ExecutorInput as Kubeflow's driver sends it, whose input the launcher has fetched."""
    monkeypatch.setattr(entry, "MOUNTS", str(tmp_path))
    (tmp_path / "gcs" / "b" / "ingest").mkdir(parents=True)
    found = {"name": "7", "type": {"instanceSchema": ""}}
    metadata = {"split_names": '["train", "eval"]', "span": 0.0}
    artifacts = {"examples": {**found, "uri": "gs://b/ingest", "metadata": metadata}}
    artifacts["pushed"] = {**found, "uri": "gs://b/nothing"}
    return {
        "inputs": {
            "artifacts": {key: {"artifacts": [artifact]} for key, artifact in artifacts.items()},
            "parameterValues": {"rows": 3.0, "plan": "", "epochs": 2.5},
        },
        "outputs": {
            "artifacts": {"statistics": {"artifacts": [{"uri": "gs://b/statistics", "type": STATISTICS}]}},
            "outputFile": "/gcs/b/output_metadata.json",
        },
    }


def with_value(asked: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Puts a value at a place; None takes away what is there."""
    *before, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    inner: Any = asked
    for part in before:
        inner = inner[part]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return asked


def test_what_can_be_done_is_asked_of_tfx(asked: dict[str, Any], tmp_path: Path) -> None:
    """Nothing was pushed, and an empty folder does not come through a bucket."""
    request = entry.prepare_request(asked, SPEC, {"target": "kubeflow"})
    artifacts = {key: found["artifacts"][0] for key, found in request["inputs"]["artifacts"].items()}
    assert (artifacts["examples"]["uri"], artifacts["examples"]["type"]) == (f"{tmp_path}/gcs/b/ingest", EXAMPLES)
    assert artifacts["pushed"]["type"] == PUSHED


_INPUT = "inputs.artifacts.examples"
_OF_INPUT = f"{_INPUT}.artifacts.0"
_OF_OUTPUT = "outputs.artifacts.statistics.artifacts.0"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("inputs.artifacts", None, "input artifact examples: expected it from the step that makes it, got none"),
        (_INPUT, None, "input artifact examples: expected it from the step that makes it, got none"),
        (_INPUT, {}, "input artifact examples: expected it from the step that makes it, got none"),
        (f"{_INPUT}.artifacts", [], "input artifact examples: expected it from the step that makes it, got none"),
        (f"{_OF_INPUT}.uri", None, "input artifact examples: expected a URI that begins with gs://.*got None"),
        (f"{_OF_INPUT}.uri", "", "input artifact examples: expected a URI that begins with gs://.*got ''"),
        (f"{_OF_INPUT}.uri", "hdfs://x/y", "input artifact examples: expected a URI .*got 'hdfs://x/y'; give the run"),
        (
            f"{_OF_INPUT}.uri",
            "gs://b/gone",
            "input artifact examples: expected its files in .*/gcs/b/gone, got",
        ),
        (f"{_OF_INPUT}.type", {"schemaTitle": "tfx.Model"}, "examples: expected tfx.Examples, got tfx.Model; compile"),
        (f"{_OF_INPUT}.type", {"schemaTitle": "tfx.New"}, "examples: expected tfx.Examples, got tfx.New; compile"),
        (f"{_OF_INPUT}.type", {"instanceSchema": "title: kerasline.New"}, "expected tfx.Examples, got kerasline.New"),
        (f"{_OF_INPUT}.metadata.span", 2.5, "examples, property span: expected a whole number, got 2.5"),
        (f"{_OF_INPUT}.metadata.span", "3", "examples, property span: expected a whole number, got '3'"),
        (f"{_OF_INPUT}.metadata.span", True, "examples, property span: expected a whole number, got True"),
        (f"{_OF_INPUT}.metadata.split_names", None, "examples, property split_names: expected the names .*got None"),
        (f"{_OF_INPUT}.metadata.split_names", "train", "property split_names: expected the names .*got 'train'"),
        ("inputs.parameterValues", None, "parameter rows: expected it among what the step is told, got nothing"),
        ("inputs.parameterValues.plan", None, "parameter plan: expected it .*, got rows, epochs; compile the spec"),
        ("inputs.parameterValues.rows", 2.5, r"parameter rows: expected a whole number, got 2\.5; submit the spec"),
        ("outputs", None, "expected the backend to say where the outputs of the step go"),
        ("outputs.outputFile", None, "expected the backend to say where the outputs of the step go"),
        (f"{_OF_OUTPUT}.uri", "bucket/x", "output artifact statistics: expected a URI that begins .*got 'bucket/x'"),
        (
            f"{_OF_OUTPUT}.type",
            None,
            "artifact statistics: expected an artifact of a type that this image knows, got one",
        ),
        (f"{_OF_OUTPUT}.type", {"schemaTitle": "tfx.New"}, "statistics: expected an artifact of a type .*got tfx.New"),
    ],
)
def test_what_cannot_be_done_is_said(asked: dict[str, Any], place: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        entry.prepare_request(with_value(asked, place, value), SPEC, {"target": "kubeflow"})


def test_a_parameter_that_tfx_would_take_for_nothing(asked: dict[str, Any]) -> None:
    asked["inputs"]["parameterValues"]["plan"] = None
    with pytest.raises(ConfigError, match="parameter plan: expected a value, got null; submit the spec with --param"):
        entry.prepare_request(asked, SPEC, {"target": "kubeflow"})


def test_no_request_at_all() -> None:
    for asked, message in (
        ([], "what the backend asks: expected an object"),
        ({}, "expected the backend to say where"),
    ):
        with pytest.raises(ConfigError, match=message):
            entry.prepare_request(asked, SPEC, {"target": "kubeflow"})


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("inputs", [], "what the backend asks, inputs: expected an object of JSON, got "),
        ("inputs.artifacts", "x", "inputs, artifacts: expected an object of JSON, got "),
        (f"{_INPUT}.artifacts", {}, "artifacts, examples, artifacts: expected a list, got "),
        (_OF_INPUT, 3, r"artifacts\[0\]: expected an object of JSON, got 3; run the step again with another client"),
        (f"{_OF_INPUT}.type", "tfx.Examples", r"\[0\], type: expected an object of JSON, got "),
        (f"{_OF_INPUT}.metadata", [], r"\[0\], metadata: expected an object of JSON, got "),
        (f"{_OF_OUTPUT}.uri", 3, r"\[0\], uri: expected a text, got 3"),
        ("inputs.parameterValues.plan", {"a": 1}, "parameter plan: expected the text that compile wrote, got "),
        ("inputs.parameterValues.dataset", "{", "parameter dataset: expected the text that compile wrote, got "),
    ],
)
def test_what_is_of_another_kind_is_named(asked: dict[str, Any], place: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        entry.prepare_request(with_value(asked, place, value), SPEC, {"target": "kubeflow"})


def test_a_null_is_nothing(asked: dict[str, Any]) -> None:
    """As protocol buffers read it; as a parameter's value it is one."""
    plain = entry.prepare_request(asked, SPEC, {"target": "kubeflow"})
    asked["inputs"]["artifacts"]["examples"]["artifacts"][0] |= {"customPath": None, "type": None}
    asked["outputs"]["artifacts"]["statistics"]["artifacts"][0]["metadata"] = None
    assert entry.prepare_request(asked, SPEC, {"target": "kubeflow"}) == plain


def test_a_type_by_its_title_alone(asked: dict[str, Any]) -> None:
    """As Vertex AI may send it: the step's own specification says what its properties are."""
    with_value(asked, f"{_OF_INPUT}.type", {"schemaTitle": "tfx.Examples"})
    with pytest.raises(ConfigError, match="examples, property span: expected a whole number"):
        entry.prepare_request(with_value(asked, f"{_OF_INPUT}.metadata.span", 2.5), SPEC, {"target": "vertex"})


def test_the_types_that_are_known_are_there() -> None:
    """As TFX's entry point looks for them: by its table, and else by their path."""
    utilities = pytest.importorskip("tfx.orchestration.kubeflow.v2.compiler_utils")
    import kerasline

    standard = {title for title in KNOWN if title.startswith("tfx.")}
    assert standard <= utilities.TITLE_TO_CLASS_PATH.keys()
    for title in KNOWN - standard:
        found = getattr(kerasline, title.removeprefix("kerasline."))
        assert title == found.TYPE_NAME
