"""submit: what is refused, what reaches stand-ins of the services' APIs, and the lines of a run that is followed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from typer.testing import CliRunner, Result

from kerasline.components.core.errors import ConfigError, KeraslineError
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.cloud import remote_run as following, submission
from tests.pipeline.cloud.stand_in import JsonService

PARENT = "projects/shop/locations/europe-west4"
Serve = Callable[[type[BaseHTTPRequestHandler]], str]
SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "flowers"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "tfx-1.21.0",
    "root": {
        "dag": {
            "tasks": {
                name: {"componentRef": {"name": name}, "taskInfo": {"name": name}}
                for name in ("ingest", "transform", "train")
            }
        },
        "inputDefinitions": {
            "parameters": {
                "pipeline_root": {"parameterType": "STRING", "defaultValue": "gs://shop/root"},
                "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 5},
                "learning_rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.001},
            }
        },
    },
    "components": {name: {"executorLabel": f"{name}_executor"} for name in ("ingest", "transform", "train")},
    "deploymentSpec": {
        "executors": {f"{name}_executor": {"container": {"image": "k:1"}} for name in ("ingest", "transform", "train")}
    },
}
JOB: dict[str, Any] = {
    "displayName": "flowers",
    "runtimeConfig": {
        "gcsOutputDirectory": "gs://shop/root",
        "parameterValues": {"pipeline_root": "gs://shop/root", "epochs": 5, "learning_rate": 0.001},
    },
    "pipelineSpec": SPEC,
    "labels": {"team": "plants"},
    "serviceAccount": "robot@shop",
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two questions."""
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    """What compile writes for Vertex AI."""
    path = tmp_path / "flowers.json"
    path.write_text(json.dumps(JOB))
    return path


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    """What compile writes for Kubeflow."""
    path = tmp_path / "flowers.spec"
    path.write_text(yaml.safe_dump(SPEC))
    return path


def submit(file: Path, target: str, *words: str) -> Result:
    """The command."""
    return CliRunner().invoke(app, ["submit", str(file), "--target", target, *words])


class Service(JsonService):
    """A service that takes a run, and tells of it what ``story`` says, one answer after the other."""

    seen: ClassVar[list[tuple[str, str, Any]]]
    story: ClassVar[list[dict[str, Any]]]
    refusal: ClassVar[tuple[int, Any] | None] = None

    def do_POST(self) -> None:  # noqa: N802 (the library's name)
        """The run."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(("POST", self.path, body))
        if self.refusal:
            self.answer(self.refusal[1], self.refusal[0])
        elif "/pipelineJobs" in self.path:
            name = f"{PARENT}/pipelineJobs/{self.path.partition('pipelineJobId=')[2].partition('&')[0]}"
            self.answer({**body, "name": name, "state": "PIPELINE_STATE_PENDING"})
        else:
            self.answer({"run_id": "r1", "experiment_id": "e1", **body})

    def do_GET(self) -> None:  # noqa: N802 (the library's name)
        """How far it is; the last answer holds for good."""
        if "/pipelineJobs/" in self.path or "/runs/" in self.path:
            self.seen.append(("GET", self.path, None))
            answer = self.story.pop(0) if len(self.story) > 1 else self.story[0]
            self.answer(answer, answer.get("status", 200))
            return
        found = {"experiment_id": "e1", "display_name": "Default"}
        self.answer({"experiments": [found], **found} if "experiments" in self.path else {"multi_user": False})


def service(serve: Serve, story: list[dict[str, Any]]) -> tuple[str, type[Service]]:
    """The address of a service with a story, and what it saw."""

    class Fresh(Service):
        seen: ClassVar[list[tuple[str, str, Any]]] = []

    Fresh.story = story
    return serve(Fresh), Fresh


def vertex_story(*ends: tuple[str, str, str]) -> list[dict[str, Any]]:
    """A job that runs and ends; the steps are told of as Vertex AI does, the graph itself among them."""
    times = {"startTime": "2026-11-21T10:00:00Z", "endTime": "2026-11-21T10:00:12.500000Z"}
    details = [
        {"taskName": name, "state": state, **times, **({"error": {"message": message}} if message else {})}
        for name, state, message in ends
    ]
    whole = {"taskName": "flowers", "state": "RUNNING"}
    failed = any(state == "FAILED" for _, state, _ in ends)
    state = f"PIPELINE_STATE_{'FAILED' if failed else 'SUCCEEDED'}"
    return [
        {"name": "x", "state": "PIPELINE_STATE_RUNNING", "jobDetail": {"taskDetails": [whole, details[0]]}},
        {"status": 503, "error": {"code": 503, "message": "try again", "status": "UNAVAILABLE"}},
        {"name": "x", "state": state, "jobDetail": {"taskDetails": [whole, *details]}},
    ]


def test_a_name_that_begins_with_a_digit_makes_an_id_that_vertex_takes(tmp_path: Path) -> None:
    """Google's own client refuses others: google/cloud/aiplatform/constants/pipeline.py, _VALID_NAME_PATTERN."""
    file = tmp_path / "job.json"
    name = "2026-flowers" + "x" * 38
    file.write_text(json.dumps({**JOB, "pipelineSpec": {**JOB["pipelineSpec"], "pipelineInfo": {"name": name}}}))
    request = json.loads(submit(file, "vertex", "--project", "shop", "--dry-run").output)
    assert request["pipelineJobId"].startswith(f"run-{name}-2")
    assert re.fullmatch("[a-z][-a-z0-9]{0,127}", request["pipelineJobId"])


