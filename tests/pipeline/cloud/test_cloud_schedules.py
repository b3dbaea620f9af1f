"""The schedules of Vertex AI and Kubeflow: what is refused, and what reaches stand-ins of their APIs."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from kerasline.components.core.errors import ConfigError, KeraslineError
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.cloud import cloud_schedules
from kerasline.pipeline.retraining.scheduling import RemoteJob, remote_job
from tests.pipeline.cloud.stand_in import JsonService

WORKSPACE = Path("/gcs/shop/kerasline")
PARENT = "projects/shop/locations/europe-west4"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe with a schedule and what its steps need."""
    path = tmp_path / "flowers.yaml"
    path.write_text(
        "name: flowers_daily\ndata: {dataset: iris}\n"
        "schedule: {cron: '30 2 * * mon-fri', timezone: Europe/Berlin, trigger: drift}\n"
        "run: {service_account: robot@shop, labels: {team: plants}, resources: {train: {cpu: 8, memory_gb: 32, "
        "accelerator: NVIDIA_TESLA_T4}}}\n"
    )
    return path


@pytest.fixture
def job(recipe: Path) -> RemoteJob:
    """Its retrain in a container."""
    return remote_job("vertex", str(recipe), None, WORKSPACE, "registry/kerasline:1.0", "/recipes/flowers.yaml")


class Service(JsonService):
    """The part of both APIs that a schedule calls; remembers the requests and what was made."""

    seen: list[tuple[str, str, dict[str, list[str]], Any]]
    made: list[dict[str, Any]]
    refuses = False

    def _take(self) -> tuple[str, dict[str, list[str]], Any]:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        query = parse_qs(url.query)
        self.seen.append((self.command, url.path, query, body))
        return url.path, query, body

    def do_GET(self) -> None:  # noqa: N802 (the library's name)
        """Lists what was made."""
        path, _, _ = self._take()
        if path.endswith("/schedules"):
            self.answer({"schedules": self.made})
        elif path.endswith("/recurringruns"):
            self.answer({"recurringRuns": self.made, "total_size": len(self.made)})
        else:
            found = {"experiment_id": "e1", "display_name": "Default"}
            self.answer({"experiments": [found], **found} if "experiments" in path else {"multi_user": False})

    def do_POST(self) -> None:  # noqa: N802 (the library's name)
        """Makes one."""
        path, _, body = self._take()
        if self.refuses:
            self.answer({"error": {"code": 403, "message": "robot may not", "status": "PERMISSION_DENIED"}}, 403)
            return
        number = len(self.made) + 1
        named = {"name": f"{PARENT}/schedules/{number}"} if path.endswith("schedules") else {}
        self.made.append({**body, **named, "recurring_run_id": f"r{number}"} if not named else {**body, **named})
        self.answer(self.made[-1])

    def do_PATCH(self) -> None:  # noqa: N802 (the library's name)
        """Changes one."""
        path, _, body = self._take()
        self.answer({**body, "name": path.removeprefix("/v1/")})

    def do_DELETE(self) -> None:  # noqa: N802 (the library's name)
        """Takes one away."""
        path, _, _ = self._take()
        self.made[:] = [run for run in self.made if run["recurring_run_id"] != path.rsplit("/", 1)[-1]]
        self.answer({})


@pytest.fixture
def service(serve: Callable[[type[BaseHTTPRequestHandler]], str]) -> tuple[str, type[Service]]:
    """The address of a stand-in on loopback, and what it saw."""

    class Fresh(Service):
        seen, made = [], []

    return serve(Fresh), Fresh


def test_the_step_is_a_retrain_with_the_resources_of_training(job: RemoteJob) -> None:
    spec = cloud_schedules.retrain_spec(job)
    assert spec["pipelineInfo"] == {"name": "kerasline-flowers-daily"}
    container = spec["deploymentSpec"]["executors"]["exec-retrain"]["container"]
    assert container["command"] == ["kerasline"]
    assert container["args"] == ["retrain", "/recipes/flowers.yaml", "--workspace", str(WORKSPACE)]
    accelerator = {"type": "NVIDIA_TESLA_T4", "count": "1"}
    assert container["resources"] == {"cpuLimit": 8.0, "memoryLimit": 32.0, "accelerator": accelerator}


