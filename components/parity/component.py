"""Replays evaluation rows through the exported model in a fresh process and compares with the Trainer's predictions."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model, ModelRun
from tfx.utils import path_utils

from kerasline.components.core import LARGEST, LARGEST_IN_DEVIATIONS, TEXT_PACKAGE, ParityFailed, last_line, spread_of
from kerasline.components.features import FeaturePlan, tokenizer_in

PARITY_FILE = "parity.json"
REQUESTS_FILE = "tf_serving_warmup_requests"  # the Pusher puts it where TensorFlow Serving looks for it
_MOST_SECONDS = 1800
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
    server could not answer either. A model that answers otherwise does not end the run: the model's gate refuses it,
    with the figures, and the Pusher pushes nothing without this blessing.

    Args:
      model: the exported model.
      model_run: holds the Trainer's predictions on the eval split.
      examples: the eval split.
      blessing: output, read by the gate and the Pusher; ``parity.json`` is what :mod:`.replay` found.
      plan: the :class:`FeaturePlan` as JSON; its classes are the order that scores must have.
      tolerance: largest difference: of scores; of a regression in deviations of the label, beyond float32's rounding.
      rows: how many rows to replay at most.
      code_version: part of the cache key.

    Raises:
      ParityFailed: the process ended without a comparison, for want of memory or time.
    """
    settled = FeaturePlan.model_validate_json(plan)
    os.makedirs(blessing.uri, exist_ok=True)
    outcome_path = os.path.join(blessing.uri, PARITY_FILE)
    predictions = os.path.join(model_run.uri, "predictions-eval.npz")
    task = {
        "model": path_utils.serving_model_dir(model.uri),
        "libraries": [TEXT_PACKAGE] if tokenizer_in(settled) else [],
        "examples": os.path.join(examples.uri, "Split-eval", "*"),
        "predictions": predictions,
        "classes": settled.classes,
        "columns": {argument: column for column, argument in settled.raw_arguments().items()},
        "task": settled.task,
        "rows": rows,
        "tolerance": tolerance,
        "measure": LARGEST if settled.classes is not None else LARGEST_IN_DEVIATIONS,
        "unit": spread_of(*_read(predictions)),
        "rounding": settled.rounding(),
        "outcome": outcome_path,
        "label": settled.label,
        "requests": os.path.join(blessing.uri, REQUESTS_FILE),
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(task, file)
        file.flush()
        _replay(file.name)
    passed = json.loads(Path(outcome_path).read_text(encoding="utf-8"))["passed"]
    # The file and the property by which TFX knows a blessing.
    Path(blessing.uri, "INFRA_BLESSED" if passed else "INFRA_NOT_BLESSED").touch()
    blessing.set_int_custom_property("blessed", int(passed))


def _read(path: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return stored["labels"], stored["predictions"]


def _replay(task: str) -> None:
    try:
        child = subprocess.run(
            [sys.executable, str(_SCRIPT), task], capture_output=True, text=True, check=False, timeout=_MOST_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ParityFailed(
            f"expected the exported model to answer the eval rows in a fresh process, but it did not within "
            f"{_MOST_SECONDS} s; the machine may be too busy, or the model too large for it"
        ) from None
    print(child.stderr, file=sys.stderr)
    if child.returncode != 0:
        last = last_line(child.stderr)
        how = f"was killed by signal {-child.returncode}" if child.returncode < 0 else f"ended with {last!r}"
        raise ParityFailed(
            f"expected a fresh process to compare the exported model with the trained one, but it {how}; it may have "
            "run out of memory, so free some and run again"
        )
