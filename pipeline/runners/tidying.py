"""What a workspace needs before steps run in it: nothing half-written or half-lost, and numbers that are free.

TFX takes the folder that it has noted for an execution for what this execution wrote, as long as it is there. That is
true as long as nobody else writes to it, so it must be made so.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from ml_metadata import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from kerasline.pipeline.workspace import Workspace, connection, find_loss, noted_places, split_node

_RUNNING = ListOptions(filter_query="last_known_state = RUNNING")
_NEWEST = ListOptions(limit=1, order_by=OrderByField.ID, is_asc=False)
_NEAR = 10_000  # numbers that a store might come to during a run, also a server that others use meanwhile
_PASSED_OVER = "kerasline.passed_over"  # executions that stand for a number


def put_in_order(workspace: Workspace, pipeline: str, steps: Iterable[str]) -> None:
    """Makes a workspace ready for the steps of a pipeline.

    Args:
      workspace: Held by the caller, so that no step of it is really running.
      pipeline: Name of the pipeline in the store.
      steps: Ids of its steps.
    """
    owned = split_node(workspace, f"{pipeline}.")
    assert owned is not None, "a pipeline of this workspace"
    folder = workspace.pipeline(owned[0])
    with metadata.Metadata(connection(workspace)) as handle:
        _close_interrupted(handle.store, workspace)
        _give_up_what_lost_files(handle.store, [place for step in steps for place in noted_places(folder / step)])
        others = _number_on(handle.store, [number for step in steps for number in _numbers_in(folder / step)])
    if others:
        store = workspace.metadata.name if workspace.server is None else "the server of ML Metadata"
        print(f"{folder} has outputs that {store} does not know: they are kept and not used", flush=True)


def _close_interrupted(store: MetadataStore, workspace: Workspace) -> None:
    """Says of the steps that a killed run left running that they failed, and removes what they had begun to write.

    Steps of other workspaces are left alone.
    """
    closed = []
    for execution in store.get_executions(list_options=_RUNNING):
        contexts = store.get_contexts_by_execution(execution.id)
        for owned in (split_node(workspace, context.name) for context in contexts if context.type == "node"):
            if owned is not None:
                name, step = owned
                for folder in (workspace.pipeline(name) / step).glob(f"*/{execution.id}"):
                    shutil.rmtree(folder, ignore_errors=True)
                execution.last_known_state = metadata_store_pb2.Execution.FAILED
                closed.append(execution)
    if closed:
        store.put_executions(closed)


def _give_up_what_lost_files(store: MetadataStore, places: Iterable[Path]) -> None:
    """Says of the outputs which are no longer as their steps left them that they are lost, so that they are made anew.

    TFX's cache looks for an output's folder, and not for what is in it.
    """
    lost = []
    for place in places:
        if (loss := find_loss(place)) is None:
            continue
        for artifact in store.get_artifacts_by_uri(str(place)):
            if artifact.state == metadata_store_pb2.Artifact.LIVE:
                print(f"{place} {loss}: it is not used", flush=True)
                artifact.state = metadata_store_pb2.Artifact.DELETED
                lost.append(artifact)
    if lost:
        store.put_artifacts(lost)


def _number_on(store: MetadataStore, taken: Iterable[int]) -> bool:
    """Lets the store count on from the numbers under which outputs lie already, so that no step writes among them.

    They are of another store: of a server that the recipe ran with before, or of a file that was removed or has come
    back from a copy. That one may be used again, so they are left as they are.

    Args:
      store: That gives the numbers.
      taken: Under which outputs lie.

    Returns:
      Whether there were any.
    """
    newest = known = max((execution.id for execution in store.get_executions(list_options=_NEWEST)), default=0)
    for number in sorted(taken):
        newest = number if newest < number <= newest + _NEAR else newest
    if newest > known:
        kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name=_PASSED_OVER))
        empty = metadata_store_pb2.Execution(type_id=kind, last_known_state=metadata_store_pb2.Execution.CANCELED)
        store.put_executions([empty] * (newest - known))
    return newest > known


def _numbers_in(folder: Path) -> list[int]:
    """Lists the numbers of executions that have folders in the folder of a step."""
    places = (*folder.glob("*/*"), *folder.glob(".system/*/*"))
    return [int(place.name) for place in places if place.name.isdecimal()]
