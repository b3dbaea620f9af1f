"""Where a step writes: to outputs that are emptied first, to a disk of its own where it renames folders, to a cache.

TensorFlow Transform writes what it has analysed into folders of their own and gives them their names at the end. Cloud
Storage FUSE refuses to rename a folder that holds anything ("Too many open files").

Source: GoogleCloudPlatform/gcsfuse docs/semantics.md; tensorflow_transform/beam/tft_beam_io/transform_fn_io.py
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerasline.components.core import CACHE_VARIABLE, cache_folder
from kerasline.pipeline.container.artifact_types import artifacts_of

_RENAMING = frozenset({"tfx.components.transform.executor.Executor"})  # executors that rename folders


def settle_cache() -> None:
    """Gives a step whose user may not write to a home of its own, as on OpenShift, a cache that ends with it.

    One that was named may be part of the image: it is read, though nothing can be added.
    """
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        is_usable = bool(os.environ.get(CACHE_VARIABLE)) or os.access(cache_folder(), os.W_OK)
    except (OSError, RuntimeError):  # the second where there is no home at all
        is_usable = False
    if not is_usable:
        os.environ[CACHE_VARIABLE] = tempfile.mkdtemp(prefix="kerasline-cache-")


def clear_outputs(request: Mapping[str, Any], mount: str) -> None:
    """Deletes what a try that was killed has left in a step's outputs, where the next one writes to the same.

    Half-written files among them would be read with the others, since TensorFlow's and Beam's globs take all names.

    Args:
      request: What TFX's entry point is asked.
      mount: The folder below which buckets are mounted, with a slash at its end; empty where none is.
    """
    for _, artifact in artifacts_of(request["outputs"]):
        if mount and artifact["uri"].startswith(mount) and Path(artifact["uri"]).is_dir():
            for left in Path(artifact["uri"]).iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextmanager
def outputs_on_own_disk(request: Mapping[str, Any], executor: str, mount: str) -> Iterator[dict[str, str]]:
    """Lets a step that renames folders write its outputs to this machine's disk, and copies them when it has succeeded.

    Args:
      request: What TFX's entry point is asked, whose outputs' URIs are changed in place.
      executor: Path of the executor's class.
      mount: The folder below which buckets are mounted, with a slash at its end; empty where none is.

    Yields:
      Folder on the disk to the folder that it stands for; empty where the step writes to its outputs itself.
    """
    if executor not in _RENAMING or not mount:
        yield {}
        return
    artifacts = [artifact for _, artifact in artifacts_of(request["outputs"])]
    with tempfile.TemporaryDirectory(prefix="kerasline-outputs-") as disk:
        places = {}
        for number, artifact in enumerate(artifacts):
            if not artifact["uri"].startswith(mount):
                continue
            place = str(Path(disk, str(number)))
            places[place] = artifact["uri"]
            artifact["uri"] = place
        yield places
        for place, target in places.items():
            _copy(Path(place), Path(target))


def _copy(source: Path, target: Path) -> None:
    """Copies the files of a folder; times and permissions are nothing that a bucket keeps."""
    for path in source.rglob("*"):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
