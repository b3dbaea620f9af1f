"""Makes the further formats and compares each with the trained model, in a process of its own."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model, ModelRun, TransformGraph

from kerasline.components.core import KeraslineError, last_line, module_command
from kerasline.components.training import KERAS_FILE

FORMATS_FILE = "formats.json"


class FormatFailed(KeraslineError):
    """A format could not be made."""


@component
def FormatExport(  # noqa: N802 (a component is named like a class)
    model_run: InputArtifact[ModelRun],
    examples: InputArtifact[Examples],
    transform_graph: InputArtifact[TransformGraph],
    parity: InputArtifact[InfraBlessing],
    exported: OutputArtifact[Model],
    formats: Parameter[str],
    modules: Parameter[str],
    rows: Parameter[int],
    code_version: Parameter[str],
) -> None:
    """Writes the formats and ``formats.json``, which says how far each is off, how large it is and how fast.

    Args:
      model_run: holds ``model.keras``, the feature plan and the Trainer's predictions on the eval split.
      examples: the train split tells the int8 conversion the range of numbers; eval rows are compared.
      transform_graph: gives the networks's inputs.
      parity: of the SavedModel, which comes first.
      exported: output.
      formats: names of KINDS as a JSON list.
      modules: a user's own modules with layers, as a JSON list.
      rows: how many eval rows to compare at most.
      code_version: part of the cache key.

    Raises:
      FormatFailed: the network could not be saved or converted.
    """
    summary = json.loads(Path(model_run.uri, "summary.json").read_text(encoding="utf-8"))
    if summary.get("keras_problem"):
        raise FormatFailed(
            f"expected a network that Keras can save, which push.formats needs, but saving it ended with "
            f"{summary['keras_problem']}; give its layers a get_config, or leave push.formats at [saved_model]"
        )
    os.makedirs(exported.uri, exist_ok=True)
    task = {
        "keras": os.path.join(model_run.uri, KERAS_FILE),
        "predictions": os.path.join(model_run.uri, "predictions-eval.npz"),
        "train": os.path.join(examples.uri, "Split-train", "*"),
        "eval": os.path.join(examples.uri, "Split-eval", "*"),
        "transform_graph": transform_graph.uri,
        "plan": os.path.join(model_run.uri, "plan.json"),
        "formats": json.loads(formats),
        "modules": json.loads(modules),
        "rows": rows,
        "folder": exported.uri,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(task, file)
        file.flush()
        # TFLite's converter writes to the terminal from C++, and may end the process.
        child = subprocess.run(
            module_command("kerasline.components.formats.convert", file.name),
            capture_output=True, text=True, check=False, timeout=3600,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "KERAS_BACKEND": "tensorflow"},
        )  # fmt: skip
    print(child.stderr, file=sys.stderr)
    if child.returncode != 0:
        last = last_line(child.stderr)
        raise FormatFailed(
            f"expected to convert the network to {', '.join(task['formats'])}, but it ended with {last!r}; leave out "
            "the format that does not know its layers"
        )
    exported.set_string_custom_property("formats", ", ".join(task["formats"]))
