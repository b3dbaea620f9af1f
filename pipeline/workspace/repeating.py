"""Takes a whole run from ML Metadata's cache: what TFX does step by step where nothing has changed, without TFX.

TFX takes a step's outputs from the newest finished execution with the same parameters, executor and input artifacts, as
long as the outputs are there. Where a run has finished every step of a plan, and nothing of the pipeline ran since, the
same plan finds that run's outputs in each step. So its executions are entered again, as cached ones of the new run.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_metadata import ListOptions, OrderByField, errors
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from kerasline.pipeline.workspace.contents import find_loss
from kerasline.pipeline.workspace.store import connection, open_store, output_places, pipeline_name
from kerasline.pipeline.workspace.workspace import Workspace

_FINISHED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
_RUN = "pipeline_run"


@dataclass(frozen=True)
class _Step:
    """A step of a run: execution, name of the node, contexts apart from the run, events, and artifacts by id."""

    execution: metadata_store_pb2.Execution
    node: str
    contexts: list[metadata_store_pb2.Context]
    events: list[metadata_store_pb2.Event]
    artifacts: dict[int, metadata_store_pb2.Artifact]


def repeat_run(
    home: Workspace, name: str, earlier: str, run_id: str, steps: Sequence[str]
) -> dict[str, tuple[str, ...]] | None:
    """Enters a run of the workspace's file of ML Metadata again, with every step as cached.

    Args:
      home: The workspace, held by the caller.
      name: Name of the recipe.
      earlier: Id of the run that finished the same plan.
      run_id: Id of the new run.
      steps: Ids of all steps of the plan, in order.

    Returns:
      Where the outputs of each step lie; None where TFX might find anything else than these, or the file could not be
      read or written, so that the steps have to be run.
    """
    if home.server is not None or not home.metadata.is_file():
        return None
    try:
        store = open_store(home)
        found = _finished_steps(store, name, earlier)
        if sorted(found) != sorted(steps) or not _is_untouched(store, home, name, list(found.values())):
            return None
        _enter(metadata_store.MetadataStore(connection(home)), [found[step] for step in steps], run_id)
    except (errors.StatusError, RuntimeError, LookupError, ValueError):  # whoever runs the steps says what is wrong
        return None
    return {step: output_places(store, found[step].execution.id) for step in steps}


def _finished_steps(store: metadata_store.MetadataStore, name: str, run_id: str) -> dict[str, _Step]:
    """Reads the steps of a run; none where it is not there, or has a step that did not finish, or one twice."""
    context = store.get_context_by_type_and_name(_RUN, run_id)
    executions = [] if context is None else store.get_executions_by_context(context.id)
    read = [_read_step(store, execution) for execution in executions]
    found = {step.node.removeprefix(f"{name}."): step for step in read}
    are_finished = all(step.execution.last_known_state in _FINISHED for step in read)
    return found if are_finished and len(found) == len(read) else {}


def _read_step(store: metadata_store.MetadataStore, execution: metadata_store_pb2.Execution) -> _Step:
    contexts = [context for context in store.get_contexts_by_execution(execution.id) if context.type != _RUN]
    (node,) = (context.name for context in contexts if context.type == "node")
    events = store.get_events_by_execution_ids([execution.id])
    artifacts = store.get_artifacts_by_id([event.artifact_id for event in events])
    return _Step(execution, node, contexts, events, {artifact.id: artifact for artifact in artifacts})


def _is_untouched(store: metadata_store.MetadataStore, home: Workspace, name: str, steps: Iterable[_Step]) -> bool:
    """Says whether nothing has happened since these steps that TFX's cache would see."""
    pipeline = store.get_context_by_type_and_name("pipeline", pipeline_name(home, name))
    if pipeline is None or store.get_executions(list_options=ListOptions(filter_query="last_known_state = RUNNING")):
        return False
    newest = ListOptions(limit=1, order_by=OrderByField.ID, is_asc=False)
    (last,) = store.get_executions_by_context(pipeline.id, newest)
    if last.id != max(step.execution.id for step in steps):
        return False
    return all(_finds_the_same(step, event) for step in steps for event in step.events)


def _finds_the_same(step: _Step, event: metadata_store_pb2.Event) -> bool:
    """Says whether an input is as the step found it, which is part of its key, or an output is whole."""
    artifact = step.artifacts[event.artifact_id]
    if event.type == metadata_store_pb2.Event.INPUT:
        return bool(artifact.last_update_time_since_epoch <= step.execution.create_time_since_epoch)
    is_whole = event.type == metadata_store_pb2.Event.OUTPUT and artifact.state == metadata_store_pb2.Artifact.LIVE
    return is_whole and find_loss(Path(artifact.uri)) is None


def _enter(store: metadata_store.MetadataStore, steps: Sequence[_Step], run_id: str) -> None:
    """Enters each step at once, inputs and outputs with it, so that a kill leaves none half-entered."""
    run = metadata_store_pb2.Context(type_id=store.get_context_type(_RUN).id, name=run_id)
    for step in steps:
        execution = metadata_store_pb2.Execution(
            type_id=step.execution.type_id,
            name=str(uuid.uuid4()),
            last_known_state=metadata_store_pb2.Execution.CACHED,
            properties=step.execution.properties,
            custom_properties=step.execution.custom_properties,
        )
        linked = [
            (step.artifacts[event.artifact_id], metadata_store_pb2.Event(type=event.type, path=event.path))
            for event in step.events
        ]
        contexts = [*step.contexts, run]
        _, _, ids = store.put_execution(execution, linked, contexts, reuse_context_if_already_exist=True)
        run.id = ids[-1]
