"""Compiles the pipeline into the specs that Vertex AI and Kubeflow Pipelines run. Nothing here talks to a service."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from tfx import v1 as tfx

from pipeline.graph import create_pipeline
from pipeline.planning import RunPlan

ENTRY_POINT = ["python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"]


def compile_pipeline(plan: RunPlan, target: str, image: str, pipeline_root: str, output: Path) -> dict[str, Any]:
    """Writes the spec of a plan.

    Args:
      plan: what to run; its baseline version is looked up again when the spec runs.
      target: ``vertex`` (the JSON of a PipelineJob) or ``kubeflow`` (the YAML of a PipelineSpec, schema 2.1).
      image: the container image that every step runs in.
      pipeline_root: URI below which artifacts go; pushed models go to ``ROOT/models/NAME``.
      output: the file.

    Returns:
      The spec as written.
    """
    name = plan.experiment.name.replace("_", "-")
    models = f"{pipeline_root.rstrip('/')}/models/{plan.experiment.name}"
    pipeline = create_pipeline(plan, pipeline_root=pipeline_root, models=models, name=name)
    config = tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(
        display_name=name, default_image=image, default_commands=ENTRY_POINT, use_pipeline_spec_2_1=True
    )
    with tempfile.TemporaryDirectory() as folder:
        file_name = "pipeline.json" if target == "vertex" else "pipeline.yaml"
        tfx.orchestration.experimental.KubeflowV2DagRunner(config, folder, file_name).run(pipeline)
        text = Path(folder, file_name).read_text(encoding="utf-8")
    temporary = output.with_name(f".{output.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(output)
    return json.loads(text) if target == "vertex" else yaml.safe_load(text)
