"""Explains the model of a run, after it was pushed and before its report is written."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
from pathlib import Path

import numpy as np
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, Model, ModelRun, TransformGraph
from tfx.utils import path_utils

from kerasline.components.core import Explanations
from kerasline.components.datasets.description import Dataset
from kerasline.components.explanations.explain import Explainer
from kerasline.components.features import FeaturePlan


@component
def Explain(  # noqa: N802 (a component is named like a class)
    examples: InputArtifact[Examples],
    transform_graph: InputArtifact[TransformGraph],
    model: InputArtifact[Model],
    model_run: InputArtifact[ModelRun],
    explanations: OutputArtifact[Explanations],
    dataset: Parameter[str],
    metric: Parameter[str],
    count: Parameter[int],
    code_version: Parameter[str],
) -> None:
    """Writes what the model leans on, what it looks at, and the rows that show where it goes wrong.

    Args:
      examples: the eval split.
      transform_graph: makes inputs of its rows.
      model: the exported model.
      model_run: holds the Trainer's predictions on the eval split, the settings of the fit and its feature plan.
      explanations: output: ``explanations.json`` and ``images/``.
      dataset: the resolved dataset as JSON.
      metric: the main metric, in which importance is measured.
      count: of mistakes to show.
      code_version: part of the cache key.
    """
    summary = json.loads(Path(model_run.uri, "summary.json").read_text(encoding="utf-8"))
    with np.load(Path(model_run.uri, "predictions-eval.npz"), allow_pickle=False) as stored:
        labels, predictions = stored["labels"], stored["predictions"]
    columns = [column.model_dump(mode="json") for column in Dataset.from_json(dataset).columns]
    explainer = Explainer(
        Path(explanations.uri),
        examples.uri,
        transform_graph.uri,
        path_utils.serving_model_dir(model.uri),
        summary["settings"],
        FeaturePlan.model_validate_json(Path(model_run.uri, "plan.json").read_text(encoding="utf-8")),
        columns,
        (summary.get("calibration") or {}).get("temperature"),
    )
    explainer.write(labels, predictions, metric, count)
