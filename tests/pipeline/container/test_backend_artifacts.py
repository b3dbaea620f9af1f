"""What Kubeflow drops from a step's artifacts is put back; what cannot be right is said with its key."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.container.backend_artifacts import clean_answer, make_missing, restore_artifacts
from tests.pipeline.container.input_specs import EXAMPLES, PARAMETERS

OWN = {"instanceSchema": "title: kerasline.Verdict\ntype: object\n"}
SPEC: dict[str, Any] = {
    "artifacts": {"examples": {"artifactType": EXAMPLES}, "verdict": {"artifactType": OWN}},
    "parameters": PARAMETERS,
}


def request_of(**artifacts: dict[str, Any]) -> dict[str, Any]:
    """An ExecutorInput with these input artifacts."""
    found = {key: {"artifacts": [{"name": "7", "uri": f"gs://b/{key}", **a}]} for key, a in artifacts.items()}
    return {"inputs": {"artifacts": copy.deepcopy(found)}, "outputs": {"artifacts": {}}}


def restored(key: str, request: dict[str, Any], spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """An input artifact as TFX's entry point gets it."""
    restore_artifacts(request, SPEC if spec is None else spec)
    return dict(request["inputs"]["artifacts"][key]["artifacts"][0])


@pytest.mark.parametrize(
    "sent",
    [
        {}, {"type": {}}, {"type": None}, {"type": {"instanceSchema": ""}},
        {"type": {"schemaTitle": EXAMPLES["instanceSchema"]}}, {"type": {"schemaTitle": "Artifact"}},
        {"type": {"instanceSchema": "{: ["}}, {"type": {"instanceSchema": "- tfx.Examples"}}, {"type": "tfx.Examples"},
    ],
)  # fmt: skip
@pytest.mark.parametrize(("key", "kind"), [("examples", EXAMPLES), ("verdict", OWN)])
def test_a_type_comes_from_the_steps_own_specification(key: str, kind: dict[str, str], sent: dict[str, Any]) -> None:
    """Standard types and our own."""
    assert restored(key, request_of(**{key: sent}))["type"] == kind


def test_a_type_that_the_backend_sends_stays() -> None:
    """As Vertex AI does, which may have a schema's title alone."""
    sent = {"schemaTitle": "tfx.Examples", "schemaVersion": "0.0.1"}
    assert restored("examples", request_of(examples={"type": sent}))["type"] == sent


def test_metadata_is_what_the_step_before_wrote() -> None:
    """Doubles, the launcher's two texts, wrapped lists and structures, nulls."""
    metadata = {
        "span": 3.0, "split_names": '["train"]', "blessed": 1.0, "share": 0.5, "display_name": "examples",
        "store_session_info": "{}", "names": {"list": ["a"]}, "sizes": {"struct": {"a": 1.0}}, "other": {"list": "a"},
        "nothing": None,
    }  # fmt: skip
    found = restored("examples", request_of(examples={"metadata": metadata}))["metadata"]
    assert found == {
        "span": 3, "split_names": '["train"]', "blessed": 1, "share": 0.5, "names": ["a"], "sizes": {"a": 1.0},
        "other": {"list": "a"},
    }  # fmt: skip
    assert isinstance(found["span"], int)
    assert isinstance(found["blessed"], int)


def test_two_models_of_one_name_are_two() -> None:
    """A Kubeflow without ML Metadata names an artifact by its output, and has the id elsewhere."""
    found = restored("examples", request_of(examples={"name": "model", "artifactId": "5d9c"}))
    assert found["name"] == "5d9c"
    assert "artifactId" not in found


def test_an_output_that_a_step_left_out_is_an_empty_folder(tmp_path: Path) -> None:
    """Such as what was not pushed: a Kubeflow without ML Metadata fails the task where it is not there."""
    (tmp_path / "written").write_text("x")
    uris = [str(tmp_path / "written"), str(tmp_path / "task" / "pushed_model")]
    make_missing({"outputs": {"artifacts": {uri: {"artifacts": [{"uri": uri}]} for uri in uris}}})
    assert (tmp_path / "written").read_text() == "x"
    assert list((tmp_path / "task" / "pushed_model").iterdir()) == []


def test_what_has_a_path_of_its_own_is_read_there() -> None:
    """The launcher downloads to it since 2.15."""
    found = restored("examples", request_of(examples={"customPath": "/elsewhere/x"}))
    assert found["uri"] == "/elsewhere/x"
    assert "customPath" not in found


def test_tfx_reads_what_is_restored() -> None:
    """Its own parser, which dies of a missing type."""
    tfx_utils = pytest.importorskip("tfx.orchestration.kubeflow.v2.container.kubeflow_v2_entrypoint_utils")
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    request = request_of(examples={"metadata": {"span": 3.0, "display_name": "x"}}, verdict={})

    def parse() -> Any:
        parsed = json_format.Parse(json.dumps(request), pipeline_spec_pb2.ExecutorInput())
        return tfx_utils.parse_raw_artifact_dict(parsed.inputs.artifacts)

    with pytest.raises(UnboundLocalError):
        parse()
    restore_artifacts(request, SPEC)
    found = parse()
    assert type(found["verdict"][0]).__name__ == "Verdict"
    assert found["examples"][0].span == 3
    assert not found["examples"][0].has_custom_property("display_name")


def test_outputs_that_are_the_launchers_are_kept_from_tfx() -> None:
    """TFX would look for a Python package called system."""
    request = request_of()
    request["outputs"]["artifacts"] = {
        "executor-logs": {"artifacts": [{"uri": "gs://b/l", "type": {"schemaTitle": "system.Artifact"}}]},
        "examples": {"artifacts": [{"uri": "gs://b/x", "type": EXAMPLES}]},
    }
    restore_artifacts(request, SPEC)
    assert list(request["outputs"]["artifacts"]) == ["examples"]


def test_what_cannot_be_restored_is_named() -> None:
    """One sentence: the artifact, what is known, and what to do."""
    with pytest.raises(
        ConfigError, match=r"input artifact model: expected a type .*\(examples, verdict\), got neither"
    ):
        restored("model", request_of(model={}))
    with pytest.raises(ConfigError, match=r"input artifact model: .* \(which is empty\)"):
        restored("model", request_of(model={}), {})


def test_the_answer_has_no_null() -> None:
    """For which Kubeflow's launcher fails the task."""
    answer = {"artifacts": {"x": {"artifacts": [{"uri": "u", "metadata": {"a": None, "b": 0.0}}, {"uri": "v"}]}}}
    assert clean_answer(answer) == {
        "artifacts": {"x": {"artifacts": [{"uri": "u", "metadata": {"b": 0.0}}, {"uri": "v"}]}}
    }
