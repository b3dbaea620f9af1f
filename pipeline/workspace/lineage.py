"""Reads ML Metadata: what the steps of a run left, and where."""

from __future__ import annotations

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from kerasline.components.report import RunFolders
from kerasline.pipeline.workspace.places import place_here
from kerasline.pipeline.workspace.store import open_store, split_node
from kerasline.pipeline.workspace.workspace import Workspace

Artifacts = dict[str, dict[str, metadata_store_pb2.Artifact]]

_REPORTED = {
    "examples": ("ingest", "examples"),
    "statistics": ("statistics", "statistics"),
    "verdict": ("validate", "verdict"),
    "tuner_results": ("tune", "tuner_results"),
    "model_run": ("train", "model_run"),
    "baseline": ("baseline", "baseline"),
    "evaluation": ("evaluate", "evaluation"),
    "parity": ("parity", "blessing"),
    "gate": ("gate", "blessing"),
    "explanations": ("explain", "explanations"),
}


def run_artifacts(workspace: Workspace, run_id: str) -> Artifacts:
    """Finds the outputs of a run's finished steps, reused ones among them; nothing where there is no such run.

    Returns:
      Step id to output name to artifact.
    """
    if workspace.server is None and not workspace.metadata.is_file():
        return {}
    store = open_store(workspace)
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    if context is None:
        return {}
    steps = _finished_steps(store, workspace, context.id)
    if not steps:
        return {}
    events = store.get_events_by_execution_ids(list(steps))
    outputs = [event for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts_by_id([e.artifact_id for e in outputs])}
    found: Artifacts = {}
    for event in outputs:
        name, step = steps[event.execution_id]
        artifact = artifacts[event.artifact_id]
        artifact.uri = place_here(workspace.pipeline(name), artifact.uri)
        found.setdefault(step, {})[event.path.steps[0].key] = artifact
    return found


def _finished_steps(store: MetadataStore, workspace: Workspace, context: int) -> dict[int, tuple[str, str]]:
    """Maps executions of a run's finished steps to the recipe and the step."""
    finished = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
    steps = {}
    for execution in store.get_executions_by_context(context):
        if execution.last_known_state not in finished:
            continue
        (node,) = (c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "node")
        owned = split_node(workspace, node)
        # Runs of two workspaces may have begun in the same second.
        if owned is not None:
            steps[execution.id] = owned
    return steps


def report_folders(artifacts: Artifacts) -> RunFolders:
    """Picks the artifacts that a report is made of; None for steps that the run did not reach."""
    return RunFolders(
        **{
            name: artifacts[step][key].uri if key in artifacts.get(step, {}) else None
            for name, (step, key) in _REPORTED.items()
        }
    )