@pytest.mark.slow
@pytest.mark.usefixtures("robot")
def test_vertex_gets_what_the_dry_run_prints_and_the_run_is_followed(job_file: Path, serve: Serve) -> None:
    """Through Google's own client, with a token that it signed; a service that is away for a moment is asked again."""
    story = vertex_story(("ingest", "SUCCEEDED", ""), ("transform", "SKIPPED", ""), ("train", "SUCCEEDED", ""))
    address, seen = service(serve, story)
    words = ["--project", "shop", "--endpoint", address, "--param", "epochs=9", "--param", "pipeline_root=gs://shop/b"]
    dry = submit(job_file, "vertex", *words, "--dry-run")
    assert dry.exit_code == 0, dry.exception
    assert seen.seen == []
    request = json.loads(dry.output)
    assert request["parent"] == PARENT
    assert request["pipelineJobId"].startswith("flowers-2")
    assert request["pipelineJob"] == {
        **JOB,
        "runtimeConfig": {
            "gcsOutputDirectory": "gs://shop/b",
            "parameterValues": {"pipeline_root": "gs://shop/b", "epochs": 9, "learning_rate": 0.001},
        },
    }

    done = submit(job_file, "vertex", *words, "--network", "projects/1/global/networks/n", "--wait")
    assert done.exit_code == 0, done.exception
    (posted,) = [call for call in seen.seen if call[0] == "POST"]
    assert posted[1].startswith(f"/v1/{PARENT}/pipelineJobs?pipelineJobId=flowers-2")
    assert posted[2] == {**request["pipelineJob"], "network": "projects/1/global/networks/n"}
    lines = done.output.splitlines()
    name = f"{PARENT}/pipelineJobs/{posted[1].partition('pipelineJobId=')[2].partition('&')[0]}"
    assert lines[0] == f"{name}  waiting"
    page = f"pipelines/runs/{name.rsplit('/', 1)[-1]}?project=shop"
    assert lines[1] == f"https://console.cloud.google.com/vertex-ai/locations/europe-west4/{page}"
    assert lines[2:] == ["  ingest       12.5 s", "  transform    cached", "  train        12.5 s", f"{name}  done"]
    assert {call[1].partition("?")[0] for call in seen.seen if call[0] == "GET"} == {f"/v1/{name}"}


