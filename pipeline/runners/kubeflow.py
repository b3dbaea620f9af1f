"""Compiles the pipeline into the specs that Vertex AI and Kubeflow Pipelines run. Nothing here talks to a service."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

from kerasline.components.core import dump_yaml, write_output
from kerasline.components.features import named_columns
from kerasline.components.training import check_own_network
from kerasline.pipeline.config import StepResources
from kerasline.pipeline.container import VARIABLE, declare_parameters, describe, mount_of, pack_texts
from kerasline.pipeline.graph import create_pipeline
from kerasline.pipeline.plan import RunPlan
from kerasline.pipeline.runners.targets import check_target, models_below

# Kubeflow hands on 0 for what is left out, and Argo tries nothing again when the longest duration, counted from the
# first try's beginning, is over: a week has room for a long fit. Source: kubeflow/pipelines
# backend/src/v2/compiler/argocompiler/container.go, argo-workflows workflow/controller/operator.go.
_WAITS = {"backoffDuration": "30s", "backoffFactor": 2.0, "backoffMaxDuration": "604800s"}
ENTRY_POINT = ["python", "-P", "-m", "kerasline.pipeline.container.entry"]


def compile_pipeline(
    plan: RunPlan,
    target: str,
    image: str,
    pipeline_root: str,
    output: Path,
    *,
    base_dir: Path = Path(),
    data_dir: Path | None = None,
    claim: str | None = None,
) -> dict[str, Any]:
    """Writes the spec of a plan.

    Args:
      plan: with ``baseline_version`` LOOK_UP_LATER, so that the model in production is looked up when the spec runs.
      target: ``vertex`` (the JSON of a PipelineJob) or ``kubeflow`` (the YAML of a PipelineSpec, schema 2.1).
      image: the container image that every step runs in.
      pipeline_root: URI below which artifacts go; pushed models go to ``ROOT/models/NAME``.
      output: the file; it is written as a whole or not at all.
      base_dir: the recipe's folder, where a step looks for another span than the newest of now.
      data_dir: ``--data-dir``, where it looks first.
      claim: Kubeflow: a PersistentVolumeClaim that every step has mounted where the pipeline root is.

    Returns:
      The spec as written.

    Raises:
      ConfigError: the recipe asks for a step or an accelerator that the target does not know, or a user's own network
        does not suit it.
    """
    check_target(plan.experiment, target)
    check_own_network(plan.fit_settings(), plan.experiment.push.further_formats())
    name, pipeline_root = plan.experiment.name.replace("_", "-"), pipeline_root.rstrip("/")
    models = models_below(pipeline_root, plan.experiment.name)
    pipeline = create_pipeline(plan, pipeline_root=pipeline_root, models=models, name=name)
    if plan.experiment.run.custom_jobs:
        from kerasline.pipeline.runners.custom_jobs import move_to_jobs

        move_to_jobs(pipeline, plan.experiment.run, image)
    config = KubeflowV2DagRunnerConfig(
        display_name=name, default_image=image, default_commands=ENTRY_POINT, use_pipeline_spec_2_1=True
    )
    with tempfile.TemporaryDirectory() as folder:
        runner = KubeflowV2DagRunner(config, folder, "pipeline.json")
        runner.run(pipeline)
        job: dict[str, Any] = json.loads(Path(folder, "pipeline.json").read_text(encoding="utf-8"))
    _apply_run_options(job, plan, target)
    columns = len(plan.dataset.columns)
    facts = describe(target, mount_of(pipeline_root), claim, plan.own_modules(), columns)
    for executor in job["pipelineSpec"]["deploymentSpec"]["executors"].values():
        executor["container"]["env"] = [{"name": VARIABLE, "value": facts}]
    values = declare_parameters(job["pipelineSpec"], _values(plan, pipeline_root), _data(plan, base_dir, data_dir))
    pack_texts(job["pipelineSpec"], plan.experiment.run.custom_jobs)
    job["runtimeConfig"]["parameterValues"] = {key: value for key, value in values.items() if value is not None}
    written: dict[str, Any] = job if target == "vertex" else job["pipelineSpec"]
    documents = [written, _platform(job["pipelineSpec"], claim, mount_of(pipeline_root))] if claim else [written]
    text = json.dumps(job, indent=1) if target == "vertex" else dump_yaml(*documents, sort_keys=True)
    write_output(output, text)
    return written


def _values(plan: RunPlan, pipeline_root: str) -> dict[str, Any]:
    """Returns the parameters that a submission can set, with their values as compiled."""
    training = plan.experiment.training
    values: dict[str, Any] = {
        "pipeline_root": pipeline_root,
        "epochs": training.epochs,
        "learning_rate": training.learning_rate,
    }
    if plan.experiment.data.spans:
        values["span"] = list(plan.dataset.spans)[-1]
    if plan.experiment.run.custom_jobs:
        values |= {"project": None, "region": None}
    return values


def _data(plan: RunPlan, base_dir: Path, data_dir: Path | None) -> dict[str, Any] | None:
    """Returns what finds the data of another span, where the data comes in spans."""
    if plan.experiment.data.spans is None:
        return None
    return {
        "options": plan.experiment.data.model_dump(mode="json"),
        "name": plan.experiment.name,
        "base_dir": str(base_dir.resolve()),
        "data_dir": None if data_dir is None else str(data_dir.resolve()),
        "task": plan.experiment.task,
        "seed": plan.experiment.seed,
        "named": named_columns(plan.experiment.features),
    }


def _platform(spec: dict[str, Any], claim: str, folder: str) -> dict[str, Any]:
    """Returns the PlatformSpec of Kubernetes that mounts a claim in every step."""
    mount = {"mountPath": folder, "pvcNameParameter": {"runtimeValue": {"constant": claim}}}
    executors = {label: {"pvcMount": [mount]} for label in spec["deploymentSpec"]["executors"]}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _apply_run_options(job: dict[str, Any], plan: RunPlan, target: str) -> None:
    """Puts resources, retries, caching and labels of the recipe's ``run:`` block into the spec."""
    options = plan.experiment.run
    spec = job["pipelineSpec"]
    tasks, executors = spec["root"]["dag"]["tasks"], spec["deploymentSpec"]["executors"]
    for step, resources in options.resources.items():
        executors[f"{step}_executor"]["container"]["resources"] = _resources(resources)
    # What production holds is not among the inputs of these steps, so a backend must not reuse their outputs.
    never_cached = ("baseline", "validate") if plan.reference.models else ("baseline",)
    for step, task in tasks.items():
        if options.retries:
            task["retryPolicy"] = _retry_policy(options.retries, target)
        task["cachingOptions"] = {"enableCache": options.cache and step not in never_cached}
    if target == "vertex":
        labels = {**job.get("labels", {}), **options.labels}
        about = {"labels": labels, "serviceAccount": options.service_account, "network": options.network}
        job.update({key: value for key, value in about.items() if value})


def _retry_policy(retries: int, target: str) -> dict[str, Any]:
    return {"maxRetryCount": retries, **(_WAITS if target == "kubeflow" else {})}


def _resources(wanted: StepResources) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if wanted.cpu:
        result["cpuLimit"] = wanted.cpu
    if wanted.memory_gb:
        result["memoryLimit"] = wanted.memory_gb
    if wanted.accelerator:
        result["accelerator"] = {"type": wanted.accelerator, "count": str(wanted.accelerator_count)}
    return result
