"""The ExampleGen of kerasline: reads the shards of a resolved dataset with Beam and writes GZIP TFRecords by split."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import os

import apache_beam as beam
import tensorflow as tf
from tfx.dsl.component.experimental.annotations import BeamComponentParameter, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples

from kerasline.components.beam import CheckWorker
from kerasline.components.core import DataRejected
from kerasline.components.datasets.description import SPLITS, Dataset
from kerasline.components.example_gen.duplicates import put_duplicates_aside
from kerasline.components.example_gen.row_rules import QUARANTINE_FOLDER, RowRules
from kerasline.components.example_gen.shards import split_folder, write_shard


@component(use_beam=True)
def DatasetExampleGen(  # noqa: N802 (a component is named like a class)
    examples: OutputArtifact[Examples],
    dataset: Parameter[str],
    rules: Parameter[str],
    code_version: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Writes every row of a dataset as a tf.Example into its split.

    The rows never travel between workers: each worker reads one shard and writes that shard's file of each split, in
    the order of the source, so the output is the same on every runner.

    Args:
      examples: Output; ``Split-train``, ``Split-eval`` and, where there are rows for it, ``Split-test``.
      dataset: A resolved :class:`~kerasline.components.datasets.description.spec.Dataset` as JSON.
      code_version: Version of the code, part of the cache key.
      beam_pipeline: Pipeline that TFX gives.

    Raises:
      DataRejected: a split has no rows.
    """
    resolved = Dataset.from_json(dataset)
    with beam_pipeline as pipeline:
        (
            pipeline
            | "Shards" >> beam.Create(range(len(resolved.shards)))
            | "Spread" >> beam.Reshuffle()
            | "CheckWorker" >> beam.ParDo(CheckWorker())
            | "WriteShard" >> beam.Map(write_shard, dataset, examples.uri, rules)
        )
    if RowRules.from_json(rules).duplicates:
        put_duplicates_aside(examples.uri, resolved)
    folder = os.path.join(examples.uri, QUARANTINE_FOLDER)
    written = [split for split in SPLITS if split_folder(examples.uri, split).has_files()]
    for split in resolved.splits():
        if split not in written:
            raise DataRejected(
                f"expected rows in the {split} split of {resolved.name}, but all {resolved.rows} rows went elsewhere"
                f"{' or into ' + folder if tf.io.gfile.exists(folder) else ''}; give {split} a larger share in "
                "data.split"
            )
    examples.split_names = artifact_utils.encode_split_names(written)
