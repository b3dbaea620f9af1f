"""Executes a compiled pipeline spec the way a backend does: each task's own container command, in a child process.

For every task in dependency order an ExecutorInput is filled (parameters from the spec and from the submission,
artifacts from the producers' outputs, output URIs below a local root), ``{{$}}`` in the arguments is replaced by it,
the command runs with this Python, and the ExecutorOutput that it leaves is read back. There is no resolver and no
driver, as in the Kubeflow Pipelines backend.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def execute_spec(
    spec: dict[str, Any], root: str, mount: Path, values: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Runs every task of a PipelineSpec.

    Args:
      spec: the PipelineSpec.
      root: URI below which the outputs go, ``gs://BUCKET/PATH``.
      mount: the folder that buckets are mounted below, as ``/gcs`` on Vertex AI; its name is ``gcs``.
      values: of the submission, by parameter; the others have their default.

    Returns:
      Task name to output name to the artifact as the task left it.
    """
    tasks = spec["root"]["dag"]["tasks"]
    finished: dict[str, dict[str, Any]] = {}
    while len(finished) < len(tasks):
        ready = [n for n, task in tasks.items() if n not in finished and _producers(task) <= finished.keys()]
        assert ready, f"a cycle among {tasks.keys() - finished.keys()}"
        for name in sorted(ready):
            finished[name] = execute_task(spec, name, finished, f"{root}/{name}", mount, values)
    return finished


def _producers(task: dict[str, Any]) -> set[str]:
    artifacts = task.get("inputs", {}).get("artifacts", {}).values()
    return {a["taskOutputArtifact"]["producerTask"] for a in artifacts} | set(task.get("dependentTasks", []))


def execute_task(
    spec: dict[str, Any],
    name: str,
    finished: dict[str, dict[str, Any]],
    folder: str,
    mount: Path,
    values: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Runs one task, whose producers have finished; returns output name to the artifact as the task left it."""
    task = spec["root"]["dag"]["tasks"][name]
    component = spec["components"][task["componentRef"]["name"]]
    container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    output_file = f"{folder}/executor_output.json"
    written = mount / output_file.removeprefix("gs://")
    written.parent.mkdir(parents=True)
    outputs = {
        key: {"artifacts": [{"name": f"{name}-{key}", "uri": f"{folder}/{key}", "type": definition["artifactType"]}]}
        for key, definition in component.get("outputDefinitions", {}).get("artifacts", {}).items()
    }
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    known = {key: definition["defaultValue"] for key, definition in declared.items()} | dict(values or {})
    given = task.get("inputs", {})
    executor_input = {
        "inputs": {
            "parameterValues": {
                key: known[source["componentInputParameter"]]
                if "componentInputParameter" in source
                else source["runtimeValue"]["constant"]
                for key, source in given.get("parameters", {}).items()
            },
            "artifacts": {
                key: {"artifacts": [finished[source["producerTask"]][source["outputArtifactKey"]]]}
                for key, source in ((k, a["taskOutputArtifact"]) for k, a in given.get("artifacts", {}).items())
            },
        },
        "outputs": {"artifacts": outputs, "outputFile": output_file},
    }
    text = json.dumps(executor_input)
    command = [sys.executable if part == "python" else part for part in container["command"]]
    arguments = [argument.replace("{{$}}", text) for argument in container["args"]]
    environment = {**os.environ, "KERASLINE_MOUNTS": str(mount.parent)}
    child = subprocess.run(
        command + arguments, capture_output=True, text=True, check=False, timeout=600, env=environment
    )
    assert child.returncode == 0, f"task {name} ended with {child.returncode}:\n{child.stderr[-3000:]}"
    left = json.loads(written.read_text(encoding="utf-8"))["artifacts"]
    # The backend knows the type from the spec; what the task wrote adds URI and metadata.
    return {key: outputs[key]["artifacts"][0] | left[key]["artifacts"][0] for key in outputs}
