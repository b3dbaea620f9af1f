"""Which accelerators a target knows."""

from __future__ import annotations

from kerasline.components.core import ConfigError, nearest


def check_accelerator(place: str, accelerator: str, target: str) -> None:
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
