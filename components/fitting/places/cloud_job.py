"""A step as a custom job of Vertex AI: what its command is told, which is one argument, and holds 128 KiB.

TFX writes everything that a step is told into the command of the job that it starts, quoted twice, and a table of 300
columns has 240 KiB to say. So the step packs it, and what the job runs unpacks it.

Source: tfx/extensions/google_cloud_ai_platform/training_clients.py, generate_container_command
"""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.extensions.google_cloud_ai_platform.trainer import executor

from kerasline.components.core import pack_properties, unpack_properties


class CloudJob(executor.GenericExecutor):
    """Starts a custom job that runs an :class:`Unpacking` executor, and waits for it.

    This is TFX's executor for the Trainer, which serves other steps, too.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Starts the job."""
        super().Do(input_dict, output_dict, pack_properties(exec_properties))


class Unpacking:
    """Goes before the executor that a job runs."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Does what the step would have done."""
        super().Do(input_dict, output_dict, unpack_properties(exec_properties))  # type: ignore[misc]
