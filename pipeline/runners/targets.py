"""What of a recipe's ``run:`` block a target knows, and where it keeps what is pushed."""

from __future__ import annotations

from kerasline.components.core import ConfigError, nearest
from kerasline.pipeline.config import RunOptions


def models_below(pipeline_root: str, name: str) -> str:
    """Says where the versions of an experiment are pushed to."""
    return f"{pipeline_root.rstrip('/')}/models/{name}"


def check_target(options: RunOptions, target: str) -> None:
    """Refuses custom jobs and accelerators that a target does not know.

    Args:
      options: the recipe's ``run:`` block.
      target: ``vertex`` or ``kubeflow``.

    Raises:
      ConfigError: names the key.
    """
    if options.custom_jobs and target != "vertex":
        raise ConfigError(
            f"run.custom_jobs: expected --target vertex, got {target}, which has none; size the steps under "
            "run.resources, or leave them out with --set 'run.custom_jobs={}'"
        )
    for block, sizes in (("resources", options.resources), ("custom_jobs", options.custom_jobs)):
        for step, size in sizes.items():
            if size.accelerator:
                _check_accelerator(f"run.{block}.{step}.accelerator", size.accelerator, target)


def _check_accelerator(place: str, accelerator: str, target: str) -> None:
    """Raises ConfigError for an accelerator that a target does not know.

    Args:
      place: the config key, for the message.
      accelerator: its name.
      target: ``vertex`` or ``kubeflow``.
    """
    if target == "kubeflow":
        # The backend uses the type as the name of the Kubernetes resource.
        if "/" not in accelerator:
            raise ConfigError(f"{place}: expected a Kubernetes resource such as nvidia.com/gpu, got {accelerator!r}")
        return
    from google.cloud.aiplatform_v1.types import AcceleratorType

    known = [kind.name for kind in AcceleratorType if kind.value]
    if accelerator not in known:
        raise ConfigError(
            f"{place}: expected an accelerator of Vertex AI ({', '.join(known)}), got {accelerator!r}."
            f"{nearest(accelerator.upper().replace('-', '_'), known)}"
        )
