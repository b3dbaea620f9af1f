"""Whether the cache still has the fit that a run left, so that the same run would not fit anew."""

from __future__ import annotations

from pathlib import Path

from ml_metadata import MetadataStore, errors
from ml_metadata.proto import metadata_store_pb2

from kerasline.components.core import ConfigError
from kerasline.pipeline.workspace.contents import find_loss
from kerasline.pipeline.workspace.lineage import Artifacts, run_artifacts
from kerasline.pipeline.workspace.store import open_store, pipeline_name
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
        store, pipeline = open_store(home), pipeline_name(home, name)
        examples, model = found["ingest"]["examples"], found["train"]["model"]
        return (
            store.get_artifacts_by_id([model.id])[0].uri == model.uri
            and _is_newest(store, f"{pipeline}.ingest", examples.id)
            and _is_newest(store, f"{pipeline}.train", model.id, reads=examples.id)
        )
    except (ConfigError, errors.StatusError, RuntimeError, LookupError):  # whoever runs the steps says what is wrong
        return False


def _are_whole(found: Artifacts) -> bool:
    outputs = (artifact for step in _TOWARDS_FIT for artifact in found.get(step, {}).values())
    return all(find_loss(Path(artifact.uri)) is None for artifact in outputs)


def _is_newest(store: MetadataStore, node: str, output: int, reads: int | None = None) -> bool:
    """Says whether an output is what a step's newest execution left that was told the same.

    Args:
      store: Of ML Metadata.
      node: Name of the step's node.
      output: Id of the artifact.
      reads: Id of an artifact that the execution must have read; None for any.
    """
    finished = _finished_executions(store, node)
    linked: dict[int, set[int]] = {each.id: set() for each in finished}
    for event in store.get_events_by_execution_ids(list(linked)):
        linked[event.execution_id].add(event.artifact_id)
    told = next(each.custom_properties for each in finished if output in linked[each.id])
    read = [each for each in finished if reads is None or reads in linked[each.id]]
    newest = [each.id for each in read if each.custom_properties == told][-1]
    return output in linked[newest]


def _finished_executions(store: MetadataStore, node: str) -> list[metadata_store_pb2.Execution]:
    """Lists what a step ran and took from the cache, the newest last."""
    context = store.get_context_by_type_and_name("node", node)
    found = store.get_executions_by_context(context.id)
    return sorted((each for each in found if each.last_known_state in _FINISHED), key=lambda each: each.id)
