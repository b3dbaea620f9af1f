"""What a step's container runs on Vertex AI and Kubeflow: TFX's entry point, with buckets reached as folders.

Vertex AI mounts every bucket below ``/gcs``. The steps work on files, so ``gs://BUCKET/PATH`` in what the backend asks
becomes ``/gcs/BUCKET/PATH``, and becomes a URI again in what the backend is told. Where nothing is mounted, nothing is
changed.

Source: https://cloud.google.com/vertex-ai/docs/training/cloud-storage-file-system
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOUNT = os.environ.get("KERASLINE_GCS_MOUNT", "/gcs")
_ENTRY_POINT = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
_REQUEST = "--json_serialized_invocation_args"


def main() -> None:
    """Runs TFX's entry point with the arguments of this process."""
    position = sys.argv.index(_REQUEST) + 1 if _REQUEST in sys.argv else None
    if position is None or not Path(MOUNT).is_dir():
        runpy.run_module(_ENTRY_POINT, run_name="__main__", alter_sys=True)
        return
    request = change_strings(json.loads(sys.argv[position]), to_folder)
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


def to_folder(text: str) -> str:
    """Gives buckets' URIs the form of paths below the mount, also those inside JSON that is a parameter."""
    return text.replace("gs://", f"{MOUNT}/")


def to_uri(text: str) -> str:
    """Gives a path below the mount the form of a bucket's URI; other text stays."""
    return f"gs://{text.removeprefix(MOUNT + '/')}" if text.startswith(f"{MOUNT}/") else text


if __name__ == "__main__":
    main()
