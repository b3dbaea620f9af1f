"""What the steps of a plan are told, kept under all that it follows from, so that nobody compiles the same plan again.

A file of ``planned/NAME`` is named after the key of its plan, so that there is nothing to be told that one is stale.
With it is the id of the run, if any, that carried out this very plan to its end.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import keep_newest, write_at_once
from kerasline.pipeline.workspace.steps import StepInputs
from kerasline.pipeline.workspace.workspace import Workspace

_MOST_PLANS = 20


@dataclass(frozen=True)
class Remembered:
    """What is known of a plan.

    Attributes:
      steps: What each step is told, in the order in which they run.
      run_id: The last run that carried it out to its end; None where none has.
    """

    steps: dict[str, StepInputs]
    run_id: str | None = None


def recall_plan(home: Workspace, name: str, key: str) -> Remembered | None:
    """Reads what is known of a plan.

    Args:
      home: The workspace.
      name: Name of the recipe.
      key: Key of the plan.

    Returns:
      What is known; None where there is nothing, or something that is not whole.
    """
    file = _file(home, name, key)
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        content = kept["content"]
        if kept["digest"] != _digest(key, content):
            return None
        steps = {step: StepInputs(told, tuple(takes), tuple(waits)) for step, told, takes, waits in content["steps"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    with suppress(OSError):  # another user's
        os.utime(file)  # the newest are kept
    return Remembered(steps, content["run_id"])


def remember_plan(home: Workspace, name: str, key: str, plan: Remembered) -> None:
    """Keeps what is known of a plan; a folder that cannot be written costs time and nothing else.

    Args:
      home: The workspace.
      name: Name of the recipe.
      key: Key of the plan.
      plan: What is known of it.
    """
    steps = [[step, told.parameters, told.upstream, told.waits_for] for step, told in plan.steps.items()]
    content: Mapping[str, Any] = {"steps": steps, "run_id": plan.run_id}
    file = _file(home, name, key)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(file, json.dumps({"digest": _digest(key, content), "content": content}), lasting=False)
        keep_newest(file.parent, most_files=_MOST_PLANS)


def _file(home: Workspace, name: str, key: str) -> Path:
    return home.root / "planned" / name / f"{key[:32]}.json"


def _digest(key: str, content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([key, content], sort_keys=True).encode()).hexdigest()
