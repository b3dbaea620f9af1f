"""Long texts packed into short ones, for what travels as one argument of a command."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from kerasline.components.core.errors import ConfigError

_LONG = 8_192  # characters; shorter ones stay readable in the services' own pages
_PLACEHOLDERS = ("{{", "$$", "$(")
_MARK = "kerasline-deflated:"
_CONFIG = "custom_config"
_REST = "kerasline_rest"
_OF_JOB = "ai_platform_"  # what TFX itself reads in the config begins so


def pack_text(value: Any) -> Any:
    """Returns a text packed that is long or has a placeholder in it, and anything else as it is."""
    if not isinstance(value, str) or not (len(value) > _LONG or any(begin in value for begin in _PLACEHOLDERS)):
        return value
    return _MARK + base64.b64encode(zlib.compress(value.encode("utf-8"), 9)).decode("ascii")


def unpack_text(value: Any) -> Any:
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


def pack_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a step's properties with long ones packed, and in the config all but what TFX reads to start the job."""
    config = _config(properties)
    rest = json.dumps({key: value for key, value in config.items() if not key.startswith(_OF_JOB)})
    packed = {name: pack_text(value) for name, value in properties.items() if name != _CONFIG}
    if pack_text(rest) == rest:
        return {**properties, **packed}
    job = {key: value for key, value in config.items() if key.startswith(_OF_JOB)}
    return {**packed, _CONFIG: json.dumps({**job, _REST: pack_text(rest)})}


def unpack_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Returns packed properties as they were."""
    found = {name: unpack_text(value) for name, value in properties.items()}
    config = _config(found)
    if _REST in config:
        rest = json.loads(unpack_text(config.pop(_REST)))
        found[_CONFIG] = json.dumps({**config, **rest})
    return found


def _config(properties: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(properties.get(_CONFIG) or "{}") or {}
