"""Where steps keep what is no artifact of theirs: the registry of models, checkpoints of fits, and searches.

Kubeflow hands on artifacts alone. All else in a step's file system ends with the step, unless a volume is mounted there
(``compile --claim``). Vertex AI mounts every bucket below ``/gcs``. A step whose places are not shared does its work,
and says what will be lost.

Source: kubeflow/pipelines backend/src/v2/component/launcher_v2.go, and compiler/argocompiler/container.go: ``/gcs``,
``/s3`` and ``/minio`` are empty folders of the pod's own, so that only what is mounted below them is shared.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.pipeline.container.buckets import BUCKETS, mount_of

_LONGEST_NAME = 253  # of a Kubernetes object
_LOST = {
    "models": "the version that is pushed there is lost with the step, and only the run's own artifacts keep the model",
    "production": "nothing of what is in production is known there, and the model counts as the first one",
    "checkpoints": "a fit that is killed begins anew",
    "searches": "a search that is killed begins anew",
}


def shared_folders(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Returns the folders that a step reads or writes outside its artifacts.

    Args:
      parameters: of the step.

    Returns:
      ``models`` (the step pushes), ``production`` (it looks up what was pushed), ``checkpoints`` or ``searches`` to the
      folder.
    """
    found: dict[str, str] = {}
    if "custom_config" in parameters:
        custom = json.loads(parameters["custom_config"]) or {}
        found |= {key: str(custom[key]) for key in ("checkpoints", "searches") if custom.get(key)}
    if "push_destination" in parameters:
        (filesystem,) = json.loads(parameters["push_destination"]).values()
        found["models"] = next(iter(filesystem.values()))
    elif "models" in parameters:
        found["production"] = parameters["models"]
    return {kind: folder for kind, folder in found.items() if folder}


def check_mount(facts: Mapping[str, Any], mounts: str) -> None:
    """Raises ConfigError where what every step must have mounted is not there.

    Args:
      facts: what the spec was compiled for.
      mounts: the folder below which things are mounted, ``/`` but for tests.
    """
    if not facts.get("mount"):
        return
    folder = _below(mounts, facts["mount"])
    if facts["target"] == "kubeflow" and facts.get("claim") and not _is_mounted(folder):
        raise ConfigError(
            f"expected the claim {facts['claim']} mounted at {facts['mount']}, for which the spec was compiled, but "
            "nothing is mounted there; submit the file with both of its documents (the second mounts the claim), or "
            "compile without --claim"
        )
    if facts["target"] == "vertex" and not folder.is_dir():
        raise ConfigError(
            f"expected the bucket at {facts['mount']}, where Vertex AI mounts it, but there is no such folder; check "
            "that the bucket exists and that the service account of the steps may read and write it"
        )


def check_claim(claim: str) -> None:
    """Raises ConfigError for what Kubernetes takes for no name of a PersistentVolumeClaim; pods would wait for ever."""
    if len(claim) > _LONGEST_NAME or not re.fullmatch(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?", claim):
        raise ConfigError(
            "--claim: expected the name of a PersistentVolumeClaim (small letters, digits, hyphens and points, as "
            f"'kubectl get pvc' lists it), got {claim!r}"
        )


def check_claim_reaches(platform: Mapping[str, Any], pipeline_root: str) -> None:
    """Raises ConfigError for a root of which the claim's mount would keep nothing.

    Args:
      platform: the PlatformSpec of a file.
      pipeline_root: of the submission.
    """
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
    mounts = {mount["mountPath"]: mount for executor in executors for mount in executor.get("pvcMount", [])}
    folder = mount_of(pipeline_root)
    if not mounts or any(f"{folder}/".startswith(f"{path.rstrip('/')}/") for path in mounts):
        return
    path, mount = next(iter(mounts.items()))
    name = mount.get("pvcNameParameter", {}).get("runtimeValue", {}).get("constant", "")
    raise ConfigError(
        f"--param pipeline_root: expected a place below {path}, where the claim {name} is mounted, got "
        f"{pipeline_root}, which steps reach as {folder}; compile the spec again with that as --pipeline-root"
    )


def find_losses(facts: Mapping[str, Any], parameters: Mapping[str, Any], mounts: str) -> list[str]:
    """Says what a step on Kubeflow keeps in places that end with it, a sentence for each.

    Args:
      facts: what the spec was compiled for.
      parameters: the step's, as it gets them.
      mounts: the folder below which things are mounted.

    Raises:
      ConfigError: a place is shared, and cannot be written to.
    """
    if facts.get("target") != "kubeflow":
        return []
    remarks = []
    for kind, folder in shared_folders(parameters).items():
        if not is_shared(folder, mounts):
            remarks.append(
                f"{folder} lies in this step's own file system, which ends with the step: {_LOST[kind]}; "
                f"{_advice(facts)}"
            )
        elif not os.access(_nearest(Path(folder)), os.W_OK):
            raise ConfigError(
                f"expected to write to {folder}, but user {os.getuid()} may not; give the volume to that user, for "
                "example with fsGroup in the pod's security context"
            )
    return remarks


def find_overlap(facts: Mapping[str, Any], request: Mapping[str, Any], mounts: str) -> str | None:
    """Says that a run's own artifacts lie in the claim, where steps that run at once write each other's inputs anew."""
    if facts.get("target") != "kubeflow" or not facts.get("claim"):
        return None
    mount = f"{_below(mounts, facts['mount'])}/"
    outputs = request.get("outputs", {}).get("artifacts", {}).values()
    uris = [artifact["uri"] for found in outputs for artifact in found.get("artifacts", [])]
    if not any(uri.startswith(mount) for uri in uris):
        return None
    return (
        f"the run's artifacts lie below {facts['mount']}, where the claim {facts['claim']} is mounted: Kubeflow copies "
        "a step's inputs there while another step may be reading them; give the run a root in another bucket"
    )


def is_shared(folder: str, mounts: str) -> bool:
    """Says whether a folder lies on something that is mounted in (or linked into) the step's file system."""
    path = Path(folder)
    top = Path(mounts) if path.is_relative_to(mounts) else Path("/")
    inside = path.relative_to(top).parts if path.is_absolute() else ()
    # /gcs, /s3 and /minio themselves are the pod's own; a path that names no bucket is a volume at any depth.
    first = 2 if f"/{'/'.join(inside[:1])}/" in BUCKETS.values() else 1
    return any(_is_mounted(top.joinpath(*inside[:depth])) for depth in range(first, len(inside) + 1))


def _is_mounted(folder: Path) -> bool:
    return folder.is_symlink() or str(folder) in _mount_points()


def _mount_points() -> set[str]:
    """Lists where something is mounted; os.path.ismount does not see a volume on the disk that the pod is on, too.

    Source: proc_pid_mountinfo(5): the fifth field, in which blanks and the like are octal numbers.
    """
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return {re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4]) for line in lines}


def _below(mounts: str, folder: str) -> Path:
    return Path(mounts, folder.lstrip("/"))


def _nearest(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def _advice(facts: Mapping[str, Any]) -> str:
    if facts.get("claim"):
        return f"the claim {facts['claim']} is mounted at {facts['mount']}: keep pipeline_root below that"
    return "compile with --claim NAME to keep it on a PersistentVolumeClaim"
