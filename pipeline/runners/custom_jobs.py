"""Steps as custom jobs of Vertex AI: executors that start one, told what machine it has."""

from __future__ import annotations

import json
from typing import Any

from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_ai_platform import constants
from tfx.extensions.google_cloud_ai_platform.trainer import executor as trainer_executor
from tfx.orchestration.pipeline import Pipeline

from kerasline.components.training import FitJob
from kerasline.components.tuning import SearchJob
from kerasline.pipeline.config import CustomJob, RunOptions

_EXECUTORS = {"train": FitJob, "tune": SearchJob}


def move_to_jobs(pipeline: Pipeline, options: RunOptions, image: str) -> None:
    """Makes the steps that ``run.custom_jobs`` names start a custom job, which runs what they ran.

    The job runs the same image, whose buckets are mounted as those of a step are. The project and the region are known
    at the submission.

    Args:
      pipeline: of the recipe; it is changed.
      options: the recipe's ``run:`` block.
      image: the container image.
    """
    steps = {component.id: component for component in pipeline.components}
    for step, job in options.custom_jobs.items():
        component = steps[step]
        component.executor_spec = executor_spec.ExecutorClassSpec(_EXECUTORS[step])
        properties = component.spec.exec_properties
        properties["custom_config"] = json.dumps(
            {
                **json.loads(properties["custom_config"]),
                constants.ENABLE_VERTEX_KEY: True,
                trainer_executor.TRAINING_ARGS_KEY: {
                    "display_name": f"{pipeline.pipeline_info.pipeline_name}-{step}",
                    "job_spec": _job_spec(step, job, options, image),
                    "labels": dict(options.labels),
                },
            }
        )


def _job_spec(step: str, job: CustomJob, options: RunOptions, image: str) -> dict[str, Any]:
    """Returns a CustomJobSpec, with the names of Google's protocol buffers."""
    machine: dict[str, Any] = {"machine_type": job.machine}
    if job.accelerator:
        machine |= {"accelerator_type": job.accelerator, "accelerator_count": job.accelerator_count}
    if job.tpu_topology:
        machine["tpu_topology"] = job.tpu_topology
    pool: dict[str, Any] = {"machine_spec": machine, "replica_count": 1, "container_spec": {"image_uri": image}}
    if job.disk_gb:
        pool["disk_spec"] = {"boot_disk_size_gb": job.disk_gb}
    scheduling: dict[str, Any] = {"strategy": "SPOT"} if job.spot else {}
    if job.max_hours:
        scheduling["timeout"] = {"seconds": round(job.max_hours * 3600)}
    about = {"scheduling": scheduling, "service_account": options.service_account, "network": options.network}
    return {"worker_pool_specs": [pool], **{key: value for key, value in about.items() if value}}