@pytest.mark.slow
@pytest.mark.usefixtures("robot")
def test_a_run_that_fails_on_vertex_ends_with_the_step_and_the_link(job_file: Path, serve: Serve) -> None:
    address, _ = service(serve, vertex_story(("ingest", "SUCCEEDED", ""), ("transform", "FAILED", "out of memory")))
    done = submit(job_file, "vertex", "--project", "shop", "--endpoint", address, "--wait")
    assert "  transform    failed: out of memory" in done.output.splitlines()
    assert isinstance(done.exception, KeraslineError) and done.exception.exit_code == 1
    assert str(done.exception).startswith("the run failed in step transform: out of memory; see https://console.cloud")


@pytest.mark.slow
@pytest.mark.usefixtures("robot")
def test_what_vertex_refuses(job_file: Path, serve: Serve) -> None:
    address, seen = service(serve, [{}])
    seen.refusal = (403, {"error": {"code": 403, "message": "robot may not", "status": "PERMISSION_DENIED"}})
    done = submit(job_file, "vertex", "--project", "shop", "--endpoint", address)
    assert isinstance(done.exception, KeraslineError)
    assert str(done.exception) == "Vertex AI refused the job: POST " + str(done.exception).partition("POST ")[2]
    assert str(done.exception).endswith("robot may not")


@pytest.mark.usefixtures("robot")
def test_an_endpoint_that_does_not_answer(job_file: Path) -> None:
    done = submit(job_file, "vertex", "--project", "shop", "--endpoint", "http://127.0.0.1:9")
    assert "expected an answer from Vertex AI, but it gives none" in str(done.exception)


@pytest.mark.usefixtures("nobody")
def test_vertex_without_credentials_says_where_to_get_them(job_file: Path) -> None:
    """The variable and the command are named."""
    done = submit(job_file, "vertex", "--project", "shop")
    assert isinstance(done.exception, ConfigError)
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(done.exception)
    assert "gcloud auth application-default login" in str(done.exception)


@pytest.mark.parametrize(
    ("target", "words", "message"),
    [
        ("vertex", [], "--project: expected the Google Cloud project"),
        ("kubeflow", [], "--host: expected the URL"),
        ("vertex", ["--project", "p", "--param", "epoch=3"], "got 'epoch'. Did you mean 'epochs'?"),
        ("kubeflow", ["--host", "http://h", "--param", "epochs=many"], "--param epochs: expected a whole number"),
        ("vertex", ["--project", "p", "--param", "pipeline_root=/mnt/x"], "expected a bucket's URI such as gs://"),
    ],
)
def test_what_is_refused(job_file: Path, spec_file: Path, target: str, words: list[str], message: str) -> None:
    """Before anything is sent."""
    done = submit(job_file if target == "vertex" else spec_file, target, *words)
    assert isinstance(done.exception, ConfigError)
    assert message in str(done.exception)


def test_specs_of_the_other_target_are_refused(tmp_path: Path, spec_file: Path, job_file: Path) -> None:
    """The message says which --target made the file."""
    with pytest.raises(ConfigError, match="expected the JSON of a PipelineJob"):
        submission.vertex_request(spec_file, "p", "r")
    with pytest.raises(ConfigError, match="compiled with --target kubeflow"):
        submission.kubeflow_request(job_file, "http://h", "Default")
    for text in ("{", "[1]", ""):
        (tmp_path / "bad").write_text(text)
        with pytest.raises(ConfigError, match="expected"):
            submission.vertex_request(tmp_path / "bad", "p", "r")
        with pytest.raises(ConfigError, match="expected"):
            submission.kubeflow_request(tmp_path / "bad", "http://h", "Default")


def kubeflow_story(*ends: tuple[str, str]) -> list[dict[str, Any]]:
    """A run that goes on and ends, with the drivers that Kubeflow has among its tasks."""
    times = {"start_time": "2026-11-21T10:00:00Z", "end_time": "2026-11-21T10:01:30Z"}
    tasks = [{"display_name": name, "state": state, **times} for name, state in ends]
    drivers = [{"display_name": f"{name}-driver", "state": "SUCCEEDED", **times} for name, _ in ends]
    state = "FAILED" if any(state == "FAILED" for _, state in ends) else "SUCCEEDED"
    return [
        {"run_id": "r1", "state": "PENDING"},
        {"run_id": "r1", "state": "RUNNING", "run_details": {"task_details": [*drivers, tasks[0]]}},
        {"run_id": "r1", "state": state, "run_details": {"task_details": [*drivers, *tasks]}},
    ]


