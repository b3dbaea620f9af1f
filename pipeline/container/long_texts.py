"""Parameters of a compiled spec that travel packed: long ones, and what would be changed on the way.

Both backends hand a step all that it is told as one argument of a command, and Linux takes no argument of more than
128 KiB: a table of 200 columns has more to say. So a long text stands in the spec compressed, and the container unpacks
it before anything reads it. What repeats itself for every column shrinks to a few hundredths.

On Kubeflow that argument passes Argo, Kubernetes and the launcher, which replace what they take for placeholders: of
two dollars Kubernetes leaves one, so that a column ``US$$`` would not be found in the data.

Source: kubeflow/pipelines backend/src/v2/component/launcher_v2.go (compileCmdAndArgs); argo-workflows
util/template/template.go; kubernetes third_party/forked/golang/expansion/expand.go; execve(2), MAX_ARG_STRLEN.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from kerasline.components.core import ConfigError, pack_properties, pack_text

ARGUMENT_BYTES = 128 * 1024 - 1
_ROOM_BYTES = 16_384  # for what the backend adds: artifacts, their types and metadata


def pack_texts(spec: dict[str, Any], jobs: Collection[str] = ()) -> None:
    """Packs constant texts that the steps of a compiled PipelineSpec are told, in place.

    Args:
      spec: The PipelineSpec; it is changed.
      jobs: Steps that start a custom job, which is told the same by TFX.

    Raises:
      ConfigError: A step or a job is told more than fits an argument.
    """
    for step, task in spec["root"]["dag"]["tasks"].items():
        told = {name: source["runtimeValue"] for name, source in _told(task).items() if "runtimeValue" in source}
        if step in jobs:
            properties = {name: value["constant"] for name, value in told.items()}
            _check_length(f"the custom job of {step}", pack_properties(properties))
        for value in told.values():
            value["constant"] = pack_text(value["constant"])
        _check_length(step, told)


def _told(task: Mapping[str, Any]) -> dict[str, Any]:
    return dict(task.get("inputs", {}).get("parameters", {}))


def _check_length(who: str, told: Any) -> None:
    """Raises ConfigError where a step or job is told more than an argument of a command may hold."""
    size = len(json.dumps(told, ensure_ascii=False).encode("utf-8")) + _ROOM_BYTES
    if size > ARGUMENT_BYTES:
        raise ConfigError(
            f"expected a recipe and data that can be described in {ARGUMENT_BYTES // 1024 + 1} KiB, since the services "
            f"hand that on as one argument of a command, but {who} is told {size // 1024} KiB; have fewer columns, "
            "classes or files"
        )
