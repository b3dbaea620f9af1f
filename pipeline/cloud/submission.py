"""Sends compiled specs to Vertex AI and Kubeflow Pipelines through their own clients, and follows the runs."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from kerasline.components.core import ConfigError, KeraslineError
from kerasline.pipeline.cloud.remote_run import RemoteRun, RemoteStep, Unreachable
from kerasline.pipeline.cloud.vertex import make_client, plain_errors
from kerasline.pipeline.container import check_claim_reaches, check_reachable, read_values

_STATES = {
    "SUCCEEDED": "done", "FAILED": "failed", "CANCELLED": "cancelled", "CANCELED": "cancelled", "SKIPPED": "skipped",
    "NOT_TRIGGERED": "skipped", "RUNNING": "running",
}  # fmt: skip


def vertex_request(
    file: Path,
    project: str,
    region: str,
    service_account: str | None = None,
    network: str | None = None,
    parameters: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the CreatePipelineJobRequest of Vertex AI as JSON.

    Args:
      file: what ``compile`` wrote.
      project: of Google Cloud.
      region: of it.
      service_account: who the steps run as; default: as the recipe says.
      network: full name of the peered network; default: as the recipe says.
      parameters: ``NAME=VALUE``.

    Raises:
      ConfigError: the file is not a PipelineJob, or a parameter is wrong.
    """
    job = _read_job(file)
    values = read_values(job["pipelineSpec"], parameters, {"project": project, "region": region})
    root = values.get("pipeline_root", job["runtimeConfig"]["gcsOutputDirectory"])
    check_reachable(root, "vertex", "--param pipeline_root")
    runtime = {**job["runtimeConfig"], "gcsOutputDirectory": root, "parameterValues": values}
    about = {
        "labels": job.get("labels"),
        "serviceAccount": service_account or job.get("serviceAccount"),
        "network": network or job.get("network"),
    }
    name = job["pipelineSpec"]["pipelineInfo"]["name"]
    first = "" if name[0].isalpha() else "run-"  # an id of Vertex AI begins with a letter
    return {
        "parent": f"projects/{project}/locations/{region}",
        "pipelineJobId": f"{first}{name}-{datetime.now(UTC):%Y%m%d%H%M%S}",
        "pipelineJob": {
            "displayName": job["displayName"],
            "pipelineSpec": job["pipelineSpec"],
            "runtimeConfig": {key: value for key, value in runtime.items() if value},
            **{key: value for key, value in about.items() if value},
        },
    }


def _read_job(file: Path) -> dict[str, Any]:
    """Reads what ``compile --target vertex`` wrote.

    Raises:
      ConfigError: It is something else.
    """
    try:
        job: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"expected the JSON of a PipelineJob in {file}, but it does not parse: {error}") from error
    for key in ("pipelineSpec", "runtimeConfig", "displayName"):
        if not isinstance(job, dict) or key not in job:
            raise ConfigError(f"expected a spec compiled with --target vertex, but {file} has no {key}")
    return job


