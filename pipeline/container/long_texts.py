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

import base64
import json
import zlib
from collections.abc import Collection, Mapping
from typing import Any

from kerasline.components.core import ConfigError

ARGUMENT_BYTES = 128 * 1024 - 1
_LONG = 8_192  # characters; shorter ones stay readable in the services' own pages
_PLACEHOLDERS = ("{{", "$$", "$(")
_MARK = "kerasline-deflated:"
_ROOM_BYTES = 16_384  # for what the backend adds: artifacts, their types and metadata


def pack_texts(spec: dict[str, Any], jobs: Collection[str] = ()) -> None:
    """Packs constant texts that the steps of a compiled PipelineSpec are told, in place.

    Args:
      spec: The PipelineSpec; it is changed.
      jobs: Steps that start a custom job, which is told the same by TFX, and unpacked.

    Raises:
      ConfigError: A step or a job is told more than fits an argument.
    """
    for step, task in spec["root"]["dag"]["tasks"].items():
        values = [source["runtimeValue"] for source in _told(task).values() if "runtimeValue" in source]
        if step in jobs:
            _check_length(f"the custom job of {step}", values)
        for value in values:
            value["constant"] = _pack(value["constant"])
        _check_length(step, values)


def _told(task: Mapping[str, Any]) -> dict[str, Any]:
    return dict(task.get("inputs", {}).get("parameters", {}))


def _pack(value: Any) -> Any:
    """Returns a text packed that is long or has a placeholder in it, and anything else as it is."""
    if not isinstance(value, str) or not (len(value) > _LONG or any(begin in value for begin in _PLACEHOLDERS)):
        return value
    return _MARK + base64.b64encode(zlib.compress(value.encode("utf-8"), 9)).decode("ascii")


def _check_length(who: str, told: Any) -> None:
    """Raises ConfigError where a step or job is told more than an argument of a command may hold."""
    size = len(json.dumps(told, ensure_ascii=False).encode("utf-8")) + _ROOM_BYTES
    if size > ARGUMENT_BYTES:
        raise ConfigError(
            f"expected a recipe and data that can be described in {ARGUMENT_BYTES // 1024 + 1} KiB, since the services "
            f"hand that on as one argument of a command, but {who} is told {size // 1024} KiB; have fewer columns, "
            "classes or files"
        )


def unpack(value: Any) -> Any:
    """Returns a packed text as it was, and anything else as it is.

    Args:
      value: Of a parameter, as the backend sent it.

    Raises:
      ConfigError: It is packed, and damaged.
    """
    if not isinstance(value, str) or not value.startswith(_MARK):
        return value
    try:
        return zlib.decompress(base64.b64decode(value.removeprefix(_MARK), validate=True)).decode("utf-8")
    except (ValueError, zlib.error) as error:
        raise ConfigError(
            f"expected a parameter as compile packed it, got one that does not unpack ({error}); submit the spec again"
        ) from error
