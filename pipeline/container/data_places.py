"""Where a spec's data lie, and whether the step that reads them finds them there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError

_READS = "kerasline.components.example_gen."  # how the executor's path begins


def paths_of(dataset: Mapping[str, Any]) -> list[str]:
    """Lists the files and folders of a file system that a dataset is read from.

    Args:
      dataset: as JSON.
    """
    named = [value for place in (*dataset["shards"], dataset["reader_options"]) for value in _named(place)]
    return sorted({path for path in named if path.startswith("/")})


def check_data(executor: str, parameters: Mapping[str, Any]) -> None:
    """Raises ConfigError where the step that reads the data does not find the first of them, before anything loads.

    Args:
      executor: path of the class of the step's executor.
      parameters: what the step is told, with folders in place of buckets' URIs.
    """
    if not executor.startswith(_READS) or "dataset" not in parameters:
        return
    for path in paths_of(json.loads(parameters["dataset"]))[:1]:
        if not Path(path).exists():
            raise ConfigError(
                f"expected the data at {path}, as where the spec was compiled, but this step has nothing there; have "
                "the data at that path in the image or on a volume, or compile with an address such as "
                "gs://BUCKET/FILE, from which each step fetches it"
            )


def _named(place: Mapping[str, Any]) -> list[str]:
    """Lists the files and folders that a shard, or the options of its reader, names."""
    values = [place[key] for key in ("path", "folder", "root", "files") if key in place]
    lists = [list(value.values()) if isinstance(value, Mapping) else value for value in values]
    return [str(item) for value in lists for item in (value if isinstance(value, (list, tuple)) else [value])]
