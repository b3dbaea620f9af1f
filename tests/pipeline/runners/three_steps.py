"""A pipeline of three small steps, which a test kills and runs again.

A step whose name is the content of ``FOLDER/kill`` kills its process with SIGKILL while it writes.
"""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
import os
import signal
from pathlib import Path

from tfx import v1 as tfx  # isort: skip
from tfx.dsl.compiler import compiler
from tfx.types.standard_artifacts import Examples

from kerasline.pipeline.plan.partial import Part, UnfinishedStep, select_steps
from kerasline.pipeline.runners import local
from kerasline.pipeline.workspace.store import pipeline_name
from kerasline.pipeline.workspace.workspace import Workspace

_Parameter = tfx.dsl.components.Parameter
_Input = tfx.dsl.components.InputArtifact
_Output = tfx.dsl.components.OutputArtifact


def write(uri: str, name: str, text: str, root: str) -> None:
    """Writes a step's output, with a pause in which it can be killed."""
    os.makedirs(uri, exist_ok=True)
    Path(uri, "begun").touch()
    if Path(root, "kill").is_file() and Path(root, "kill").read_text() == name:
        os.kill(os.getpid(), signal.SIGKILL)
    Path(uri, "text").write_text(text)


@tfx.dsl.components.component
def First(out: _Output[Examples], root: _Parameter[str]) -> None:  # noqa: N802
    """Begins the text."""
    write(out.uri, "first", "a", root)


@tfx.dsl.components.component
def Second(given: _Input[Examples], out: _Output[Examples], text: _Parameter[str], root: _Parameter[str]) -> None:  # noqa: N802
    """Adds to it."""
    write(out.uri, "second", Path(given.uri, "text").read_text() + text, root)


@tfx.dsl.components.component
def Third(given: _Input[Examples], out: _Output[Examples], root: _Parameter[str]) -> None:  # noqa: N802
    """Adds to it once more."""
    write(out.uri, "third", Path(given.uri, "text").read_text() + "c", root)


def run_steps(
    folder: Path,
    run_id: str,
    text: str = "b",
    first: str = "",
    last: str = "",
    server: str | None = None,
    root: str | None = None,
) -> None:
    """Runs the pipeline, or a part of it; prints a line of JSON for each step.

    Args:
      folder: the workspace.
      run_id: of the run.
      text: what the second step adds.
      first, last: ``--from`` and ``--until``.
      server: ``run.metadata``.
      root: what the steps are told of where ``kill`` is; None for the workspace.
    """
    workspace = Workspace(folder, server)
    root = str(folder) if root is None else root
    one = First(root=root).with_id("first")
    two = Second(given=one.outputs["out"], text=text, root=root).with_id("second")
    three = Third(given=two.outputs["out"], root=root).with_id("third")
    pipeline = tfx.dsl.Pipeline(
        pipeline_name=pipeline_name(workspace, "steps"),
        pipeline_root=str(workspace.pipeline("steps")),
        components=[one, two, three],
        enable_cache=True,
    )
    ir = compiler.Compiler().compile(pipeline)
    selection = select_steps(local.step_inputs(ir), Part(first or None, last or None))
    try:
        local.run(
            ir, workspace, run_id, selection, on_start=lambda _: None,
            on_end=lambda step: print(json.dumps([step.id, step.cached]), flush=True),
        )  # fmt: skip
    except UnfinishedStep as error:
        print(json.dumps(["unfinished", error.step]), flush=True)
