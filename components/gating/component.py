"""Blesses a model that keeps every limit of the recipe; only a blessed one is pushed."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
import os
from pathlib import Path

import numpy as np
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import InfraBlessing, Model, ModelBlessing, ModelEvaluation, ModelRun
from tfx.utils import path_utils

from kerasline.components.baseline import ANSWERS_FILE
from kerasline.components.evaluation import EvaluationOptions, read_evaluation, read_failures
from kerasline.components.features import FeaturePlan
from kerasline.components.gating import judging
from kerasline.components.gating.own import judge_own
from kerasline.components.gating.references import judge_against_references
from kerasline.components.gating.rows import FAILED
from kerasline.components.gating.trivial import judge_against_trivial

GATE_FILE = "gate.json"


@component
def ModelGate(  # noqa: N802 (a component is named like a class)
    model: InputArtifact[Model],
    model_run: InputArtifact[ModelRun],
    baseline: InputArtifact[Model],
    evaluation: InputArtifact[ModelEvaluation],
    evaluated: InputArtifact[ModelBlessing],
    parity: InputArtifact[InfraBlessing],
    blessing: OutputArtifact[ModelBlessing],
    options: Parameter[str],
    plan: Parameter[str],
    flattered: Parameter[str],
    code_version: Parameter[str],
    formats: InputArtifact[Model] = None,
) -> None:
    """Holds what the Evaluator and the serving check measured against the recipe's limits.

    TFMA's own thresholds decide on metrics; what it has no limit for is added here: small slices that pass whatever
    they reach, the comparison with the trivial model, latency and size.

    Args:
      model: the exported model, for its size.
      model_run: holds the Trainer's predictions on the eval split, and the number of parameters.
      baseline: holds the trivial model; its custom property ``missing`` says why there is no model to compare with,
        and ``seen`` why the rows flatter it.
      evaluation: TFMA's figures and validation.
      evaluated: the Evaluator's blessing.
      parity: ``parity.json`` has what the serving check found, and the latency.
      blessing: output, read by the Pusher; ``gate.json`` has a row for each part of the gate.
      options: settled metrics, slices and limits as JSON.
      plan: the :class:`FeaturePlan` as JSON.
      flattered: why the weights that the network started from may have learnt eval rows, empty where they have not.
      code_version: part of the cache key.
      formats: ``formats.json`` says how far further formats are off, where there are any.
    """
    settled = FeaturePlan.model_validate_json(plan)
    limits = EvaluationOptions.model_validate_json(options)
    whole, slices = read_evaluation(evaluation.uri)
    missing = baseline.get_string_custom_property("missing")
    seen = baseline.get_string_custom_property("seen")
    rows = judging.judge_thresholds(limits, whole, slices, missing, seen)
    if evaluated.get_int_custom_property("blessed") != 1:
        rows += judging.judge_unexplained(rows, read_failures(evaluation.uri))
    summary = json.loads(Path(model_run.uri, "summary.json").read_text(encoding="utf-8"))
    with np.load(os.path.join(model_run.uri, "predictions-eval.npz"), allow_pickle=False) as stored:
        labels, predictions = stored["labels"], stored["predictions"]
    if limits.beat_trivial:
        trivial = np.array(json.loads(Path(baseline.uri, "trivial.json").read_text(encoding="utf-8")))
        weighed = bool(summary["settings"]["training"]["class_weights"])
        rows.append(judge_against_trivial(limits, labels, predictions, trivial, settled.task, whole.candidate, weighed))
    if limits.max_behind_reference is not None:
        found = Path(baseline.uri, ANSWERS_FILE)
        rows.append(judge_against_references(limits, labels, found, settled.task, whole.candidate))
    rows = judging.note_flattered(rows, flattered)
    served = json.loads(Path(parity.uri, "parity.json").read_text(encoding="utf-8"))
    cost = {
        **served["latency"],
        "size_bytes": size_bytes(Path(path_utils.serving_model_dir(model.uri))),
        "parameters": summary["parameters"],
    }
    rows.append(judging.judge_parity(served))
    rows += judging.judge_budgets(limits.budgets, cost)
    others = json.loads(Path(formats.uri, "formats.json").read_text(encoding="utf-8")) if formats else {"formats": {}}
    rows += judging.judge_formats(others["formats"])
    rows += judge_own(limits.gates, whole, slices, cost, has_baseline=not missing)
    blessed = all(row.status != FAILED for row in rows)
    told = {"blessed": blessed, "missing_baseline": missing, "rows": [row.to_json() for row in rows], "cost": cost}
    told |= {"formats": others}
    os.makedirs(blessing.uri, exist_ok=True)
    Path(blessing.uri, GATE_FILE).write_text(json.dumps(told, indent=1), encoding="utf-8")
    # The file and the property by which TFX knows a blessing.
    Path(blessing.uri, "BLESSED" if blessed else "NOT_BLESSED").touch()
    blessing.set_int_custom_property("blessed", int(blessed))


def size_bytes(folder: Path) -> int:
    """Returns the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
