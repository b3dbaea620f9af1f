"""Compiles the pipeline into the specs that Vertex AI and Kubeflow Pipelines run. Nothing here talks to a service."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from tfx import v1 as tfx

from components.errors import ConfigError, nearest
from components.options import StepResources
from pipeline.graph import create_pipeline
from pipeline.planning import RunPlan

ENTRY_POINT = ["python", "-m", "pipeline.container"]


def models_below(pipeline_root: str, name: str) -> str:
    """Says where the versions of an experiment are pushed to."""
    return f"{pipeline_root.rstrip('/')}/models/{name}"


def compile_pipeline(plan: RunPlan, target: str, image: str, pipeline_root: str, output: Path) -> dict[str, Any]:
    """Writes the spec of a plan.

    Args:
      plan: with ``baseline_version`` LOOK_UP_LATER, so that the model in production is looked up when the spec runs.
      target: ``vertex`` (the JSON of a PipelineJob) or ``kubeflow`` (the YAML of a PipelineSpec, schema 2.1).
      image: the container image that every step runs in.
      pipeline_root: URI below which artifacts go; pushed models go to ``ROOT/models/NAME``.
      output: the file; it is written as a whole or not at all.

    Returns:
      The spec as written.

    Raises:
      ConfigError: the recipe asks for a step or an accelerator that the target does not know.
    """
    name = plan.experiment.name.replace("_", "-")
    models = models_below(pipeline_root, plan.experiment.name)
    pipeline = create_pipeline(plan, pipeline_root=pipeline_root, models=models, name=name)
    config = tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(
        display_name=name, default_image=image, default_commands=ENTRY_POINT, use_pipeline_spec_2_1=True
    )
    with tempfile.TemporaryDirectory() as folder:
        runner = tfx.orchestration.experimental.KubeflowV2DagRunner(config, folder, "pipeline.json")
        runner.run(pipeline)
        job = json.loads(Path(folder, "pipeline.json").read_text(encoding="utf-8"))
    _apply_run_options(job, plan, target)
    written = job if target == "vertex" else job["pipelineSpec"]
    text = json.dumps(job, indent=1) if target == "vertex" else yaml.safe_dump(written, sort_keys=True)
    temporary = output.with_name(f".{output.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(output)
    return written


def _apply_run_options(job: dict[str, Any], plan: RunPlan, target: str) -> None:
    """Puts resources, retries, caching and labels of the recipe's ``run:`` block into the spec."""
    options = plan.experiment.run
    spec = job["pipelineSpec"]
    tasks, executors = spec["root"]["dag"]["tasks"], spec["deploymentSpec"]["executors"]
    for step, resources in options.resources.items():
        if step not in tasks:
            raise ConfigError(
                f"run.resources: expected steps ({', '.join(tasks)}), got {step!r}.{nearest(step, tasks)}"
            )
        executors[f"{step}_executor"]["container"]["resources"] = _resources(step, resources, target)
    # What production holds is not among the inputs of these steps, so a backend must not reuse their outputs.
    never_cached = ("baseline", "validate") if plan.reference.models else ("baseline",)
    for step, task in tasks.items():
        if options.retries:
            task["retryPolicy"] = {"maxRetryCount": options.retries}
        task["cachingOptions"] = {"enableCache": options.cache and step not in never_cached}
    if options.labels and target == "vertex":
        job["labels"] = dict(options.labels)


def _resources(step: str, wanted: StepResources, target: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if wanted.cpu:
        result["cpuLimit"] = wanted.cpu
    if wanted.memory_gb:
        result["memoryLimit"] = wanted.memory_gb
    if wanted.accelerator:
        _check_accelerator(step, wanted.accelerator, target)
        result["accelerator"] = {"type": wanted.accelerator, "count": str(wanted.accelerator_count)}
    return result


def _check_accelerator(step: str, accelerator: str, target: str) -> None:
    place = f"run.resources.{step}.accelerator"
    if target == "kubeflow":
        # The backend uses the type as the name of the Kubernetes resource.
        if "/" not in accelerator:
            raise ConfigError(f"{place}: expected a Kubernetes resource such as nvidia.com/gpu, got {accelerator!r}")
        return
    from google.cloud.aiplatform_v1.types import AcceleratorType

    known = [kind.name for kind in AcceleratorType if kind.value]
    if accelerator not in known:
        raise ConfigError(
            f"{place}: expected an accelerator of Vertex AI ({', '.join(known)}), got {accelerator!r}."
            f"{nearest(accelerator, known)}"
        )
