"""Executes a compiled pipeline spec as Kubeflow Pipelines does: its driver, its launcher, its ML Metadata.

For every task in dependency order the driver resolves an ExecutorInput, a pod of its own runs the task's command with
it, and what the launcher finds afterwards is registered. There is no resolver and no driver of TFX's. The launcher is
in ``kubeflow_launcher.py``; where a behaviour comes from stands beside it, as there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.end_to_end.kubeflow_launcher import SCHEMES, Cluster, TaskFailed, run_pod

Outputs = dict[str, dict[str, Any]]
Documents = list[dict[str, Any]]


def execute_spec(
    documents: Documents,
    cluster: Cluster,
    values: Mapping[str, Any] | None = None,
    *,
    cached: Mapping[str, Outputs] | None = None,
    kill: Mapping[str, Callable[[Path], bool]] | None = None,
) -> dict[str, Outputs]:
    """Runs every task of a PipelineSpec.

    Args:
      documents: of the file: the PipelineSpec, and the PlatformSpec where there is one.
      cluster: where it runs.
      values: of the submission, by parameter; the others have their default.
      cached: tasks that are not run again, and their outputs in an earlier run: driver/cache.go hands on the artifacts
        of that run, with their URIs.
      kill: tasks whose pod is killed, and when; Argo starts another for the same salt:
        compiler/argocompiler/container.go, RetryStrategy of the executor's template.

    Returns:
      Task name to output name to the artifact as ML Metadata has it.
    """
    tasks = documents[0]["root"]["dag"]["tasks"]
    finished: dict[str, Outputs] = dict(cached or {})
    while len(finished) < len(tasks):
        ready = [n for n, task in tasks.items() if n not in finished and producers_of(task) <= finished.keys()]
        assert ready, f"a cycle among {tasks.keys() - finished.keys()}"
        for name in sorted(ready):
            salt = str(uuid.uuid4())
            if kill and name in kill:
                # argo-workflows workflow/controller/operator.go, processNodeRetries: with 0, no pod is tried again.
                assert tasks[name]["retryPolicy"]["backoffMaxDuration"] != "0s"
                try:
                    execute_task(documents, name, finished, cluster, values, salt=salt, kill=kill[name])
                except TaskFailed as failure:
                    assert failure.code == -9, failure
                else:
                    raise AssertionError(f"{name} ended before it was killed")
            finished[name] = execute_task(documents, name, finished, cluster, values, salt=salt)
    return finished


def producers_of(task: dict[str, Any]) -> set[str]:
    """The tasks that a task waits for: compiler/argocompiler/dag.go; what makes its inputs is not asked."""
    return set(task.get("dependentTasks", []))


def execute_task(
    documents: Documents,
    name: str,
    finished: Mapping[str, Outputs],
    cluster: Cluster,
    values: Mapping[str, Any] | None = None,
    *,
    salt: str = "",
    kill: Callable[[Path], bool] | None = None,
) -> Outputs:
    """Runs one task, whose producers have finished.

    Args:
      documents: of the file.
      name: of the task.
      finished: outputs of the tasks before it.
      cluster: where it runs.
      values: of the submission.
      salt: of the try before, where Argo starts a pod again (the task's ``retryPolicy``) and the driver does not run.
      kill: says when the pod is killed.

    Returns:
      Output name to the artifact as ML Metadata has it.

    Raises:
      TaskFailed: it failed.
    """
    spec, *platforms = documents
    task = spec["root"]["dag"]["tasks"][name]
    component = spec["components"][task["componentRef"]["name"]]
    label = component["executorLabel"]
    executor_input = {
        "inputs": {
            "parameterValues": parameters_of(spec, name, values or {}),
            "artifacts": {
                key: {
                    "artifacts": [_to_runtime(cluster, finished[source["producerTask"]][source["outputArtifactKey"]])]
                }
                for key, source in (
                    (key, given["taskOutputArtifact"])
                    for key, given in task.get("inputs", {}).get("artifacts", {}).items()
                )
            },
        },
        "outputs": _provision_outputs(cluster, name, component, salt or str(uuid.uuid4())),
    }
    if not executor_input["inputs"]["artifacts"]:
        del executor_input["inputs"]["artifacts"]  # protojson leaves empty maps out
    executors = platforms[0]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if platforms else {}
    container = spec["deploymentSpec"]["executors"][label]["container"]
    mounts = executors.get(label, {}).get("pvcMount", [])
    registered = run_pod(cluster, name, container, executor_input, mounts, kill)
    return {key: _record(cluster, name, key, artifact) for key, artifact in registered.items()}


def parameters_of(spec: Mapping[str, Any], name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a task's parameters: constants, and what the submission says or the spec has as a default."""
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    known = {key: definition["defaultValue"] for key, definition in declared.items() if "defaultValue" in definition}
    # apiserver/template/v2_template.go, validatePipelineJobInputs.
    assert values.keys() <= declared.keys(), f"parameters that the pipeline does not take: {values}"
    known |= values
    task = spec["root"]["dag"]["tasks"][name]
    found = {
        key: known[source["componentInputParameter"]]
        if "componentInputParameter" in source
        else source["runtimeValue"]["constant"]
        for key, source in task.get("inputs", {}).get("parameters", {}).items()
    }
    # driver/resolve.go, handleParamTypeValidationAndConversion; a text that is none would be made one.
    taken = spec["components"][task["componentRef"]["name"]].get("inputDefinitions", {}).get("parameters", {})
    assert found.keys() == taken.keys(), f"{name}: {found.keys() ^ taken.keys()} of one side alone"
    for key, definition in taken.items():
        kinds = str if definition["parameterType"] == "STRING" else int | float
        assert isinstance(found[key], kinds), f"{name}.{key}: {definition}, got {found[key]!r}"
    return found


def _provision_outputs(cluster: Cluster, name: str, component: Mapping[str, Any], salt: str) -> dict[str, Any]:
    # driver/driver.go, provisionOutputs: ROOT/PIPELINE/RUN/TASK/SALT/KEY with the type of the component's definition,
    # and its key for a name (since 2.15). The salt is new each time that the driver runs.
    folder = f"{cluster.run_root}/{name}/{salt}"
    types = {k: d["artifactType"] for k, d in component.get("outputDefinitions", {}).get("artifacts", {}).items()}
    if cluster.publishes_logs:
        types["executor-logs"] = {"schemaTitle": "system.Artifact"}
    old = cluster.release == "2.14"
    artifacts = {
        key: {"artifacts": [{"uri": f"{folder}/{key}", "type": kind} | ({} if old else {"name": key})]}
        for key, kind in types.items()
    }
    scheme = next((scheme for scheme in SCHEMES if folder.startswith(scheme)), None)
    local = f"/{SCHEMES[scheme]}/{folder.removeprefix(scheme)}" if scheme and not old else "/tmp/kfp_outputs"
    return {"artifacts": artifacts, "outputFile": f"{local}/output_metadata.json"}


def _record(cluster: Cluster, name: str, key: str, artifact: Mapping[str, Any]) -> dict[str, Any]:
    """An artifact goes into the store of artifacts."""
    cluster.last_id += 1
    schema = artifact["type"]
    if cluster.release == "next":
        # component/importer_launcher.go, inferArtifactType: what is no type of Kubeflow's is kept as its text.
        title = schema.get("schemaTitle") or schema["instanceSchema"]
        return {
            "id": str(uuid.uuid4()),
            "name": key,
            "uri": artifact["uri"],
            "type": title,
            "metadata": artifact.get("metadata"),
        }
    # metadata/client.go, RecordArtifact and SchemaToArtifactType.
    properties = {}
    for entry, value in (artifact.get("metadata") or {}).items():
        # metadata/converter.go, StructValueToMLMDValue.
        if value is None:
            raise TaskFailed(name, None, f"output {key}, {entry}: unknown/unsupported value type *structpb.NullValue")
        if isinstance(value, list | dict):
            value = {"list" if isinstance(value, list) else "struct": value}
        properties[entry] = float(value) if isinstance(value, int | float) else value
    properties.setdefault("display_name", key)
    properties.setdefault("store_session_info", '{"Provider":"minio","Params":{"fromEnv":"true"}}')
    title = schema.get("schemaTitle") or yaml.safe_load(schema["instanceSchema"])["title"]
    return {"id": cluster.last_id, "uri": artifact["uri"], "type": title, "metadata": properties}


def _to_runtime(cluster: Cluster, artifact: Mapping[str, Any]) -> dict[str, Any]:
    if cluster.release == "next":
        # driver/container.go, convertArtifactToRuntimeArtifact: the text of the schema comes back as a title.
        found = {"name": artifact["name"], "artifactId": artifact["id"], "uri": artifact["uri"]}
        metadata = {"metadata": artifact["metadata"]} if artifact["metadata"] else {}
        return {**found, "type": {"schemaTitle": artifact["type"]}, **metadata}
    # metadata/client.go, ToRuntimeArtifact: id, URI and metadata come out of it, and a type that says nothing.
    kind = {"instanceSchema": ""}
    return {"name": str(artifact["id"]), "uri": artifact["uri"], "type": kind, "metadata": artifact["metadata"]}
