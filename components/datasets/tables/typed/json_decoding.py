"""Decodes JSON whose values are written again; a key that stands twice in one object would lose a value on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError


def decoder(path: Path) -> json.JSONDecoder:
    """Returns a decoder that refuses objects with a key twice.

    Args:
      path: Of the file, for messages.
    """

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigError(f"An object in {path} has the key {twice!r} twice; leave one of them out.")
        return found

    return json.JSONDecoder(object_pairs_hook=check)
