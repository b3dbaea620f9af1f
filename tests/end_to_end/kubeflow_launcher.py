"""One pod of Kubeflow Pipelines: what its launcher does before and after a task's command.

Each behaviour names where it comes from; paths are those of kubeflow/pipelines, below ``backend/src/v2``, read in the
releases 2.14.0, 2.14.3, 2.15.0, 2.16.0 and 2.17.0, which agree where nothing else is said, and in the branch
mlmd-removal of July 2026, ``next`` here, which keeps artifacts in Kubeflow's own database.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

# component/launcher_v2.go, LocalPathForURI; oci:// is for models in images alone.
SCHEMES = {"gs://": "gcs", "minio://": "minio", "s3://": "s3"}
TIMEOUT_SECONDS = 900
_OF_THE_IMAGE = ("LD_LIBRARY_PATH", "PATH", "PYTHONPATH")  # variables that a pod has, too
_MAY_ALL = "-dac_override,-dac_read_search"  # what lets root write where nobody may


class TaskFailed(Exception):
    """A task that the backend gives up.

    Attributes:
      code: of its command; None where it never started or its answer was refused.
      text: what it printed, or why it was refused.
    """

    def __init__(self, task: str, code: int | None, text: str) -> None:
        """Says which task, and how it ended."""
        super().__init__(f"task {task} ended with {code}:\n{text[-3000:]}")
        self.code, self.text = code, text


@dataclass
class Cluster:
    """What outlives a pod.

    Attributes:
      folder: on this machine, for all of it.
      root: of the runs' artifacts. The submission's, else the config map's, else this one: driver/root_dag.go; the
        spec's own default is not looked at.
      run: the pipeline's name and the run's id, below that root: metadata/client.go, GetPipeline.
      claims: the PersistentVolumeClaims that there are.
      release: 2.14 keeps the answer elsewhere than later ones: driver/driver.go, provisionOutputs; ``next`` has another
        form of artifacts.
      publishes_logs: the administrator wants the logs as an artifact of each task.
      logs: task to what its last try printed.
      asked: task to what its last try was given.
      last_id: of ML Metadata's artifacts.
    """

    folder: Path
    root: str = "minio://mlpipeline/v2/artifacts"
    run: str = "pipeline/2cc22cca-2dc6-46af-b2b7-ca97112081b6"
    claims: tuple[str, ...] = ()
    release: str = "2.16"
    publishes_logs: bool = False
    logs: dict[str, str] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_id: int = 0

    @property
    def run_root(self) -> str:
        """URI below which all outputs of the run go."""
        return f"{self.root.rstrip('/')}/{self.run}"

    def stored(self, uri: str) -> Path:
        """Where an object, or the objects below a prefix, are on this machine."""
        scheme, _, key = uri.partition("://")
        return self.folder / "store" / scheme / key

    def claim(self, name: str) -> Path:
        """The folder of a claim."""
        folder = self.folder / "claims" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def run_pod(
    cluster: Cluster,
    task: str,
    container: Mapping[str, Any],
    executor_input: dict[str, Any],
    mounts: list[dict[str, Any]],
    kill: Callable[[Path], bool] | None = None,
) -> dict[str, Any]:
    """Runs a task's command in a file system of its own, of which only the declared outputs survive.

    Args:
      cluster: where it runs.
      task: its name.
      container: of the executor.
      executor_input: from the driver; its output artifacts are completed by what the command answers.
      mounts: ``pvcMount`` of the platform's specification.
      kill: looks at the pod's file system; the pod is killed when it says so, as by the kernel's memory killer.

    Returns:
      Output name to the artifact as the launcher registers it.

    Raises:
      TaskFailed: the command failed, or the launcher refuses what it finds.
    """
    pod = cluster.folder / "pod"
    _delete(pod)
    try:
        _make_file_system(cluster, task, pod, mounts)
        _download(cluster, pod, executor_input["inputs"].get("artifacts", {}))
        _prepare_outputs(task, pod, executor_input["outputs"])
        executor_input["outputs"]["outputFile"] = str(pod) + executor_input["outputs"]["outputFile"]
        _run_command(cluster, task, pod, container, executor_input, kill)
        answer = _read_answer(task, Path(executor_input["outputs"]["outputFile"]))
        return _upload(cluster, task, pod, executor_input["outputs"]["artifacts"], answer)
    finally:
        _delete(pod)


def _delete(pod: Path) -> None:
    """Deletes a pod's file system, of which parts may only be read."""
    for folder, _, _ in os.walk(pod):
        os.chmod(folder, stat.S_IRWXU)
    shutil.rmtree(pod, ignore_errors=True)


