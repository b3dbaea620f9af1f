"""``push.sign.key``: the file that signs what a run pushes."""

from __future__ import annotations

from pathlib import Path

from kerasline.pipeline.config import Experiment


def resolve_key(experiment: Experiment, base_dir: Path) -> Experiment:
    """Puts the whole path of the key where the recipe names it from its own folder.

    Args:
      experiment: as it was read.
      base_dir: where relative paths of the recipe start.
    """
    push = experiment.push
    if push.sign is None:
        return experiment
    key = str(base_dir.absolute() / Path(push.sign.key).expanduser())
    signed = push.model_copy(update={"sign": push.sign.model_copy(update={"key": key})})
    return experiment.model_copy(update={"push": signed})
