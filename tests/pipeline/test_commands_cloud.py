"""compile and submit: what is refused before anything loads, and the request that reaches Kubeflow."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import ConfigError, KeraslineError
from pipeline import submission
from pipeline.commands_cloud import check_image, check_pipeline_root


@pytest.mark.parametrize("image", ["kerasline", "registry:5000/kerasline", "registry/kerasline:", ""])
def test_an_image_needs_a_tag(image: str) -> None:
    """A port is no tag."""
    with pytest.raises(ConfigError, match="--image: expected an image with a tag or digest"):
        check_image(image)


@pytest.mark.parametrize("image", ["kerasline:1", "registry:5000/a/kerasline:1.0-gpu", f"r/k@sha256:{'0' * 64}"])
def test_good_images(image: str) -> None:
    """A tag or a digest, with or without a registry."""
    check_image(image)


def test_a_pipeline_root_is_a_uri() -> None:
    """A bucket's name alone is not one; an absolute path is a volume that every step mounts."""
    for root in ("bucket/path", "gs:/x", "", "gs://"):
        with pytest.raises(ConfigError, match="expected a URI such as gs://BUCKET/PATH"):
            check_pipeline_root(root)
    check_pipeline_root("gs://bucket/path")
    check_pipeline_root("/mnt/volume")


SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "flowers"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "tfx-1.21.0",
    "root": {"dag": {"tasks": {"train": {"componentRef": {"name": "train"}}}}},
    "components": {"train": {"executorLabel": "train_executor"}},
    "deploymentSpec": {"executors": {"train_executor": {"container": {"image": "kerasline:1"}}}},
}


def test_specs_of_the_other_target_are_refused(tmp_path: Path) -> None:
    """The message says which --target made the file."""
    path = tmp_path / "spec"
    path.write_text(yaml.safe_dump(SPEC))
    with pytest.raises(ConfigError, match="expected the JSON of a PipelineJob"):
        submission.vertex_request(path, "p", "r", None, None)
    path.write_text(json.dumps({"pipelineSpec": SPEC}))
    with pytest.raises(ConfigError, match="compiled with --target kubeflow"):
        submission.kubeflow_request(path, "http://h", "Default", None)


def test_the_request_to_vertex_names_project_region_and_steps(tmp_path: Path) -> None:
    """What --dry-run prints."""
    path = tmp_path / "job.json"
    spec = {**SPEC, "root": {"dag": {"tasks": {"train": {}, "ingest": {}}}}}
    job = {"displayName": "flowers", "runtimeConfig": {"gcsOutputDirectory": "gs://b/r"}, "pipelineSpec": spec}
    path.write_text(json.dumps(job))
    request = submission.vertex_request(path, "shop", "europe-west4", "robot@shop", None)
    assert request["parent"] == "projects/shop/locations/europe-west4"
    assert request["steps"] == ["ingest", "train"]
    assert request["pipeline_root"] == "gs://b/r"


def test_vertex_without_credentials_says_where_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable and the command are named."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    path = tmp_path / "job.json"
    path.write_text(json.dumps({"displayName": "f", "runtimeConfig": {"gcsOutputDirectory": "gs://b"},
                                "pipelineSpec": SPEC}))  # fmt: skip
    request = submission.vertex_request(path, "shop", "europe-west4", None, None)
    with pytest.raises(ConfigError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        submission.send("vertex", request, path, wait=False)


class Backend(BaseHTTPRequestHandler):
    """The part of the Kubeflow Pipelines API that a submission calls."""

    seen: list[tuple[str, str, Any]] = []

    def do_GET(self) -> None:  # noqa: N802 (the library's name)
        """Health and the experiment."""
        self.seen.append(("GET", self.path, None))
        found = {"experiment_id": "e1", "display_name": "Default"}
        self._answer({"experiments": [found], **found} if "experiments" in self.path else {"multi_user": False})

    def do_POST(self) -> None:  # noqa: N802 (the library's name)
        """The run."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(("POST", self.path, body))
        self._answer({"run_id": "r1", "experiment_id": "e1", **body})

    def _answer(self, value: Any) -> None:
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Keeps the test's output clean."""


@pytest.mark.slow
def test_kubeflow_gets_the_spec(tmp_path: Path) -> None:
    """kfp's own client posts the compiled spec to a stand-in of the API."""
    Backend.seen = []
    server = HTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = tmp_path / "flowers.yaml"
    path.write_text(yaml.safe_dump(SPEC))
    host = f"http://127.0.0.1:{server.server_port}"
    try:
        run = submission.send("kubeflow", submission.kubeflow_request(path, host, "Default", "robot"), path, wait=False)
    finally:
        server.shutdown()
    assert run == {"id": "r1", "state": "SUBMITTED", "link": f"{host}/#/runs/details/r1"}
    (posted,) = [body for method, url, body in Backend.seen if method == "POST" and url.endswith("/runs")]
    assert posted["pipeline_spec"] == SPEC
    assert posted["service_account"] == "robot"


def test_a_host_that_does_not_answer(tmp_path: Path) -> None:
    """The sentence names the host and what to check."""
    path = tmp_path / "flowers.yaml"
    path.write_text(yaml.safe_dump(SPEC))
    request = submission.kubeflow_request(path, "http://127.0.0.1:9", "Default", None)
    with pytest.raises(KeraslineError, match="expected Kubeflow Pipelines at http://127.0.0.1:9"):
        submission.send("kubeflow", request, path, wait=False)