def kubeflow_request(
    file: Path, host: str, experiment: str, service_account: str | None = None, parameters: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns what a submission to Kubeflow Pipelines consists of.

    Args:
      file: what ``compile`` wrote.
      host: URL of the API.
      experiment: of Kubeflow.
      service_account: who the steps run as.
      parameters: ``NAME=VALUE``.

    Raises:
      ConfigError: the file is not a PipelineSpec, a parameter is wrong, or the root lies outside the claim.
    """
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ConfigError(f"expected the YAML of a PipelineSpec in {file}, but it does not parse: {error}") from error
    spec = documents[0] if documents else None
    if not isinstance(spec, dict) or "pipelineInfo" not in spec:
        raise ConfigError(f"expected a spec compiled with --target kubeflow, but {file} has no pipelineInfo")
    name = spec["pipelineInfo"]["name"]
    values = read_values(spec, parameters, {})
    if "pipeline_root" in values:
        check_reachable(values["pipeline_root"], "kubeflow", "--param pipeline_root")
        if len(documents) > 1:
            check_claim_reaches(documents[1], values["pipeline_root"])
    return {
        "host": host,
        "experiment": experiment,
        "run": {
            "display_name": f"{name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            "pipeline_spec": spec,
            **({"platform_spec": documents[1]} if len(documents) > 1 else {}),
            "runtime_config": {"parameters": values},
            **({"service_account": service_account} if service_account else {}),
        },
    }


@dataclass(frozen=True)
class Sent:
    """A run that a service has taken.

    Attributes:
      id: its name there.
      state: as the service said when it took it.
      link: to its page.
      poll: asks the service how far it is.
    """

    id: str
    state: str
    link: str
    poll: Callable[[], RemoteRun]


def send_to_vertex(request: dict[str, Any], endpoint: str | None = None) -> Sent:
    """Starts a run on Vertex AI.

    Args:
      request: from :func:`vertex_request`.
      endpoint: URL of the API where it is not the region's public one.

    Raises:
      ConfigError: there are no credentials.
      KeraslineError: the service refused, or does not answer.
    """
    _, project, _, region = request["parent"].split("/")
    known = set(request["pipelineJob"]["pipelineSpec"]["root"]["dag"]["tasks"])
    with plain_errors("the job"):
        from google.cloud import aiplatform_v1

        asked = aiplatform_v1.CreatePipelineJobRequest.from_json(json.dumps(request))
        client = make_client("PipelineServiceClient", region, endpoint)
        made = client.create_pipeline_job(request=asked)

    def poll() -> RemoteRun:
        with plain_errors("to tell of the job"):
            job = client.get_pipeline_job(name=made.name)
        steps = []
        for task in job.job_detail.task_details:
            if task.task_name in known:
                cached = task.state.name == "SKIPPED"  # its meaning there
                state = "cached" if cached else _state(task.state.name)
                steps.append(RemoteStep(task.task_name, state, _seconds(task), task.error.message))
        return RemoteRun(_state(job.state.name), steps, job.error.message)

    base = f"https://console.cloud.google.com/vertex-ai/locations/{region}/pipelines/runs"
    link = f"{base}/{made.name.rsplit('/', 1)[-1]}?project={project}"
    return Sent(made.name, _state(made.state.name), link, poll)


def send_to_kubeflow(request: dict[str, Any]) -> Sent:
    """Starts a run on Kubeflow Pipelines.

    Args:
      request: from :func:`kubeflow_request`.

    Raises:
      KeraslineError: the service refused, or does not answer.
    """
    host, run = request["host"], request["run"]
    known = set(run["pipeline_spec"]["root"]["dag"]["tasks"])
    documents = [run[key] for key in ("pipeline_spec", "platform_spec") if key in run]
    with _plain_kubeflow_errors(host), tempfile.TemporaryDirectory() as folder:
        import kfp

        package = Path(folder, "pipeline.yaml")
        package.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        with contextlib.redirect_stdout(None):  # it prints links of its own
            client = kfp.Client(host=host)
            made = client.create_run_from_pipeline_package(
                str(package),
                arguments=run["runtime_config"]["parameters"],
                run_name=run["display_name"],
                experiment_name=request["experiment"],
                service_account=run.get("service_account"),
            )

    def poll() -> RemoteRun:
        with _plain_kubeflow_errors(host):
            found = client.get_run(made.run_id)
        tasks = (found.run_details.task_details if found.run_details else None) or []
        steps = [
            RemoteStep(task.display_name, _state(task.state), _seconds(task), task.error.message if task.error else "")
            for task in tasks
            if task.display_name in known
        ]
        return RemoteRun(_state(found.state), steps, found.error.message if found.error else "")

    return Sent(made.run_id, "waiting", f"{host.rstrip('/')}/#/runs/details/{made.run_id}", poll)


@contextlib.contextmanager
def _plain_kubeflow_errors(host: str) -> Iterator[None]:
    from kfp_server_api.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise KeraslineError(f"Kubeflow Pipelines refused the run: {error.status} {error.reason}") from error
    except HTTPError as error:
        raise Unreachable(
            f"expected Kubeflow Pipelines at {host}, but it does not answer: {error}; check --host, and port "
            "forwarding where there is any"
        ) from error


def _state(name: str | None) -> str:
    return _STATES.get((name or "").removeprefix("PIPELINE_STATE_"), "waiting")


def _seconds(task: Any) -> float | None:
    """Returns how long a task took; a service that does not know gives no end, or one before the beginning."""
    if not task.start_time or not task.end_time or task.end_time < task.start_time:
        return None
    return float((task.end_time - task.start_time).total_seconds())
