"""The config's ``run:`` block, typed: where and how the steps run."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator

from kerasline.components.beam import AUTO, join_options
from kerasline.components.core import PASSWORD_VARIABLE, Options, parse_metadata_url, shown


class StepResources(Options):
    """What a step gets on Vertex AI or Kubeflow; a run on this machine takes what there is."""

    cpu: float | None = Field(None, gt=0, description="Cores.")
    memory_gb: float | None = Field(None, gt=0, description="Memory in GB.")
    accelerator: str | None = Field(
        None, description="Vertex: such as NVIDIA_TESLA_T4. Kubeflow: the resource's name, such as nvidia.com/gpu."
    )
    accelerator_count: int = Field(1, ge=1, description="How many of them.")


class CustomJob(Options):
    """A step as a custom job of Vertex AI, on a machine of its own; the step itself then only waits for it."""

    machine: str = Field("n1-standard-8", description="Such as n1-standard-8, a2-highgpu-1g or ct5lp-hightpu-1t.")
    accelerator: str | None = Field(None, description="Such as NVIDIA_TESLA_T4, or TPU_V3 with machine: cloud-tpu.")
    accelerator_count: int = Field(1, ge=1, description="How many of them.")
    tpu_topology: str | None = Field(None, description="Of machines whose TPUs have one: 1x1, 2x2, 2x4, ...")
    disk_gb: int | None = Field(None, ge=100, description="Size of the boot disk; default: Vertex AI's, 100.")
    spot: bool = Field(False, description="A Spot machine: cheaper, and taken away at any time.")
    max_hours: float | None = Field(
        None, gt=0, description="The job is stopped after this; default: Vertex AI's 7 days."
    )


class RunOptions(Options):
    """Where and how the steps run."""

    resources: dict[str, StepResources] = Field(default={}, description="By step, such as train: {cpu: 8}.")
    custom_jobs: dict[Literal["train", "tune"], CustomJob] = Field(
        default={}, description="Vertex: steps as custom jobs, such as train: {machine: a2-highgpu-1g}."
    )
    retries: int = Field(0, ge=0, le=10, description="Vertex, Kubeflow: how often a failed step is tried again.")
    labels: dict[str, str] = Field(default={}, description="Vertex: labels of the job.")
    service_account: str | None = Field(None, description="Vertex, Kubeflow: who the steps run as.")
    network: str | None = Field(None, description="Vertex: full name of the peered network.")

    beam: Literal["auto"] | list[str] = Field(
        default="auto",
        description="Where Beam's steps run. auto: in this process, and a step that is the faster for it in several; "
        "[]: in this process; else Beam's pipeline options, as on its command line: ['--direct_num_workers=2', ...].",
    )
    metadata: str | None = Field(
        None,
        description="mysql://USER@HOST:PORT/DATABASE for ML Metadata of a team, the password in "
        f"{PASSWORD_VARIABLE}; default: a SQLite file in the workspace.",
    )
    cache: bool = Field(True, description="Reuse the outputs of steps whose inputs have not changed.")

    @field_validator("beam", mode="before")
    @classmethod
    def _beam_takes_options(cls, value: Any) -> Any:
        if value == AUTO:
            return value
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(
                f"expected auto, or a list of Beam's options such as [--direct_num_workers=2], got {shown(value)}"
            )
        return join_options(value)

    def engine(self) -> list[str]:
        """Returns the options that the recipe gives Beam; none where it leaves the choice to us."""
        return [] if self.beam == AUTO else list(self.beam)

    @field_validator("labels")
    @classmethod
    def _labels_are_google_clouds(cls, labels: dict[str, str]) -> dict[str, str]:
        for name, value in labels.items():
            for word in (name, value):
                if word != word.lower() or not re.fullmatch(r"[\w-]{0,63}", word):
                    raise ValueError(
                        "expected lower-case letters, digits, - and _, at most 63 in a name and in a value, as Google "
                        f"Cloud takes them, got {shown(word)}"
                    )
            if not name[:1].isalpha():
                raise ValueError(f"expected names that begin with a letter, as Google Cloud takes them, got {name!r}")
        return labels

    @field_validator("metadata")
    @classmethod
    def _metadata_is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            parse_metadata_url(value)
        return value
