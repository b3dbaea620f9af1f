"""What a plan's steps are told: from memory where this very plan was compiled before, without loading TFX."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

from pydantic_core import to_jsonable_python

from kerasline.components.core import code_state, take_code_state
from kerasline.pipeline.plan import RunPlan
from kerasline.pipeline.workspace import (
    Remembered,
    StepInputs,
    Workspace,
    pipeline_name,
    recall_plan,
    remember_plan,
)

# The graph has the schema's text; where its file lies is for what comes after the steps.
_NOT_IN_THE_GRAPH = "schema_file"


def plan_key(plan: RunPlan, home: Workspace) -> str:
    """Returns 64 hexadecimal digits of all that compiling a plan in a workspace depends on.

    That is the whole plan, with the data's fingerprint, what is in production, and the code of the user's functions,
    all of them read anew for each plan; the folders that it is told; our code; and the installed packages.
    """
    parts = {part.name: getattr(plan, part.name) for part in fields(plan) if part.name != _NOT_IN_THE_GRAPH}
    decisive = {
        "plan": to_jsonable_python(parts),
        "beam": [plan.beam_arguments(), plan.processes(), plan.worker_modules()],
        "workspace": str(home.root),
        "pipeline": pipeline_name(home, plan.experiment.name),
        "code": code_state(),
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def told_to_steps(plan: RunPlan, home: Workspace) -> dict[str, StepInputs]:
    """Returns what each step of a plan is told, in the order in which they run."""
    key, name = plan_key(plan, home), plan.experiment.name
    known = recall_plan(home, name, key)
    if known is not None:
        return known.steps
    from kerasline.pipeline.runners import local

    steps = local.step_inputs(local.compile_plan(plan, home, cache=True))
    if recall_plan(home, name, key) is None:  # else a run has kept it meanwhile, and that it carried it out
        keep_plan(plan, home, key, Remembered(steps))
    return steps


def keep_plan(plan: RunPlan, home: Workspace, key: str, found: Remembered) -> None:
    """Keeps what was found out about a plan, unless code or packages changed meanwhile: then it is unclear of which.

    Args:
      plan: The plan.
      home: The workspace.
      key: From :func:`plan_key`, before it was compiled.
      found: What each step was told, and the run that carried it out.
    """
    if take_code_state() == code_state():
        remember_plan(home, plan.experiment.name, key, found)
