"""Executes a compiled pipeline job as Vertex AI Pipelines does, on a bucket that Cloud Storage FUSE mounts.

Artifacts come with their types; every bucket is below ``/gcs``, the same for all tasks; what ``bucket_mount.c`` refuses
is refused; a folder without a file is gone when its task ends, as in a bucket without placeholders. Nothing else of a
task's file system survives.

Source: https://cloud.google.com/vertex-ai/docs/training/cloud-storage-file-system; TFX's own
``kubeflow_v2_run_executor.py`` for the places of a task's outputs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.end_to_end.kubeflow_launcher import TIMEOUT_SECONDS, TaskFailed, image_variables, protojson
from tests.end_to_end.spec_execution import Outputs, parameters_of, producers_of

_SHIM = Path(__file__).with_name("bucket_mount.c")


@dataclass
class Project:
    """What outlives a task.

    Attributes:
      folder: on this machine, for all of it; ``gcs`` below it has the buckets.
      library: what makes the buckets behave as such, from :func:`build_library`.
      logs: task to what it printed.
    """

    folder: Path
    library: Path
    logs: dict[str, str] = field(default_factory=dict)

    def stored(self, uri: str) -> Path:
        """Where an object, or the objects below a prefix, are on this machine."""
        return self.folder / "gcs" / uri.removeprefix("gs://")


def build_library(folder: Path) -> Path | None:
    """Compiles what makes a folder behave as a bucket; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "bucket_mount.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SHIM), "-ldl"], check=True)
    return library


def execute_job(
    job: Mapping[str, Any], project: Project, values: Mapping[str, Any] | None = None
) -> dict[str, Outputs]:
    """Runs every task of a PipelineJob; returns task name to output name to the artifact."""
    spec, root = job["pipelineSpec"], job["runtimeConfig"]["gcsOutputDirectory"]
    tasks = spec["root"]["dag"]["tasks"]
    finished: dict[str, Outputs] = {}
    while len(finished) < len(tasks):
        for name in sorted(
            n for n, task in tasks.items() if n not in finished and producers_of(task) <= finished.keys()
        ):
            finished[name] = execute_task(spec, name, finished, f"{root}/1234/job-1/{name}_987", project, values or {})
    return finished


def execute_task(
    spec: Mapping[str, Any],
    name: str,
    finished: Mapping[str, Outputs],
    folder: str,
    project: Project,
    values: Mapping[str, Any],
) -> Outputs:
    """Runs one task, whose producers have finished.

    Args:
      spec: the PipelineSpec.
      name: of the task.
      finished: outputs of the tasks before it.
      folder: URI of its outputs.
      project: where it runs.
      values: of the submission.

    Returns:
      Output name to the artifact.

    Raises:
      TaskFailed: it failed.
    """
    task = spec["root"]["dag"]["tasks"][name]
    component = spec["components"][task["componentRef"]["name"]]
    container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    given = {k: a["taskOutputArtifact"] for k, a in task.get("inputs", {}).get("artifacts", {}).items()}
    outputs = {
        key: {
            "name": f"projects/1/artifacts/{name}-{key}",
            "uri": f"{folder}/{key}",
            "type": definition["artifactType"],
        }
        for key, definition in component.get("outputDefinitions", {}).get("artifacts", {}).items()
    }
    executor_input = {
        "inputs": {
            "parameterValues": parameters_of(spec, name, values),
            "artifacts": {
                key: {"artifacts": [finished[source["producerTask"]][source["outputArtifactKey"]]]}
                for key, source in given.items()
            },
        },
        "outputs": {
            "artifacts": {key: {"artifacts": [artifact]} for key, artifact in outputs.items()},
            "outputFile": f"{folder}/executor_output.json",
        },
    }
    _run_command(project, name, container, protojson(executor_input))
    written = project.stored(f"{folder}/executor_output.json")
    left = json.loads(written.read_text(encoding="utf-8"))["artifacts"]
    _drop_empty_folders(project.folder / "gcs")
    return {key: artifact | left[key]["artifacts"][0] for key, artifact in outputs.items()}


def _run_command(project: Project, name: str, container: Mapping[str, Any], text: str) -> None:
    machine = project.folder / "machine"
    for folder in ("home", "tmp"):
        (machine / folder).mkdir(parents=True)
    buckets = project.folder / "gcs"
    command = [sys.executable if part == "python" else part for part in container["command"]]
    command += [argument.replace("{{$}}", text) for argument in container["args"]]
    own = {
        "KERASLINE_MOUNTS": str(project.folder), "KERASLINE_BUCKET_MOUNT": str(buckets),
        "LD_PRELOAD": str(project.library), "HOME": str(machine / "home"), "TMPDIR": str(machine / "tmp"),
    }  # fmt: skip
    environment = {**image_variables(), **{v["name"]: v["value"] for v in container.get("env", [])}, **own}
    try:
        child = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=environment,
            cwd=machine / "home", timeout=TIMEOUT_SECONDS,
        )  # fmt: skip
    finally:
        shutil.rmtree(machine)
    project.logs[name] = child.stdout
    if child.returncode:
        raise TaskFailed(name, child.returncode, child.stdout)


def _drop_empty_folders(folder: Path) -> None:
    for child in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(child.iterdir()):
            child.rmdir()
