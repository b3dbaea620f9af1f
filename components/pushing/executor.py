"""Pushes a blessed model: TFX's Pusher with an executor that numbers versions and moves the pointer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from kerasline.components.core import copy_folder, describe_environment
from kerasline.components.registry import ANSWERS_FILE, FORMATS_FOLDER, push_version
from kerasline.components.signing import check_private_key, sign_version

# Where TensorFlow Serving looks for requests to answer before it takes a new version into use.
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
PROFILE_FILE = "profile.json"  # as the data gate names it
PREDICTIONS_FILE = "predictions-eval.npz"  # as the Trainer names it
_MOST_ANSWERS, _MOST_SCORES = 10_000, 2_000_000


class RegistryPusher(executor.Executor):
    """Does what TFX's Pusher does, into a folder that is never half-written.

    Inputs:
      model: the exported model.
      model_blessing, infra_blessing: of the model gate and of the parity check; without both nothing is pushed. The
        second has the warm-up requests.
      formats: files for the version's ``formats/``, where further formats are wanted.
      verdict: of the data gate; its ``profile.json`` goes with the version, for later data to be compared with.
      model_run: of the Trainer; its predictions of eval rows go with the version, to compare later answers with.

    Outputs:
      pushed_model: with ``pushed`` 1 or 0, ``pushed_version`` and ``pushed_destination``.

    Execution properties:
      push_destination: ``filesystem.base_directory`` is ``MODELS/NAME``.
      custom_config: ``record`` (written with the version), ``keep`` (versions to keep), ``challenge`` (how it
        challenges what is in production, None to take its place) and ``sign`` (the key that signs it, None for none).
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
        parity = artifact_utils.get_single_instance(input_dict["infra_blessing"]).uri
        requests = Path(parity, Path(WARMUP_FILE).name)
        profile = Path(artifact_utils.get_single_instance(input_dict["verdict"]).uri, PROFILE_FILE)

        formats = input_dict.get("formats") or []
        runs = input_dict.get("model_run") or []

        def add_files(version: Path) -> None:
            for artifact in formats:
                copy_folder(artifact.uri, version / FORMATS_FOLDER)
            if profile.is_file():
                shutil.copyfile(profile, version / PROFILE_FILE)
            for artifact in runs:
                keep_answers(Path(artifact.uri, PREDICTIONS_FILE), version / ANSWERS_FILE)
            if requests.is_file():
                (version / WARMUP_FILE).parent.mkdir(exist_ok=True)
                shutil.copyfile(requests, version / WARMUP_FILE)

        run_id = self._context.pipeline_run_id if self._context else None
        record = {**custom["record"], "run_id": run_id, "environment": describe_environment()}
        record["formats"] = ["saved_model", *(name for a in formats for name in _names(a))]
        model = Path(self.GetModelPath(input_dict))
        challenge, sign = custom.get("challenge"), _signer(folder, custom.get("sign"))
        version = push_version(folder, model, record, custom["keep"], add_files, challenge, sign)
        self._MarkPushed(pushed, pushed_destination=str(folder / str(version)), pushed_version=str(version))


def _signer(folder: Path, key: str | None) -> Callable[[int], None] | None:
    """Returns what signs a version; None where no key is given."""
    if key is None:
        return None
    check_private_key(Path(key), "push.sign.key")
    return partial(sign_version, folder, key=Path(key))


def keep_answers(predictions: Path, target: Path) -> None:
    """Copies predictions and labels of eval rows; of many rows some, evenly spread."""
    if not predictions.is_file():
        return
    with np.load(predictions, allow_pickle=False) as stored:
        scores, labels = stored["predictions"], stored["labels"]
    most = min(_MOST_ANSWERS, _MOST_SCORES // max(1, scores.shape[1]))
    some = np.linspace(0, len(scores) - 1, min(len(scores), most)).astype(int)
    np.savez_compressed(target, predictions=scores[some], labels=labels[some])


def _names(formats: types.Artifact) -> list[str]:
    return list(json.loads(Path(formats.uri, "formats.json").read_text(encoding="utf-8"))["formats"])
