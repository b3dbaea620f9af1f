"""Paths of this machine that a compiled spec would take elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from kerasline.components.core import ConfigError, cache_folder
from kerasline.components.datasets.description import Dataset
from kerasline.components.models import HubOptions, TransferOptions
from kerasline.pipeline.config import Experiment
from kerasline.pipeline.container import BUCKETS, mount_of, paths_of
from kerasline.pipeline.plan import resolve_weights


def check_weights(experiment: Experiment, home: Path, pipeline_root: str) -> None:
    """Raises ConfigError for weights that lie on this machine, where no step of a spec finds them.

    Args:
      experiment: as it was read.
      home: the workspace, whose versions ``NAME@VERSION`` names.
      pipeline_root: where the steps' own files go.
    """
    model = experiment.model
    if not isinstance(model, TransferOptions) or model.weights in ("imagenet", "none"):
        return
    found = resolve_weights(experiment, home).model
    assert isinstance(found, TransferOptions)
    if found.weights != model.weights:
        copy = f"{pipeline_root.rstrip('/')}/weights/{model.weights.replace('@', '-')}.keras"
        raise ConfigError(
            f"model.weights: expected weights that the steps can read, got {model.weights}, a version of this "
            f"machine's workspace; copy {found.weights} to {copy} and give that as model.weights"
        )
    if "://" not in model.weights and not Path(model.weights).is_absolute():
        raise ConfigError(
            f"model.weights: expected a URI, or a path as the steps see it such as /gcs/BUCKET/file.keras, got "
            f"{model.weights!r}, which is relative to a folder of this machine"
        )


def weights_remark(experiment: Experiment) -> str | None:
    """Says where the steps look for pretrained weights, None where they need none."""
    model = experiment.model
    if isinstance(model, HubOptions):
        return f"the steps read the preset at {model.preset}, and need KerasHub: the image must have both"
    if not isinstance(model, TransferOptions) or model.weights != "imagenet":
        return None
    source = "which has no download" if model.base == "squeezenet" else "or download them"
    return (
        f"the steps look for the ImageNet weights of {model.base} in ~/.keras/models of the image, {source}; "
        "model.weights takes a file's path as the steps see it, too"
    )


def key_remark(experiment: Experiment) -> str | None:
    """Says where the push looks for the key that signs, None where nothing is signed; see ``push.sign``."""
    sign = experiment.push.sign
    if sign is None:
        return None
    return f"push signs with {sign.key}: a volume must have the key at that path, or the run ends there, after the fit"


def modules_remark(modules: Sequence[str]) -> str | None:
    """Says which of the user's modules the image must have, None where there are none."""
    if not modules:
        return None
    return f"the steps import {', '.join(modules)}: the image must have it in its working folder or on PYTHONPATH"


def data_remark(dataset: Dataset, pipeline_root: str) -> str | None:
    """Says which files of this machine the steps would look for, None where there are none.

    Args:
      dataset: as it was found here.
      pipeline_root: what lies below it, or in a bucket's folder, is known to be there.
    """
    known = (*BUCKETS.values(), f"{mount_of(pipeline_root)}/")
    paths = [path for path in paths_of(json.loads(dataset.to_json())) if not path.startswith(known)]
    if not paths:
        return None
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    if paths[0].startswith(f"{cache_folder()}/"):
        return (
            f"the steps read {paths[0]}{more}, where this machine keeps the rows of your query or function: copy "
            "it to an address such as gs://BUCKET/rows.parquet, from which each step fetches it, and read that with "
            "data.parquet; or the image or a volume must have it at that path"
        )
    return f"the steps read {paths[0]}{more}: the image or a volume must have the data at that path"
