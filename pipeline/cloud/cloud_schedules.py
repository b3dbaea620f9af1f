"""Schedules of Vertex AI and Kubeflow Pipelines: a pipeline of one step that runs ``kerasline retrain`` on the cron.

The step decides as it does on this machine, from the data and the model of that moment: a spec of the whole graph would
hold the data that there was when it was compiled. Creating a schedule again changes the one that is there, so that no
two of them overlap.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml

from kerasline.components.core import ConfigError, KeraslineError
from kerasline.pipeline.cloud.vertex import make_client, plain_errors
from kerasline.pipeline.container import check_claim
from kerasline.pipeline.retraining import RemoteJob, sleep

_STEP = "retrain"


def retrain_spec(job: RemoteJob) -> dict[str, Any]:
    """Returns the PipelineSpec of the one step, with the resources that the recipe gives to training."""
    command = ["kerasline"]
    if job.schedule.jitter_seconds:  # neither service has a jitter of its own
        command = ["sh", "-c", f'{sleep(job.schedule)}; exec kerasline "$@"', "kerasline"]
    container: dict[str, Any] = {"image": job.image, "command": command, "args": list(job.arguments)}
    resources = job.run.resources.get("train")
    if resources is not None:
        asked = {"cpuLimit": resources.cpu, "memoryLimit": resources.memory_gb}
        container["resources"] = {key: value for key, value in asked.items() if value is not None}
        if resources.accelerator is not None:
            accelerator = {"type": resources.accelerator, "count": str(resources.accelerator_count)}
            container["resources"]["accelerator"] = accelerator
    task = {"taskInfo": {"name": _STEP}, "componentRef": {"name": f"comp-{_STEP}"}, "cachingOptions": {}}
    return {
        "schemaVersion": "2.1.0",
        "sdkVersion": "kerasline",
        "pipelineInfo": {"name": job.name},
        "root": {"dag": {"tasks": {_STEP: task}}},
        "components": {f"comp-{_STEP}": {"executorLabel": f"exec-{_STEP}"}},
        "deploymentSpec": {"executors": {f"exec-{_STEP}": {"container": container}}},
    }


def vertex_request(job: RemoteJob, project: str | None, region: str, pipeline_root: str | None) -> dict[str, Any]:
    """Returns the CreateScheduleRequest of Vertex AI as JSON.

    Args:
      job: to run.
      project: of Google Cloud.
      region: of it.
      pipeline_root: a bucket's URI.

    Raises:
      ConfigError: one of them is missing, or the workspace would be lost with the container.
    """
    if not project:
        raise ConfigError("--project: expected the Google Cloud project that the schedule runs in, got none")
    if not pipeline_root or not pipeline_root.startswith("gs://"):
        raise ConfigError(f"--pipeline-root: expected a bucket's URI such as gs://BUCKET/PATH, got {pipeline_root!r}")
    if not job.workspace.startswith("/gcs/"):
        raise ConfigError(
            f"--workspace: expected a folder of a bucket as Vertex AI mounts it, such as /gcs/BUCKET/kerasline, got "
            f"{job.workspace}, which would be lost with the container"
        )
    parent = f"projects/{project}/locations/{region}"
    pipeline_job: dict[str, Any] = {
        "displayName": job.name,
        "pipelineSpec": retrain_spec(job),
        "runtimeConfig": {"gcsOutputDirectory": pipeline_root},
        "labels": job.run.labels,
        "serviceAccount": job.run.service_account,
        "network": job.run.network,
    }
    return {
        "parent": parent,
        "schedule": {
            "displayName": job.name,
            "cron": f"TZ={job.schedule.timezone} {job.schedule.cron}",
            "maxConcurrentRunCount": "1",
            "createPipelineJobRequest": {
                "parent": parent,
                "pipelineJob": {key: value for key, value in pipeline_job.items() if value},
            },
        },
    }


def create_vertex_schedule(request: dict[str, Any], endpoint: str | None = None) -> dict[str, str]:
    """Creates a schedule on Vertex AI, or changes the one of the same name.

    Args:
      request: from :func:`vertex_request`.
      endpoint: URL of the API where it is not the region's public one.

    Returns:
      ``id``, ``action`` (``created`` or ``changed``) and ``link``.

    Raises:
      ConfigError: there are no credentials.
      KeraslineError: the service refused.
    """
    _, project, _, region = request["parent"].split("/")
    with plain_errors("the schedule"):
        from google.cloud import aiplatform_v1

        asked = aiplatform_v1.CreateScheduleRequest.from_json(json.dumps(request))
        client = make_client("ScheduleServiceClient", region, endpoint)
        wanted = f'display_name="{asked.schedule.display_name}" AND state!="COMPLETED"'
        there = list(client.list_schedules(request={"parent": asked.parent, "filter": wanted}))
        if there:
            asked.schedule.name = there[0].name
            changed = ["cron", "max_concurrent_run_count", "create_pipeline_job_request"]
            made = client.update_schedule(request={"schedule": asked.schedule, "update_mask": {"paths": changed}})
        else:
            made = client.create_schedule(request=asked)
    identity = made.name.rsplit("/", 1)[-1]
    link = f"https://console.cloud.google.com/vertex-ai/locations/{region}/schedules/{identity}?project={project}"
    return {"id": made.name, "action": "changed" if there else "created", "link": link}


def kubeflow_request(job: RemoteJob, host: str | None, experiment: str, claim: str | None) -> dict[str, Any]:
    """Returns what a recurring run of Kubeflow Pipelines consists of.

    Args:
      job: to run.
      host: URL of the API.
      experiment: of Kubeflow.
      claim: the volume claim that the workspace is on.

    Raises:
      ConfigError: one of them is missing, or the time zone is not that of the service.
    """
    if not host:
        raise ConfigError("--host: expected the URL of the Kubeflow Pipelines API, got none")
    if not claim:
        raise ConfigError("--claim: expected the PersistentVolumeClaim that the workspace is on, got none")
    check_claim(claim)
    if job.schedule.timezone != "UTC":
        raise ConfigError(
            f"schedule.timezone: expected UTC for Kubeflow, got {job.schedule.timezone}; a recurring run has no time "
            "zone of its own, and its controller's is UTC unless CRON_SCHEDULE_TIMEZONE says otherwise there"
        )
    mount = {"mountPath": job.workspace, "pvcNameParameter": {"runtimeValue": {"constant": claim}}}
    platform = {"deploymentSpec": {"executors": {f"exec-{_STEP}": {"pvcMount": [mount]}}}}
    return {
        "host": host,
        "experiment": experiment,
        "job_name": job.name,
        "cron_expression": f"0 {job.schedule.cron}",  # theirs begins with the second
        "max_concurrency": 1,
        "no_catchup": True,  # one decision makes up for all that were missed
        "enable_caching": False,
        "service_account": job.run.service_account,
        "pipeline_spec": retrain_spec(job),
        "platform_spec": {"platforms": {"kubernetes": platform}},
    }


def create_recurring_run(request: dict[str, Any]) -> dict[str, str]:
    """Creates a recurring run on Kubeflow Pipelines, in place of those of the same name.

    Args:
      request: from :func:`kubeflow_request`.

    Returns:
      ``id``, ``action`` (``created`` or ``changed``) and ``link``.

    Raises:
      KeraslineError: the service refused, or does not answer.
    """
    import kfp
    from kfp_server_api.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    host, name = request["host"], request["job_name"]
    told = {k: v for k, v in request.items() if k not in ("host", "experiment", "pipeline_spec", "platform_spec")}
    try:
        client = kfp.Client(host=host)
        with contextlib.redirect_stdout(None):  # it prints a link of its own
            experiment = client.create_experiment(request["experiment"]).experiment_id
        condition = {"key": "name", "operation": "EQUALS", "stringValue": name}
        found = client.list_recurring_runs(
            page_size=100, experiment_id=experiment, filter=json.dumps({"predicates": [condition]})
        )
        earlier = [run.recurring_run_id for run in found.recurring_runs or [] if run.display_name == name]
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder, "retrain.yaml")
            documents = [request["pipeline_spec"], request["platform_spec"]]
            package.write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
            made = client.create_recurring_run(experiment, pipeline_package_path=str(package), **told)
        for identity in earlier:
            client.delete_recurring_run(identity)
    except ApiException as error:
        raise KeraslineError(f"Kubeflow Pipelines refused the recurring run: {error.status} {error.reason}") from error
    except HTTPError as error:
        raise KeraslineError(
            f"expected Kubeflow Pipelines at {host}, but it does not answer: {error}; check --host, and port "
            "forwarding where there is any"
        ) from error
    link = f"{host}/#/recurringrun/details/{made.recurring_run_id}"
    return {"id": made.recurring_run_id, "action": "changed" if earlier else "created", "link": link}
