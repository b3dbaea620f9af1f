"""Stops a run whose data may not go on: ExampleValidator only reports, this component decides."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
import os

import tensorflow as tf
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleAnomalies, Examples, ExampleStatistics, Schema

from kerasline.components.core import Verdict
from kerasline.components.features import FeaturePlan
from kerasline.components.validation.judging import DataFolders, Judgement, judge_data
from kerasline.components.validation.policy import PROFILE_FILE, VERDICT_FILE, GateStopped, ValidationOptions
from kerasline.components.validation.reference import settle_reference


@component
def DataGate(  # noqa: N802 (a component is named like a class)
    examples: InputArtifact[Examples],
    statistics: InputArtifact[ExampleStatistics],
    schema: InputArtifact[Schema],
    anomalies: InputArtifact[ExampleAnomalies],
    verdict: OutputArtifact[Verdict],
    name: Parameter[str],
    options: Parameter[str],
    plan: Parameter[str],
    reference: Parameter[str],
    reference_name: Parameter[str],
    reference_digest: Parameter[str],
    models: Parameter[str],
    code_version: Parameter[str],
) -> None:
    """Runs every check and stops the run, or lets it pass with warnings.

    Args:
      examples: What ingest left.
      statistics: Statistics of its splits.
      schema: The curated schema.
      anomalies: What contradicts it, by split.
      verdict: Output; ``verdict.json`` has every check with its figure and limit, ``profile.json`` what later runs
        compare their data with.
      name: Name of the experiment, for messages.
      options: :class:`ValidationOptions` as JSON.
      plan: :class:`FeaturePlan` as JSON: which columns are inputs, and of what kind.
      reference: Path of the profile that drift is measured from, empty for none.
      reference_name: What the reference is in words, or why there is none.
      reference_digest: Digest of its content, part of the cache key.
      models: ``MODELS/NAME`` where the reference is the version in production when this step runs, else empty.
      code_version: Version of the code, part of the cache key.

    Raises:
      GateStopped: a check with the policy ``fail`` did not pass, or too many rows are in quarantine.
    """
    judgement = judge_data(
        DataFolders(examples.uri, statistics.uri, schema.uri, anomalies.uri),
        artifact_utils.decode_split_names(examples.split_names),
        name,
        ValidationOptions.model_validate_json(options),
        FeaturePlan.model_validate_json(plan),
        *settle_reference(reference, reference_name, models),
    )
    if judgement.verdict["stopped"]:
        raise GateStopped(judgement.verdict["message"], judgement.verdict)
    write_judgement(judgement, verdict.uri)


def write_judgement(judgement: Judgement, folder: str) -> None:
    """Writes ``verdict.json`` and ``profile.json``."""
    tf.io.gfile.makedirs(folder)
    for file_name, content in ((VERDICT_FILE, judgement.verdict), (PROFILE_FILE, judgement.profile)):
        with tf.io.gfile.GFile(os.path.join(folder, file_name), "w") as file:
            file.write(json.dumps(content, indent=1, ensure_ascii=False))