def _make_file_system(cluster: Cluster, task: str, pod: Path, mounts: list[dict[str, Any]]) -> None:
    # compiler/argocompiler/container.go: an empty folder of the pod's own for each scheme, so that the launcher can
    # write there whatever user the image has.
    for folder in (*SCHEMES.values(), "home", "tmp"):
        (pod / folder).mkdir(parents=True)
    for mount in mounts:
        name = mount["pvcNameParameter"]["runtimeValue"]["constant"]
        if name not in cluster.claims:
            raise TaskFailed(task, None, f'persistentvolumeclaim "{name}" not found')  # the pod stays Pending
        place = pod / mount["mountPath"].lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(cluster.claim(name))


def local_path(pod: Path, artifact: Mapping[str, Any]) -> Path | None:
    """component/launcher_v2.go, retrieveArtifactPath (since 2.15): a custom path, else the URI's."""
    if artifact.get("customPath"):
        return pod / artifact["customPath"].lstrip("/")
    for scheme, folder in SCHEMES.items():
        if artifact["uri"].startswith(scheme):
            return pod / folder / artifact["uri"].removeprefix(scheme)
    return None


def _download(cluster: Cluster, pod: Path, inputs: Mapping[str, Any]) -> None:
    # component/launcher_v2.go, downloadArtifacts: every declared input, by its URI; others are passed over.
    for found in inputs.values():
        for artifact in found["artifacts"]:
            place, stored = local_path(pod, artifact), cluster.stored(artifact["uri"])
            if place is None:
                continue
            # objectstore/object_store.go, DownloadBlob: the objects with that key or below it. A store has no folders,
            # so empty ones never come; an artifact that has no object comes as nothing at all.
            for path in [stored] if stored.is_file() else sorted(stored.rglob("*")):
                if path.is_file():
                    target = place / path.relative_to(stored) if path != stored else place
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
            _close(pod, place)


def _close(pod: Path, place: Path) -> None:
    """Harder than the launcher: what a step gets may only be read, as where a volume with it is mounted."""
    if not place.resolve().is_relative_to(pod.resolve()):
        return  # in a claim, where the next pod finds it
    for path in [place, *place.rglob("*")] if place.exists() else []:
        path.chmod(0o444 if path.is_file() else 0o555)


def _prepare_outputs(task: str, pod: Path, outputs: Mapping[str, Any]) -> None:
    # component/launcher_v2.go, prepareOutputFolders: the parent of each output, and not the output.
    for key, found in outputs["artifacts"].items():
        place = local_path(pod, found["artifacts"][0])
        if place is None:
            uri = found["artifacts"][0]["uri"]
            raise TaskFailed(task, None, f"{key}: failed to generate local path for URI {uri}: unsupported scheme")
        place.parent.mkdir(parents=True, exist_ok=True)


