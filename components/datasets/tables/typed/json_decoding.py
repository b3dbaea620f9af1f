"""Decodes JSON whose values are written again, and refuses those that would be lost or others on the way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, first_repeated


def decoder(path: Path) -> json.JSONDecoder:
    """Returns a decoder that refuses objects with a key twice, and numbers beyond what a float can be.

    Args:
      path: Of the file, for messages.
    """

    def finite(written: str) -> float:
        number = float(written)
        if math.isinf(number):
            raise ConfigError(f"{path} holds {written}, too large for a number; leave it out, or write it as text.")
        return number

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = first_repeated(name for name, _ in pairs)
        if twice is not None:
            raise ConfigError(f"An object in {path} has the key {twice!r} twice; leave one of them out.")
        return dict(pairs)

    return json.JSONDecoder(object_pairs_hook=check, parse_float=finite)
