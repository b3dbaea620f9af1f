"""Whether the cache still has the fit that a run left, so that the same run would not fit anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ml_metadata import MetadataStore, errors
from ml_metadata.proto import metadata_store_pb2

from kerasline.components.core import ConfigError
from kerasline.pipeline.workspace.contents import find_loss
from kerasline.pipeline.workspace.lineage import Artifacts, run_artifacts
from kerasline.pipeline.workspace.store import open_store
from kerasline.pipeline.workspace.workspace import Workspace

_TOWARDS_FIT = ("ingest", "statistics", "curated", "schema", "anomalies", "transform", "tune", "train")
_FINISHED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)


def keeps_fit(home: Workspace, name: str, run_id: str) -> bool:
    """Says whether a run that is repeated would get the fit which that run left.

    It would not where outputs were lost or the workspace was moved, and where the same was fitted anew since, as with
    ``--no-cache``: TFX takes the newest outputs. Nor would it where that run wrote to another store.

    Args:
      home: The workspace, with the store that the repeated run will use.
      name: Name of the recipe.
      run_id: Id of the run; it had the same plan.
    """
    try:
        found = run_artifacts(home, run_id)
        if "train" not in found or not _are_whole(found):
            return False
        store, model = open_store(home), found["train"]["model"]
        return store.get_artifacts_by_id([model.id])[0].uri == model.uri and _comes_again(store, model.id)
    except (ConfigError, errors.StatusError, RuntimeError, LookupError):  # whoever runs the steps says what is wrong
        return False


def _are_whole(found: Artifacts) -> bool:
    outputs = (artifact for step in _TOWARDS_FIT for artifact in found.get(step, {}).values())
    return all(find_loss(Path(artifact.uri)) is None for artifact in outputs)


def _comes_again(store: MetadataStore, output: int) -> bool:
    """Says whether an artifact, and each that it was made of, is what a repeated step would find.

    Args:
      store: Of ML Metadata.
      output: Id of the artifact.
    """
    asked = [output]
    for artifact in asked:  # it grows
        found, read = _newest_like(store, artifact)
        if artifact not in found:
            return False
        asked += sorted(read.difference(asked))
    return True


def _newest_like(store: MetadataStore, output: int) -> tuple[set[int], set[int]]:
    """Returns what the newest execution like the one that made an artifact left, and what it read.

    Alike are those of a step that were told the same and read the same.

    Args:
      store: Of ML Metadata.
      output: Id of the artifact.
    """
    finished = _finished_executions(store, _node_of(store, output))
    left, read = _links(store, [each.id for each in finished])
    own = next(each for each in finished if output in left[each.id])
    told = [each.id for each in finished if each.custom_properties == own.custom_properties]
    newest = [execution for execution in told if read[execution] == read[own.id]][-1]
    return left[newest], read[newest]


def _links(store: MetadataStore, executions: Sequence[int]) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """Returns by execution the ids of the artifacts that it left, and of those that it read."""
    left: dict[int, set[int]] = {execution: set() for execution in executions}
    read: dict[int, set[int]] = {execution: set() for execution in executions}
    for event in store.get_events_by_execution_ids(executions):
        (left if event.type == metadata_store_pb2.Event.OUTPUT else read)[event.execution_id].add(event.artifact_id)
    return left, read


def _node_of(store: MetadataStore, output: int) -> str:
    """Returns the name of the node that an artifact came from."""
    events = store.get_events_by_artifact_ids([output])
    makers = [event.execution_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    return next(str(each.name) for each in store.get_contexts_by_execution(makers[0]) if each.type == "node")


def _finished_executions(store: MetadataStore, node: str) -> list[metadata_store_pb2.Execution]:
    """Lists what a step ran and took from the cache, the newest last."""
    context = store.get_context_by_type_and_name("node", node)
    found = store.get_executions_by_context(context.id)
    return sorted((each for each in found if each.last_known_state in _FINISHED), key=lambda each: each.id)
