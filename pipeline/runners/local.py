"""Runs a pipeline in this process, one step after the other, and tells how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import (
    base_executor_operator,
    beam_executor_operator,
    data_types,
    launcher,
    runtime_parameter_utils,
)
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from kerasline.components.beam import complete_options, hasten_construction, process_options
from kerasline.pipeline.graph import create_pipeline
from kerasline.pipeline.plan import RunPlan, Selection, UnfinishedStep
from kerasline.pipeline.runners.tidying import put_in_order
from kerasline.pipeline.workspace import (
    StepInputs,
    StepResult,
    Workspace,
    connection,
    note_contents,
    output_places,
    pipeline_name,
)


def compile_plan(plan: RunPlan, workspace: Workspace, *, cache: bool) -> pipeline_pb2.Pipeline:
    """Builds the graph with this workspace's paths and compiles it to TFX's intermediate representation."""
    name = plan.experiment.name
    # The store is not part of it: its password would be.
    pipeline = create_pipeline(
        plan,
        pipeline_root=str(workspace.pipeline(name)),
        models=str(workspace.models(name)),
        name=pipeline_name(workspace, name),
        enable_cache=cache,
    )
    options = process_options(plan.processes(), plan.worker_modules())
    for component in pipeline.components:
        if component.id in options:  # after those of the pipeline, and so instead of them
            component.with_beam_pipeline_args(options[component.id])
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
        texts = {key: value if isinstance(value, str) else str(value) for key, value in sorted(parameters.items())}
        steps[node.node_info.id] = StepInputs(texts, *_steps_before(node))
    return steps


def _steps_before(node: pipeline_pb2.PipelineNode) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the steps whose artifacts a step takes, and those that it only waits for."""
    channels = [channel for taken in node.inputs.inputs.values() for channel in taken.channels]
    givers = {channel.producer_node_query.id for channel in channels}
    upstream = tuple(name for name in node.upstream_nodes if name in givers)
    return upstream, tuple(name for name in node.upstream_nodes if name not in givers)


def run(
    ir: pipeline_pb2.Pipeline,
    workspace: Workspace,
    run_id: str,
    selection: Selection | None = None,
    *,
    on_start: Callable[[str], None],
    on_end: Callable[[StepResult], None],
) -> list[StepResult]:
    """Runs the chosen steps.

    This is LocalDagRunner's loop over TFX's own launcher, with a word before and after each step. Steps whose outputs
    are taken from an earlier run go through the same launcher, which finds them in its cache, so they belong to this
    run too; it never executes them.

    Args:
      ir: from :func:`compile_plan`.
      workspace: the one that it was compiled for.
      run_id: names the run in ML Metadata.
      selection: of its steps; None for all.
      on_start: told the id of a step before it runs.
      on_end: told its result after it ran.

    Returns:
      The results of the steps that ran or were taken, in order.

    Raises:
      UnfinishedStep: the outputs of a step that were to be taken are not there.
      Exception: whatever a step raised.
    """
    hasten_construction()
    store = connection(workspace)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    deployment = runner_utils.extract_local_deployment_config(ir)
    put_in_order(workspace, ir.pipeline_info.id, [node.pipeline_node.node_info.id for node in ir.nodes])
    # It counts for a step's cache key alone: outputs are found by those who run where they were written.
    here = pipeline_pb2.PipelineInfo(id=f"{ir.pipeline_info.id} in {workspace.root}")
    results = []
    for node in ir.nodes:
        step_id = node.pipeline_node.node_info.id
        is_taken = selection is not None and step_id in selection.taken
        if selection is not None:
            if step_id not in selection.run | selection.taken:
                continue
            caching = node.pipeline_node.execution_options.caching_options
            caching.enable_cache = is_taken or (caching.enable_cache and not selection.anew)
        on_start(step_id)
        started = time.monotonic()
        spec = runner_utils.extract_executor_spec(deployment, step_id)
        information = launcher.Launcher(
            pipeline_node=node.pipeline_node,
            mlmd_connection=metadata.Metadata(store),
            pipeline_info=here,
            pipeline_runtime_spec=ir.runtime_spec,
            executor_spec=_wherever_it_runs(spec),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, step_id),
            custom_executor_operators=_REFUSED if is_taken else _running(spec),
        ).launch()
        cached, outputs = (False, ()) if information is None else _look_up(store, information.execution_id)
        result = StepResult(step_id, time.monotonic() - started, cached, outputs)
        _note_outputs(result)
        on_end(result)
        results.append(result)
    return results


def _note_outputs(ended: StepResult) -> None:
    """Keeps what a step has made, so that it is noticed where a file of it is lost."""
    for place in () if ended.cached else ended.outputs:
        note_contents(Path(place))


class _Refuse(base_executor_operator.BaseExecutorOperator):  # type: ignore[misc]  # TFX has no types
    """Stands in for the executor of a step that is not to be executed."""

    SUPPORTED_EXECUTOR_SPEC_TYPE = (
        executable_spec_pb2.PythonClassExecutableSpec,
        executable_spec_pb2.BeamExecutableSpec,
    )
    SUPPORTED_PLATFORM_CONFIG_TYPE = ()

    def run_executor(self, execution_info: data_types.ExecutionInfo) -> NoReturn:
        """Ends the run: the cache has no outputs of this step."""
        assert execution_info.pipeline_node is not None
        raise UnfinishedStep(execution_info.pipeline_node.node_info.id)


_REFUSED = dict.fromkeys(_Refuse.SUPPORTED_EXECUTOR_SPEC_TYPE, _Refuse)


def _wherever_it_runs(spec: Any) -> Any:
    """Returns what a step's cache key has of how it runs: its executor, and not Beam's options, which decide nothing.

    Otherwise another engine, or the same one at another port, would run again what has finished.
    """
    if not isinstance(spec, executable_spec_pb2.BeamExecutableSpec):
        return spec
    alike = executable_spec_pb2.BeamExecutableSpec()
    alike.CopyFrom(spec)
    del alike.beam_pipeline_args[:], alike.beam_pipeline_args_placeholders[:]
    for option in complete_options([]):
        alike.beam_pipeline_args.append(option)
        alike.beam_pipeline_args_placeholders.add().value.string_value = option
    return alike


def _running(spec: Any) -> dict[Any, Any] | None:
    """Returns TFX's operator of a Beam step with the options that the step has."""
    if not isinstance(spec, executable_spec_pb2.BeamExecutableSpec):
        return None
    operator = beam_executor_operator.BeamExecutorOperator
    return {type(spec): lambda executor_spec, platform_config: operator(spec, platform_config)}


def _look_up(store: metadata_store_pb2.ConnectionConfig, execution_id: int) -> tuple[bool, tuple[str, ...]]:
    """Says of an execution whether its outputs were reused, and where they lie."""
    with metadata.Metadata(store) as handle:
        (execution,) = handle.store.get_executions_by_id([execution_id])
        places = output_places(handle.store, execution_id)
    return execution.last_known_state == metadata_store_pb2.Execution.CACHED, places
