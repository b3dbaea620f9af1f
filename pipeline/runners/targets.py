"""What of a recipe's ``run:`` block a target knows, and where it keeps what is pushed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kerasline.components.core import ConfigError, nearest
from kerasline.pipeline.config import Experiment
from kerasline.pipeline.plan import check_sizes

_ENGINE = re.compile(r"--(job_endpoint|flink_master|spark_master_url)=(\w+://)?(?P<host>.+):[0-9]+/?")
_OWN_HOST = re.compile(r"localhost|0\.0\.0\.0|127\.[0-9.]+|\[::1\]")


def models_below(pipeline_root: str, name: str) -> str:
    """Says where the versions of an experiment are pushed to."""
    return f"{pipeline_root.rstrip('/')}/models/{name}"


def check_target(experiment: Experiment, target: str) -> None:
    """Refuses what of a recipe's ``run:`` block a target does not know, and steps that the recipe does not have.

    Args:
      experiment: the config.
      target: ``vertex`` or ``kubeflow``.

    Raises:
      ConfigError: names the key.
    """
    options = experiment.run
    if options.custom_jobs and target != "vertex":
        raise ConfigError(
            f"run.custom_jobs: expected --target vertex, got {target}, which has none; size the steps under "
            "run.resources, or leave them out with --set 'run.custom_jobs={}'"
        )
    check_sizes(experiment)
    for block, sizes in (("resources", options.resources), ("custom_jobs", options.custom_jobs)):
        for step, size in sizes.items():
            if size.accelerator:
                _check_accelerator(f"run.{block}.{step}.accelerator", size.accelerator, target)
    own, _ = _engines(options.engine())
    if own and target == "vertex":
        raise ConfigError(
            f"run.beam: expected the address of an engine that the steps reach, got {own[0]}, which is the container "
            "of each step itself"
        )


def engine_remark(engine: Sequence[str]) -> str | None:
    """Says what each pod and the engine must have that they usually have not, None where there is nothing to say.

    Args:
      engine: the options of ``run.beam``.
    """
    own, elsewhere = _engines(engine)
    if own:
        return (
            f"{own[0]} of run.beam is the pod of each step itself: a sidecar in it must be the engine, or the step "
            "ends after a minute; an engine that runs elsewhere has an address in the cluster"
        )
    # Source: apache_beam/runners/worker/worker_pool_main.py (BeamFnExternalWorkerPoolServicer.start)
    if elsewhere and "--environment_type=LOOPBACK" in engine:
        return (
            f"--environment_type=LOOPBACK of run.beam gives {elsewhere[0]} workers in the pod of each step, which it "
            "looks for at its own localhost; take DOCKER or PROCESS for an engine that runs elsewhere"
        )
    return None


def _engines(options: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the options that lead to an engine on a step's own machine, and those that lead elsewhere."""
    hosts = {option: match["host"] for option in options if (match := _ENGINE.fullmatch(option))}
    own = [option for option, host in hosts.items() if _OWN_HOST.fullmatch(host)]
    return own, [option for option in hosts if option not in own]


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
