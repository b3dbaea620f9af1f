"""TFX's Pusher with the registry's executor and one input more: what the gate remembers of the data."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter
from tfx.utils import json_utils

from kerasline.components.core import Verdict
from kerasline.components.pushing.executor import RegistryPusher


class RegistryPushSpec(standard_component_specs.PusherSpec):
    """The Pusher's specification, and more inputs: the data gate's verdict, eval predictions and further formats."""

    INPUTS = {
        **standard_component_specs.PusherSpec.INPUTS,
        "verdict": ChannelParameter(type=Verdict),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun, optional=True),
        "formats": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }


class RegistryPush(base_component.BaseComponent):
    """Puts a blessed model into production, together with the profile of its data that later data is compared with."""

    SPEC_CLASS = RegistryPushSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(RegistryPusher)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        verdict: types.BaseChannel,
        models: str,
        custom_config: dict[str, Any],
        model_run: types.BaseChannel | None = None,
        formats: types.BaseChannel | None = None,
    ) -> None:
        """Wires the step.

        Args:
          model: the exported model.
          model_blessing: of the model gate.
          infra_blessing: of the parity check.
          verdict: of the data gate.
          models: ``MODELS/NAME``, the folder of pushed versions.
          custom_config: see :class:`RegistryPusher`.
          model_run: holds the Trainer's predictions on the eval split.
          formats: what goes with the version beside the SavedModel.
        """
        destination = pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=models)
        )
        spec = RegistryPushSpec(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            verdict=verdict,
            model_run=model_run,
            formats=formats,
            push_destination=destination,
            custom_config=json_utils.dumps(custom_config),
            pushed_model=types.Channel(type=standard_artifacts.PushedModel),
        )
        super().__init__(spec=spec)
