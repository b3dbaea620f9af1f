"""What a step's container runs on Vertex AI and Kubeflow: TFX's entry point, with buckets reached as folders.

Vertex AI mounts every bucket below ``/gcs``. Kubeflow's launcher copies a step's inputs to ``/minio``, ``/s3`` or
``/gcs`` and its outputs back from there, by their URIs. The steps work on files, so ``gs://BUCKET/PATH`` in what the
backend asks becomes ``/gcs/BUCKET/PATH``, and becomes a URI again in what the backend is told. Where nothing is
mounted, nothing is changed. What was set when the spec was submitted is put where the step reads it.

Source: https://cloud.google.com/vertex-ai/docs/training/cloud-storage-file-system,
kubeflow/pipelines backend/src/v2/component/launcher_v2.go (LocalPathForURI)
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerasline.pipeline.runtime_parameters import put_in_place

MOUNTS = os.environ.get("KERASLINE_MOUNTS", "/")
_FOLDERS = {"gs": "gcs", "minio": "minio", "s3": "s3"}
_ENTRY_POINT = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
_REQUEST = "--json_serialized_invocation_args"


def main() -> None:
    """Runs TFX's entry point with the arguments of this process."""
    if _REQUEST not in sys.argv:
        runpy.run_module(_ENTRY_POINT, run_name="__main__", alter_sys=True)
        return
    position = sys.argv.index(_REQUEST) + 1
    request = change_strings(json.loads(sys.argv[position]), to_folder)
    inputs = request.get("inputs", {})
    if "parameterValues" in inputs:
        inputs["parameterValues"] = put_in_place(inputs["parameterValues"])
    sys.argv[position] = json.dumps(request)
    try:
        runpy.run_module(_ENTRY_POINT, run_name="__main__", alter_sys=True)
    finally:
        answer = Path(request["outputs"]["outputFile"])
        if answer.is_file():
            answer.write_text(json.dumps(change_strings(json.loads(answer.read_text()), to_uri)))


def change_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Returns nested JSON with every text changed."""
    if isinstance(value, dict):
        return {key: change_strings(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [change_strings(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def _mounted() -> dict[str, str]:
    """Returns the beginning of a URI to the folder that stands for it, where there is one."""
    folders = {f"{scheme}://": str(Path(MOUNTS, folder)) for scheme, folder in _FOLDERS.items()}
    return {uri: f"{folder}/" for uri, folder in folders.items() if Path(folder).is_dir()}


def to_folder(text: str) -> str:
    """Gives buckets' URIs the form of paths below the mount, also those inside JSON that is a parameter."""
    for uri, folder in _mounted().items():
        text = text.replace(uri, folder)
    return text


def to_uri(text: str) -> str:
    """Gives a path below the mount the form of a bucket's URI; other text stays."""
    for uri, folder in _mounted().items():
        if text.startswith(folder):
            return uri + text.removeprefix(folder)
    return text


if __name__ == "__main__":
    main()
