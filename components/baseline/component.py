"""The model that a candidate is compared with: the one in production, or a trivial one before there is any."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, Model, TransformGraph
from tfx.utils import path_utils

from kerasline.components.baseline.lost_version import BaselineLost, check_baseline, lost_baseline
from kerasline.components.baseline.reference_rules import ANSWERS_FILE, REFERENCES_FILE, why_no_references
from kerasline.components.baseline.references import fit_references
from kerasline.components.core import copy_folder, first_line, load_saved_model
from kerasline.components.datasets.splits import say_flattered
from kerasline.components.features import FeaturePlan, encode_label
from kerasline.components.fitting import ExamplesReader, TrainingOptions
from kerasline.components.registry import current_version, read_record
from kerasline.components.training import EVALUATION_ARGUMENT

TRIVIAL_FILE = "trivial.json"  # what the trivial model predicts, in the label's units


@component
def Baseline(  # noqa: N802 (a component is named like a class)
    examples: InputArtifact[Examples],
    transform_graph: InputArtifact[TransformGraph],
    baseline: OutputArtifact[Model],
    models: Parameter[str],
    version: Parameter[int],
    plan: Parameter[str],
    split: Parameter[str],
    references: Parameter[int],
    weights: Parameter[str],
    code_version: Parameter[str],
) -> None:
    """Looks up the model in production, so that the Evaluator can measure it on today's data.

    Args:
      examples: the train split gives the trivial model its class shares, or its mean, and is what references are
        fitted on; they answer the eval split.
      transform_graph: encodes the labels.
      baseline: output; the custom property ``version`` is the version, or 0 for the trivial model, and ``missing`` then
        says why; ``seen`` says why the version may have been fitted on rows that measure it now.
      models: ``MODELS/NAME``, the folder of pushed versions.
      version: the version in production when the run was planned, 0 before the first push; below 0 it is looked up
        now, for specs that are compiled once and run often.
      plan: the :class:`FeaturePlan` as JSON.
      split: how this data's splits were drawn, as JSON; see :func:`split_record`.
      references: 1 to fit scikit-learn's models on the same rows, where these are a table.
      weights: what the recipe's training says of ``sample_weight`` and ``class_weights``, as JSON; references weigh the
        rows as the model does.
      code_version: part of the cache key.

    Raises:
      BaselineLost: the version in production is not there any more, or does not load.
    """
    settled = FeaturePlan.model_validate_json(plan)
    if version < 0:
        version = current_version(Path(models)) or 0
    target = path_utils.serving_model_dir(baseline.uri)
    weighing = TrainingOptions.model_validate_json(weights)
    reader = ExamplesReader(transform_graph.uri, settled, weighing.sample_weight)
    files = [os.path.join(examples.uri, "Split-train", "*")]
    labels = reader.load_labels(files)
    prediction = trivial_prediction(labels, settled)
    os.makedirs(baseline.uri, exist_ok=True)
    Path(baseline.uri, TRIVIAL_FILE).write_text(json.dumps(prediction.tolist()), encoding="utf-8")
    if references and not why_no_references(settled):
        evaluated = [os.path.join(examples.uri, "Split-eval", "*")]
        told, answers = fit_references(reader, files, evaluated, len(labels), class_weights=weighing.class_weights)
        _write_references(Path(baseline.uri), told, answers)
    missing = _why_not_comparable(Path(models), version, settled)
    if not missing:
        copy_folder(os.path.join(models, str(version)), Path(target), exist_ok=True)
    else:
        module = _TrivialModule(reader, prediction)
        signatures = {"evaluation": module.evaluation, "label_index": module.label_index}
        tf.saved_model.save(module, target, signatures=signatures)
    baseline.set_int_custom_property("version", 0 if missing else version)
    baseline.set_string_custom_property("missing", missing)
    seen = "" if missing else _why_rows_were_seen(Path(models), version, settled, json.loads(split))
    baseline.set_string_custom_property("seen", seen)


def _write_references(folder: Path, told: list[dict[str, Any]], answers: dict[str, Any]) -> None:
    if told:
        (folder / REFERENCES_FILE).write_text(json.dumps(told, indent=1), encoding="utf-8")
        np.savez_compressed(folder / ANSWERS_FILE, **answers)


def _why_not_comparable(models: Path, version: int, plan: FeaturePlan) -> str:
    """Says why no version can be compared with; empty where one can."""
    if version == 0:
        return "nothing is in production yet"
    check_baseline(models, version)
    recorded = read_record(models, version).get("classes")
    if recorded is not None and tuple(recorded) != plan.classes:
        return f"version {version}, which is in production, answers with other classes"
    try:
        signatures = load_saved_model(os.path.join(models, str(version))).signatures
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise BaselineLost(lost_baseline(models, version, f"it does not load ({first_line(error)})")) from error
    if "evaluation" not in signatures:
        raise BaselineLost(lost_baseline(models, version, "it has no signature 'evaluation'"))
    return ""


def _why_rows_were_seen(models: Path, version: int, plan: FeaturePlan, split: dict[str, Any]) -> str:
    """Says why a version, or one that it started from, may have been fitted on rows that measure it now."""
    record, read = read_record(models, version), plan.raw_arguments()
    drawn = record.get("split")
    if drawn is None and record.get("arguments", read).keys() != read.keys():
        drawn = {**split, "cells": ""}  # of versions of earlier releases nothing is known but what they are asked with
    earlier = [
        (f"{one['version']}, whose weights version {version} started from,", one["split"])
        for one in record.get("learnt", ())
    ]
    return say_flattered([(f"version {version}", drawn), *earlier], split)


def trivial_prediction(labels: np.ndarray, plan: FeaturePlan) -> np.ndarray:
    """Returns what a model that ignores its inputs predicts: class shares, or the mean.

    Args:
      labels: of the train split, encoded but not scaled.
      plan: decides the task.

    Returns:
      float32 [units].
    """
    if plan.task == "multiclass":
        counts = np.bincount(labels.astype(np.int64), minlength=len(plan.classes or ()))
        return np.asarray((counts / max(counts.sum(), 1)).astype(np.float32))
    return np.atleast_1d(labels.astype(np.float64).mean(axis=0)).astype(np.float32)


class _TrivialModule(tf.Module):
    """A SavedModel with the signatures that the Evaluator reads, and a constant for an answer."""

    def __init__(self, reader: ExamplesReader, prediction: np.ndarray) -> None:
        super().__init__()
        self._plan = reader.plan
        self._label_spec = {reader.plan.label: reader.graph.raw_feature_spec()[reader.plan.label]}
        self._prediction = prediction

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=EVALUATION_ARGUMENT)])
    def evaluation(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers every example with the same prediction."""
        return {"prediction": tf.tile(tf.constant(self._prediction)[tf.newaxis, :], (tf.shape(examples)[0], 1))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=EVALUATION_ARGUMENT)])
    def label_index(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encodes the labels as a trained model does."""
        raw = tf.io.parse_example(examples, self._label_spec)
        return {"label_index": encode_label(self._plan, raw[self._plan.label])}