@pytest.mark.slow
def test_the_spec_is_what_the_services_read(job: RemoteJob) -> None:
    """It parses into the services' own messages, with nothing left over."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    spec = cloud_schedules.retrain_spec(job)
    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    assert parsed.root.dag.tasks["retrain"].component_ref.name == "comp-retrain"
    container = pipeline_spec_pb2.PipelineDeploymentConfig.ExecutorSpec()
    json_format.ParseDict(spec["deploymentSpec"]["executors"]["exec-retrain"], container)
    assert container.container.resources.cpu_limit == 8


@pytest.mark.slow
@pytest.mark.usefixtures("robot")
def test_vertex_gets_what_the_dry_run_prints_and_a_second_time_changes_it(
    recipe: Path, service: tuple[str, type[Service]]
) -> None:
    """Through Google's own client, with a token that it signed."""
    address, seen = service
    words = ["schedule", str(recipe), "--emit", "vertex", "--image", "registry/kerasline:1.0", "--project", "shop"]
    words += ["--pipeline-root", "gs://shop/records", "--workspace", str(WORKSPACE), "--endpoint", address]
    dry = CliRunner().invoke(app, [*words, "--dry-run"])
    assert dry.exit_code == 0 and seen.seen == []
    request = json.loads(dry.output)
    assert request["parent"] == PARENT
    assert request["schedule"]["cron"] == "TZ=Europe/Berlin 30 2 * * mon-fri"

    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.output or first.exception
    assert first.output.startswith(f"created {PARENT}/schedules/1\nhttps://console.cloud.google.com/vertex-ai/")
    (posted,) = [call for call in seen.seen if call[0] == "POST"]
    assert posted[1] == f"/v1/{PARENT}/schedules"
    assert posted[3] == request["schedule"]
    pipeline_job = posted[3]["createPipelineJobRequest"]["pipelineJob"]
    assert (pipeline_job["serviceAccount"], pipeline_job["labels"]) == ("robot@shop", {"team": "plants"})

    recipe.write_text(recipe.read_text().replace("30 2", "45 4"))
    second = CliRunner().invoke(app, words)
    assert second.output.startswith(f"changed {PARENT}/schedules/1\n")
    (patched,) = [call for call in seen.seen if call[0] == "PATCH"]
    assert patched[1] == f"/v1/{PARENT}/schedules/1"
    assert patched[3]["cron"] == "TZ=Europe/Berlin 45 4 * * mon-fri"
    assert len(seen.made) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("robot")
def test_what_vertex_refuses(job: RemoteJob, service: tuple[str, type[Service]]) -> None:
    address, seen = service
    seen.refuses = True
    request = cloud_schedules.vertex_request(job, "shop", "europe-west4", "gs://shop/records")
    with pytest.raises(KeraslineError, match="Vertex AI refused the schedule: .*robot may not"):
        cloud_schedules.create_vertex_schedule(request, address)


@pytest.mark.slow
def test_kubeflow_gets_a_recurring_run_and_keeps_one_of_a_name(
    recipe: Path, service: tuple[str, type[Service]], tmp_path: Path
) -> None:
    """Through kfp's own client."""
    address, seen = service
    recipe.write_text(recipe.read_text().replace("Europe/Berlin", "UTC"))
    words = ["schedule", str(recipe), "--emit", "kubeflow", "--image", "registry/kerasline:1.0", "--host", address]
    words += ["--claim", "disk", "--workspace", "/mnt/kerasline"]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.output or first.exception
    assert first.output == f"created r1\n{address}/#/recurringrun/details/r1\n"
    (body,) = seen.made
    assert body["trigger"]["cron_schedule"]["cron"] == "0 30 2 * * mon-fri"
    assert (body["max_concurrency"], body["no_catchup"], body["mode"]) == (1, True, "ENABLE")
    assert body["service_account"] == "robot@shop"
    spec = body["pipeline_spec"]["pipeline_spec"]
    assert spec["deploymentSpec"]["executors"]["exec-retrain"]["container"]["args"][-1] == "/mnt/kerasline"
    platform = body["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]
    (mount,) = platform["executors"]["exec-retrain"]["pvcMount"]
    assert mount == {"mountPath": "/mnt/kerasline", "pvcNameParameter": {"runtimeValue": {"constant": "disk"}}}

    second = CliRunner().invoke(app, words)
    assert second.output.startswith("changed r2\n")
    assert [run["recurring_run_id"] for run in seen.made] == ["r2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--emit", "vertex"], "--image: expected the container image that vertex runs, got none"),
        (["--emit", "vertex", "--image", "kerasline"], "--image: expected an image with a tag"),
        (["--emit", "vertex", "--image", "k:1"], "--project: expected"),
        (["--emit", "vertex", "--image", "k:1", "--project", "p"], "--pipeline-root: expected a bucket's URI"),
        (
            ["--emit", "vertex", "--image", "k:1", "--project", "p", "--pipeline-root", "gs://b/r"],
            "--workspace: expected a folder of a bucket as Vertex AI mounts it, such as /gcs/BUCKET/kerasline",
        ),
        (["--emit", "kubeflow", "--image", "k:1"], "--host: expected the URL"),
        (["--emit", "kubeflow", "--image", "k:1", "--host", "http://h"], "--claim: expected"),
        (
            ["--emit", "kubeflow", "--image", "k:1", "--host", "http://h", "--claim", "c"],
            "schedule.timezone: expected UTC for Kubeflow, got Europe/Berlin",
        ),
        (["--emit", "kubflow"], "--emit: expected cron, systemd, k8s, vertex, kubeflow, got 'kubflow'.*kubeflow"),
    ],
)
def test_what_is_refused(recipe: Path, words: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["schedule", str(recipe), *words])
    assert isinstance(result.exception, ConfigError)
    assert message.split(".*")[0] in str(result.exception)
    assert all(part in str(result.exception) for part in message.split(".*"))


@pytest.mark.usefixtures("nobody")
def test_vertex_without_credentials(job: RemoteJob) -> None:
    request = cloud_schedules.vertex_request(job, "shop", "europe-west4", "gs://shop/records")
    with pytest.raises(ConfigError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        cloud_schedules.create_vertex_schedule(request)


def test_a_host_that_does_not_answer(job: RemoteJob, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    utc = replace(job, schedule=job.schedule.model_copy(update={"timezone": "UTC"}))
    request = cloud_schedules.kubeflow_request(utc, "http://127.0.0.1:9", "Default", "disk")
    with pytest.raises(KeraslineError, match="expected Kubeflow Pipelines at http://127.0.0.1:9"):
        cloud_schedules.create_recurring_run(request)
