"""Training as a custom job of Vertex AI."""

from __future__ import annotations

from tfx.components.trainer import executor

from kerasline.components.fitting import CloudJob, Unpacking


class FitInJob(Unpacking, executor.GenericExecutor):
    """Training, in the job."""


class FitJob(CloudJob):
    """Starts a custom job that trains."""

    def _GetExecutorClass(self) -> type[FitInJob]:  # noqa: N802 (TFX's name)
        return FitInJob
