"""Sends compiled specs to Vertex AI and Kubeflow Pipelines through their own clients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from components.errors import ConfigError, KeraslineError

NO_CREDENTIALS = (
    "expected credentials for Google Cloud, found none; run 'gcloud auth application-default login', or set "
    "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account's key"
)


def vertex_request(
    file: Path, project: str, region: str, service_account: str | None, network: str | None
) -> dict[str, Any]:
    """Returns what a submission to Vertex AI consists of.

    Raises:
      ConfigError: the file is not a PipelineJob.
    """
    try:
        job = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"expected the JSON of a PipelineJob in {file}, but it does not parse: {error}") from error
    if "pipelineSpec" not in job:
        raise ConfigError(f"expected a spec compiled with --target vertex, but {file} has no pipelineSpec")
    return {
        "parent": f"projects/{project}/locations/{region}",
        "display_name": job["displayName"],
        "pipeline_root": job["runtimeConfig"]["gcsOutputDirectory"],
        "steps": sorted(job["pipelineSpec"]["root"]["dag"]["tasks"]),
        "labels": job.get("labels", {}),
        "service_account": service_account,
        "network": network,
    }


def kubeflow_request(file: Path, host: str, experiment: str, service_account: str | None) -> dict[str, Any]:
    """Returns what a submission to Kubeflow Pipelines consists of.

    Raises:
      ConfigError: the file is not a PipelineSpec.
    """
    try:
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"expected the YAML of a PipelineSpec in {file}, but it does not parse: {error}") from error
    if not isinstance(spec, dict) or "pipelineInfo" not in spec:
        raise ConfigError(f"expected a spec compiled with --target kubeflow, but {file} has no pipelineInfo")
    return {
        "host": host,
        "experiment": experiment,
        "pipeline": spec["pipelineInfo"]["name"],
        "schema_version": spec["schemaVersion"],
        "steps": sorted(spec["root"]["dag"]["tasks"]),
        "service_account": service_account,
    }


def send(target: str, request: dict[str, Any], file: Path, *, wait: bool) -> dict[str, Any]:
    """Submits a spec.

    Args:
      target: ``vertex`` or ``kubeflow``.
      request: from the function of that target.
      file: the spec.
      wait: until the run has ended.

    Returns:
      ``id``, ``state`` and ``link`` of the run.

    Raises:
      ConfigError: there are no credentials.
      KeraslineError: the service refused.
    """
    return (_send_to_vertex if target == "vertex" else _send_to_kubeflow)(request, file, wait)


def _send_to_vertex(request: dict[str, Any], file: Path, wait: bool) -> dict[str, Any]:
    from google.api_core import exceptions
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import aiplatform

    _, project, _, region = request["parent"].split("/")
    try:
        job = aiplatform.PipelineJob(
            display_name=request["display_name"], template_path=str(file), project=project, location=region
        )
        job.submit(service_account=request["service_account"], network=request["network"])
        if wait:
            job.wait()
    except DefaultCredentialsError as error:
        raise ConfigError(NO_CREDENTIALS) from error
    except exceptions.GoogleAPICallError as error:
        raise KeraslineError(f"Vertex AI refused the job: {error.message}") from error
    return {"id": job.name, "state": job.state.name, "link": job._dashboard_uri()}


def _send_to_kubeflow(request: dict[str, Any], file: Path, wait: bool) -> dict[str, Any]:
    import kfp
    from kfp_server_api.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        client = kfp.Client(host=request["host"])
        run = client.create_run_from_pipeline_package(
            str(file), experiment_name=request["experiment"], service_account=request["service_account"]
        )
        state = client.wait_for_run_completion(run.run_id, timeout=86400).state if wait else "SUBMITTED"
    except ApiException as error:
        raise KeraslineError(f"Kubeflow Pipelines refused the run: {error.status} {error.reason}") from error
    except HTTPError as error:
        raise KeraslineError(
            f"expected Kubeflow Pipelines at {request['host']}, but it does not answer: {error}; check --host, and "
            "port forwarding where there is any"
        ) from error
    return {"id": run.run_id, "state": state, "link": f"{request['host']}/#/runs/details/{run.run_id}"}
