"""Pushes a blessed model: TFX's Pusher with an executor that numbers versions and moves the pointer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from components.production import add_version, current_version, move_pointer, prune


class RegistryPusher(executor.Executor):
    """Does what TFX's Pusher does, into a folder that is never half-written.

    Inputs:
      model: the exported model.
      model_blessing, infra_blessing: of the Evaluator and of the parity check; without both nothing is pushed.

    Outputs:
      pushed_model: with ``pushed`` 1 or 0, ``pushed_version`` and ``pushed_destination``.

    Execution properties:
      push_destination: ``filesystem.base_directory`` is ``MODELS/NAME``.
      custom_config: ``record`` (written with the version) and ``keep`` (versions to keep).
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the model to the next version and puts it into production, if it is blessed."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties["push_destination"], destination)
        folder = Path(destination.filesystem.base_directory)
        custom = json.loads(exec_properties["custom_config"])
        version = add_version(folder, Path(self.GetModelPath(input_dict)), custom["record"])
        move_pointer(folder, version, "pushed by a run", previous=current_version(folder))
        prune(folder, custom["keep"])
        self._MarkPushed(pushed, pushed_destination=str(folder / str(version)), pushed_version=str(version))
