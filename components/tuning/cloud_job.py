"""The search as a custom job of Vertex AI."""

from __future__ import annotations

from kerasline.components.fitting import CloudJob, Unpacking
from kerasline.components.tuning.component import SearchExecutor


class SearchInJob(Unpacking, SearchExecutor):
    """The search, in the job."""


class SearchJob(CloudJob):
    """Starts a custom job that searches.

    TFX's executor for the Tuner would run TFX's own search, which keeps no record of the trials. ``tuning.parallel``
    trials run at a time on the job's machine.
    """

    def _GetExecutorClass(self) -> type[SearchInJob]:  # noqa: N802 (TFX's name)
        return SearchInJob
