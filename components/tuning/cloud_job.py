"""The search as a custom job of Vertex AI."""

from __future__ import annotations

from tfx.extensions.google_cloud_ai_platform.trainer import executor

from kerasline.components.tuning.component import SearchExecutor


class SearchJob(executor.GenericExecutor):
    """Starts a custom job that runs :class:`SearchExecutor`, and waits for it.

    This is TFX's executor for the Trainer: the one for the Tuner runs TFX's own search, which keeps no record of the
    trials. ``tuning.parallel`` trials run at a time on the job's machine.
    """

    def _GetExecutorClass(self) -> type[SearchExecutor]:  # noqa: N802 (TFX's name)
        return SearchExecutor
