"""What a workspace needs before steps run in it: nothing half-written, nothing of another store or another place.

TFX takes the folder that it has noted for an execution for what this execution wrote, as long as it is there. That is
true as long as nobody else writes to it, so it must be made so.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ml_metadata import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from kerasline.pipeline.workspace import Workspace, connection, split_node

_LIVE, _DELETED = metadata_store_pb2.Artifact.LIVE, metadata_store_pb2.Artifact.DELETED
_RUNNING = ListOptions(filter_query="last_known_state = RUNNING")
_NEWEST = ListOptions(limit=1, order_by=OrderByField.ID, is_asc=False)


def put_in_order(workspace: Workspace, pipeline: str) -> None:
    """Makes a workspace ready for the steps of a pipeline.

    Args:
      workspace: Held by the caller, so that no step of it is really running.
      pipeline: Name of the pipeline in the store.
    """
    with metadata.Metadata(connection(workspace)) as handle:
        _close_interrupted(handle.store, workspace)
        _forget_other_places(handle.store, workspace, pipeline)
        _remove_unknown_folders(handle.store, workspace, pipeline)


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


def _forget_other_places(store: MetadataStore, workspace: Workspace, pipeline: str) -> None:
    """Says of what lies outside of a workspace that it is gone.

    The workspace was moved or copied then, and where it lay before may be another one by now, with other steps' outputs
    under the same numbers.
    """
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    noted = [] if context is None else store.get_artifacts_by_context(context.id)
    gone = [artifact for artifact in noted if artifact.state == _LIVE and not _lies_in(artifact.uri, workspace.root)]
    for artifact in gone:
        artifact.state = _DELETED
    if gone:
        store.put_artifacts(gone)
        print(f"the outputs of {len(gone)} steps lie outside of {workspace.root} and are not used", flush=True)


def _lies_in(uri: str, root: Path) -> bool:
    path = Path(uri)
    return path.is_relative_to(root) or path.resolve().is_relative_to(root)


def _remove_unknown_folders(store: MetadataStore, workspace: Workspace, pipeline: str) -> None:
    """Removes outputs under numbers that the store has not given yet.

    They are of another store, which was removed or has come back from a copy. A step that gets such a number would
    write between the files of the other one, and the next step would read both.
    """
    newest = max((execution.id for execution in store.get_executions(list_options=_NEWEST)), default=0)
    owned = split_node(workspace, f"{pipeline}.")
    assert owned is not None, "a pipeline of this workspace"
    folder = workspace.pipeline(owned[0])
    for place in (*folder.glob("*/*/*"), *folder.glob("*/.system/*/*")):
        if place.name.isdecimal() and int(place.name) > newest:
            shutil.rmtree(place, ignore_errors=True)