def protojson(value: Any) -> str:
    """Compact JSON as Go's protojson writes it: structpb has one kind of number, and whole ones have no point."""

    def plain(inner: Any) -> Any:
        if isinstance(inner, dict):
            return {key: plain(child) for key, child in inner.items()}
        if isinstance(inner, list):
            return [plain(child) for child in inner]
        return int(inner) if isinstance(inner, float) and inner.is_integer() and abs(inner) < 1e21 else inner

    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """What Kubernetes makes of a word of a container's command: variables it knows, and one dollar of two.

    Source: kubernetes/kubernetes third_party/forked/golang/expansion/expand.go.
    """

    def replace(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", replace, text)


def image_variables() -> dict[str, str]:
    """The variables that a container has of its image; nothing else of this process's environment reaches it."""
    return {name: os.environ[name] for name in _OF_THE_IMAGE if name in os.environ}


def _run_command(
    cluster: Cluster,
    task: str,
    pod: Path,
    container: Mapping[str, Any],
    executor_input: dict[str, Any],
    kill: Callable[[Path], bool] | None,
) -> None:
    # component/launcher_v2.go, NewLauncherV2 and compileCmdAndArgs: read strictly, and put in place of {{$}}.
    json_format.ParseDict(
        executor_input, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=cluster.release == "next"
    )
    cluster.asked[task] = json.loads(protojson(executor_input))
    # driver/driver.go, initPodSpecPatch: the variables of the spec's container.
    given = {variable["name"]: variable["value"] for variable in container.get("env", [])}
    text = expand(protojson(executor_input), given)
    if "{{" in text:
        raise TaskFailed(task, None, f"Argo or the launcher takes {text[text.index('{{') :][:40]} for a placeholder")
    command = [sys.executable if part == "python" else part for part in container["command"]]
    command += [argument.replace("{{$}}", text) for argument in container["args"]]
    if os.geteuid() == 0 and shutil.which("setpriv"):
        command = ["setpriv", "--bounding-set", _MAY_ALL, "--inh-caps", _MAY_ALL, *command]
    # As for a user of whom the image knows nothing: no home, a working folder that may only be read, no variables.
    (pod / "home").chmod(0o555)
    own = {"KERASLINE_MOUNTS": str(pod), "HOME": str(pod / "home" / "nobody"), "TMPDIR": str(pod / "tmp")}
    log = cluster.folder / "log.txt"
    with open(log, "w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=pod / "home",
            env={**image_variables(), **given, **own}, start_new_session=True,
        )  # fmt: skip
        code = wait(process, pod, kill)
    cluster.logs[task] = log.read_text(encoding="utf-8")
    if code:
        raise TaskFailed(task, code, cluster.logs[task])


def wait(process: subprocess.Popen[bytes], pod: Path, kill: Callable[[Path], bool] | None) -> int:
    """Waits for a process that leads a group, which is killed when ``kill`` says so of the pod's file system."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while process.poll() is None:
        if time.monotonic() > end or (kill and kill(pod)):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        time.sleep(0.02)
    return process.returncode


def _read_answer(task: str, file: Path) -> dict[str, Any]:
    # component/launcher_v2.go, getExecutorOutputFile: none is no error; one with an unknown field is.
    if not file.is_file():
        return {}
    text = file.read_text(encoding="utf-8")
    try:
        json_format.Parse(text, pipeline_spec_pb2.ExecutorOutput())
    except json_format.ParseError as error:
        raise TaskFailed(task, None, f"failed to unmarshall ExecutorOutput: {error}") from error
    return dict(json.loads(text))


def _upload(
    cluster: Cluster, task: str, pod: Path, outputs: Mapping[str, Any], answer: Mapping[str, Any]
) -> dict[str, Any]:
    registered = {}
    for key, found in outputs.items():
        artifact = found["artifacts"][0]
        # component/launcher_v2.go, mergeRuntimeArtifacts: of the first artifact of the key, and these fields alone.
        said = answer.get("artifacts", {}).get(key, {}).get("artifacts", [{}])[0]
        artifact |= {field: said[field] for field in ("uri", "customPath") if said.get(field)}
        if said.get("metadata"):
            artifact["metadata"] = {**artifact.get("metadata", {}), **said["metadata"]}
        place = local_path(pod, artifact)
        # objectstore/config.go, KeyFromURI: the bucket was opened for this run alone.
        if not artifact["uri"].startswith(f"{cluster.run_root}/"):
            raise TaskFailed(task, None, f"failed to upload output artifact {key}: {artifact['uri']} is elsewhere")
        # component/launcher_v2.go of ``next``, uploadOutputArtifacts; before, what is not there is no error. The log is
        # written by the launcher itself.
        if place is not None and not place.exists() and key != "executor-logs":
            raise TaskFailed(task, None, f"declared output artifact {key} is missing at {place}")
        # objectstore/object_store.go, UploadBlob: files at any depth.
        if place is not None and place.exists():
            for path in [place] if place.is_file() else sorted(place.rglob("*")):
                if path.is_file():
                    target = cluster.stored(artifact["uri"]) / path.relative_to(place)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
        registered[key] = artifact
    return registered