@pytest.mark.slow
def test_kubeflow_gets_the_spec_and_the_run_is_followed(spec_file: Path, serve: Serve) -> None:
    """kfp's own client posts the spec and the parameters to a stand-in of the API."""
    story = kubeflow_story(("ingest", "SUCCEEDED"), ("transform", "SUCCEEDED"), ("train", "SUCCEEDED"))
    address, seen = service(serve, story)
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"train_executor": {}}}}}}
    spec_file.write_text(yaml.safe_dump_all([SPEC, platform]))
    words = ["--host", address, "--service-account", "robot", "--param", "learning_rate=0.01", "--wait"]
    done = submit(spec_file, "kubeflow", *words)
    assert done.exit_code == 0, done.exception
    link = f"{address}/#/runs/details/r1"
    steps = [f"  {name:<12} 1 min 30 s" for name in ("ingest", "transform", "train")]
    assert done.output.splitlines() == ["r1  waiting", link, *steps, "r1  done"]
    (posted,) = [body for method, url, body in seen.seen if method == "POST" and url.endswith("/runs")]
    assert posted["pipeline_spec"] == {"pipeline_spec": SPEC, "platform_spec": platform}
    values = {"pipeline_root": "gs://shop/root", "epochs": 5, "learning_rate": 0.01}
    assert posted["runtime_config"]["parameters"] == values
    assert posted["service_account"] == "robot"
    assert posted["display_name"].startswith("flowers 2")


@pytest.mark.slow
def test_a_run_that_fails_on_kubeflow(spec_file: Path, serve: Serve) -> None:
    address, _ = service(serve, kubeflow_story(("ingest", "SUCCEEDED"), ("train", "FAILED")))
    done = submit(spec_file, "kubeflow", "--host", address, "--wait")
    assert "  train        failed" in done.output.splitlines()
    assert str(done.exception) == f"the run failed in step train; see {address}/#/runs/details/r1"


def test_a_host_that_does_not_answer(spec_file: Path) -> None:
    """The sentence names the host and what to check."""
    request = submission.kubeflow_request(spec_file, "http://127.0.0.1:9", "Default")
    with pytest.raises(KeraslineError, match="expected Kubeflow Pipelines at http://127.0.0.1:9"):
        submission.send_to_kubeflow(request)


def test_a_root_outside_the_claim_is_refused(spec_file: Path) -> None:
    """The claim is mounted where the spec was compiled for; elsewhere every step would lose what it keeps."""
    mount = {"mountPath": "/gcs/shop", "pvcNameParameter": {"runtimeValue": {"constant": "disk"}}}
    platform = {"kubernetes": {"deploymentSpec": {"executors": {"train_executor": {"pvcMount": [mount]}}}}}
    spec_file.write_text(yaml.safe_dump_all([SPEC, {"platforms": platform}]))
    inside = ["--host", "http://x", "--dry-run", "--param", "pipeline_root=gs://shop/elsewhere"]
    assert submit(spec_file, "kubeflow", *inside).exit_code == 0
    for root in ("gs://other/root", "gs://shop2/root", "s3://shop/root"):
        with pytest.raises(ConfigError, match="expected a place below /gcs/shop, where the claim disk is mounted, got"):
            submission.kubeflow_request(spec_file, "http://x", "Default", parameters=[f"pipeline_root={root}"])
    with pytest.raises(ConfigError, match="--param pipeline_root: expected gs://, s3://, minio:// or an absolute path"):
        submission.kubeflow_request(spec_file, "http://x", "Default", parameters=["pipeline_root=hdfs://h/x"])
