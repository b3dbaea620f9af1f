"""Replays evaluation rows through the exported model in a fresh process and compares with the Trainer's predictions."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model, ModelRun
from tfx.utils import path_utils

from components.errors import ParityFailed
from components.features import FeaturePlan

PARITY_FILE = "parity.json"
REQUESTS_FILE = "tf_serving_warmup_requests"  # the Pusher puts it where TensorFlow Serving looks for it
_SCRIPT = Path(__file__).with_name("replay.py")


@component
def ParityCheck(  # noqa: N802 (a component is named like a class)
    model: InputArtifact[Model],
    model_run: InputArtifact[ModelRun],
    examples: InputArtifact[Examples],
    blessing: OutputArtifact[InfraBlessing],
    plan: Parameter[str],
    tolerance: Parameter[float],
    rows: Parameter[int],
    code_version: Parameter[str],
) -> None:
    """Blesses a model that serves what was trained.

    The new process has nothing of ours loaded, only TensorFlow and the SavedModel: what it cannot answer there, a model
    server could not answer either.

    Args:
      model: the exported model.
      model_run: holds the Trainer's predictions on the eval split.
      examples: the eval split.
      blessing: output, read by the Pusher; ``parity.json`` has the figures.
      plan: the :class:`FeaturePlan` as JSON; its classes are the order that scores must have.
      tolerance: largest difference: absolute for scores, relative to 1 + |value| for regression.
      rows: how many rows to replay at most.
      code_version: part of the cache key.

    Raises:
      ParityFailed: the model does not load or answers otherwise.
    """
    settled = FeaturePlan.model_validate_json(plan)
    os.makedirs(blessing.uri, exist_ok=True)
    outcome_path = os.path.join(blessing.uri, PARITY_FILE)
    task = {
        "model": path_utils.serving_model_dir(model.uri),
        "examples": os.path.join(examples.uri, "Split-eval", "*"),
        "predictions": os.path.join(model_run.uri, "predictions-eval.npz"),
        "classes": settled.classes,
        "columns": {argument: column for column, argument in settled.raw_arguments().items()},
        "task": settled.task,
        "rows": rows,
        "tolerance": tolerance,
        "outcome": outcome_path,
        "label": settled.label,
        "requests": os.path.join(blessing.uri, REQUESTS_FILE),
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(task, file)
        file.flush()
        child = subprocess.run(
            [sys.executable, str(_SCRIPT), file.name], capture_output=True, text=True, check=False, timeout=1800
        )
    if child.returncode != 0:
        last = (child.stderr.strip().splitlines() or ["no message"])[-1]
        raise ParityFailed(
            f"expected the exported model to load and answer in a fresh process, but it ended with {last!r}; "
            f"the model is in {task['model']}"
        )
    outcome = json.loads(Path(outcome_path).read_text(encoding="utf-8"))
    if outcome["problems"] or outcome["largest_difference"] > tolerance:
        problem = (outcome["problems"] or [f"a difference of {outcome['largest_difference']:.3g}"])[0]
        raise ParityFailed(
            f"expected the exported model to answer as the trained one within {tolerance:g}, but found {problem} over "
            f"{outcome['rows']} rows; nothing was pushed, see {outcome_path}"
        )
    blessing.set_int_custom_property("blessed", 1)  # what TFX's Pusher reads
    Path(blessing.uri, "INFRA_BLESSED").touch()
