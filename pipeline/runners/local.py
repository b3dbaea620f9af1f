"""Runs a pipeline in this process, one step after the other, and tells how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from pipeline.graph import create_pipeline
from pipeline.planning import RunPlan
from pipeline.steps import StepInputs
from pipeline.workspace import Workspace


@dataclass(frozen=True)
class StepResult:
    """How a step went: its id, its wall time in seconds, and whether its outputs were reused."""

    id: str
    seconds: float
    cached: bool


def compile_plan(plan: RunPlan, workspace: Workspace, *, cache: bool) -> pipeline_pb2.Pipeline:
    """Builds the graph with this workspace's paths and compiles it to TFX's intermediate representation."""
    name = plan.experiment.name
    pipeline = create_pipeline(
        plan,
        pipeline_root=str(workspace.pipeline(name)),
        models=str(workspace.models(name)),
        enable_cache=cache,
        metadata_connection_config=_connection(workspace),
    )
    return compiler.Compiler().compile(pipeline)


def step_inputs(ir: pipeline_pb2.Pipeline) -> dict[str, StepInputs]:
    """Returns what each step is told, in the order in which they run."""
    steps = {}
    for node in (node.pipeline_node for node in ir.nodes):
        parameters = {
            key: getattr(value.field_value, value.field_value.WhichOneof("value"))
            for key, value in node.parameters.parameters.items()
            if value.HasField("field_value")
        }
        steps[node.node_info.id] = StepInputs(
            {key: value if isinstance(value, str) else str(value) for key, value in sorted(parameters.items())},
            tuple(node.upstream_nodes),
        )
    return steps


def run(
    ir: pipeline_pb2.Pipeline,
    workspace: Workspace,
    run_id: str,
    *,
    on_start: Callable[[str], None],
    on_end: Callable[[StepResult], None],
) -> list[StepResult]:
    """Runs every step.

    This is LocalDagRunner's loop over TFX's own launcher, with a word before and after each step.

    Args:
      ir: from :func:`compile_plan`.
      workspace: the one that it was compiled for.
      run_id: names the run in ML Metadata.
      on_start: told the id of a step before it runs.
      on_end: told its result after it ran.

    Returns:
      The results of all steps, in order.

    Raises:
      Exception: whatever a step raised.
    """
    connection = _connection(workspace)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    deployment = runner_utils.extract_local_deployment_config(ir)
    results = []
    for node in ir.nodes:
        step_id = node.pipeline_node.node_info.id
        on_start(step_id)
        started = time.monotonic()
        information = launcher.Launcher(
            pipeline_node=node.pipeline_node,
            mlmd_connection=metadata.Metadata(connection),
            pipeline_info=ir.pipeline_info,
            pipeline_runtime_spec=ir.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, step_id),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, step_id),
        ).launch()
        cached = information is not None and _was_cached(connection, information.execution_id)
        result = StepResult(step_id, time.monotonic() - started, cached)
        on_end(result)
        results.append(result)
    return results


def _connection(workspace: Workspace) -> metadata_store_pb2.ConnectionConfig:
    return tfx.orchestration.metadata.sqlite_metadata_connection_config(str(workspace.metadata))


def _was_cached(connection: metadata_store_pb2.ConnectionConfig, execution_id: int) -> bool:
    with metadata.Metadata(connection) as handle:
        (execution,) = handle.store.get_executions_by_id([execution_id])
    return execution.last_known_state == metadata_store_pb2.Execution.CACHED
