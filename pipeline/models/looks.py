"""The last look at a model's answers, and the last verdict, kept for who shows them without looking again."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasline.components.core import write_at_once

WATCH = "watch"  # the folder of pages and looks in a workspace
LOOK, VERDICT = "look", "verdict"
logger = logging.getLogger("kerasline.watch")


def keep_look(workspace: Path, kind: str, found: Mapping[str, Any]) -> None:
    """Keeps what was found, in place of what was found before; a workspace that cannot be written keeps nothing.

    Args:
      workspace: of the model.
      kind: ``LOOK`` of monitor, or ``VERDICT``.
      found: with the ``name`` of the model.
    """
    path = look_path(workspace, kind, found["name"])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(path, json.dumps(found))
    except OSError as error:
        logger.warning("%s cannot be kept (%s)", path, error.strerror or error)


def look_path(workspace: Path, kind: str, name: str) -> Path:
    """Returns where the last look at a model, or the last verdict, is kept."""
    return workspace / WATCH / name / f"{kind}.json"
